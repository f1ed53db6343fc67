//! The system's clock and chance.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use crate::ports::Clock;

/// The real clock.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Monotonic time counts from now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter for the clock"
    )]
    pub fn new() -> SystemClock {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter for the clock"
    )]
    fn now_ms(&self) -> u64 {
        // A clock before 1970 is taken as 1970; leases then never expire, and nothing is done twice.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis() as u64
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter for the clock"
    )]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    #[expect(clippy::disallowed_methods, reason = "this is the adapter for chance")]
    fn random(&self) -> u64 {
        let bytes = uuid::Uuid::new_v4().into_bytes();
        // Each half has fixed bits (UUID version and variant); turned by half a word they do not meet, and none is left.
        let (a, b) = bytes.split_at(8);
        let word = |half: &[u8]| u64::from_le_bytes(half.try_into().expect("eight bytes"));
        word(a).rotate_left(32) ^ word(b)
    }
}
