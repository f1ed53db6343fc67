//! The pass over the results: every row goes by every check that looks at rows.

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::beside::{Chunks, Failures};
use super::forms::FormReader;
use super::report::Notes;
use super::row::RowCheck;
use super::source::BlobReader;
use super::summary::Sums;
use super::{Check, Known, Place, files, summary};
use crate::results::ResultColumns;
use crate::results::formats::typed;

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
    let mut sums = Sums::new(&columns);
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
    let mut missing = Vec::new();
    for format in &known.owner.spec.formats {
        let name = format!("{}{}", known.stem, format.suffix());
        let outputs = &known.manifest.outputs;
        let is_written = outputs.iter().any(|entry| entry.name == name);
        notes.expect(Check::Forms, !is_written || known.has(&name), || {
            format!("{name} is not there, and the job has written it")
        });
        if !is_written && !known.has(&name) {
            missing.push(name);
        }
    }
    let mut said = match names.is_empty() {
        true => "results.csv alone".to_string(),
        false => format!("{} hold the same rows", names.join(", ")),
    };
    if !missing.is_empty() {
        let missing = missing.join(", ");
        said.push_str(&format!(
            "; the job could not write {missing} (annexa export tries again)"
        ));
    }
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
        // Of a row with the last number that there is, none is due after it.
        let due = self.last.saturating_add(1);
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
