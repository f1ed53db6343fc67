//! The plan of a job: everything about the input that must not change while the job runs.
//!
//! The splitter freezes it in the ledger before the first chunk; workers read their ranges under it.

use serde::{Deserialize, Serialize};

use super::spec::BlobRef;

/// How records end, as far as the head of the file shows. For people only: every ending is always understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Terminator {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
    /// `\r`
    Cr,
}

/// How the source is laid out: dialect, header and column positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The byte between fields: comma, semicolon or tab.
    pub delimiter: u8,
    /// The file begins with a UTF-8 byte order mark.
    pub bom: bool,
    /// How records end.
    pub terminator: Terminator,
    /// Column names in order, unique.
    pub columns: Vec<String>,
    /// Position of the id column, from 0.
    pub id_index: usize,
    /// Position of the text column, from 0.
    pub text_index: usize,
    /// Offset of the first byte after the header (and a byte order mark).
    pub data_start_byte: u64,
    /// Version of the rules that find record boundaries: ranges of one version are read by the same.
    pub scanner_version: u32,
    /// A longer record fails.
    pub max_record_bytes: u64,
}

/// A frozen plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What ranges refer to: the input itself, or its staged copy as plain UTF-8.
    pub source: BlobRef,
    /// The source's version; every read asks for this one.
    pub source_etag: String,
    /// The source's length.
    pub source_bytes: u64,
    /// What was undone on staging (`gzip`, `windows-1252`, ...); none: ranges refer to the input itself.
    pub staged_from: Option<String>,
    /// Dialect, header and columns.
    pub layout: Layout,
    /// Rows a chunk.
    pub chunk_rows: u32,
}

/// What the splitter saw once it came to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitTotals {
    /// Chunks in all.
    pub chunks: u32,
    /// Rows in all.
    pub rows: u64,
    /// Records that fail because no end was found within the maximum or the file.
    pub failed_records: u64,
}
