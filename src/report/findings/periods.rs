//! Rows and codes by month of a column of dates, and how months are shown: as they are, by quarter, or by year.

use std::collections::BTreeMap;

use super::codes::CodeId;
use super::dates::{self, DateForm};
use super::months::Months;
pub use super::months::Period;

/// Periods of a chart, before longer ones are taken.
const MAX_SHOWN: i32 = 24;
/// Of the values that are not empty, so many in a hundred have to be dates.
const MIN_PERCENT: u64 = 80;
/// Rows in a thousand that may lie before, and behind, the periods of a chart, so that a slip of the pen does not stretch it.
const OUTLIERS: u64 = 5;

/// Reads one column. What it says is the same in whatever order the rows come.
#[derive(Debug, Clone, Default)]
pub struct Dates {
    /// Rows by how their dates are written; in those with slashes the month is taken to stand first.
    forms: BTreeMap<DateForm, u64>,
    /// Rows without a value.
    pub empty: u64,
    /// Rows with a value that is no date in any form.
    unreadable: u64,
    /// Of values with slashes, those that can only be read with the day first, and those only with the month first.
    day_first: u64,
    month_first: u64,
    months: Months,
    /// Those with slashes.
    with_slashes: Months,
}

impl Dates {
    /// Counts a row.
    pub fn count(&mut self, value: &str, codes: &[CodeId]) {
        if value.trim().is_empty() {
            self.empty += 1;
            return;
        }
        let Some((date, form)) = dates::read(value) else {
            match dates::has_day_first(value) {
                true => self.day_first += 1,
                false => self.unreadable += 1,
            }
            return;
        };
        *self.forms.entry(form).or_default() += 1;
        let month = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
        match form {
            DateForm::Iso | DateForm::Compact => self.months.count(month, codes),
            DateForm::Slashes => {
                self.month_first += u64::from(date.day() > 12);
                self.with_slashes.count(month, codes);
            }
        }
    }

    /// Whether values with slashes are months and days in this order: some can only be read so, and none only the other way.
    fn are_slashes_clear(&self) -> bool {
        self.month_first > 0 && self.day_first == 0
    }

    /// Rows with a date, by how it is written.
    pub fn forms(&self) -> impl Iterator<Item = (DateForm, u64)> + '_ {
        let forms = self.forms.iter().map(|(form, rows)| (*form, *rows));
        forms.filter(|(form, _)| *form != DateForm::Slashes || self.are_slashes_clear())
    }

    /// Rows with a date.
    pub fn readable(&self) -> u64 {
        self.forms().map(|(_, rows)| rows).sum()
    }

    /// Rows with a value that is not read as a date.
    pub fn unreadable(&self) -> u64 {
        self.values() - self.readable()
    }

    fn values(&self) -> u64 {
        self.forms.values().sum::<u64>() + self.day_first + self.unreadable
    }

    fn is_most(&self, rows: u64) -> bool {
        rows > 0 && rows * 100 >= self.values() * MIN_PERCENT
    }

    /// Whether most of its values are dates.
    pub fn is_date_column(&self) -> bool {
        self.is_most(self.readable())
    }

    /// Whether most of its values are dates, but with slashes, and month and day cannot be told apart.
    pub fn is_ambiguous(&self) -> bool {
        !self.is_date_column() && self.is_most(self.values() - self.unreadable)
    }

    fn all_months(&self) -> Months {
        match self.are_slashes_clear() {
            true => self.months.with(&self.with_slashes),
            false => self.months.clone(),
        }
    }

    /// The column as a chart has it.
    pub fn series(&self) -> Series {
        let all = self.all_months();
        let (first, last) = self.ends(&all);
        let months = last - first + 1;
        let length = match months {
            _ if all.by_year => 12,
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
        for (month, period) in &all.rows {
            match series.periods.get_mut(&begin(*month)) {
                Some(sum) => sum.add(period.clone()),
                None if *month < first => series.before += period.rows,
                None => series.behind += period.rows,
            }
        }
        series
    }

    /// First and last month that is shown.
    fn ends(&self, all: &Months) -> (i32, i32) {
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
        (end(&mut all.rows.iter()), end(&mut all.rows.iter().rev()))
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
    use super::super::months::MAX_MONTHS;
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
            (months.readable(), months.empty, months.unreadable()),
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
        assert!(dates.months.rows.len() <= MAX_MONTHS);
        let series = dates.series();
        let rows: u64 = series.periods.values().map(|period| period.rows).sum();
        assert_eq!(rows + series.before + series.behind, values.len() as u64);
        assert_eq!(series.periods.values().next().unwrap().codes[&7], 12);
    }

    #[test]
    fn a_column_in_which_most_values_are_no_dates_is_none() {
        assert!(!of(["2025-01-01", "n/a"]).is_date_column());
        assert!(!of(["", ""]).is_date_column());
        assert!(!of(vec!["5"; 300]).is_date_column());
    }

    #[test]
    fn the_order_of_rows_decides_nothing() {
        // 300 rows without a date, then ten times as many with one: a column of dates all the same.
        let (dates, others) = (vec!["2025-03-01"; 3_000], vec!["n/a"; 300]);
        let one = of(others.iter().chain(&dates));
        let other = of(dates.iter().chain(&others));
        for column in [one, other] {
            assert!(column.is_date_column());
            assert_eq!((column.readable(), column.unreadable()), (3_000, 300));
            assert_eq!(names(&column.series()), ["2025-03"]);
        }
    }

    #[test]
    fn dates_with_slashes_are_read_only_where_the_order_of_month_and_day_is_plain() {
        let american = of(["01/01/2025", "02/28/2025"]);
        assert!(american.is_date_column() && !american.is_ambiguous());
        assert_eq!(names(&american.series()), ["2025-01", "2025-02"]);
        // Every month's first day, days first, and any days first.
        let monthly: Vec<String> = (1..=12)
            .map(|month| format!("01/{month:02}/2025"))
            .collect();
        let european: Vec<String> = (1..=28).map(|day| format!("{day}/01/2025")).collect();
        for values in [
            monthly,
            european,
            vec!["02/28/2025".into(), "28/02/2025".into()],
        ] {
            let column = of(&values);
            assert!(
                !column.is_date_column() && column.is_ambiguous(),
                "{values:?}"
            );
            assert_eq!(column.readable(), 0);
        }
        // A few of them do not make a column of other dates unreadable; they are not read.
        let mut values = vec!["2025-04-01"; 20];
        values.push("03/04/2025");
        let mixed = of(values);
        assert!(mixed.is_date_column() && !mixed.is_ambiguous());
        assert_eq!((mixed.readable(), mixed.unreadable()), (20, 1));
        assert_eq!(names(&mixed.series()), ["2025-04"]);
    }

    #[test]
    fn many_years_of_either_form_are_put_together() {
        let mut values = vec!["1990-01-01".to_string()];
        for year in 2000..2025 {
            values.extend((1..=12).map(|month| format!("{month:02}/15/{year}")));
        }
        let series = of(&values).series();
        let rows: u64 = series.periods.values().map(|period| period.rows).sum();
        assert_eq!(
            (series.unit(), rows + series.before + series.behind),
            ("year", 301)
        );
    }
}
