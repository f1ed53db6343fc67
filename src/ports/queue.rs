//! A queue with the manners of SQS standard queues.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::error::{ErrorClass, PortError, PortResult};

/// Most entries in one batch of any kind (SQS limit, S24).
pub const MAX_BATCH_ENTRIES: usize = 10;

/// Most bytes of all bodies of one batch, and so of one body (SQS limit, S24).
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// No message is hidden for longer than this, from its receive on (SQS limit, S6).
pub const MOST_HIDDEN: Duration = Duration::from_secs(12 * 3600);

/// Whether a message that was received `held` ago can no more be hidden for another `visibility` (S6). A minute is left
/// for clocks that differ and for giving it back.
pub fn is_spent(held: Duration, visibility: Duration) -> bool {
    held + visibility + Duration::from_secs(60) > MOST_HIDDEN
}

/// The answer of a queue that is asked to hide a message for longer than [`MOST_HIDDEN`].
pub fn hidden_too_long() -> PortError {
    PortError::new(
        ErrorClass::LostClaim,
        "the message cannot be hidden for more than 12 hours in total",
    )
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The body: ASCII JSON.
    pub body: String,
    /// Fairness group (`MessageGroupId`): the job, so that a large job does not starve a small one.
    pub group: String,
    /// Not visible before this has passed.
    pub delay: Duration,
}

/// The right of one receive over one message. Another receive of the same message has another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub String);

/// A message in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The queue's id of the message; a redelivery has the same, a duplicate may have another.
    pub message_id: String,
    /// The body as sent.
    pub body: String,
    /// For everything that is done with it.
    pub receipt: Receipt,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// When it was first sent, in Unix milliseconds.
    pub sent_ms: u64,
    /// Of a dead letter that somebody buried: why.
    pub reason: Option<String>,
}

/// The queue's own approximate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Waiting.
    pub visible: u64,
    /// In somebody's hand.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
    /// In the dead-letter queue.
    pub dead: u64,
}

/// A queue.
///
/// At least once, unordered: a message may come twice, come late, come back after it was deleted, and overtake others.
/// A message that was received is hidden for the queue's visibility timeout; unless it is deleted by then, it is
/// visible again. After `max_receives` receives it goes to the dead-letter queue instead.
///
/// Batches hold up to [`MAX_BATCH_ENTRIES`] entries; a larger one is refused as a bug. Results are per entry and in the
/// order of the entries: a batch can succeed as a call and fail in parts.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends; each entry succeeds or fails for itself. An `Err` as a whole with `unknown_outcome` may have sent any.
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>>;

    /// Receives up to `max` (1 to 10) messages, waiting up to `wait` for the first. Empty does not mean that the queue
    /// is empty. Must not be dropped halfway: messages may be in flight to the caller (S1).
    async fn receive(&self, max: usize, wait: Duration) -> PortResult<Vec<Received>>;

    /// Hides the message for `hide_for` from now. With a stale receipt it may answer Ok and do nothing. A message
    /// cannot be hidden for more than 12 hours from its receive on; asking for more is refused as `LostClaim` (S6).
    async fn extend(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()>;

    /// Makes the message visible again after `after`. Stale receipts and the limit as in [`Queue::extend`].
    async fn release(&self, receipt: &Receipt, after: Duration) -> PortResult<()>;

    /// Deletes. A stale receipt may answer Ok and delete nothing; deleting twice is no error.
    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>>;

    /// Approximate counts.
    async fn depth(&self) -> PortResult<Depth>;

    /// Moves a message to the dead-letter queue at once, with the reason; its body stays as it is (S19). It may be there
    /// twice, and may come back here once more. Where there is no such queue to send to, it is hidden for a while instead,
    /// and goes there after enough receives.
    async fn bury(&self, message: &Received, _reason: &str) -> PortResult<()> {
        self.release(&message.receipt, Duration::from_secs(30))
            .await
    }

    /// The dead-letter queue, to look into; none: this queue's dead letters cannot be had.
    fn dead_letters(&self) -> Option<Arc<dyn Queue>> {
        None
    }

    /// How long a received message stays hidden.
    fn visibility(&self) -> Duration;
}
