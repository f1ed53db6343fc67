//! Rows and codes by month; by year, once there are many months.

use std::collections::BTreeMap;

use super::codes::CodeId;

/// Different months that are told apart; with more, years are.
pub(super) const MAX_MONTHS: usize = 240;

/// The rows of a month, or of a year.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Period {
    /// Rows.
    pub rows: u64,
    /// Rows by code.
    pub codes: BTreeMap<CodeId, u64>,
}

impl Period {
    pub(super) fn add(&mut self, other: Period) {
        self.rows += other.rows;
        for (code, rows) in other.codes {
            *self.codes.entry(code).or_default() += rows;
        }
    }
}

/// Rows by months since year 0; with too many months, by the first months of years.
#[derive(Debug, Clone, Default)]
pub(super) struct Months {
    /// By first months.
    pub(super) rows: BTreeMap<i32, Period>,
    /// Years are told apart, and no months.
    pub(super) by_year: bool,
}

impl Months {
    /// Counts a row.
    pub(super) fn count(&mut self, month: i32, codes: &[CodeId]) {
        let period = self.rows.entry(self.first_month(month)).or_default();
        period.rows += 1;
        for code in codes {
            *period.codes.entry(*code).or_default() += 1;
        }
        if self.rows.len() > MAX_MONTHS {
            self.show_years();
        }
    }

    fn first_month(&self, month: i32) -> i32 {
        if self.by_year {
            month - month % 12
        } else {
            month
        }
    }

    fn show_years(&mut self) {
        if !self.by_year {
            self.by_year = true;
            for (month, period) in std::mem::take(&mut self.rows) {
                let year = self.first_month(month);
                self.rows.entry(year).or_default().add(period);
            }
        }
    }

    /// Both together.
    pub(super) fn with(&self, other: &Months) -> Months {
        let mut both = self.clone();
        if other.by_year {
            both.show_years();
        }
        for (month, period) in &other.rows {
            let month = both.first_month(*month);
            both.rows.entry(month).or_default().add(period.clone());
        }
        if both.rows.len() > MAX_MONTHS {
            both.show_years();
        }
        both
    }
}
