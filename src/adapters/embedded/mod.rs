//! The ledger of one process, over any transactional store: the rules are the core's, a store only loads and keeps.

mod access;
mod generation;
mod ledger;
mod notices;
mod store;

pub use access::EmbeddedLedger;
pub use store::{Store, Tx, Work};
