//! Reads the rows of one chunk again from the chunk's bytes alone.
//!
//! The boundary search finds the records, csv-core (the parser of the `csv` crate) reads their fields.

use csv_core::ReadRecordResult;

use super::header::Layout;
use super::machine::{Broken, Event, Machine, QUOTE, Window};
use super::row::{Row, RowFault, RowFlag};
use super::scanner::ChunkRange;

/// Of a line that is too long, the fields that end within this many bytes are read (the id is most often the first).
const LONG_LINE_BYTES: u64 = 4096;

/// The bytes do not hold the rows that the range promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "chunk {chunk} (bytes {start} to {end}): found {found} rows where the scan had found {expected}; the input has changed since it was scanned, start the job again on the file as it is now"
)]
pub struct ChunkMismatch {
    /// The chunk's number.
    pub chunk: u32,
    /// Its first byte.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// Rows that its bytes hold.
    pub found: u64,
    /// Rows that its range promises.
    pub expected: u32,
}

/// All rows of a chunk. `bytes` are the file's from `range.start` on: the range's, or its first [`ChunkRange::read_bytes`].
///
/// # Errors
/// When the bytes hold more or fewer rows than the scan found: the file is not the one that was scanned.
pub fn read_chunk(
    bytes: &[u8],
    layout: &Layout,
    range: &ChunkRange,
) -> Result<Vec<Row>, ChunkMismatch> {
    let rows: Vec<Row> = RowReader::new(bytes, layout, range).collect();
    let found = rows.len() as u64;
    if found != u64::from(range.rows) {
        return Err(ChunkMismatch {
            chunk: range.chunk,
            start: range.start,
            end: range.end,
            found,
            expected: range.rows,
        });
    }
    Ok(rows)
}

/// The rows of one chunk, in order.
pub struct RowReader<'a> {
    bytes: &'a [u8],
    layout: &'a Layout,
    base: u64,
    next_number: u64,
    machine: Machine,
    fields: FieldReader,
}

impl<'a> RowReader<'a> {
    /// A reader over the bytes of `range`: all of them, or the first [`ChunkRange::read_bytes`].
    pub fn new(bytes: &'a [u8], layout: &'a Layout, range: &ChunkRange) -> Self {
        RowReader {
            bytes,
            layout,
            base: range.start,
            next_number: range.first_row,
            machine: Machine::new(layout.delimiter, layout.max_record_bytes, range.start),
            fields: FieldReader::new(layout.delimiter),
        }
    }

    /// Reads the next row into `row`, whose memory is used again; false after the last one.
    pub fn read_into(&mut self, row: &mut Row) -> bool {
        let window = Window {
            base: self.base,
            bytes: self.bytes,
            at_end: true,
        };
        let (start, end, broken) = match self.machine.next(&window) {
            Event::More => return false,
            Event::Record { start, end } => (start, end, None),
            Event::Failed { start, end, why } => {
                let longest = LONG_LINE_BYTES.min(self.layout.max_record_bytes);
                (start, end.unwrap_or(start + longest), Some(why))
            }
        };
        row.number = self.next_number;
        row.byte = start;
        self.next_number += 1;
        let record = &self.bytes[(start - self.base) as usize..(end - self.base) as usize];
        self.fields.read(record, broken);
        self.fill(row, broken);
        true
    }

