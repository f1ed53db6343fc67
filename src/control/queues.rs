//! How full the queues are.

use serde::Serialize;

use super::{ControlPorts, ControlResult};
use crate::ports::retry::{Backoff, retry};

/// A queue of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Events, specs, and jobs that wait for their split.
    Inbox,
    /// Chunks that wait for a worker.
    Chunk,
    /// Progress of jobs.
    Done,
}

impl Which {
    /// All of them, in the order of the flow.
    pub const ALL: [Which; 3] = [Which::Inbox, Which::Chunk, Which::Done];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Which::Inbox => "inbox",
            Which::Chunk => "chunk",
            Which::Done => "done",
        }
    }
}

impl ControlPorts {
    /// One of the queues.
    pub fn queue(&self, which: Which) -> &std::sync::Arc<dyn crate::ports::Queue> {
        match which {
            Which::Inbox => &self.inbox,
            Which::Chunk => &self.chunks,
            Which::Done => &self.done,
        }
    }
}

/// Approximate counts of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    /// Which.
    pub queue: Which,
    /// Waiting.
    pub visible: u64,
    /// In somebody's hand.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
    /// In the dead-letter queue.
    pub dead: u64,
}

/// Counts of all queues.
pub async fn depths(ports: &ControlPorts) -> ControlResult<Vec<QueueDepth>> {
    let mut all = Vec::new();
    for which in Which::ALL {
        let queue = ports.queue(which);
        let depth = retry(&*ports.clock, Backoff::STORAGE, || queue.depth()).await?;
        all.push(QueueDepth {
            queue: which,
            visible: depth.visible,
            in_flight: depth.in_flight,
            delayed: depth.delayed,
            dead: depth.dead,
        });
    }
    Ok(all)
}
