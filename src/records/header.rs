//! The head of a file: what is refused at once, the delimiter, the columns, and where the data starts.

use super::columns::{find_columns, refuse_duplicates};
use super::dialect::{DELIMITERS, Terminator, delimiter_name};
use super::error::InputError;
use super::machine::{Event, Machine, Window};
use super::normalise::encoding_of;
use super::rows::FieldReader;
use super::sniff::{BOM, refuse_what_is_no_csv};
use crate::core::spec::defaults::{ID_COLUMN, TEXT_COLUMN};

/// The most that a record may have, in bytes: 1 MiB.
pub const DEFAULT_MAX_RECORD_BYTES: usize = 1 << 20;
/// Rows in a chunk.
pub const DEFAULT_CHUNK_ROWS: u32 = 100;
/// How much of a file [`layout`] should be given, if it has that much: a header of the maximum size and what stands before it.
pub const HEAD_BYTES: usize = DEFAULT_MAX_RECORD_BYTES + 64 * 1024;
/// The version of the rules by which a file is cut into records and chunks. It changes whenever a file could be cut otherwise than before.
pub const SCANNER_VERSION: u32 = 1;

/// A chunk ends before the first record that starts this many maximum records after the chunk's start.
const CHUNK_LIMIT_RECORDS: u64 = 8;

/// What the user says about the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputOptions {
    /// The id column; without it `id`.
    pub id_column: Option<String>,
    /// The text column; without it `mdr_text`.
    pub text_column: Option<String>,
    /// The encoding, by a label of the WHATWG Encoding Standard; without it UTF-8.
    pub encoding: Option<String>,
    /// The most that a record may have, in bytes, its line ending not counted.
    pub max_record_bytes: usize,
    /// The most rows that a chunk may have.
    pub chunk_rows: u32,
}

impl Default for InputOptions {
    fn default() -> Self {
        InputOptions {
            id_column: None,
            text_column: None,
            encoding: None,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            chunk_rows: DEFAULT_CHUNK_ROWS,
        }
    }
}

impl InputOptions {
    pub(crate) fn id_name(&self) -> &str {
        self.id_column.as_deref().unwrap_or(ID_COLUMN)
    }

    pub(crate) fn text_name(&self) -> &str {
        self.text_column.as_deref().unwrap_or(TEXT_COLUMN)
    }
}

pub use crate::core::plan::Layout;

impl Layout {
    /// A record that starts this many bytes or more after a chunk's start opens the next chunk, so that long records make
    /// chunks of fewer rows instead of chunks that do not fit in memory.
    pub fn chunk_limit_bytes(&self) -> u64 {
        self.max_record_bytes
            .saturating_mul(CHUNK_LIMIT_RECORDS)
            .max(1)
    }

    /// The delimiter's name to show: `comma`, `semicolon` or `tab`.
    pub fn delimiter_name(&self) -> &'static str {
        delimiter_name(self.delimiter)
    }
}

/// Reads the head of UTF-8 input: its first [`HEAD_BYTES`] or more, or all of it (`at_end`).
///
/// # Errors
/// Every [`InputError`] but those of unpacking: the input is empty, is no CSV text, or has no usable header.
pub fn layout(head: &[u8], at_end: bool, opts: &InputOptions) -> Result<Layout, InputError> {
    encoding_of(opts.encoding.as_deref())?;
    refuse_what_is_no_csv(head)?;
    let bom = head.starts_with(BOM);
    let body_start = if bom { BOM.len() } else { 0 };
    if at_end && head[body_start..].trim_ascii().is_empty() {
        return Err(InputError::Empty {
            id: opts.id_name().to_owned(),
            text: opts.text_name().to_owned(),
        });
    }
    let mut best: Option<Header> = None;
    let mut first_error = None;
    for delimiter in DELIMITERS {
        match read_header(head, body_start, at_end, delimiter, opts) {
            Ok(header) if best.as_ref().is_none_or(|b| header.beats(b)) => best = Some(header),
            Ok(_) => {}
            Err(e) => first_error = first_error.or(Some(e)),
        }
    }
    let header = match (best, first_error) {
        // One column is what every wrong delimiter gives; the error of the right one says more.
        (Some(header), Some(error)) if header.found.is_err() && header.columns.len() == 1 => {
            return Err(error);
        }
        (Some(header), _) => header,
        (None, Some(error)) => return Err(error),
        (None, None) => unreachable!("every delimiter gives a header or an error"),
    };
    if is_separator_line(&head[body_start..header.end]) {
        return Err(InputError::SeparatorLine);
    }
    let (id_index, text_index) = header.found?;
    refuse_duplicates(&header.columns)?;
    if id_index == text_index {
        return Err(InputError::SameColumn {
            column: opts.id_name().to_owned(),
        });
    }
    let terminator = Terminator::at(&head[header.end..]);
    let data_start_byte = (header.end as u64 + terminator.bytes()).min(head.len() as u64);
    Ok(Layout {
        delimiter: header.delimiter,
        bom,
        terminator,
        columns: header.columns,
        id_index,
        text_index,
        data_start_byte,
        scanner_version: SCANNER_VERSION,
        max_record_bytes: opts.max_record_bytes as u64,
    })
}

/// The header as one delimiter gives it.
struct Header {
    delimiter: u8,
    columns: Vec<String>,
    /// Where its record ends, line ending not counted.
    end: usize,
    found: Result<(usize, usize), InputError>,
}

impl Header {
    /// Whether this is the better reading: it has the columns that are needed, or else it has more columns.
    fn beats(&self, other: &Header) -> bool {
        let rank = |h: &Header| (h.found.is_ok(), h.columns.len());
        rank(self) > rank(other)
    }
}

/// `sep=;` and the like, as Excel writes and reads it.
fn is_separator_line(header: &[u8]) -> bool {
    let line = header.trim_ascii().to_ascii_lowercase();
    line.starts_with(b"sep=") && line.len() <= 5
}

fn read_header(
    head: &[u8],
    body_start: usize,
    at_end: bool,
    delimiter: u8,
    opts: &InputOptions,
) -> Result<Header, InputError> {
    let window = Window {
        base: 0,
        bytes: head,
        at_end,
    };
    let mut machine = Machine::new(delimiter, opts.max_record_bytes as u64, body_start as u64);
    let (start, end) = match machine.next(&window) {
        Event::Record { start, end } => (start as usize, end as usize),
        Event::Failed { start, .. } => return Err(not_closed(start, head, opts)),
        Event::More => {
            let start = machine.record_start().unwrap_or(body_start as u64);
            return Err(not_closed(start, head, opts));
        }
    };
    let mut reader = FieldReader::new(delimiter);
    reader.read(&head[start..end], None);
    let mut columns = Vec::with_capacity(reader.len());
    for i in 0..reader.len() {
        match std::str::from_utf8(reader.get(i)) {
            Ok(name) => columns.push(name.to_owned()),
            Err(_) => {
                let good = std::str::from_utf8(&head[start..end])
                    .map_or_else(|e| e.valid_up_to(), str::len);
                return Err(InputError::HeaderNotUtf8 {
                    byte: (start + good) as u64,
                });
            }
        }
    }
    let found = find_columns(&columns, delimiter, opts);
    Ok(Header {
        delimiter,
        columns,
        end,
        found,
    })
}

fn not_closed(start: u64, head: &[u8], opts: &InputOptions) -> InputError {
    let seen = head.len() as u64 - start;
    InputError::HeaderNotClosed {
        byte: start,
        limit_bytes: seen.min(opts.max_record_bytes as u64),
    }
}
