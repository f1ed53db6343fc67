//! Time and chance, so that roles can be simulated: nothing outside adapters asks the system for either.

use std::time::Duration;

use async_trait::async_trait;

/// A clock and a source of chance.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Wall time in milliseconds since the Unix epoch. May jump; for records, leases in a ledger and people.
    fn now_ms(&self) -> u64;

    /// Time since some fixed moment of this process; never goes back. For deadlines (S3).
    fn monotonic(&self) -> Duration;

    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);

    /// A random number, for jitter and ids; not for secrets.
    fn random(&self) -> u64;
}

/// Full jitter: a random part of `ceiling`, so that a fleet does not come back in step.
pub fn full_jitter(clock: &dyn Clock, ceiling: Duration) -> Duration {
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(clock.random() % nanos.max(1))
}
