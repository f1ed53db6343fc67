//! The columns of a header: which hold id and text, and what is wrong with their names.

use std::collections::BTreeMap;

use super::dialect::delimiter_name;
use super::error::InputError;
use super::header::InputOptions;

/// A column name longer than this is taken for data.
const LONGEST_NAME_CHARS: usize = 40;
/// More words than this are taken for data.
const MOST_NAME_WORDS: usize = 3;
/// So many digits in a row are taken for data.
const NUMBER_DIGITS: usize = 3;
/// How many column names an error shows.
const SHOWN_NAMES: usize = 30;
/// A name shorter than this has to be met to the letter: near two or three letters there is any word.
const LEAST_LIKE_CHARS: usize = 5;
/// Names that are less alike than this are not offered as meant.
const MIN_LIKENESS: f64 = 0.75;

/// Whether all cells of a first line look like column names. If one does not, the line may be report text, and none of its
/// cells may be shown (I10). Short data looks like names, too: show a cell only where it helps.
pub fn look_like_names<S: AsRef<str>>(cells: &[S]) -> bool {
    cells.iter().all(|cell| is_like_a_name(cell.as_ref()))
}

/// The names of a header, for an error about it, or only how many values there are where they look like data (I10).
pub fn shown_names<S: AsRef<str>>(cells: &[S]) -> String {
    if !look_like_names(cells) {
        return format!("{} values that look like data", cells.len());
    }
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    cells.join(", ")
}

/// Not long, not a sentence, not a number, without control characters. An empty cell shows nothing and passes.
fn is_like_a_name(cell: &str) -> bool {
    let digits = cell.split(|c: char| !c.is_numeric());
    cell.chars().count() <= LONGEST_NAME_CHARS
        && cell.split_whitespace().count() <= MOST_NAME_WORDS
        && !cell.contains(['.', '?', '!', ';', ':'])
        && !cell.chars().any(char::is_control)
        && !digits
            .into_iter()
            .any(|run| run.chars().count() >= NUMBER_DIGITS)
        && cell.trim().parse::<f64>().is_err()
}

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
    let are_names = look_like_names(columns);
    let hint = if !are_names {
        "the first line looks like data, so the file may have no header line: add one; "
    } else if columns.len() == 1 && columns[0].contains('|') {
        "the line has '|' signs, and the delimiters that are read are comma, semicolon and tab: convert the file; "
    } else if id.is_none() && text.is_none() {
        "the file may have no header line: if so, add one; "
    } else {
        ""
    };
    let wanted: Vec<&str> = [(id, opts.id_name()), (text, opts.text_name())]
        .into_iter()
        .filter_map(|(found, name)| found.is_none().then_some(name))
        .collect();
    Err(InputError::ColumnMissing {
        missing,
        found: found(columns, are_names, &wanted),
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
            candidates: places(columns, several),
            option,
        }),
    }
}

/// Refuses names that occur more than once.
pub(crate) fn refuse_duplicates(columns: &[String]) -> Result<(), InputError> {
    let are_names = look_like_names(columns);
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (i, name) in columns.iter().enumerate() {
        places.entry(name).or_default().push((i + 1).to_string());
    }
    let names: Vec<String> = places
        .iter()
        .filter(|(_, at)| at.len() > 1)
        .take(SHOWN_NAMES)
        .map(|(name, at)| {
            let at = at.join(", ");
            match (name.is_empty(), are_names) {
                (true, _) => format!("an empty name (columns {at})"),
                (false, true) => format!("'{name}' (columns {at})"),
                (false, false) => format!("columns {at}"),
            }
        })
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(InputError::DuplicateColumns {
        names: names.join("; "),
    })
}

/// What a header has where something is `wanted` that it lacks: the number of its columns, and those that come near. Where
/// none does, the names say nothing to who knows the file, and may be the data of a file without a header.
fn found(columns: &[String], are_names: bool, wanted: &[&str]) -> String {
    let count = columns.len();
    if !are_names {
        return format!("{count} value{}", plural(count));
    }
    let near: Vec<usize> = (0..count)
        .filter(|&i| wanted.iter().any(|name| is_near(&columns[i], name)))
        .take(SHOWN_NAMES)
        .collect();
    let near = if near.is_empty() {
        "none with a name like it".to_string()
    } else {
        format!("near to it {}", places(columns, &near))
    };
    format!("{count} column{}, {near}", plural(count))
}

/// Whether a name may be meant: the same but for case and signs, or a longer one that is nearly the same.
fn is_near(name: &str, wanted: &str) -> bool {
    let letters = |text: &str| -> String {
        let kept = text.chars().filter(|c| c.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect()
    };
    let (name, wanted) = (letters(name), letters(wanted));
    !wanted.is_empty()
        && (name == wanted
            || wanted.chars().count() >= LEAST_LIKE_CHARS
                && strsim::normalized_damerau_levenshtein(&name, &wanted) >= MIN_LIKENESS)
}

/// Columns by name and place, or by place alone where the names may be data.
fn places(columns: &[String], at: &[usize]) -> String {
    let are_names = look_like_names(columns);
    let one = |&i: &usize| match are_names {
        true => format!("'{}' ({})", columns[i], i + 1),
        false => format!("column {}", i + 1),
    };
    at.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
