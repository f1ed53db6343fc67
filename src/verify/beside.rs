//! Files that hold rows of the results once more: chunk files and failures. They are read along with the results.

use std::collections::BTreeSet;

use csv::{ByteRecord, Reader};

use super::pass::{number, open};
use super::report::Notes;
use super::source::BlobReader;
use super::{Check, Known, Place};
use crate::core::outcome::Outcome;
use crate::results::{ResultColumns, ResultRow};

/// The kind of error of rows whose chunk was given up.
const GIVEN_UP: &str = "chunk_given_up";

/// The rows of the chunk files, one behind the other.
pub(super) struct Chunks<'p> {
    place: &'p Place,
    names: std::vec::IntoIter<String>,
    current: Option<(String, Reader<BlobReader>)>,
    header: ByteRecord,
    next: Option<(u64, ByteRecord)>,
    /// A record that was compared: the next one is read into it.
    spare: ByteRecord,
    at_row: usize,
    at_outcome: usize,
    at_error: usize,
    given_up: u64,
    may_give_up: bool,
    files: usize,
}

impl<'p> Chunks<'p> {
    pub(super) fn new(place: &'p Place, known: &Known, columns: &ResultColumns) -> Chunks<'p> {
        let own = |name| columns.own(name).expect("every result has this column");
        // Those that are not there are told by the check of the chunks' digests.
        let there: BTreeSet<&str> = known.files.iter().map(String::as_str).collect();
        let names: Vec<String> = known
            .manifest
            .chunks
            .iter()
            .filter(|entry| there.contains(entry.name.as_str()))
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
            spare: ByteRecord::new(),
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
            let mut record = std::mem::take(&mut self.spare);
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

    pub(super) fn row(&mut self, row: u64, record: &ByteRecord, notes: &mut Notes) {
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
                    self.spare = self
                        .next
                        .take()
                        .map(|(_, record)| record)
                        .unwrap_or_default();
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

    pub(super) fn end(mut self, notes: &mut Notes) {
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
pub(super) struct Failures {
    name: String,
    reader: Option<Reader<BlobReader>>,
    record: ByteRecord,
    rows: u64,
}

impl Failures {
    pub(super) fn new(
        place: &Place,
        known: &Known,
        columns: &ResultColumns,
        notes: &mut Notes,
    ) -> Failures {
        let name = known.results().replacen("results", "failures", 1);
        let reader = known.has(&name).then(|| open(place, &name));
        let mut failures = Failures {
            name,
            reader,
            record: ByteRecord::new(),
            rows: 0,
        };
        let header: ByteRecord = columns.names().iter().map(String::as_bytes).collect();
        let is_same = failures.next(notes) && failures.record == header;
        notes.expect(Check::Failures, is_same, || {
            format!(
                "{} is not there, or has other columns than the results",
                failures.name
            )
        });
        failures
    }

    /// Reads the next record; false: there is none.
    fn next(&mut self, notes: &mut Notes) -> bool {
        let Some(reader) = &mut self.reader else {
            return false;
        };
        reader
            .read_byte_record(&mut self.record)
            .unwrap_or_else(|_| {
                notes.problem(Check::Failures, format!("{} is damaged", self.name));
                self.reader = None;
                false
            })
    }

    pub(super) fn row(
        &mut self,
        row: u64,
        outcome: Option<Outcome>,
        record: &ByteRecord,
        notes: &mut Notes,
    ) {
        if outcome != Some(Outcome::Failed) || self.reader.is_none() {
            return;
        }
        self.rows += 1;
        let is_same = self.next(notes) && self.record == *record;
        notes.expect(Check::Failures, is_same, || {
            format!(
                "row {row} failed, and {} has another row in its place, or none",
                self.name
            )
        });
    }

    pub(super) fn end(mut self, notes: &mut Notes) {
        let is_more = self.next(notes);
        notes.expect(Check::Failures, !is_more, || {
            format!("{} has rows that did not fail", self.name)
        });
        notes.looked(Check::Failures, format!("{} failed rows", self.rows));
    }
}
