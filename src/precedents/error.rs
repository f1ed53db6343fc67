//! What can be wrong with an artifact or a corpus.

use thiserror::Error;

/// Why an artifact or a corpus cannot be used. Never holds report text.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrecedentsError {
    /// The bytes are not an artifact at all.
    #[error(
        "the precedents artifact does not begin with the mark {expected:?}: its first bytes are {found:02x?}; build one with `annexa corpus build`"
    )]
    NotAnArtifact {
        /// The mark that every artifact begins with.
        expected: &'static str,
        /// What stands in its place, at most 4 bytes.
        found: Vec<u8>,
    },
    /// The artifact was built by a version of the program that wrote another format.
    #[error(
        "the precedents artifact has format {found}, this program reads format {expected}: build it again with `annexa corpus build`"
    )]
    Format {
        /// The format it has.
        found: u32,
        /// The format this program reads.
        expected: u32,
    },
    /// Bytes are missing or changed.
    #[error(
        "the precedents artifact is damaged at byte {at_bytes} of its {part}: {what}; copy or build it again"
    )]
    Damaged {
        /// `file` or `content` (the content is what the file holds compressed).
        part: &'static str,
        /// Where reading stopped.
        at_bytes: usize,
        /// What was found there.
        what: String,
    },
    /// A corpus row is unusable.
    #[error("{file}, row {row}: {what}")]
    Row {
        /// The file's name.
        file: String,
        /// The data row, counted from 1.
        row: u64,
        /// What was found and what was expected.
        what: String,
    },
    /// A corpus file lacks a column.
    #[error("{file} has no column '{column}': its columns are {found}")]
    Column {
        /// The file's name.
        file: String,
        /// The column that is missing.
        column: &'static str,
        /// The columns that there are, or their number where they look like data.
        found: String,
    },
    /// A corpus file is not readable as CSV or not decompressible.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing, or too much, to learn from.
    #[error("the corpus cannot be learnt from: {what}")]
    Corpus {
        /// What is missing or too much.
        what: String,
    },
}
