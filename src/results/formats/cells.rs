//! What the cells of results hold, by column: the same for every form that has types.

use csv::ByteRecord;

use super::FormatError;
use crate::core::money::NanoUsd;
use crate::core::problem::Problem;
use crate::results::ResultColumns;

/// What a column's cells hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A column of the input: text, exactly as it is; an empty one stays an empty text.
    Input,
    /// A text of ours; an empty cell says that there is none.
    Text,
    /// A whole number that is always there: the row's number.
    Number,
    /// A count.
    Count,
    /// A small count.
    SmallCount,
    /// US dollars with nine decimals.
    Amount,
    /// A share from 0 to 1.
    Share,
    /// True, false, or not said.
    Flag,
    /// Words from a fixed set, `;` between them.
    Words,
    /// A JSON list.
    List,
}

/// A column with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, as in results.csv.
    pub name: String,
    /// What its cells hold.
    pub kind: Kind,
}

/// The columns of results with their types.
pub fn typed(columns: &ResultColumns) -> Vec<Column> {
    let mut kinds = vec![Kind::Input; columns.input_columns()];
    kinds.resize(columns.names().len(), Kind::Text);
    let of_row = [
        ("row", Kind::Number),
        ("review", Kind::Words),
        ("sufficient_information", Kind::Flag),
        ("text_truncated", Kind::Flag),
        ("attempts", Kind::SmallCount),
        ("input_tokens", Kind::Count),
        ("output_tokens", Kind::Count),
        ("cache_read_tokens", Kind::Count),
        ("cache_write_tokens", Kind::Count),
        ("cost_usd", Kind::Amount),
    ];
    let of_problem = [
        ("confidence", Kind::Share),
        ("second_confidence", Kind::Share),
        ("supporting", Kind::List),
    ];
    let row = of_row.iter().map(|(name, kind)| (columns.own(name), *kind));
    let problems = Problem::ALL.iter().flat_map(|problem| {
        of_problem
            .iter()
            .map(|(field, kind)| (columns.of_problem(*problem, field), *kind))
    });
    for (at, kind) in row.chain(problems) {
        if let Some(at) = at {
            kinds[at] = kind;
        }
    }
    let names = columns.names().iter().cloned();
    names
        .zip(kinds)
        .map(|(name, kind)| Column { name, kind })
        .collect()
}

/// A cell, read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'r> {
    /// Nothing is said.
    Null,
    /// A text.
    Text(&'r str),
    /// A whole number.
    Whole(i64),
    /// Nano-dollars.
    Nano(i64),
    /// A share.
    Share(f64),
    /// True or false.
    Flag(bool),
    /// Words, `;` between them.
    Words(&'r str),
    /// A JSON list, as text.
    List(&'r str),
}

/// The cell of `column` that stands at `at` of `record`, the row that is the `row`th.
///
/// # Errors
/// It is not what the column holds.
pub fn value<'r>(
    column: &Column,
    record: &'r ByteRecord,
    at: usize,
    row: u64,
) -> Result<Value<'r>, FormatError> {
    let bytes = record.get(at).unwrap_or_default();
    let bad = |expected| FormatError::Cell {
        row,
        column: column.name.clone(),
        expected,
    };
    let text = std::str::from_utf8(bytes).map_err(|_| bad("UTF-8 text"))?;
    if text.is_empty() {
        return match column.kind {
            Kind::Input => Ok(Value::Text("")),
            Kind::Number => Err(bad("a whole number")),
            _ => Ok(Value::Null),
        };
    }
    let whole = || text.parse::<i64>().ok().filter(|number| *number >= 0);
    match column.kind {
        Kind::Input | Kind::Text => Ok(Value::Text(text)),
        Kind::Words => Ok(Value::Words(text)),
        Kind::List => Ok(Value::List(text)),
        Kind::Number | Kind::Count => whole().map(Value::Whole).ok_or(bad("a whole number")),
        Kind::SmallCount => whole()
            .filter(|number| i32::try_from(*number).is_ok())
            .map(Value::Whole)
            .ok_or(bad("a small whole number")),
        Kind::Amount => text
            .parse::<NanoUsd>()
            .ok()
            .and_then(|amount| i64::try_from(amount.0).ok())
            // 18 digits in all: what a DECIMAL(18,9) can hold.
            .filter(|nano| *nano < 1_000_000_000_000_000_000)
            .map(Value::Nano)
            .ok_or(bad("US dollars with nine decimals")),
        Kind::Share => text
            .parse::<f64>()
            .ok()
            .filter(|share| share.is_finite())
            .map(Value::Share)
            .ok_or(bad("a number")),
        Kind::Flag => match text {
            "true" => Ok(Value::Flag(true)),
            "false" => Ok(Value::Flag(false)),
            _ => Err(bad("true or false")),
        },
    }
}
