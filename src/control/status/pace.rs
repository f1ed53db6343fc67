//! How fast a job goes, from looks at its counters; and spans of time for people.

use std::collections::VecDeque;
use std::time::Duration;

use super::JobStatus;

/// The rate is that of so long a time.
const RATE_OVER: Duration = Duration::from_secs(60);
/// Of looks that are closer than this, the last is kept.
const LOOKS_APART: Duration = Duration::from_millis(500);

/// How fast a job goes; none: not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Speed {
    /// Rows a second, over the last minute.
    pub rows_per_second: Option<f64>,
    /// Tokens of committed rows a minute, in and out, over the last minute; those read from the prompt cache not among them.
    pub tokens_per_minute: Option<f64>,
}

/// What was seen at a look.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Duration,
    rows: u64,
    tokens: u64,
}

/// Looks at a job over the last minute.
#[derive(Debug, Default)]
pub struct Pace {
    seen: VecDeque<Seen>,
    /// When the counters last changed.
    moved: Option<Duration>,
}

impl Pace {
    /// Takes a look in: `status` at the monotonic time `now`.
    pub fn look(&mut self, now: Duration, status: &JobStatus) -> Speed {
        let seen = Seen {
            at: now,
            rows: status.rows_done,
            tokens: status.tokens(),
        };
        // A retry begins with fewer rows than were done before.
        if self.seen.back().is_some_and(|last| last.rows > seen.rows) {
            self.seen.clear();
        }
        if self.seen.back().is_none_or(|last| last.rows != seen.rows) {
            self.moved = Some(now);
        }
        let is_close = |last: &Seen| now.saturating_sub(last.at) < LOOKS_APART;
        // The first one stays: the rate counts from there.
        if self.seen.len() > 1 && is_close(&self.seen[self.seen.len() - 2]) {
            self.seen.pop_back();
        }
        self.seen.push_back(seen);
        while self.seen.len() > 2 && now.saturating_sub(self.seen[1].at) >= RATE_OVER {
            self.seen.pop_front();
        }
        let first = self.seen[0];
        let seconds = now.saturating_sub(first.at).as_secs_f64();
        if seconds <= 0.0 {
            return Speed::default();
        }
        Speed {
            rows_per_second: Some((seen.rows - first.rows) as f64 / seconds),
            tokens_per_minute: Some(
                seen.tokens.saturating_sub(first.tokens) as f64 * 60.0 / seconds,
            ),
        }
    }

    /// How long the job has not moved on, as far as was seen from the first look on.
    pub fn still_for(&self, now: Duration) -> Duration {
        self.moved
            .map_or(Duration::ZERO, |moved| now.saturating_sub(moved))
    }
}

/// Time that is left at `rows_per_second`; none: not known.
pub fn time_left(status: &JobStatus, rows_per_second: Option<f64>) -> Option<Duration> {
    let left = status.rows_total?.saturating_sub(status.rows_done);
    let rate = rows_per_second.filter(|rate| *rate > 0.0)?;
    Duration::try_from_secs_f64(left as f64 / rate).ok()
}

/// A span of time for people.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=9 => format!("{:.1} s", duration.as_secs_f64()),
        10..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::tests::status;

    fn at(pace: &mut Pace, millis: u64, rows: u64) -> Speed {
        let mut status = status(1_000);
        status.rows_done = rows;
        status.input_tokens = 100 * rows;
        pace.look(Duration::from_millis(millis), &status)
    }

    #[test]
    fn the_pace_is_that_of_the_last_minute() {
        let mut pace = Pace::default();
        assert_eq!(at(&mut pace, 10_000, 5), Speed::default());
        let speed = at(&mut pace, 20_000, 25);
        assert_eq!(speed.rows_per_second, Some(2.0));
        assert_eq!(speed.tokens_per_minute, Some(12_000.0));
        for second in (30..=100).step_by(10) {
            at(&mut pace, second * 1_000, 25);
        }
        assert_eq!(at(&mut pace, 110_000, 25).rows_per_second, Some(0.0));
        assert_eq!(
            pace.still_for(Duration::from_secs(110)),
            Duration::from_secs(90)
        );
        let again = at(&mut pace, 112_000, 3);
        assert_eq!(again, Speed::default(), "a retry begins with fewer rows");
    }

    #[test]
    fn many_looks_take_no_more_memory_than_few() {
        let mut pace = Pace::default();
        for look in 0..10_000 {
            at(&mut pace, look * 100, look);
        }
        assert!(pace.seen.len() < 250, "{}", pace.seen.len());
        let rate = at(&mut pace, 1_000_000, 10_000).rows_per_second.unwrap();
        assert!((9.9..10.1).contains(&rate), "{rate}");
    }

    #[test]
    fn spans_are_short() {
        let of = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [of(3), of(90), of(600), of(9000)],
            ["3.0 s", "90 s", "10 min", "2 h 30 min"]
        );
    }
}
