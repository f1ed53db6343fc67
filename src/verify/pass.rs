//! The pass over the results: every row goes by every check that looks at rows.

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::forms::FormReader;
use super::report::Notes;
use super::row::RowCheck;
use super::source::BlobReader;
use super::summary::Sums;
use super::{Check, Known, Place, files, summary};
use crate::core::outcome::Outcome;
use crate::results::formats::typed;
use crate::results::{ResultColumns, ResultRow};

/// The kind of error of rows whose chunk was given up.
const GIVEN_UP: &str = "chunk_given_up";

pub(super) fn check(place: &Place, known: &Known, notes: &mut Notes) {
    let name = known.results();
    let mut reader = open(place, &name);
    let Some(columns) = columns_of(&mut reader, known) else {
        notes.problem(
            Check::Columns,
            format!("{name} has other columns than a job with this spec writes"),
        );
        return;
    };
    let count = columns.names().len();
    let of_input = columns.input_columns();
    notes.looked(
        Check::Columns,
        format!("{count} columns, {of_input} of them the input's"),
    );
    let mut order = Order::new(known);
    let mut chunks = Chunks::new(place, known, &columns);
    let mut failures = Failures::new(place, known, &columns, notes);
    let mut rows = RowCheck::new(place, known, &columns, notes);
    let mut sums = Sums::new(&columns, &known.owner.spec);
    let mut forms = forms(place, known, &columns, notes);
    let typed = typed(&columns);
    let mut record = ByteRecord::new();
    let at_row = columns.own("row").expect("every result has this column");
    let mut position = 0;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => {
                notes.problem(
                    Check::Columns,
                    format!("{name} is damaged behind its row {position}"),
                );
                break;
            }
        }
        position += 1;
        let number = number(&record, at_row);
        let row = number.unwrap_or(position);
        order.row(number, position, notes);
        chunks.row(row, &record, notes);
        failures.row(row, rows.outcome(&record), &record, notes);
        rows.row(row, &record, notes);
        sums.row(row, &record, notes);
        for form in &mut forms {
            form.row(row, position, &typed, &record, notes);
        }
    }
    order.end(known, position, notes);
    chunks.end(notes);
    failures.end(notes);
    rows.end(position, notes);
    for form in forms {
        form.end(notes);
    }
    summary::check_counts(known, &columns, sums, rows.terms(), notes);
}

/// A CSV of ours, from its beginning.
pub(super) fn open(place: &Place, name: &str) -> Reader<BlobReader> {
    ReaderBuilder::new()
        .has_headers(false)
        .buffer_capacity(1 << 18)
        .from_reader(place.store.reader(place.blob(name), None))
}

/// Reads the header; none: it is not that of a job with this spec.
pub(super) fn columns_of(reader: &mut Reader<BlobReader>, known: &Known) -> Option<ResultColumns> {
    let mut header = ByteRecord::new();
    reader.read_byte_record(&mut header).ok()?;
    let names: Option<Vec<String>> = header
        .iter()
        .map(|name| String::from_utf8(name.to_vec()).ok())
        .collect();
    ResultColumns::of_header(&names?, &known.owner.spec)
}

/// The number of a row; none: what stands there is no number.
pub(super) fn number(record: &ByteRecord, at: usize) -> Option<u64> {
    std::str::from_utf8(record.get(at)?).ok()?.parse().ok()
}

fn forms(
    place: &Place,
    known: &Known,
    columns: &ResultColumns,
    notes: &mut Notes,
) -> Vec<FormReader> {
    let there = known.files.iter();
    let forms: Vec<FormReader> = there
        .filter_map(|name| Some((name, files::form_of(known, name)?)))
        .filter_map(|(name, format)| FormReader::open(place, known, columns, name, format, notes))
        .collect();
    let names: Vec<&str> = forms.iter().map(FormReader::name).collect();
    for format in &known.owner.spec.formats {
        let name = format!("{}{}", known.stem, format.suffix());
        let is_due = known.manifest.status.starts_with("COMPLETED");
        notes.expect(Check::Forms, !is_due || known.has(&name), || {
            format!("{name} is not there, and the job's spec asks for it")
        });
    }
    let said = match names.is_empty() {
        true => "results.csv alone".to_string(),
        false => format!("{} hold the same rows", names.join(", ")),
    };
    notes.looked(Check::Forms, said);
    forms
}

