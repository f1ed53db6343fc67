//! Rows and codes by month of a column of dates, and how months are shown: as they are, by quarter, or by year.

use std::collections::BTreeMap;

use super::codes::CodeId;
use super::dates::{self, DateForm};

/// Different months that are told apart; with more, years are.
const MAX_MONTHS: usize = 240;
/// Periods of a chart, before longer ones are taken.
const MAX_SHOWN: i32 = 24;
/// Values that are read before a column is given up for lack of dates.
const TRIED: u64 = 200;
/// Of the values that are not empty, so many in a hundred have to be dates.
const MIN_PERCENT: u64 = 80;
/// Rows in a thousand that may lie before, and behind, the periods of a chart, so that a slip of the pen does not stretch it.
const OUTLIERS: u64 = 5;

/// The rows of a month, or of a year.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Period {
    /// Rows.
    pub rows: u64,
    /// Rows by code.
    pub codes: BTreeMap<CodeId, u64>,
}

impl Period {
    fn add(&mut self, other: Period) {
        self.rows += other.rows;
        for (code, rows) in other.codes {
            *self.codes.entry(code).or_default() += rows;
        }
    }
}

/// Reads one column.
#[derive(Debug, Clone, Default)]
pub struct Dates {
    /// Rows by how their dates are written.
    pub forms: BTreeMap<DateForm, u64>,
    /// Rows without a value.
    pub empty: u64,
    /// Rows with a value that is no date.
    pub unreadable: u64,
    /// By months since year 0; of a column with too many, by the first months of years.
    months: BTreeMap<i32, Period>,
    by_year: bool,
    given_up: bool,
}

impl Dates {
    /// Counts a row.
    pub fn count(&mut self, value: &str, codes: &[CodeId]) {
        if self.given_up {
            return;
        }
        if value.trim().is_empty() {
            self.empty += 1;
            return;
        }
        let Some((date, form)) = dates::read(value) else {
            self.unreadable += 1;
            if self.readable() + self.unreadable >= TRIED && !self.is_date_column() {
                *self = Dates {
                    given_up: true,
                    ..Dates::default()
                };
            }
            return;
        };
        *self.forms.entry(form).or_default() += 1;
        let month = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
        let period = self.months.entry(self.first_month(month)).or_default();
        period.rows += 1;
        for code in codes {
            *period.codes.entry(*code).or_default() += 1;
        }
        if self.months.len() > MAX_MONTHS && !self.by_year {
            self.by_year = true;
            for (month, period) in std::mem::take(&mut self.months) {
                let year = self.months.entry(self.first_month(month)).or_default();
                year.add(period);
            }
        }
    }

    fn first_month(&self, month: i32) -> i32 {
        if self.by_year {
            month - month % 12
        } else {
            month
        }
    }

    /// Rows with a date.
    pub fn readable(&self) -> u64 {
        self.forms.values().sum()
    }

    /// Whether most of its values are dates.
    pub fn is_date_column(&self) -> bool {
        let values = self.readable() + self.unreadable;
        values > 0 && self.readable() * 100 >= values * MIN_PERCENT
    }

    /// The column as a chart has it.
    pub fn series(&self) -> Series {
        let (first, last) = self.ends();
        let months = last - first + 1;
        let length = match months {
            _ if self.by_year => 12,
            months if months <= MAX_SHOWN => 1,
            months if months <= MAX_SHOWN * 3 => 3,
            _ => 12,
        };
        let begin = |month: i32| month - month.rem_euclid(length);
        let mut series = Series {
            length,
            periods: (begin(first)..=last)
                .step_by(length as usize)
                .map(|month| (month, Period::default()))
                .collect(),
            before: 0,
            behind: 0,
        };
        for (month, period) in &self.months {
            match series.periods.get_mut(&begin(*month)) {
                Some(sum) => sum.add(period.clone()),
                None if *month < first => series.before += period.rows,
                None => series.behind += period.rows,
            }
        }
        series
    }

