//! The reading side: what an input file is, where its records lie, and what their fields hold.
//!
//! Three steps, each pure and fed with bytes by its caller:
//!
//! 1. [`needs_normalising`] and [`normalised`] turn compressed or non-UTF-8 input into UTF-8 text.
//! 2. [`layout`] reads the head of the text: delimiter, columns, where the data starts, or why the file is refused.
//! 3. [`Scanner`] cuts the text into [`ChunkRange`]s of whole records, and [`RowReader`] reads the rows of one chunk again
//!    from the chunk's bytes alone.
//!
//! **The split law**: for a file without broken records, the records of the chunks are the records of the file as the `csv`
//! crate reads them. A broken record (over the maximum size, or still open at the end of the file) fails on its first line,
//! and scanning goes on at the next line. [`Scanner`] and [`RowReader`] share one search for boundaries, and a chunk always
//! ends after a line ending at which no record is open; that is why both come to the same rows.

mod columns;
mod dialect;
mod error;
mod header;
mod machine;
mod normalise;
mod row;
mod rows;
mod scanner;
mod sniff;
mod stream;
mod transcode;

pub use columns::{look_like_names, shown_names};
pub use dialect::Terminator;
pub use error::InputError;
pub use header::{
    DEFAULT_CHUNK_ROWS, DEFAULT_MAX_RECORD_BYTES, HEAD_BYTES, InputOptions, Layout,
    SCANNER_VERSION, layout,
};
pub use normalise::{Compression, Normalise, detect_compression, needs_normalising, normalised};
pub use row::{Row, RowFault, RowFlag};
pub use rows::{ChunkMismatch, RowReader, read_chunk};
pub use scanner::{ChunkRange, FailedPlace, ScanSummary, Scanner};
pub use stream::{Opened, StreamError, open, visit_chunks};
