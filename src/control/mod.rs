//! Control of jobs and queues: what people ask of a fleet beside the flow (S26).
//!
//! Functions over ports; the command line prints what they return. Nothing here needs a running service: the ledger and
//! the queues are asked and told directly, and the services act on it.

pub mod dead;
mod error;
pub mod find;
pub mod queues;
pub mod retry;
pub mod status;
pub mod steer;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

pub use error::{ControlError, ControlResult};

use crate::ports::{Blobs, Clock, Ledger, Queue};

/// What control needs of the world.
#[derive(Clone)]
pub struct ControlPorts {
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Jobs and chunks.
    pub ledger: Arc<dyn Ledger>,
    /// Chunk files.
    pub blobs: Arc<dyn Blobs>,
    /// Jobs that wait for their split.
    pub inbox: Arc<dyn Queue>,
    /// Chunks that wait for a worker.
    pub chunks: Arc<dyn Queue>,
    /// Progress of jobs.
    pub done: Arc<dyn Queue>,
}
