//! The one message loop that all roles share: permits before polls, heartbeats, drain, panics caught.
//!
//! Consumer rules of DESIGN §5: S1 to S6, S8, S15, S17, S19 to S23 are kept here; what a message means is the handler's
//! business.

mod message;
mod run;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use run::{Consumer, DrainReport, Setup};

use crate::ports::busy::{Busy, Nobody};
use crate::ports::error::PortError;
use crate::ports::queue::Received;
use crate::telemetry::{Metrics, Pulse};

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
    /// Works on one message. Dropped halfway when a drain runs out of time, or when the message cannot be hidden for
    /// longer; [`Handler::cut`] follows.
    async fn handle(&self, message: &Received) -> Disposition;

    /// Lets go of what `handle` held of `message` when it was dropped, so that others need not wait for it to run out.
    async fn cut(&self, _message: &Received) {}
}

/// Who looks on while a consumer works.
#[derive(Clone)]
pub struct Watch {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Told how much is in hand.
    pub busy: Arc<dyn Busy>,
    /// A sign of life.
    pub pulse: Arc<Pulse>,
}

impl Default for Watch {
    fn default() -> Self {
        Watch {
            metrics: Arc::default(),
            busy: Arc::new(Nobody),
            pulse: Arc::default(),
        }
    }
}