/// Rows 1 to N, each once, in order; of a stopped job some may be missing.
struct Order {
    is_partial: bool,
    last: u64,
}

impl Order {
    fn new(known: &Known) -> Order {
        Order {
            is_partial: known.is_partial(),
            last: 0,
        }
    }

    fn row(&mut self, number: Option<u64>, position: u64, notes: &mut Notes) {
        let Some(number) = number else {
            notes.problem(
                Check::RowOrder,
                format!("the {position}th row has no number"),
            );
            return;
        };
        let due = self.last + 1;
        let is_good = match self.is_partial {
            true => number >= due,
            false => number == due,
        };
        notes.expect(Check::RowOrder, is_good, || {
            format!("row {number} stands where row {due} is due")
        });
        self.last = number;
    }

    fn end(self, known: &Known, rows: u64, notes: &mut Notes) {
        let due = known.summary.as_ref().map(|summary| summary.total_records);
        let is_whole = self.is_partial || due.is_none_or(|due| due == rows);
        notes.expect(Check::RowOrder, is_whole, || {
            let due = due.unwrap_or_default();
            format!("{rows} rows, and the input had {due}")
        });
        let said = match (self.is_partial, rows) {
            (true, _) => format!("{rows} rows of a stopped job, in order"),
            (false, 0) => "no rows".to_string(),
            (false, rows) => format!("{rows} rows, 1 to {rows}, each once"),
        };
        notes.looked(Check::RowOrder, said);
    }
}

/// The rows of the chunk files, one behind the other.
struct Chunks<'p> {
    place: &'p Place,
    names: std::vec::IntoIter<String>,
    current: Option<(String, Reader<BlobReader>)>,
    header: ByteRecord,
    next: Option<(u64, ByteRecord)>,
    at_row: usize,
    at_outcome: usize,
    at_error: usize,
    given_up: u64,
    may_give_up: bool,
    files: usize,
}

