//! results.jsonl: one JSON object a row, its members in the order of the columns.
//!
//! Amounts of money are strings with nine decimals, as in summary.json: most readers make binary fractions of JSON's
//! numbers, which no sum of money survives.

use csv::ByteRecord;
use serde_json::{Map, Value as Json};

use super::FormatError;
use super::cells::{Column, Value, value};
use crate::core::money::NanoUsd;

pub(super) struct JsonRows {
    columns: Vec<Column>,
    bytes: Vec<u8>,
}

impl JsonRows {
    pub(super) fn new(columns: Vec<Column>) -> JsonRows {
        JsonRows {
            columns,
            bytes: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, record: &ByteRecord, row: u64) -> Result<(), FormatError> {
        let object = object(&self.columns, record, row)?;
        serde_json::to_writer(&mut self.bytes, &object).map_err(|error| FormatError::Encoder {
            form: "jsonl",
            what: error.to_string(),
        })?;
        self.bytes.push(b'\n');
        Ok(())
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// A row as results.jsonl has it.
///
/// # Errors
/// A cell is not what its column holds.
pub fn object(columns: &[Column], record: &ByteRecord, row: u64) -> Result<Json, FormatError> {
    let mut object = Map::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let json = match value(column, record, at, row)? {
            // A row without reasons for review has an empty list of them.
            Value::Null if column.kind == super::Kind::Words => Json::Array(Vec::new()),
            Value::Null => Json::Null,
            Value::Text(text) => Json::from(text),
            Value::Whole(number) => Json::from(number),
            Value::Nano(nano) => Json::from(NanoUsd(nano.unsigned_abs()).to_string()),
            Value::Share(share) => Json::from(share),
            Value::Flag(flag) => Json::from(flag),
            Value::Words(words) => words.split(';').map(Json::from).collect(),
            Value::List(text) => serde_json::from_str(text)
                .ok()
                .filter(Json::is_array)
                .ok_or_else(|| FormatError::Cell {
                    row,
                    column: column.name.clone(),
                    expected: "a JSON list",
                })?,
        };
        object.insert(column.name.clone(), json);
    }
    Ok(Json::Object(object))
}