    /// First and last month that is shown.
    fn ends(&self) -> (i32, i32) {
        let may_miss = self.readable() * OUTLIERS / 1_000;
        let end = |months: &mut dyn Iterator<Item = (&i32, &Period)>| {
            let mut missed = 0;
            for (month, period) in months {
                missed += period.rows;
                if missed > may_miss {
                    return *month;
                }
            }
            0
        };
        (
            end(&mut self.months.iter()),
            end(&mut self.months.iter().rev()),
        )
    }
}

/// Periods of equal length, without gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Months of a period: 1, 3 or 12.
    pub length: i32,
    /// By their first months, since year 0.
    pub periods: BTreeMap<i32, Period>,
    /// Rows with dates before the first one.
    pub before: u64,
    /// Rows with dates behind the last one.
    pub behind: u64,
}

impl Series {
    /// What a period of this length is called.
    pub fn unit(&self) -> &'static str {
        match self.length {
            1 => "month",
            3 => "quarter",
            _ => "year",
        }
    }

    /// What the period that begins with `month` is called.
    pub fn name(&self, month: i32) -> String {
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12));
        match self.length {
            1 => format!("{year}-{:02}", month + 1),
            3 => format!("{year} Q{}", month / 3 + 1),
            _ => year.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Dates {
        let mut dates = Dates::default();
        for value in values {
            dates.count(value.as_ref(), &[7]);
        }
        dates
    }

    fn names(series: &Series) -> Vec<String> {
        series.periods.keys().map(|m| series.name(*m)).collect()
    }

    #[test]
    fn months_quarters_and_years_are_shown_as_the_span_asks_without_gaps() {
        let months = of(["2025-01-31", "20250401", "04/30/2025", ""]);
        assert_eq!(
            names(&months.series()),
            ["2025-01", "2025-02", "2025-03", "2025-04"]
        );
        assert_eq!(
            (months.readable(), months.empty, months.unreadable),
            (3, 1, 0)
        );
        let quarters = of(["2021-02-01", "2024-01-01"]).series();
        assert_eq!(quarters.unit(), "quarter");
        assert_eq!(names(&quarters).first().unwrap(), "2021 Q1");
        assert_eq!(names(&quarters).len(), 13);
        let years = of(["1999-12-31", "2024-01-01"]).series();
        assert_eq!((years.unit(), names(&years).len()), ("year", 26));
    }

    #[test]
    fn a_slip_of_the_pen_does_not_stretch_the_chart_and_is_counted() {
        let mut values = vec!["2025-03-01"; 400];
        values.extend(["1925-03-01", "2052-03-01"]);
        let series = of(values).series();
        assert_eq!(names(&series), ["2025-03"]);
        assert_eq!((series.before, series.behind), (1, 1));
    }

    #[test]
    fn more_months_than_are_told_apart_become_years_and_no_row_is_lost() {
        let mut values: Vec<String> = Vec::new();
        for year in 2000..2025 {
            values.extend((1..=12).map(|month| format!("{year}-{month:02}-15")));
        }
        let dates = of(&values);
        assert!(dates.months.len() <= MAX_MONTHS);
        let series = dates.series();
        let rows: u64 = series.periods.values().map(|period| period.rows).sum();
        assert_eq!(rows + series.before + series.behind, values.len() as u64);
        assert_eq!(series.periods.values().next().unwrap().codes[&7], 12);
    }

    #[test]
    fn a_column_in_which_most_values_are_no_dates_is_none() {
        assert!(!of(["2025-01-01", "n/a"]).is_date_column());
        assert!(!of(["", ""]).is_date_column());
        // Days first: 31 of 12 months.
        let european: Vec<String> = (1..=28).map(|day| format!("{day}/01/2025")).collect();
        assert!(!of(&european).is_date_column());
        let numbers = of(vec!["5"; TRIED as usize + 1]);
        assert!(numbers.given_up && !numbers.is_date_column());
    }
}
