//! What can be wrong with a user's own terms file, each fault with its place.

use std::fmt;

/// So many faults of a file are listed; the rest is counted.
pub const MAX_FAULTS: usize = 50;

/// The longest piece of the file that a fault quotes, in characters.
const MAX_QUOTE_CHARS: usize = 60;

/// One thing that is wrong in a terms file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line on which the record starts, from 1.
    pub line: u64,
    /// The column's name in the header; `None` where the record as a whole is wrong.
    pub column: Option<String>,
    /// What stands there.
    pub found: String,
    /// What should stand there, and what to do.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column '{column}'")?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

/// Why a terms file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// The file is not text in UTF-8 at all.
    #[error(
        "terms file '{name}': found {found}, expected CSV text in UTF-8: save it as 'CSV UTF-8'"
    )]
    NotUtf8Text {
        /// The file's name.
        name: String,
        /// What its bytes look like.
        found: String,
    },
    /// The file is text, but what it says does not make a table.
    #[error("{}", listed(name, faults, *more))]
    Faulty {
        /// The file's name.
        name: String,
        /// The faults in the order of the lines, [`MAX_FAULTS`] at most.
        faults: Vec<Fault>,
        /// How many faults are not listed.
        more: usize,
    },
}

impl TermsError {
    /// The faults that are listed; none when the file is not text.
    pub fn faults(&self) -> &[Fault] {
        match self {
            TermsError::NotUtf8Text { .. } => &[],
            TermsError::Faulty { faults, .. } => faults,
        }
    }
}

fn listed(name: &str, faults: &[Fault], more: usize) -> String {
    let all = faults.len() + more;
    let mut text = format!(
        "terms file '{name}': {all} fault{}",
        if all == 1 { "" } else { "s" }
    );
    for fault in faults {
        text.push_str(&format!("\n  {fault}"));
    }
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

/// Collects faults up to [`MAX_FAULTS`] and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
    all: usize,
}

impl Faults {
    /// Notes a fault.
    pub(super) fn push(
        &mut self,
        line: u64,
        column: Option<&str>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.all += 1;
        // Twice the limit is kept until the end: the tree is checked last, and its faults can stand on earlier lines.
        if self.list.len() < 2 * MAX_FAULTS {
            self.list.push(Fault {
                line,
                column: column.map(str::to_owned),
                found: found.into(),
                expected: expected.into(),
            });
        }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// The error that lists them in the order of the lines.
    pub(super) fn into_error(mut self, name: &str) -> TermsError {
        self.list.sort_by_key(|fault| fault.line);
        self.list.truncate(MAX_FAULTS);
        TermsError::Faulty {
            name: name.to_owned(),
            more: self.all - self.list.len(),
            faults: self.list,
        }
    }
}

/// A piece of the file in quotation marks, cut to a length that can be read.
pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let mut out = String::from("'");
    for (at, c) in text.chars().enumerate() {
        if at == MAX_QUOTE_CHARS {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('\'');
    out
}
