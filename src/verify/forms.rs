//! Results in other forms, read back beside results.csv.

use std::io::{BufRead, BufReader, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};

use super::report::Notes;
use super::source::{BlobFile, BlobReader};
use super::{Check, Known, Place};
use crate::core::format::Format;
use crate::results::ResultColumns;
use crate::results::formats::{About, Column, Value, object, safe_record, value};

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];
/// The longest line of JSON Lines that is read: one that is longer is no row of ours.
const MOST_LINE_BYTES: u64 = 256 << 20;

/// Reads one file of results, a row at a time.
pub(super) struct FormReader {
    name: String,
    rows: Rows,
    is_over: bool,
}

enum Rows {
    Parquet(Box<RowIter<'static>>),
    Jsonl(BufReader<BlobReader>),
    Spreadsheet(Reader<BlobReader>, ByteRecord),
}

impl FormReader {
    /// Opens it; none: it cannot be read, and that was noted.
    pub(super) fn open(
        place: &Place,
        known: &Known,
        columns: &ResultColumns,
        name: &str,
        format: Format,
        notes: &mut Notes,
    ) -> Option<FormReader> {
        let rows = match format {
            Format::Parquet => parquet(place, known, columns, name),
            Format::Jsonl => {
                let reader = place.store.reader(place.blob(name), None);
                Ok(Rows::Jsonl(BufReader::new(reader)))
            }
            Format::Spreadsheet => spreadsheet(place, columns, name),
        };
        match rows {
            Ok(rows) => Some(FormReader {
                name: name.to_string(),
                rows,
                is_over: false,
            }),
            Err(problem) => {
                notes.problem(Check::Forms, format!("{name} {problem}"));
                None
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Compares its next row with the row of results.csv that is the `position`th.
    pub(super) fn row(
        &mut self,
        row: u64,
        position: u64,
        columns: &[Column],
        record: &ByteRecord,
        notes: &mut Notes,
    ) {
        if self.is_over {
            return;
        }
        let name = &self.name;
        let same = match &mut self.rows {
            Rows::Parquet(rows) => match rows.next() {
                None => Ok(None),
                Some(Err(_)) => Err(()),
                Some(Ok(found)) => Ok(Some(is_same(&found, columns, record, position))),
            },
            Rows::Jsonl(lines) => match next_line(lines) {
                Ok(None) => Ok(None),
                Ok(Some(line)) => {
                    let found = serde_json::from_slice::<serde_json::Value>(&line);
                    let due = object(columns, record, position);
                    Ok(Some(
                        matches!((found, due), (Ok(found), Ok(due)) if found == due),
                    ))
                }
                Err(_) => Err(()),
            },
            Rows::Spreadsheet(rows, found) => match rows.read_byte_record(found) {
                Ok(true) => Ok(Some(*found == *safe_record(record).0.as_byte_record())),
                Ok(false) => Ok(None),
                Err(_) => Err(()),
            },
        };
        match same {
            Ok(Some(is_same)) => notes.expect(Check::Forms, is_same, || {
                format!("{name}: row {row} is another one than in results.csv")
            }),
            Ok(None) => {
                notes.problem(Check::Forms, format!("{name} ends before row {row}"));
                self.is_over = true;
            }
            Err(()) => {
                notes.problem(Check::Forms, format!("{name} is damaged in row {row}"));
                self.is_over = true;
            }
        }
    }

    /// There must be no row left.
    pub(super) fn end(mut self, notes: &mut Notes) {
        let is_more = match &mut self.rows {
            Rows::Parquet(rows) => rows.next().is_some(),
            Rows::Jsonl(lines) => !matches!(next_line(lines), Ok(None)),
            Rows::Spreadsheet(rows, found) => !matches!(rows.read_byte_record(found), Ok(false)),
        };
        notes.expect(Check::Forms, self.is_over || !is_more, || {
            format!("{} has more rows than results.csv", self.name)
        });
    }
}

fn parquet(
    place: &Place,
    known: &Known,
    columns: &ResultColumns,
    name: &str,
) -> Result<Rows, String> {
    let unreadable = |_| "cannot be read".to_string();
    let (bytes, _) = place
        .store
        .digest(place.blob(name), None)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let file = BlobFile {
        store: place.store.clone(),
        blob: place.blob(name),
        bytes,
    };
    let reader = SerializedFileReader::new(file).map_err(unreadable)?;
    let meta = reader.metadata().file_metadata();
    let names: Vec<&str> = meta
        .schema()
        .get_fields()
        .iter()
        .map(|field| field.name())
        .collect();
    if names
        != columns
            .names()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
    {
        return Err("has other columns than results.csv".to_string());
    }
    let about = About::new(&known.owner.job_id, &known.owner.spec);
    let said = |key: &str| {
        let pairs = meta.key_value_metadata().into_iter().flatten();
        pairs
            .filter(|pair| pair.key == key)
            .find_map(|pair| pair.value.clone())
    };
    if said("annexa.job_id").as_deref() != Some(about.job_id.as_str()) {
        return Err("says that it is of another job".to_string());
    }
    let rows = RowIter::from_file_into(Box::new(reader));
    Ok(Rows::Parquet(Box::new(rows)))
}

fn spreadsheet(place: &Place, columns: &ResultColumns, name: &str) -> Result<Rows, String> {
    let mut reader = place.store.reader(place.blob(name), None);
    let mut mark = [0; 3];
    let has_mark = reader.read_exact(&mut mark).is_ok() && mark == BOM;
    let mut rows = ReaderBuilder::new().has_headers(false).from_reader(reader);
    let header: ByteRecord = columns.names().iter().map(String::as_bytes).collect();
    let mut found = ByteRecord::new();
    let is_read = rows.read_byte_record(&mut found).unwrap_or(false);
    match has_mark && is_read && found == *safe_record(&header).0.as_byte_record() {
        true => Ok(Rows::Spreadsheet(rows, found)),
        false => Err("has another header than results.csv".to_string()),
    }
}

/// The next line without its end; none: that was the last one. A line without an end is damaged.
fn next_line(lines: &mut BufReader<BlobReader>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if lines.take(MOST_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    match line.pop() {
        Some(b'\n') => Ok(Some(line)),
        _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Whether a row of Parquet says what the row of results.csv says.
fn is_same(found: &Row, columns: &[Column], record: &ByteRecord, position: u64) -> bool {
    let mut fields = found.get_column_iter().enumerate();
    found.len() == columns.len()
        && fields.all(|(at, (_, field))| {
            let due = value(&columns[at], record, at, position);
            match (field, due) {
                (Field::Null, Ok(Value::Null)) => true,
                (
                    Field::Str(found),
                    Ok(Value::Text(due) | Value::Words(due) | Value::List(due)),
                ) => found == due,
                (Field::Long(found), Ok(Value::Whole(due))) => *found == due,
                (Field::Int(found), Ok(Value::Whole(due))) => i64::from(*found) == due,
                (Field::Double(found), Ok(Value::Share(due))) => *found == due,
                (Field::Bool(found), Ok(Value::Flag(due))) => *found == due,
                (Field::Decimal(found), Ok(Value::Nano(due))) => {
                    found.scale() == 9 && found.data() == due.to_be_bytes()
                }
                _ => false,
            }
        })
}
