//! Virtual time: tokio's clock, which a test may pause, and a seeded generator.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::Clock;

/// 2026-01-01T00:00:00Z: where virtual wall time begins.
const EPOCH_MS: u64 = 1_767_225_600_000;

/// The step of SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A clock for simulations: the same seed draws the same numbers.
pub struct SimClock {
    start: tokio::time::Instant,
    state: AtomicU64,
}

impl SimClock {
    /// Starts now, within a tokio runtime.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is an adapter for the clock"
    )]
    pub fn new(seed: u64) -> SimClock {
        SimClock {
            start: tokio::time::Instant::now(),
            state: AtomicU64::new(seed),
        }
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        EPOCH_MS + self.start.elapsed().as_millis() as u64
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is an adapter for the clock"
    )]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> u64 {
        let before = self.state.fetch_add(STEP, Ordering::Relaxed);
        mix(before.wrapping_add(STEP))
    }
}
