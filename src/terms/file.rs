//! A terms file as records: what it is, its delimiter, and the line each record starts on.

use super::fault::{Faults, TermsError};
use csv::ByteRecord;

/// Tells UTF-16, archives and compressed data by their first bytes, before they make a list of odd faults.
pub(super) fn refuse_what_is_not_utf8_text(name: &str, bytes: &[u8]) -> Result<(), TermsError> {
    let found = if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        "a UTF-16 byte order mark"
    } else if bytes.starts_with(b"PK\x03\x04") {
        "a zip archive (a spreadsheet, perhaps)"
    } else if bytes.starts_with(b"\x1F\x8B") || bytes.starts_with(b"\x28\xB5\x2F\xFD") {
        "compressed data"
    } else if bytes.iter().take(4096).any(|&byte| byte == 0) {
        "null bytes, as in UTF-16 or in a file that is no text"
    } else {
        return Ok(());
    };
    Err(TermsError::NotUtf8Text {
        name: name.to_owned(),
        found: found.to_owned(),
    })
}

/// The delimiter under which the header has `code` and `term`, else the one that cuts it into most fields.
pub(super) fn delimiter(bytes: &[u8]) -> u8 {
    let mut best = (false, 0, b',');
    for candidate in [b',', b';', b'\t'] {
        let mut header = ByteRecord::new();
        // A header that cannot be read has no fields; reading from memory has no other error.
        let _ = reader(bytes, candidate).read_byte_record(&mut header);
        let has = |name: &str| {
            header
                .iter()
                .any(|f| f.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
        };
        let key = (has("code") && has("term"), header.len());
        if key > (best.0, best.1) {
            best = (key.0, key.1, candidate);
        }
    }
    best.2
}

fn reader<R: std::io::Read>(bytes: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes)
}

/// Follows the file's last byte, so that a quote left open is seen: the record it opens then runs past the file's end.
const END: &[u8] = b"\nend\n";

/// The records of a file with the line each starts on.
pub(super) struct File<'a> {
    reader: csv::Reader<std::io::Chain<&'a [u8], &'static [u8]>>,
    bytes: &'a [u8],
    counted_to: usize,
    line: u64,
    /// The line of the last record that was read, from 1.
    pub(super) last_line: u64,
    /// How many records were read, the header with them.
    pub(super) records: usize,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8], delimiter: u8) -> Self {
        File {
            reader: reader(std::io::Read::chain(bytes, END), delimiter),
            bytes,
            counted_to: 0,
            line: 1,
            last_line: 1,
            records: 0,
        }
    }

    /// The next record and the line it starts on; `None` at the end of the file.
    pub(super) fn next(&mut self, faults: &mut Faults) -> Option<(u64, ByteRecord)> {
        let mut record = ByteRecord::new();
        // Flexible byte records from memory cannot fail; were it otherwise, the table would end here and be found wanting.
        if !self.reader.read_byte_record(&mut record).unwrap_or(false) {
            return None;
        }
        let mut start = record.position().map_or(0, |p| p.byte() as usize);
        // A record's position is where reading went on: the rest of a line ending and blank lines come before its text.
        while self
            .bytes
            .get(start)
            .is_some_and(|byte| matches!(byte, b'\r' | b'\n'))
        {
            start += 1;
        }
        if start >= self.bytes.len() {
            return None;
        }
        self.last_line = self.line_at(start);
        self.records += 1;
        if self.reader.position().byte() as usize > self.bytes.len() + 1 {
            faults.push(
                self.last_line,
                None,
                "a quotation mark that is still open at the end of the file",
                "each quoted field closed; a quotation mark inside one is written twice",
            );
            return None;
        }
        Some((self.last_line, record))
    }

    /// The line of a byte, from 1; CR, LF and CRLF each end one line.
    fn line_at(&mut self, byte: usize) -> u64 {
        for at in self.counted_to..byte {
            let cr_of_crlf = self.bytes[at] == b'\r' && self.bytes.get(at + 1) == Some(&b'\n');
            if matches!(self.bytes[at], b'\r' | b'\n') && !cr_of_crlf {
                self.line += 1;
            }
        }
        self.counted_to = self.counted_to.max(byte);
        self.line
    }
}
