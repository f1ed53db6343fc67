//! The input: that it is the one that was read, and that its columns came out as they were.

use std::io;

use csv::ByteRecord;

use super::pass::{columns_of, number, open};
use super::report::Notes;
use super::{Check, InputPlace, Known, Place};
use crate::core::spec::{BlobRef, JobSpec};
use crate::records::{self, InputOptions, RowReader, StreamError, visit_chunks};
use crate::results::ResultColumns;

/// The input where it is, in the version that was read.
pub(super) struct Found {
    blob: BlobRef,
    version: Option<String>,
}

/// Looks for the input, and whether it is the one of the job.
pub(super) fn find(place: &Place, known: &Known, notes: &mut Notes) -> Option<Found> {
    let (spec, entry) = (&known.owner.spec, &known.manifest.input);
    let found = match &place.input {
        InputPlace::Named(blob) | InputPlace::Perhaps(blob) => Found {
            blob: blob.clone(),
            version: None,
        },
        InputPlace::OfSpec => Found {
            blob: spec.input(),
            // A digest is no version that a store knows; the content is compared with it.
            version: Some(spec.input_version.clone())
                .filter(|version| !version.starts_with("sha256:")),
        },
    };
    let is_named = matches!(place.input, InputPlace::Named(_));
    let digest = place
        .store
        .digest(found.blob.clone(), found.version.clone());
    let shown = &found.blob.key;
    match digest {
        Err(error) if is_named => {
            notes.problem(Check::Input, format!("{shown} cannot be read: {error}"));
            None
        }
        Err(_) => {
            // Who checks outputs need not be allowed to read the input.
            place.store.pass_over_refusal();
            notes.skip(
                Check::Input,
                format!("'{shown}' is not found, or may not be read: name it with --input FILE"),
            );
            None
        }
        Ok(_) if entry.sha256.is_empty() => {
            notes.skip(
                Check::Input,
                "the manifest has no SHA-256 of it: it was gone when the job ended",
            );
            None
        }
        Ok((bytes, sha256)) if (bytes, &sha256) == (entry.bytes, &entry.sha256) => {
            notes.looked(Check::Input, format!("'{shown}', {bytes} bytes"));
            Some(found)
        }
        Ok(_) if is_named => {
            notes.problem(
                Check::Input,
                format!("'{shown}' is not the file that the job read"),
            );
            None
        }
        Ok(_) => {
            notes.skip(
                Check::Input,
                format!(
                    "'{shown}' is another file now: name the one that was coded with --input FILE"
                ),
            );
            None
        }
    }
}

/// How the job read its input.
fn options(spec: &JobSpec) -> InputOptions {
    InputOptions {
        id_column: spec.id_column.clone(),
        text_column: spec.text_column.clone(),
        encoding: spec.encoding.clone(),
        max_record_bytes: usize::try_from(spec.max_record_bytes).unwrap_or(usize::MAX),
        chunk_rows: spec.chunk_rows,
    }
}

/// Compares the input's columns of every row with the input.
pub(super) fn check_columns(place: &Place, known: &Known, input: Option<Found>, notes: &mut Notes) {
    let Some(input) = input else {
        notes.skip(Check::InputColumns, "the input is not at hand");
        return;
    };
    let mut results = open(place, &known.results());
    let Some(columns) = columns_of(&mut results, known) else {
        return;
    };
    let mut walk = Walk {
        results,
        at_row: columns.own("row").expect("every result has this column"),
        of_input: columns.input_columns(),
        next: None,
        is_partial: known.is_partial(),
        rows: 0,
    };
    match walk.along(place, known, &columns, &input, notes) {
        Ok(()) => {
            let (columns, rows) = (walk.of_input, walk.rows);
            notes.looked(
                Check::InputColumns,
                format!("{columns} columns of {rows} rows are those of the input"),
            );
        }
        Err(error) => notes.problem(
            Check::InputColumns,
            format!("the input cannot be read as the job read it: {error}"),
        ),
    }
}

struct Walk {
    results: csv::Reader<super::source::BlobReader>,
    at_row: usize,
    of_input: usize,
    next: Option<(u64, ByteRecord)>,
    is_partial: bool,
    rows: u64,
}

impl Walk {
    fn along(
        &mut self,
        place: &Place,
        known: &Known,
        columns: &ResultColumns,
        input: &Found,
        notes: &mut Notes,
    ) -> Result<(), StreamError> {
        let spec = &known.owner.spec;
        let source = place
            .store
            .reader(input.blob.clone(), input.version.clone());
        let opened = records::open(source, &options(spec))?;
        let layout = opened.layout;
        if layout.columns != columns.names()[..self.of_input] {
            notes.problem(
                Check::InputColumns,
                "the results have other columns of the input than the input has",
            );
            return Ok(());
        }
        visit_chunks(opened.text, &layout, spec.chunk_rows, |range, bytes| {
            for row in RowReader::new(bytes, &layout, range) {
                self.row(row.number, &row.fields, notes)
                    .map_err(|source| StreamError::Io {
                        byte: row.byte,
                        source,
                    })?;
            }
            Ok::<(), StreamError>(())
        })?;
        Ok(())
    }

    fn row(&mut self, row: u64, fields: &[String], notes: &mut Notes) -> io::Result<()> {
        self.rows += 1;
        // Rows that are not in their place are told by another check; here each is compared with its own.
        while self.next.as_ref().is_none_or(|(number, _)| *number < row) {
            // The record that was compared last takes in the next one.
            let mut record = self
                .next
                .take()
                .map_or_else(ByteRecord::new, |(_, own)| own);
            if !self.results.read_byte_record(&mut record)? {
                break;
            }
            self.next = number(&record, self.at_row).map(|number| (number, record));
        }
        match &self.next {
            Some((number, record)) if *number == row => {
                let is_same = record
                    .iter()
                    .take(self.of_input)
                    .eq(fields.iter().map(String::as_bytes));
                notes.expect(Check::InputColumns, is_same, || {
                    format!("row {row} has other values than the input has")
                });
            }
            _ => notes.expect(Check::InputColumns, self.is_partial, || {
                format!("row {row} of the input is not in the results, or not in its place")
            }),
        }
        Ok(())
    }
}
