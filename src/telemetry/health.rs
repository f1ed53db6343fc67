//! Signs of life: whether the loops of a process turn, and whether it takes work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::ports::{Clock, Shutdown};

/// A loop that has not turned for so long hangs. Loops turn every 10 s at least, whatever they wait for.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// When a loop last turned.
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// It turns now, on the monotonic clock.
    pub fn turned(&self, now: Duration) {
        self.0.store(now.as_millis() as u64 + 1, Ordering::Relaxed);
    }

    /// How long ago it turned; none: it has not begun.
    fn age(&self, now: Duration) -> Option<Duration> {
        let turned_ms = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(now.saturating_sub(Duration::from_millis(turned_ms)))
    }
}

/// The health of a process.
pub struct Health {
    clock: Arc<dyn Clock>,
    pulses: Vec<(&'static str, Arc<Pulse>)>,
    has_started: AtomicBool,
    shutdown: Shutdown,
}

impl Health {
    /// Of a process with these loops, by name.
    pub fn new(
        clock: Arc<dyn Clock>,
        pulses: Vec<(&'static str, Arc<Pulse>)>,
        shutdown: Shutdown,
    ) -> Health {
        Health {
            clock,
            pulses,
            has_started: AtomicBool::new(false),
            shutdown,
        }
    }

    /// Everything that it needs is there; from now on it takes work.
    pub fn started(&self) {
        self.has_started.store(true, Ordering::Relaxed);
    }

    /// Whether its loops turn. While it starts there is nothing to hang.
    ///
    /// # Errors
    /// Which one does not.
    pub fn live(&self) -> Result<(), String> {
        let now = self.clock.monotonic();
        for (name, pulse) in &self.pulses {
            match pulse.age(now) {
                Some(age) if age > LONGEST_TURN => {
                    return Err(format!("{name} has not turned for {} s", age.as_secs()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it takes work.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        if !self.has_started.load(Ordering::Relaxed) {
            return Err("starting".to_string());
        }
        if self.shutdown.is_draining() {
            return Err("draining".to_string());
        }
        self.live()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::memory::clock::SimClock;
    use crate::ports::signals;

    #[tokio::test(start_paused = true)]
    async fn a_process_is_ready_between_start_and_drain_and_live_while_its_loops_turn() {
        let clock = Arc::new(SimClock::new(1));
        let (handle, shutdown) = signals::shutdown();
        let pulse = Arc::new(Pulse::default());
        let health = Health::new(clock.clone(), vec![("worker", pulse.clone())], shutdown);
        assert_eq!(health.ready().unwrap_err(), "starting");
        assert_eq!(health.live(), Ok(()));

        health.started();
        pulse.turned(clock.monotonic());
        assert_eq!(health.ready(), Ok(()));
        clock.sleep(Duration::from_secs(61)).await;
        assert_eq!(health.live().unwrap_err(), "worker has not turned for 61 s");
        pulse.turned(clock.monotonic());
        assert_eq!(health.live(), Ok(()));

        handle.drain();
        assert_eq!(health.ready().unwrap_err(), "draining");
        assert_eq!(health.live(), Ok(()));
    }
}
