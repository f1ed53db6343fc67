//! Who is told of the end of a job.

use async_trait::async_trait;

use super::error::PortResult;
use crate::core::notice::{Notice, Target};

/// What a receiver said to a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It has it.
    Yes,
    /// It wants no notices any more.
    Gone,
}

/// Tells one receiver.
///
/// A notice may be told again, by the same process or by another, and must then carry the same key: receivers know
/// duplicates by [`Notice::notice_id`]. One call is one try; trying again is the caller's affair, and so is a limit of time
/// (an implementation may have a shorter one of its own).
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Who is told.
    fn target(&self) -> Target;

    /// Tells it.
    ///
    /// # Errors
    /// Retryable ones ([`super::PortError::is_retryable`]) may pass by themselves, not before `retry_after` where the receiver
    /// said so; all others want somebody to mend something first. No error holds a secret, a whole URL or what the receiver
    /// wrote into its answer's body.
    async fn tell(&self, notice: &Notice) -> PortResult<Taken>;
}
