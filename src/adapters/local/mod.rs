//! Adapters for one machine: SQLite for queue, ledger and paid answers, files for blobs, the system's clock.

pub mod clock;
pub mod files;
pub mod precedents;
pub mod rehearsal;
pub mod sqlite;
