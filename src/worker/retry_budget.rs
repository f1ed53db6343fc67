//! How many retries a process has left, and whether the service answers anybody. Each answer earns a part of a retry, so
//! that a service in trouble gets a bounded share of extra load, and an outage sets work aside instead of failing its rows
//! one by one.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

/// Retries in hand at the start, and at most.
const CAPACITY: f64 = 100.0;
/// What an answer earns.
const EARNED: f64 = 0.5;

/// The retries of a process.
pub(super) struct RetryBudget(Mutex<State>);

struct State {
    left: f64,
    /// Calls that failed since the last answer, by their numbers.
    failing: BTreeSet<u64>,
    calls: u64,
    /// When the last answer came, on the monotonic clock.
    last_answer: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        RetryBudget(Mutex::new(State {
            left: CAPACITY,
            failing: BTreeSet::new(),
            calls: 0,
            last_answer: Duration::ZERO,
        }))
    }
}

impl RetryBudget {
    /// A number for a new call.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.0.lock().expect("no panic while held");
        state.calls += 1;
        state.calls
    }

    /// When the last answer came, on the monotonic clock.
    pub(super) fn last_answer(&self) -> Duration {
        self.0.lock().expect("no panic while held").last_answer
    }

    /// An answer came at `now`.
    pub(super) fn earn(&self, now: Duration) {
        let mut state = self.0.lock().expect("no panic while held");
        state.left = (state.left + EARNED).min(CAPACITY);
        state.failing.clear();
        state.last_answer = now;
    }

    /// A call failed; true: others fail too and none was answered in between, so it is not this call's fault.
    pub(super) fn failed(&self, call: u64) -> bool {
        let mut state = self.0.lock().expect("no panic while held");
        state.failing.insert(call);
        state.failing.len() > 1
    }

    /// Takes one retry; false: none is left.
    pub(super) fn take(&self) -> bool {
        let mut state = self.0.lock().expect("no panic while held");
        let may = state.left >= 1.0;
        if may {
            state.left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_bounded_and_answers_earn_them_back() {
        let budget = RetryBudget::default();
        let taken = (0..1_000).filter(|_| budget.take()).count();
        assert_eq!(taken, 100);
        budget.earn(Duration::ZERO);
        assert!(!budget.take());
        budget.earn(Duration::ZERO);
        assert!(budget.take());
        assert!(!budget.take());
    }

    #[test]
    fn it_is_an_outage_only_while_several_fail_and_none_is_answered() {
        let budget = RetryBudget::default();
        let (one, other) = (budget.number(), budget.number());
        assert!(!budget.failed(one));
        assert!(
            !budget.failed(one),
            "a report that always fails is no outage"
        );
        assert!(budget.failed(other));
        budget.earn(Duration::ZERO);
        assert!(!budget.failed(one));
    }
}
