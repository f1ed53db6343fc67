//! results.spreadsheet.csv: a copy that can be opened in a spreadsheet without running what a report says.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` (also full-width, also behind white space), a tab or a
//! line end for a formula, or may; OWASP, "CSV Injection" (<https://owasp.org/www-community/attacks/CSV_Injection>), and
//! ASVS 5.0, 1.2.10, have such a cell begin with an apostrophe and every cell in quotation marks. Where a spreadsheet parts
//! cells at semicolons or tabs (Excel does in many languages), quotation marks do not protect what stands behind one inside a
//! cell; so what follows a semicolon, a tab or a line end is treated as the beginning of a cell.
//!
//! A byte order mark has Excel read UTF-8. Lines end as RFC 4180 says, with CR and LF. Excel holds 32,767 characters in a
//! cell; longer ones are cut and say so (<https://support.microsoft.com/en-us/office/1672b34d-7043-467e-8e27-269d656771c3>).

use csv::{ByteRecord, QuoteStyle, StringRecord, Terminator, Writer, WriterBuilder};

use crate::results::ResultColumns;

/// Rows that Excel holds on a sheet, the header among them.
pub const MOST_ROWS: u64 = 1_048_576;
/// UTF-16 units that Excel holds in a cell.
const MOST_UNITS: usize = 32_767;
/// UTF-16 units of a cell that is cut, so that what is said of it has room.
const KEPT_UNITS: usize = 32_700;

/// Bytes that are gathered at least before they are taken.
const TAKEN_BYTES: usize = 64 << 10;

const BOM: &[u8] = b"\xEF\xBB\xBF";

pub(super) struct SpreadsheetRows {
    csv: Writer<Vec<u8>>,
}

impl SpreadsheetRows {
    pub(super) fn new(columns: &ResultColumns) -> SpreadsheetRows {
        let mut rows = SpreadsheetRows {
            csv: writer(BOM.to_vec()),
        };
        let header: ByteRecord = columns.names().iter().map(String::as_bytes).collect();
        rows.row(&header);
        rows
    }

    /// Writes a row; how many of its cells were cut.
    pub(super) fn row(&mut self, record: &ByteRecord) -> u64 {
        let (safe, cut) = safe_record(record);
        self.csv
            .write_record(&safe)
            .expect("a buffer in memory takes every record");
        cut
    }

    /// Bytes once there are many.
    pub(super) fn take(&mut self) -> Vec<u8> {
        match self.csv.get_ref().len() < TAKEN_BYTES {
            true => Vec::new(),
            false => self.take_all(),
        }
    }

    /// All bytes.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        std::mem::replace(&mut self.csv, writer(Vec::new()))
            .into_inner()
            .expect("a buffer in memory can be flushed")
    }
}

fn writer(bytes: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .terminator(Terminator::CRLF)
        .from_writer(bytes)
}

/// A row with every cell neutralised, and how many of its cells were cut.
pub fn safe_record(record: &ByteRecord) -> (StringRecord, u64) {
    let mut cut = 0;
    let cell = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let safe = safe(&text);
        if safe.len() > MOST_UNITS
            && let Some(shorter) = shortened(&safe)
        {
            cut += 1;
            return shorter;
        }
        safe
    };
    let safe: StringRecord = record.iter().map(cell).collect();
    (safe, cut)
}

/// The cell with an apostrophe wherever a formula could begin.
fn safe(text: &str) -> String {
    if is_plain_negative(text) {
        return text.to_string();
    }
    let mut safe = String::with_capacity(text.len() + 2);
    let mut from = 0;
    loop {
        let piece = &text[from..];
        let end = piece.find(is_separator).map(|at| from + at + 1);
        if begins_badly(piece, from == 0) {
            safe.push('\'');
        }
        let Some(end) = end else {
            safe.push_str(piece);
            return safe;
        };
        safe.push_str(&text[from..end]);
        from = end;
    }
}

/// All of one byte.
fn is_separator(c: char) -> bool {
    matches!(c, ';' | '\t' | '\r' | '\n')
}

/// Whether a formula could begin here, behind what a spreadsheet may skip.
fn begins_badly(piece: &str, is_first: bool) -> bool {
    if is_first && piece.starts_with(['\t', '\r', '\n', '\0']) {
        return true;
    }
    let is_skipped = |c: char| {
        !is_separator(c)
            && (c.is_whitespace()
                || c.is_control()
                || matches!(c, '"' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}'))
    };
    let first = piece.chars().find(|c| !is_skipped(*c));
    first.is_some_and(|c| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\u{FF1D}' | '\u{FF0B}' | '\u{FF0D}' | '\u{FF20}'
        )
    })
}

/// A negative number and nothing else: it is what it seems, and stays a number.
fn is_plain_negative(text: &str) -> bool {
    let Some(number) = text.strip_prefix('-') else {
        return false;
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(decimals)
}

/// A cell that Excel can hold in place of one that it cannot; none: it can.
fn shortened(text: &str) -> Option<String> {
    let units = text.encode_utf16().count();
    if units <= MOST_UNITS {
        return None;
    }
    let mut kept = 0;
    let end = text.char_indices().find(|(_, c)| {
        kept += c.len_utf16();
        kept > KEPT_UNITS
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    let characters = text.chars().count();
    Some(format!(
        "{} [cut: {characters} characters in all]",
        &text[..end]
    ))
}
