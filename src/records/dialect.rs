//! The dialect of a CSV file: its delimiter and its line endings.

/// The delimiters that are looked for, in the order in which they are tried.
pub(crate) const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

pub use crate::core::plan::Terminator;

impl Terminator {
    /// What the bytes after a record's content start with; LF where the file ends there.
    pub(crate) fn at(rest: &[u8]) -> Self {
        match rest {
            [b'\r', b'\n', ..] => Terminator::CrLf,
            [b'\r', ..] => Terminator::Cr,
            _ => Terminator::Lf,
        }
    }

    /// The name to show: `LF`, `CRLF` or `CR`.
    pub fn name(self) -> &'static str {
        match self {
            Terminator::Lf => "LF",
            Terminator::CrLf => "CRLF",
            Terminator::Cr => "CR",
        }
    }

    /// Its length in bytes.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Terminator::CrLf => 2,
            Terminator::Lf | Terminator::Cr => 1,
        }
    }
}

/// The name of a delimiter to show.
pub(crate) fn delimiter_name(delimiter: u8) -> &'static str {
    match delimiter {
        b',' => "comma",
        b';' => "semicolon",
        b'\t' => "tab",
        _ => "other",
    }
}
