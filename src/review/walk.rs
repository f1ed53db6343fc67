//! Which rows are read, in input order: one pass notes where they stand, and keeps nothing of them.

use std::collections::BTreeSet;

use crate::core::ids::RowNo;
use crate::core::outcome::ReviewReason;
use crate::outputs::{Outputs, StoredRow};

/// Which rows.
#[derive(Debug, Clone, Default)]
pub struct Pick {
    /// Every row, not only those with a reason.
    pub all: bool,
    /// Only rows with one of these reasons; empty: any.
    pub reasons: BTreeSet<ReviewReason>,
    /// Only rows that were marked to come back to.
    pub marked: bool,
}

impl Pick {
    /// Whether this row is read.
    pub fn takes(&self, row: &StoredRow<'_>, is_marked: bool) -> bool {
        let has = |reason: &&ReviewReason| row.review().any(|name| name == reason.name());
        if self.marked && !is_marked {
            return false;
        }
        match self.reasons.is_empty() {
            true => self.all || self.marked || row.review().next().is_some(),
            false => self.reasons.iter().any(|reason| has(&reason)),
        }
    }
}

/// A row to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Its number in the input.
    pub row: RowNo,
    /// Where it begins in the results file.
    pub byte: u64,
}

impl Stop {
    /// For [`crate::outputs::StoredRows::seek`].
    pub fn position(&self) -> csv::Position {
        let mut position = csv::Position::new();
        position.set_byte(self.byte).set_record(self.row);
        position
    }
}

/// The rows to read: 16 bytes for each.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    stops: Vec<Stop>,
}

impl Walk {
    /// Goes through the results once.
    ///
    /// # Errors
    /// The file cannot be read or is not as it was written.
    pub fn of(
        outputs: &Outputs,
        pick: &Pick,
        is_marked: impl Fn(RowNo) -> bool,
    ) -> anyhow::Result<Walk> {
        let mut stops = Vec::new();
        let mut rows = outputs.rows()?;
        let mut number = 0;
        loop {
            let byte = rows.position().byte();
            let Some(row) = rows.next_row()? else {
                break;
            };
            number += 1;
            let row_no = row.row();
            let Some(row_no) = row_no else {
                anyhow::bail!(
                    "{}, record {number}: its row is no number; take the file as the job wrote it",
                    outputs.results().display()
                );
            };
            if pick.takes(&row, is_marked(row_no)) {
                stops.push(Stop { row: row_no, byte });
            }
        }
        Ok(Walk { stops })
    }

    /// Of stops that are known.
    #[cfg(test)]
    pub(super) fn of_stops(stops: Vec<Stop>) -> Walk {
        Walk { stops }
    }

    /// The rows, in input order.
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// Where a row stands among them; none: it is not among them.
    pub fn find(&self, row: RowNo) -> Option<usize> {
        self.stops.binary_search_by_key(&row, |stop| stop.row).ok()
    }
}
