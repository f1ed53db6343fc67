//! The one message loop that all roles share: permits before polls, heartbeats, drain, panics caught.
//!
//! Consumer rules of DESIGN §5: S1 to S5, S8, S15, S19 to S21, S23 are kept here; what a message means is the
//! handler's business.

mod message;
mod run;

use std::time::Duration;

use async_trait::async_trait;

pub use run::{Consumer, DrainReport, Setup};

use crate::ports::error::PortError;
use crate::ports::queue::Received;

/// What becomes of a message.
#[derive(Debug)]
pub enum Disposition {
    /// Its work is known to be done: delete it.
    Delete,
    /// Not now: visible again after this long.
    Release(Duration),
    /// It can never be worked on, for this reason: to the dead letters with it, for somebody to look at (S19).
    Bury(String),
    /// Somebody else has it: change nothing (S7).
    Leave,
    /// The surroundings fail (a database, a disk, a service): visible again after a while, and counted. A run on one
    /// machine gives up when nothing else happens any more.
    Trouble(PortError),
}

/// What a role does with a message.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Works on one message. Dropped halfway when a drain runs out of time.
    async fn handle(&self, message: &Received) -> Disposition;
}
