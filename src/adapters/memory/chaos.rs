//! Seeded trouble: what goes wrong, how often, and a count of what did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};

/// How often each kind of trouble happens, per mille of chances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// A request that fails before it has any effect.
    pub fail_before: u32,
    /// A request that has its effect and whose answer is lost.
    pub lose_answer: u32,
    /// A request that takes longer than any claim lasts: its caller wakes up as a zombie.
    pub stall: u32,
    /// A message that is delivered twice.
    pub duplicate: u32,
    /// A message that comes back although it was deleted.
    pub undelete: u32,
    /// A message that becomes visible before its time.
    pub early_expiry: u32,
    /// An entry of a batch that fails alone.
    pub partial_batch: u32,
    /// An answer of the model that breaks the contract.
    pub bad_answer: u32,
    /// A call that the model refuses for its quota.
    pub throttle: u32,
    /// The longest that a healthy request takes.
    pub latency_ms: u64,
    /// How long a stalled request takes.
    pub stall_ms: u64,
}

/// A source of trouble.
pub struct Chaos {
    clock: Arc<dyn Clock>,
    rates: Mutex<Rates>,
    seen: Mutex<BTreeMap<&'static str, u64>>,
}

impl Chaos {
    /// Trouble at `rates`, drawn from the clock's generator.
    pub fn new(clock: Arc<dyn Clock>, rates: Rates) -> Arc<Chaos> {
        Arc::new(Chaos {
            clock,
            rates: Mutex::new(rates),
            seen: Mutex::default(),
        })
    }

    /// No trouble at all.
    pub fn none(clock: Arc<dyn Clock>) -> Arc<Chaos> {
        Chaos::new(clock, Rates::default())
    }

    /// The rates now.
    pub fn rates(&self) -> Rates {
        *self.rates.lock().expect("no panic while held")
    }

    /// From now on other rates (a simulation ends calmly).
    pub fn set_rates(&self, rates: Rates) {
        *self.rates.lock().expect("no panic while held") = rates;
    }

    /// Draws: whether `kind` happens, at `per_mille`. Counts it if so.
    pub fn happens(&self, kind: &'static str, per_mille: u32) -> bool {
        // Without a chance nothing is drawn: a calm run is not disturbed by the generator.
        let hit = per_mille > 0 && self.clock.random() % 1000 < u64::from(per_mille);
        if hit {
            self.saw(kind);
        }
        hit
    }

    /// Counts something that was seen.
    pub fn saw(&self, kind: &'static str) {
        *self
            .seen
            .lock()
            .expect("no panic while held")
            .entry(kind)
            .or_default() += 1;
    }

    /// What was seen, and how often.
    pub fn seen(&self) -> BTreeMap<&'static str, u64> {
        self.seen.lock().expect("no panic while held").clone()
    }

    /// What happens before a request reaches the service: latency, a stall, a failure.
    pub async fn before(&self, operation: &'static str) -> PortResult<()> {
        let rates = self.rates();
        if rates.latency_ms > 0 {
            let latency_ms = self.clock.random() % (rates.latency_ms + 1);
            self.clock.sleep(Duration::from_millis(latency_ms)).await;
        }
        if self.happens("stall", rates.stall) {
            self.clock
                .sleep(Duration::from_millis(rates.stall_ms))
                .await;
        }
        if self.happens("fail_before", rates.fail_before) {
            return Err(PortError::transient(format!(
                "{operation}: injected failure before it"
            )));
        }
        Ok(())
    }

    /// What happens to the answer on its way back.
    pub fn after<T>(&self, operation: &'static str, answer: PortResult<T>) -> PortResult<T> {
        if answer.is_ok() && self.happens("lose_answer", self.rates().lose_answer) {
            return Err(PortError::unknown(format!(
                "{operation}: injected loss of the answer"
            )));
        }
        answer
    }
}
