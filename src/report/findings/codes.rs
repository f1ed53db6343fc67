//! Codes as small numbers, so that tables over them stay small.

use std::collections::HashMap;

/// A code's number.
pub type CodeId = u16;

/// The codes that came, in the order in which they came first. A results file holds codes of the table only, and a table has
/// fewer than numbers go.
#[derive(Debug, Clone, Default)]
pub struct Codes {
    ids: HashMap<String, CodeId>,
    names: Vec<String>,
}

impl Codes {
    /// The number of `code`; none: there is no code, or no number is left.
    pub fn id(&mut self, code: &str) -> Option<CodeId> {
        if code.is_empty() {
            return None;
        }
        if let Some(id) = self.ids.get(code) {
            return Some(*id);
        }
        let id = CodeId::try_from(self.names.len()).ok()?;
        self.ids.insert(code.to_string(), id);
        self.names.push(code.to_string());
        Some(id)
    }

    /// The code of a number.
    pub fn name(&self, id: CodeId) -> &str {
        self.names.get(usize::from(id)).map_or("", String::as_str)
    }
}

/// How often pairs came, up to a number of different ones.
#[derive(Debug, Clone)]
pub struct Pairs<L> {
    counts: HashMap<(L, CodeId), u64>,
    max: usize,
    uncounted: u64,
}

impl<L: Copy + Eq + std::hash::Hash> Pairs<L> {
    /// Counts at most `max` different pairs.
    pub fn new(max: usize) -> Pairs<L> {
        Pairs {
            counts: HashMap::new(),
            max,
            uncounted: 0,
        }
    }

    /// Counts a pair.
    pub fn count(&mut self, left: L, right: CodeId) {
        let is_full = self.counts.len() >= self.max;
        match self.counts.get_mut(&(left, right)) {
            Some(count) => *count += 1,
            None if is_full => self.uncounted += 1,
            None => {
                self.counts.insert((left, right), 1);
            }
        }
    }

    /// All that were counted, in no order.
    pub fn all(&self) -> impl Iterator<Item = (L, CodeId, u64)> + '_ {
        self.counts
            .iter()
            .map(|((left, right), count)| (*left, *right, *count))
    }

    /// Pairs that came after there was no room for new ones.
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_past_the_cap_are_counted_as_uncounted() {
        let mut pairs = Pairs::new(2);
        for (left, right) in [(1u32, 1), (1, 2), (2, 2), (1, 1), (3, 3)] {
            pairs.count(left, right);
        }
        assert_eq!(pairs.all().map(|(_, _, count)| count).sum::<u64>(), 3);
        assert_eq!(pairs.uncounted(), 2);
    }
}
