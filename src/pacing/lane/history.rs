//! What a running total was when: to say what the service accepted lately.

use std::collections::VecDeque;
use std::time::Duration;

/// Samples are this far apart at least; in a shorter time too little happens to speak of a rate.
const SPACING: Duration = Duration::from_millis(100);

/// Older samples are forgotten.
const KEPT: Duration = Duration::from_secs(75);

/// A running total over the last 75 seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    samples: VecDeque<(Duration, f64)>,
}

impl History {
    /// Notes that the total was `total` at `now`, before what happens now.
    pub(super) fn note(&mut self, now: Duration, total: f64) {
        if let Some((last, _)) = self.samples.back()
            && now.saturating_sub(*last) < SPACING
        {
            return;
        }
        self.samples.push_back((now, total));
        while self
            .samples
            .get(1)
            .is_some_and(|(second, _)| now.saturating_sub(*second) > KEPT)
        {
            self.samples.pop_front();
        }
    }

    /// By how much a second the total grew to `total` over the last `span`, or since the first note.
    pub(super) fn rate(&self, now: Duration, total: f64, span: Duration) -> f64 {
        let from = now.saturating_sub(span);
        let later = self.samples.partition_point(|(at, _)| *at <= from);
        let Some((at, before)) = self.samples.get(later.saturating_sub(1)) else {
            return 0.0;
        };
        let passed = now.saturating_sub((*at).max(from)).max(SPACING);
        (total - before) / passed.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_asked_span_or_of_what_there_is() {
        let mut history = History::default();
        let second = Duration::from_secs;
        assert_eq!(history.rate(second(1), 5.0, second(1)), 0.0);
        for at in 0..=20 {
            // Ten a second, then thirty.
            let total = 10.0 * f64::from(at) + 20.0 * f64::from((at - 10).max(0));
            history.note(second(at as u64), total);
        }
        assert_eq!(history.rate(second(20), 400.0, second(5)), 30.0);
        assert_eq!(history.rate(second(20), 400.0, second(60)), 20.0);
        for at in 21..1_000 {
            history.note(second(at), 400.0);
        }
        assert_eq!(history.rate(second(999), 400.0, second(60)), 0.0);
        assert!(history.samples.len() <= 77, "old samples are forgotten");
    }
}
