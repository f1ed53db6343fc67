//! The columns of a header: which hold id and text, and what is wrong with their names.

use std::collections::BTreeMap;

use super::dialect::delimiter_name;
use super::error::InputError;
use super::header::InputOptions;

/// A column name longer than this is taken for data and never shown.
const LONGEST_NAME_CHARS: usize = 64;
/// How many column names an error shows.
const SHOWN_NAMES: usize = 30;

/// The places of the id and the text column.
pub(crate) fn find_columns(
    columns: &[String],
    delimiter: u8,
    opts: &InputOptions,
) -> Result<(usize, usize), InputError> {
    let id = find_column(columns, opts.id_name(), "--id-column")?;
    let text = find_column(columns, opts.text_name(), "--text-column")?;
    let (missing, option) = match (id, text) {
        (Some(id), Some(text)) => return Ok((id, text)),
        (None, Some(_)) => (format!("id column '{}'", opts.id_name()), "--id-column"),
        (Some(_), None) => (
            format!("text column '{}'", opts.text_name()),
            "--text-column",
        ),
        (None, None) => (
            format!(
                "id column '{}' and no text column '{}'",
                opts.id_name(),
                opts.text_name()
            ),
            "--id-column and --text-column",
        ),
    };
    let looks_like_data = columns.iter().any(|c| is_no_name(c));
    let hint = if looks_like_data {
        "the first line looks like data, so the file may have no header line: add one; "
    } else if columns.len() == 1 && columns[0].contains('|') {
        "the line has '|' signs, and the delimiters that are read are comma, semicolon and tab: convert the file; "
    } else {
        ""
    };
    Err(InputError::ColumnMissing {
        missing,
        found: shown(columns, looks_like_data),
        delimiter: delimiter_name(delimiter),
        hint,
        option,
    })
}

/// The column of this name, or else the only one that differs from it in case and outer white space alone.
fn find_column(
    columns: &[String],
    wanted: &str,
    option: &'static str,
) -> Result<Option<usize>, InputError> {
    if let Some(exact) = columns.iter().position(|c| c == wanted) {
        return Ok(Some(exact));
    }
    let folded = wanted.trim().to_lowercase();
    let near: Vec<usize> = (0..columns.len())
        .filter(|&i| columns[i].trim().to_lowercase() == folded)
        .collect();
    match near.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => Err(InputError::ColumnAmbiguous {
            wanted: wanted.to_owned(),
            candidates: several
                .iter()
                .map(|&i| format!("'{}' ({})", columns[i], i + 1))
                .collect::<Vec<_>>()
                .join(", "),
            option,
        }),
    }
}

/// Refuses names that occur more than once.
pub(crate) fn refuse_duplicates(columns: &[String]) -> Result<(), InputError> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (i, name) in columns.iter().enumerate() {
        places.entry(name).or_default().push((i + 1).to_string());
    }
    let names: Vec<String> = places
        .iter()
        .filter(|(_, at)| at.len() > 1)
        .take(SHOWN_NAMES)
        .map(|(name, at)| {
            let what = if name.is_empty() {
                "an empty name".to_owned()
            } else {
                format!("'{}'", clipped(name))
            };
            format!("{what} (columns {})", at.join(", "))
        })
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(InputError::DuplicateColumns {
        names: names.join("; "),
    })
}

/// A value that is no plausible column name: long, with control characters, or a number.
fn is_no_name(value: &str) -> bool {
    value.chars().count() > LONGEST_NAME_CHARS
        || value.chars().any(char::is_control)
        || value.trim().parse::<f64>().is_ok()
}

/// The column names to show. A first line of data may be report text, so nothing of it is shown.
fn shown(columns: &[String], looks_like_data: bool) -> String {
    if looks_like_data {
        return format!("{} values", columns.len());
    }
    let names: Vec<String> = columns
        .iter()
        .take(SHOWN_NAMES)
        .map(|c| format!("'{c}'"))
        .collect();
    let more = columns.len().saturating_sub(SHOWN_NAMES);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let plural = if columns.len() == 1 { "" } else { "s" };
    format!(
        "{} column{plural}: {}{rest}",
        columns.len(),
        names.join(", ")
    )
}

fn clipped(name: &str) -> String {
    if is_no_name(name) {
        format!("(a value of {} characters)", name.chars().count())
    } else {
        name.to_owned()
    }
}
