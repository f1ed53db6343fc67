//! A fixed number of calls a second, evenly spaced: a job's own `rate_limit` within one process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::ports::Clock;

/// Lets calls start one by one.
pub struct Pacer {
    clock: Arc<dyn Clock>,
    /// Time between two starts; none: no limit.
    interval: Option<Duration>,
    next: Mutex<Duration>,
}

impl Pacer {
    /// `per_second` starts a second; none, or not a positive number: no limit.
    pub fn new(clock: Arc<dyn Clock>, per_second: Option<f64>) -> Pacer {
        let interval = per_second
            .filter(|rate| rate.is_finite() && *rate > 0.0)
            .map(|rate| Duration::from_secs_f64(1.0 / rate));
        Pacer {
            clock,
            interval,
            next: Mutex::default(),
        }
    }

    /// Returns when the next call may start. Places are given out in the order of asking, and unused time is not
    /// saved up for a burst.
    pub async fn start(&self) {
        let Some(interval) = self.interval else {
            return;
        };
        let now = self.clock.monotonic();
        let mine = {
            let mut next = self.next.lock().expect("no panic while held");
            let mine = (*next).max(now);
            *next = mine + interval;
            mine
        };
        self.clock.sleep(mine.saturating_sub(now)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::memory::clock::SimClock;

    #[tokio::test(start_paused = true)]
    async fn rate_limit_spaces_calls_and_saves_nothing_up() {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
        let pacer = Pacer::new(clock.clone(), Some(4.0));
        clock.sleep(Duration::from_secs(60)).await;
        let begin = clock.monotonic();
        for _ in 0..9 {
            pacer.start().await;
        }
        assert_eq!(clock.monotonic() - begin, Duration::from_secs(2));
        let free = Pacer::new(clock.clone(), None);
        free.start().await;
        assert_eq!(clock.monotonic() - begin, Duration::from_secs(2));
    }
}
