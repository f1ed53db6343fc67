//! Rows and codes by the values of one of the input's columns, where these are few.

use std::collections::HashMap;

use super::codes::{CodeId, Pairs};
use crate::core::outcome::Outcome;

/// Different values of a column that are told apart; one with more is left out.
pub const MAX_VALUES: usize = 1_000;
/// Characters of a value; a column with a longer one holds text.
pub const MAX_VALUE_CHARS: usize = 80;
/// Different pairs of a value and a code.
const MAX_PAIRS: usize = 100_000;
/// A column with so few values is offered also where most of them differ.
const FEW_VALUES: usize = 20;

/// What rows with one value came to.
#[derive(Debug, Clone, Default)]
pub struct ValueCount {
    /// The value.
    pub value: String,
    /// Rows.
    pub rows: u64,
    /// Rows that are coded.
    pub coded: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows for a person to read.
    pub review: u64,
}

/// Values, each with its codes and their rows.
pub type Shown<'v> = Vec<(&'v ValueCount, Vec<(CodeId, u64)>)>;

/// Why a column is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// It holds the ids or the texts.
    IdOrText,
    /// It has values of more than [`MAX_VALUE_CHARS`] characters.
    Text,
    /// It has more than [`MAX_VALUES`] values.
    TooMany,
    /// Most of its values stand in one row only.
    MostDiffer,
    /// It has one value, or none.
    One,
    /// It holds dates.
    Dates,
    /// It comes behind as many columns as are looked at.
    Behind,
}

impl LeftOut {
    /// How it is said to a reader.
    pub fn say(self) -> String {
        match self {
            LeftOut::IdOrText => "ids or report texts".to_string(),
            LeftOut::Text => format!("text: a value is longer than {MAX_VALUE_CHARS} characters"),
            LeftOut::TooMany => format!("more than {MAX_VALUES} different values"),
            LeftOut::MostDiffer => "most values stand in one row only".to_string(),
            LeftOut::One => "the same value in every row, or none".to_string(),
            LeftOut::Dates => "dates".to_string(),
            LeftOut::Behind => {
                format!(
                    "only the first {} columns are looked at",
                    super::MAX_COLUMNS
                )
            }
        }
    }
}

/// Counts the values of one column.
#[derive(Debug, Clone)]
pub struct Values {
    ids: HashMap<String, u32>,
    counts: Vec<ValueCount>,
    codes: Pairs<u32>,
    left_out: Option<LeftOut>,
}

impl Values {
    /// Of a column that is not left out from the beginning.
    pub fn new() -> Values {
        Values {
            ids: HashMap::new(),
            counts: Vec::new(),
            codes: Pairs::new(MAX_PAIRS),
            left_out: None,
        }
    }

    /// Of a column that is.
    pub fn without(why: LeftOut) -> Values {
        Values {
            left_out: Some(why),
            ..Values::new()
        }
    }

    /// Counts a row with `value` and these codes.
    pub fn count(&mut self, value: &str, outcome: Outcome, has_review: bool, codes: &[CodeId]) {
        if self.left_out.is_some() {
            return;
        }
        let value = value.trim();
        let id = match self.ids.get(value) {
            Some(id) => *id,
            None if value.chars().nth(MAX_VALUE_CHARS).is_some() => {
                return self.leave_out(LeftOut::Text);
            }
            None if self.counts.len() >= MAX_VALUES => return self.leave_out(LeftOut::TooMany),
            None => {
                let id = self.counts.len() as u32;
                self.ids.insert(value.to_string(), id);
                self.counts.push(ValueCount {
                    value: value.to_string(),
                    ..ValueCount::default()
                });
                id
            }
        };
        let count = &mut self.counts[id as usize];
        count.rows += 1;
        count.coded += u64::from(outcome == Outcome::Coded);
        count.failed += u64::from(outcome == Outcome::Failed);
        count.review += u64::from(has_review);
        for code in codes {
            self.codes.count(id, *code);
        }
    }

    /// Leaves the column out, and lets go of what was counted.
    pub fn leave_out(&mut self, why: LeftOut) {
        *self = Values::without(why);
    }

    /// The values, most frequent first, each with its codes and their rows, most frequent first; or why there are none.
    ///
    /// # Errors
    /// The column is left out.
    pub fn shown(&self, most: usize) -> Result<Shown<'_>, LeftOut> {
        if let Some(why) = self.left_out {
            return Err(why);
        }
        let rows: u64 = self.counts.iter().map(|count| count.rows).sum();
        match self.counts.len() {
            0 | 1 => return Err(LeftOut::One),
            values if values > FEW_VALUES && values as u64 * 2 > rows => {
                return Err(LeftOut::MostDiffer);
            }
            _ => {}
        }
        let mut order: Vec<u32> = (0..self.counts.len() as u32).collect();
        let of = |id: &u32| &self.counts[*id as usize];
        order.sort_by(|a, b| {
            let (a, b) = (of(a), of(b));
            b.rows.cmp(&a.rows).then_with(|| a.value.cmp(&b.value))
        });
        order.truncate(most);
        let mut codes: HashMap<u32, Vec<(CodeId, u64)>> =
            order.iter().map(|id| (*id, Vec::new())).collect();
        for (id, code, rows) in self.codes.all() {
            if let Some(list) = codes.get_mut(&id) {
                list.push((code, rows));
            }
        }
        let shown = order.iter().map(|id| {
            let mut own = codes.remove(id).unwrap_or_default();
            own.sort_by_key(|(code, rows)| (std::cmp::Reverse(*rows), *code));
            (of(id), own)
        });
        Ok(shown.collect())
    }

    /// All values: how many, and their rows in all.
    pub fn all(&self) -> impl Iterator<Item = &ValueCount> {
        self.counts.iter()
    }

    /// Rows whose code is in no list, since there were too many different pairs.
    pub fn uncounted(&self) -> u64 {
        self.codes.uncounted()
    }
}

impl Default for Values {
    fn default() -> Values {
        Values::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'v>(values: impl IntoIterator<Item = &'v str>) -> Values {
        let mut counted = Values::new();
        for value in values {
            counted.count(value, Outcome::Coded, false, &[1]);
        }
        counted
    }

    #[test]
    fn a_column_with_few_values_is_offered_with_the_most_frequent_first() {
        let values = of(["DSQ", "NPT", " NPT", ""]);
        let shown = values.shown(2).unwrap();
        let rows: Vec<_> = shown.iter().map(|(v, _)| (&*v.value, v.rows)).collect();
        assert_eq!(rows, [("NPT", 2), ("", 1)]);
        assert_eq!(shown[0].1, [(1, 2)]);
        assert_eq!(values.all().count(), 3);
    }

    #[test]
    fn columns_of_texts_ids_and_single_values_are_left_out_and_say_why() {
        let left_out = |values: Values| values.shown(9).unwrap_err();
        let long = "WORD ".repeat(20);
        assert_eq!(left_out(of(["A", &long, "A"])), LeftOut::Text);
        assert_eq!(left_out(of(["A", "A"])), LeftOut::One);
        assert_eq!(left_out(of([])), LeftOut::One);
        let numbers: Vec<String> = (0..=MAX_VALUES).map(|n| n.to_string()).collect();
        let all = numbers.iter().map(String::as_str);
        assert_eq!(left_out(of(all.clone())), LeftOut::TooMany);
        assert_eq!(left_out(of(all.take(FEW_VALUES + 1))), LeftOut::MostDiffer);
    }
}
