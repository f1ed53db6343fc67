//! What the roles need of the world, as traits whose doc comments are the contract.
//!
//! Adapters implement them, roles call them, only the binaries and the CLI pick adapters. One conformance suite per
//! port (`tests/it/conformance`) runs on every adapter.

pub mod answers;
pub mod blobs;
pub mod busy;
pub mod clock;
pub mod error;
pub mod lease;
pub mod ledger;
pub mod model;
pub mod notifier;
pub mod queue;
pub mod retry;
pub mod send;
pub mod signals;
pub mod stager;

pub use answers::Answers;
pub use blobs::Blobs;
pub use busy::Busy;
pub use clock::Clock;
pub use error::{ErrorClass, PortError};
pub use ledger::Ledger;
pub use model::{Library, Model, Models};
pub use notifier::Notifier;
pub use queue::Queue;
pub use signals::Shutdown;
pub use stager::Stager;
