//! Reading a user's terms file: from bytes to a table, or to all that is wrong with them.

use super::fault::{Faults, TermsError};
use super::file::{self, File};
use super::header::Header;
use super::link;
use super::table::TermTable;

impl TermTable {
    /// Reads a user's own table: CSV with a header and at least the columns `code` and `term`.
    ///
    /// Also read where they are there: `definition`, `annex` (else the code's first letter), `level` (else the length of the
    /// chain of parents), `parent_code`, `selectable` (yes or no; empty is yes; without that column what has a `status` of
    /// `Retired…` or `Not selectable…` is not), `status`, `status_description`, `fda_code`, `nci_code`, `release`. Column
    /// names are taken without case. UTF-8 with or without a byte order mark; comma, semicolon or tab; LF, CRLF or CR.
    /// `name` is the file's name, for messages and as [`TermTable::release`] where the file does not name one.
    ///
    /// # Errors
    /// [`TermsError::NotUtf8Text`] for UTF-16 and what is no text; else all faults of the file together, up to
    /// [`super::MAX_FAULTS`], each with line and column. What can be lived with is in [`TermTable::warnings`].
    pub fn from_csv_bytes(name: &str, bytes: &[u8]) -> Result<TermTable, TermsError> {
        file::refuse_what_is_not_utf8_text(name, bytes)?;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut faults = Faults::default();
        let mut file = File::open(bytes, file::delimiter(bytes));
        let Some((line, header)) = file.next(&mut faults) else {
            if file.records == 0 {
                faults.push(
                    1,
                    None,
                    "no header",
                    "a header with at least the columns 'code' and 'term'",
                );
            }
            return Err(faults.into_error(name));
        };
        let header = Header::read(line, &header, &mut faults);
        let mut rows = Vec::new();
        if header.usable() {
            let mut filled = 0_u64;
            while let Some((line, record)) = file.next(&mut faults) {
                // Spreadsheets leave rows of nothing but delimiters at the end.
                if record.iter().any(|field| !field.trim_ascii().is_empty()) {
                    filled += 1;
                    rows.extend(header.row(line, &record, &mut faults));
                }
            }
            if filled == 0 && faults.is_empty() {
                faults.push(
                    file.last_line,
                    None,
                    "no rows after the header",
                    "one row a code",
                );
            }
        }
        let table = link::table(name, rows, header.has_parents(), &mut faults);
        if faults.is_empty() {
            Ok(table)
        } else {
            Err(faults.into_error(name))
        }
    }
}