impl<'p> Chunks<'p> {
    fn new(place: &'p Place, known: &Known, columns: &ResultColumns) -> Chunks<'p> {
        let own = |name| columns.own(name).expect("every result has this column");
        let names: Vec<String> = known
            .manifest
            .chunks
            .iter()
            .map(|entry| entry.name.clone())
            .collect();
        let quarantined = known
            .summary
            .as_ref()
            .map(|summary| summary.chunks.quarantined);
        Chunks {
            place,
            files: names.len(),
            names: names.into_iter(),
            current: None,
            header: columns.names().iter().map(String::as_bytes).collect(),
            next: None,
            at_row: own("row"),
            at_outcome: own("outcome"),
            at_error: own("error"),
            given_up: 0,
            may_give_up: quarantined.is_none_or(|chunks| chunks > 0),
        }
    }

    /// Has the next row of the chunk files ready, if there is one.
    fn peek(&mut self, notes: &mut Notes) {
        while self.next.is_none() {
            if self.current.is_none() {
                let Some(name) = self.names.next() else {
                    return;
                };
                let mut reader = open(self.place, &name);
                let mut header = ByteRecord::new();
                match reader.read_byte_record(&mut header) {
                    Ok(true) if header == self.header => self.current = Some((name, reader)),
                    _ => notes.problem(
                        Check::ChunkRows,
                        format!("{name} has other columns than the results"),
                    ),
                }
                continue;
            }
            let Some((name, reader)) = &mut self.current else {
                return;
            };
            let mut record = ByteRecord::new();
            match reader.read_byte_record(&mut record) {
                Ok(true) => match number(&record, self.at_row) {
                    Some(row) => self.next = Some((row, record)),
                    None => notes.problem(
                        Check::ChunkRows,
                        format!("{name} has a row without a number"),
                    ),
                },
                Ok(false) => self.current = None,
                Err(_) => {
                    notes.problem(Check::ChunkRows, format!("{name} is damaged"));
                    self.current = None;
                }
            }
        }
    }

    fn row(&mut self, row: u64, record: &ByteRecord, notes: &mut Notes) {
        loop {
            self.peek(notes);
            match &self.next {
                Some((number, _)) if *number < row => {
                    notes.problem(
                        Check::ChunkRows,
                        format!("row {number} of a chunk file is not in the results"),
                    );
                    self.next = None;
                }
                Some((number, theirs)) if *number == row => {
                    notes.expect(Check::ChunkRows, theirs == record, || {
                        format!("row {row} is another one in its chunk file")
                    });
                    self.next = None;
                    return;
                }
                _ => break,
            }
        }
        let error = String::from_utf8_lossy(record.get(self.at_error).unwrap_or_default());
        let is_given_up = record.get(self.at_outcome) == Some(Outcome::Failed.name().as_bytes())
            && ResultRow::error_kind(&error) == GIVEN_UP;
        self.given_up += u64::from(is_given_up);
        notes.expect(Check::ChunkRows, is_given_up && self.may_give_up, || {
            format!("row {row} is in no chunk file, and its chunk was not given up")
        });
    }

    fn end(mut self, notes: &mut Notes) {
        self.peek(notes);
        while let Some((row, _)) = self.next.take() {
            notes.problem(
                Check::ChunkRows,
                format!("row {row} of a chunk file is not in the results"),
            );
            self.peek(notes);
        }
        let files = self.files;
        let said = match self.given_up {
            0 => format!("the rows of {files} chunk files, one behind the other"),
            rows => format!("the rows of {files} chunk files, and {rows} of chunks given up"),
        };
        notes.looked(Check::ChunkRows, said);
    }
}

/// The failures, which are the failed rows.
struct Failures {
    name: String,
    reader: Option<Reader<BlobReader>>,
    rows: u64,
}

impl Failures {
    fn new(place: &Place, known: &Known, columns: &ResultColumns, notes: &mut Notes) -> Failures {
        let name = known.results().replacen("results", "failures", 1);
        let reader = known.has(&name).then(|| open(place, &name));
        let mut failures = Failures {
            name,
            reader,
            rows: 0,
        };
        let header: ByteRecord = columns.names().iter().map(String::as_bytes).collect();
        let found = failures.next(notes);
        notes.expect(Check::Failures, found.as_ref() == Some(&header), || {
            format!(
                "{} is not there, or has other columns than the results",
                failures.name
            )
        });
        failures
    }

    fn next(&mut self, notes: &mut Notes) -> Option<ByteRecord> {
        let mut record = ByteRecord::new();
        match self.reader.as_mut()?.read_byte_record(&mut record) {
            Ok(is_there) => is_there.then_some(record),
            Err(_) => {
                notes.problem(Check::Failures, format!("{} is damaged", self.name));
                self.reader = None;
                None
            }
        }
    }

    fn row(&mut self, row: u64, outcome: Option<Outcome>, record: &ByteRecord, notes: &mut Notes) {
        if outcome != Some(Outcome::Failed) || self.reader.is_none() {
            return;
        }
        self.rows += 1;
        let found = self.next(notes);
        notes.expect(Check::Failures, found.as_ref() == Some(record), || {
            format!(
                "row {row} failed, and {} has another row in its place, or none",
                self.name
            )
        });
    }

    fn end(mut self, notes: &mut Notes) {
        let is_more = self.next(notes).is_some();
        notes.expect(Check::Failures, !is_more, || {
            format!("{} has rows that did not fail", self.name)
        });
        notes.looked(Check::Failures, format!("{} failed rows", self.rows));
    }
}
