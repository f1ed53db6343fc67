//! One call warms a prompt cache before the others go: cold calls side by side would each pay for writing it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::core::money::Usage;
use crate::ports::Clock;

/// A cached prefix is taken for cold so long before its time.
const MARGIN: Duration = Duration::from_secs(20);

/// The prefixes of a process, by lane and digest.
pub(super) struct Prefixes {
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<String, State>>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Somebody's call is writing it.
    Leading,
    /// It is cached until then, on the monotonic clock, unless it is used again.
    Warm(Duration),
    /// The service does not cache it: nobody waits.
    Uncached,
}

/// How a call stands to its prefix.
pub(super) enum Entry<'p> {
    /// It goes first; the others wait until it is told how it ended, or dropped.
    Lead(Lead<'p>),
    /// It may go.
    Go,
}

/// The right to go first.
pub(super) struct Lead<'p> {
    prefixes: &'p Prefixes,
    key: String,
}

impl Prefixes {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Prefixes {
        Prefixes {
            clock,
            known: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Returns once the prefix is warm, or it is for this call to warm it.
    pub(super) async fn enter(&self, key: &str) -> Entry<'_> {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            {
                let mut known = self.known.lock().expect("no panic while held");
                match known.get(key) {
                    Some(State::Uncached) => return Entry::Go,
                    Some(State::Warm(until)) if *until > self.clock.monotonic() => {
                        return Entry::Go;
                    }
                    Some(State::Leading) => {}
                    Some(State::Warm(_)) | None => {
                        known.insert(key.to_string(), State::Leading);
                        let key = key.to_string();
                        return Entry::Lead(Lead {
                            prefixes: self,
                            key,
                        });
                    }
                }
            }
            changed.await;
        }
    }

    /// An answer came: what it used tells how the prefix stands.
    pub(super) fn used(&self, key: &str, usage: &Usage, ttl: Duration) {
        if usage.prompt_tokens() == 0 {
            // Stopped before the model was asked: it tells nothing of the cache.
            return;
        }
        let is_cached = usage.cache_read_tokens + usage.cache_write_tokens > 0;
        let until = self.clock.monotonic() + ttl.saturating_sub(MARGIN);
        let state = if is_cached {
            State::Warm(until)
        } else {
            State::Uncached
        };
        let mut known = self.known.lock().expect("no panic while held");
        let before = known.insert(key.to_string(), state);
        drop(known);
        if matches!(before, Some(State::Leading)) {
            self.changed.notify_waiters();
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut known = self.prefixes.known.lock().expect("no panic while held");
        // It failed, or was given up: the next one leads.
        if matches!(known.get(&self.key), Some(State::Leading)) {
            known.remove(&self.key);
            drop(known);
            self.prefixes.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::adapters::memory::clock::SimClock;

    const TTL: Duration = Duration::from_secs(300);

    fn prefixes() -> (Arc<SimClock>, Prefixes) {
        let clock = Arc::new(SimClock::new(1));
        (clock.clone(), Prefixes::new(clock))
    }

    fn wrote() -> Usage {
        Usage {
            cache_write_tokens: 5_000,
            ..Usage::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_leads_and_the_others_wait_until_it_is_answered() {
        let (_, prefixes) = prefixes();
        let Entry::Lead(lead) = prefixes.enter("p").await else {
            panic!("the first leads");
        };
        let mut second = std::pin::pin!(prefixes.enter("p"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(matches!(prefixes.enter("other").await, Entry::Lead(_)));
        prefixes.used("p", &wrote(), TTL);
        drop(lead);
        assert!(matches!(second.await, Entry::Go));
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_lead_fails_the_next_one_leads() {
        let (_, prefixes) = prefixes();
        let lead = prefixes.enter("p").await;
        let mut second = std::pin::pin!(prefixes.enter("p"));
        assert!(second.as_mut().now_or_never().is_none());
        drop(lead);
        assert!(matches!(second.await, Entry::Lead(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_prefix_cools_down_unless_it_is_used() {
        let (clock, prefixes) = prefixes();
        prefixes.used("p", &wrote(), TTL);
        clock.sleep(TTL - MARGIN - Duration::from_secs(1)).await;
        assert!(matches!(prefixes.enter("p").await, Entry::Go));
        prefixes.used("p", &wrote(), TTL);
        clock.sleep(TTL - MARGIN - Duration::from_secs(1)).await;
        assert!(matches!(prefixes.enter("p").await, Entry::Go));
        clock.sleep(Duration::from_secs(2)).await;
        assert!(matches!(prefixes.enter("p").await, Entry::Lead(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_prefix_that_is_not_cached() {
        let (_, prefixes) = prefixes();
        let plain = Usage {
            input_tokens: 9,
            ..Usage::default()
        };
        prefixes.used("p", &plain, TTL);
        assert!(matches!(prefixes.enter("p").await, Entry::Go));
    }
}
