//! Reading dates as files of reports have them.

use jiff::civil::Date;

/// Years in which reports can lie; a number that would be a date of another year is none.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2100;

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DateForm {
    /// `2025-04-09`, with or without a time behind it.
    Iso,
    /// `20250409`, as openFDA has it.
    Compact,
    /// `04/09/2025`: month, day, year, as FDA's files have it.
    Slashes,
}

impl DateForm {
    /// All of them.
    pub const ALL: [DateForm; 3] = [DateForm::Iso, DateForm::Compact, DateForm::Slashes];

    /// How it is said to a reader.
    pub fn name(self) -> &'static str {
        match self {
            DateForm::Iso => "YYYY-MM-DD",
            DateForm::Compact => "YYYYMMDD",
            DateForm::Slashes => "MM/DD/YYYY",
        }
    }
}

/// The day that `text` names, and how; none: it is no date in any of the forms.
///
/// Two numbers with slashes are taken for month and day in this order; whether a column has them so only all its values can say
/// (see [`has_day_first`]).
pub fn read(text: &str) -> Option<(Date, DateForm)> {
    let text = text.trim();
    let (form, [year, month, day]) = if let Some(parts) = split(text, '/') {
        let [month, day, year] = parts;
        (DateForm::Slashes, [until_time(year)?, month, day])
    } else if let Some([year, month, day]) = split(text, '-') {
        (DateForm::Iso, [year, month, until_time(day)?])
    } else if text.len() == 8 && text.is_ascii() {
        (DateForm::Compact, [&text[..4], &text[4..6], &text[6..]])
    } else {
        return None;
    };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let number = |part: &str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse::<i16>().ok(),
        false => None,
    };
    let year = number(year).filter(|year| YEARS.contains(year))?;
    let (month, day) = (number(month)?, number(day)?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Some((date.ok()?, form))
}

/// Whether `text` is a date with slashes whose first number is a day and can be no month.
pub fn has_day_first(text: &str) -> bool {
    let Some([day, month, year]) = split(text.trim(), '/') else {
        return false;
    };
    let is_month = |part: &str| {
        part.parse::<u8>()
            .is_ok_and(|number| (1..=12).contains(&number))
    };
    !is_month(day) && read(&format!("{month}/{day}/{year}")).is_some()
}

fn split(text: &str, at: char) -> Option<[&str; 3]> {
    let mut parts = text.splitn(3, at);
    Some([parts.next()?, parts.next()?, parts.next()?])
}

/// What stands before a time; none: something else stands there.
fn until_time(text: &str) -> Option<&str> {
    match text.find(['T', ' ']) {
        None => Some(text),
        Some(at) => {
            let is_time = text[at + 1..].starts_with(|first: char| first.is_ascii_digit());
            is_time.then(|| &text[..at])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_the_three_forms_of_report_files() {
        let day = |text| read(text).map(|(date, form)| (date.to_string(), form));
        let april = |form| Some(("2025-04-09".to_string(), form));
        for text in [
            "2025-04-09",
            " 2025-04-09 ",
            "2025-4-9",
            "2025-04-09T10:11:12Z",
            "2025-04-09 10:11",
        ] {
            assert_eq!(day(text), april(DateForm::Iso), "{text}");
        }
        assert_eq!(day("20250409"), april(DateForm::Compact));
        for text in ["04/09/2025", "4/9/2025", "04/09/2025 00:00:00"] {
            assert_eq!(day(text), april(DateForm::Slashes), "{text}");
        }
    }

    #[test]
    fn a_first_number_that_is_no_month_is_a_day() {
        for text in ["31/12/2025", "13/1/2025", "28/02/2025 10:11"] {
            assert!(has_day_first(text), "{text}");
        }
        for text in [
            "12/12/2025",
            "01/31/2025",
            "31/13/2025",
            "30/02/2025",
            "13/1/25",
            "n/a",
            "13/1",
        ] {
            assert!(!has_day_first(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_not_taken_for_one() {
        for text in [
            "",
            "NPT",
            "20251309",
            "21813912",
            "00000000",
            "2025-02-30",
            "31/12/2025",
            "4/9/25",
            "2025-04",
            "2025-04-09 about noon",
            "+025-04-09",
            "2025-+4-09",
            "1899-12-31",
            "12345678901",
            "\u{fc}\u{fc}\u{fc}\u{fc}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
