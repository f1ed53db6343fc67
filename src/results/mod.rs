//! The result row: its columns and how it is written. Workers write chunks with it, the finisher writes the rows of
//! quarantined chunks with it, so that both look the same (DESIGN §6, Outputs).

mod columns;
pub mod formats;
mod previous;
mod row;

pub use columns::{ResultColumns, own_column};
pub use previous::PreviousRows;
pub use row::{ChunkWriter, ResultRow, SecondCode, header_bytes};