    fn fill(&self, row: &mut Row, broken: Option<Broken>) {
        let columns = &self.layout.columns;
        let found = self.fields.len();
        let mut replaced = false;
        row.fields.resize_with(columns.len(), String::new);
        row.extra.clear();
        row.flags.clear();
        for (i, value) in row.fields.iter_mut().enumerate() {
            value.clear();
            if i < found {
                replaced |= decode(self.fields.get(i), value);
            }
        }
        for i in columns.len()..found {
            let mut value = String::new();
            replaced |= decode(self.fields.get(i), &mut value);
            row.extra.push(value);
        }
        row.fault = match broken {
            Some(why) => Some(RowFault::broken(
                why,
                row.number,
                row.byte,
                self.layout.max_record_bytes,
            )),
            None => self.missing(row, found),
        };
        let whole = broken.is_none();
        let id_index = self.layout.id_index;
        let id_is_empty = id_index < found && row.fields[id_index].trim().is_empty();
        let header_again = row.fault.is_none()
            && [id_index, self.layout.text_index]
                .iter()
                .all(|&i| row.fields[i] == columns[i]);
        for (flag, set) in [
            (RowFlag::RaggedShort, whole && found < columns.len()),
            (RowFlag::RaggedLong, whole && found > columns.len()),
            (RowFlag::BadBytesReplaced, replaced),
            (RowFlag::EmptyId, id_is_empty),
            (RowFlag::RepeatedHeader, header_again),
        ] {
            if set {
                row.flags.push(flag);
            }
        }
    }

    fn missing(&self, row: &Row, found: usize) -> Option<RowFault> {
        let (id, text) = (self.layout.id_index, self.layout.text_index);
        let (what, index) = if id >= found {
            ("id", id)
        } else if text >= found {
            ("text", text)
        } else {
            return None;
        };
        Some(RowFault::IdOrTextMissing {
            row: row.number,
            byte: row.byte,
            found,
            expected: self.layout.columns.len(),
            what,
            column: self.layout.columns[index].clone(),
            position: index + 1,
        })
    }
}

impl Iterator for RowReader<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let mut row = Row::default();
        self.read_into(&mut row).then_some(row)
    }
}

/// Appends a field as text; true if it holds U+FFFD, which stands for lost bytes here or in an earlier step.
fn decode(bytes: &[u8], into: &mut String) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            into.push_str(text);
            memchr::memmem::find(bytes, "\u{FFFD}".as_bytes()).is_some()
        }
        Err(_) => {
            into.push_str(&String::from_utf8_lossy(bytes));
            true
        }
    }
}

/// Reads the fields of one record after another.
pub(crate) struct FieldReader {
    reader: csv_core::Reader,
    output: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
}

impl FieldReader {
    pub fn new(delimiter: u8) -> Self {
        let reader = csv_core::ReaderBuilder::new()
            .delimiter(delimiter)
            .quote(QUOTE)
            .build();
        let mut fields = FieldReader {
            reader,
            output: Vec::new(),
            ends: vec![0; 16],
            len: 0,
        };
        fields.restart();
        fields
    }

    /// Puts the reader between two records (its `Clone` cannot be used for that: in csv-core 0.1.13 a clone loses its states).
    fn restart(&mut self) {
        self.reader.reset();
        // A reader drops a byte order mark at the start of its input. A chunk may start with these bytes as data, so the
        // start is taken here, with an empty line.
        let _ = self.reader.read_record(b"\n", &mut [0], &mut [0]);
    }

    /// Reads the fields of `record`, which has no line ending. Of a broken record only complete fields are kept.
    pub fn read(&mut self, record: &[u8], broken: Option<Broken>) {
        if self.output.len() <= record.len() {
            self.output.resize(record.len() + 1, 0);
        }
        self.len = 0;
        let mut written = 0;
        let mut rest = record;
        // The line ending closes the last field; where a quote is open it does not, and the end of the input must.
        let mut closers: [&[u8]; 2] = [b"", b"\n"];
        let mut left = 2;
        loop {
            let (result, read, out, ends) = self.reader.read_record(
                rest,
                &mut self.output[written..],
                &mut self.ends[self.len..],
            );
            rest = &rest[read..];
            written += out;
            self.len += ends;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::End => break,
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty => {
                    left -= 1;
                    rest = std::mem::take(&mut closers[left]);
                }
            }
        }
        if broken.is_some() {
            // The last field is the one that is not complete.
            self.len = self.len.saturating_sub(1);
            self.restart();
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.output[start..self.ends[i]]
    }
}
