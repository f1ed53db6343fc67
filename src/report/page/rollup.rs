//! Codes rolled up: rows at or under each code, level by level. Parents come from the table's `parent_code`, never from digits.

use std::collections::BTreeMap;

use crate::report::summary::CodeCount;
use crate::terms::{Term, TermTable};

/// A level of the hierarchy.
#[derive(Debug, PartialEq)]
pub(super) struct Level {
    /// From 1 at the top.
    pub depth: usize,
    /// Its codes with the rows at or under them, most frequent first.
    pub codes: Vec<(String, u64)>,
    /// Rows that are coded above this level; they are in none of its codes.
    pub above: u64,
}

impl Level {
    /// Rows at or under its codes.
    pub fn rows(&self) -> u64 {
        self.codes.iter().map(|(_, rows)| rows).sum()
    }
}

/// All levels that have a code, the top first.
pub(super) fn levels(counts: &[CodeCount], terms: &TermTable) -> Vec<Level> {
    let mut sums: BTreeMap<usize, BTreeMap<String, u64>> = BTreeMap::new();
    for count in counts {
        let mut chain: Vec<&str> = terms
            .ancestors(&count.code)
            .into_iter()
            .map(Term::code)
            .collect();
        // A code that the table does not have stands alone.
        chain.push(&count.code);
        for (above, code) in chain.into_iter().enumerate() {
            let level = sums.entry(above + 1).or_default();
            *level.entry(code.to_string()).or_default() += count.rows;
        }
    }
    let all: u64 = counts.iter().map(|count| count.rows).sum();
    let level = |(depth, codes): (usize, BTreeMap<String, u64>)| {
        let mut codes: Vec<(String, u64)> = codes.into_iter().collect();
        codes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let mut level = Level {
            depth,
            codes,
            above: 0,
        };
        level.above = all - level.rows();
        level
    };
    sums.into_iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(code: &str, rows: u64) -> CodeCount {
        CodeCount {
            code: code.to_string(),
            term: String::new(),
            rows,
        }
    }

    #[test]
    fn rows_go_up_by_parent_code_and_none_is_lost_on_the_way() {
        // E1707 sits under E23, whatever its digits say.
        let counts = [
            count("E1707", 5),
            count("E23", 2),
            count("E0611", 3),
            count("X9", 1),
        ];
        let levels = levels(&counts, &TermTable::builtin());
        let code = |level: usize, code: &str| {
            let codes = &levels[level - 1].codes;
            codes
                .iter()
                .find(|(own, _)| own == code)
                .map(|(_, rows)| *rows)
        };
        assert_eq!(code(1, "E23"), Some(7));
        assert_eq!(code(1, "E06"), Some(3));
        assert_eq!(code(1, "X9"), Some(1));
        assert_eq!(code(1, "E17"), None);
        assert_eq!(code(2, "E1707"), Some(5));
        for level in &levels {
            assert_eq!(level.rows() + level.above, 11, "level {}", level.depth);
            assert!(level.codes.is_sorted_by(|a, b| a.1 >= b.1));
        }
        assert_eq!((levels[0].above, levels[1].above), (0, 3));
    }

    #[test]
    fn nothing_coded_has_no_level() {
        assert_eq!(super::levels(&[], &TermTable::builtin()), []);
    }
}
