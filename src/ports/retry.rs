//! Trying again, with full jitter under a growing ceiling, on the port's clock.
//!
//! Only for operations that may be said twice; each caller knows why its own may.

use std::time::Duration;

use super::clock::{Clock, full_jitter};
use super::error::{PortError, PortResult};

/// How often and how patiently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Tries in all.
    pub tries: u32,
    /// Ceiling of the first pause; doubles with each.
    pub first: Duration,
    /// No ceiling above this.
    pub most: Duration,
}

impl Backoff {
    /// For the ledger, queues and blobs.
    pub const STORAGE: Backoff = Backoff {
        tries: 6,
        first: Duration::from_millis(100),
        most: Duration::from_secs(5),
    };

    /// The ceiling before try number `tried + 1`.
    pub fn ceiling(&self, tried: u32) -> Duration {
        self.first
            .saturating_mul(2u32.saturating_pow(tried.saturating_sub(1).min(20)))
            .min(self.most)
    }

    /// The pause before the next try.
    pub fn pause(&self, clock: &dyn Clock, tried: u32) -> Duration {
        full_jitter(clock, self.ceiling(tried))
    }
}

/// Calls `operation` until it succeeds, fails for good, or has been tried often enough.
pub async fn retry<T, F>(
    clock: &dyn Clock,
    backoff: Backoff,
    operation: impl FnMut() -> F,
) -> PortResult<T>
where
    F: Future<Output = PortResult<T>>,
{
    retry_if(clock, backoff, PortError::is_retryable, operation).await
}

/// As [`retry`], for an operation that must not have its effect twice: an open outcome is returned, not tried again.
pub async fn retry_unless_unknown<T, F>(
    clock: &dyn Clock,
    backoff: Backoff,
    operation: impl FnMut() -> F,
) -> PortResult<T>
where
    F: Future<Output = PortResult<T>>,
{
    let is_safe = |error: &PortError| error.is_retryable() && !error.unknown_outcome;
    retry_if(clock, backoff, is_safe, operation).await
}

async fn retry_if<T, F>(
    clock: &dyn Clock,
    backoff: Backoff,
    may_try_again: impl Fn(&PortError) -> bool,
    mut operation: impl FnMut() -> F,
) -> PortResult<T>
where
    F: Future<Output = PortResult<T>>,
{
    let mut tried = 0;
    loop {
        tried += 1;
        match operation().await {
            Err(error) if may_try_again(&error) && tried < backoff.tries => {
                let pause = backoff
                    .pause(clock, tried)
                    .max(error.retry_after.unwrap_or_default());
                clock.sleep(pause).await;
            }
            result => return result,
        }
    }
}
