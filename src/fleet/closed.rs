//! A queue that a service has no business with: it is not opened, so that no permission on it is needed.

use std::time::Duration;

use async_trait::async_trait;

use crate::ports::Queue;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{Depth, Outgoing, Receipt, Received};

/// Refuses everything.
pub(super) struct ClosedQueue(pub(super) &'static str);

impl ClosedQueue {
    fn refusal<T>(&self) -> PortResult<T> {
        Err(PortError::bug(format!(
            "the {} queue is not opened by this service",
            self.0
        )))
    }
}

#[async_trait]
impl Queue for ClosedQueue {
    async fn send_batch(&self, _: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>> {
        self.refusal()
    }

    async fn receive(&self, _: usize, _: Duration) -> PortResult<Vec<Received>> {
        self.refusal()
    }

    async fn extend(&self, _: &Receipt, _: Duration) -> PortResult<()> {
        self.refusal()
    }

    async fn release(&self, _: &Receipt, _: Duration) -> PortResult<()> {
        self.refusal()
    }

    async fn delete(&self, _: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        self.refusal()
    }

    async fn depth(&self) -> PortResult<Depth> {
        self.refusal()
    }

    fn visibility(&self) -> Duration {
        Duration::ZERO
    }
}
