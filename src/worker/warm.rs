//! One call warms a prompt cache before the others go: cold calls side by side would each pay for writing it. In a fleet
//! the ledger is asked where the process itself does not know.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::core::money::Usage;
use crate::core::prefix::{PrefixUse, PrefixWarm};
use crate::ports::{Clock, Ledger};

/// A cached prefix is taken for cold so long before its time.
const MARGIN: Duration = Duration::from_secs(20);

/// A lead that was not heard of for so long is somebody else's: a call takes less.
const LEAD: Duration = Duration::from_secs(30);

/// Another process's lead is asked after so often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The fleet is told again when a prefix will be warm for longer by this part of its time: a few times in all of it, and not
/// with each call.
const TELL_PART: u32 = 4;

/// The prefixes of a process, by lane and digest.
pub(super) struct Prefixes {
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<String, State>>,
    changed: Notify,
    fleet: Option<Fleet>,
}

/// Through what prefixes are shared with other processes.
pub(super) struct Fleet {
    pub(super) ledger: Arc<dyn Ledger>,
    /// This process.
    pub(super) owner: String,
}

/// Times are on the monotonic clock.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Somebody's call is writing it, or asks whether another process's is.
    Leading,
    /// It is cached until then, unless it is used again.
    Warm {
        until: Duration,
        /// What the fleet knows.
        told: Duration,
    },
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
    pub(super) fn new(clock: Arc<dyn Clock>, fleet: Option<Fleet>) -> Prefixes {
        Prefixes {
            clock,
            known: Mutex::default(),
            changed: Notify::new(),
            fleet,
        }
    }

    /// Returns once the prefix is warm, or it is for this call to warm it.
    pub(super) async fn enter(&self, key: &str) -> Entry<'_> {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let lead = {
                let mut known = self.known.lock().expect("no panic while held");
                match known.get(key) {
                    Some(State::Uncached) => return Entry::Go,
                    Some(State::Warm { until, .. }) if *until > self.clock.monotonic() => {
                        return Entry::Go;
                    }
                    Some(State::Leading) => None,
                    Some(State::Warm { .. }) | None => {
                        known.insert(key.to_string(), State::Leading);
                        let key = key.to_string();
                        Some(Lead {
                            prefixes: self,
                            key,
                        })
                    }
                }
            };
            match (lead, &self.fleet) {
                (Some(lead), Some(fleet)) => return self.ask(fleet, lead).await,
                (Some(lead), None) => return Entry::Lead(lead),
                (None, _) => changed.await,
            }
        }
    }

    /// Who would lead in this process asks whether another one knows, or is at it.
    async fn ask<'p>(&'p self, fleet: &Fleet, lead: Lead<'p>) -> Entry<'p> {
        let lead_ms = LEAD.as_millis() as u64;
        loop {
            let stands = fleet.ledger.prefix_warm(&lead.key, &fleet.owner, lead_ms);
            let state = match stands.await {
                Ok(PrefixWarm::Lead) => return Entry::Lead(lead),
                Ok(PrefixWarm::Wait { .. }) => {
                    self.clock.sleep(LOOK_EVERY).await;
                    continue;
                }
                Ok(PrefixWarm::Warm { until_ms }) => {
                    let left_ms = until_ms.saturating_sub(self.clock.now_ms());
                    let until = self.clock.monotonic() + Duration::from_millis(left_ms);
                    State::Warm { until, told: until }
                }
                Ok(PrefixWarm::Uncached) => State::Uncached,
                Err(error) => {
                    // A second cold call costs less than standing still.
                    tracing::warn!(%error, "the fleet was not asked whether a prompt prefix is warm");
                    return Entry::Lead(lead);
                }
            };
            self.set(&lead.key, state);
            return Entry::Go;
        }
    }

    /// An answer came: what it used tells how the prefix stands.
    pub(super) async fn used(&self, key: &str, usage: &Usage, ttl: Duration) {
        if usage.prompt_tokens() == 0 {
            // Stopped before the model was asked: it tells nothing of the cache.
            return;
        }
        let is_cached = usage.cache_read_tokens + usage.cache_write_tokens > 0;
        let lasts = ttl.saturating_sub(MARGIN);
        let until = self.clock.monotonic() + lasts;
        let before = self.state(key);
        let (told, is_news) = match before {
            Some(State::Warm { told, .. }) if until < told + ttl / TELL_PART => (told, false),
            _ => (until, true),
        };
        let state = match is_cached {
            true => State::Warm { until, told },
            false => State::Uncached,
        };
        let is_news = match (is_cached, before) {
            (false, Some(State::Uncached)) => false,
            (false, _) => true,
            (true, _) => is_news,
        };
        self.set(key, state);
        if let Some(fleet) = self.fleet.as_ref().filter(|_| is_news) {
            let what = match is_cached {
                true => PrefixUse::Warm {
                    until_ms: self.clock.now_ms() + lasts.as_millis() as u64,
                },
                false => PrefixUse::Uncached,
            };
            fleet.tell(key, &what).await;
        }
    }

    fn state(&self, key: &str) -> Option<State> {
        let known = self.known.lock().expect("no panic while held");
        known.get(key).copied()
    }

    fn set(&self, key: &str, state: State) {
        let mut known = self.known.lock().expect("no panic while held");
        let before = known.insert(key.to_string(), state);
        drop(known);
        if matches!(before, Some(State::Leading)) {
            self.changed.notify_waiters();
        }
    }
}

impl Fleet {
    /// Best effort: what is not told is found out by another call.
    async fn tell(&self, key: &str, what: &PrefixUse) {
        if let Err(error) = self.ledger.prefix_used(key, what).await {
            tracing::warn!(%error, "the fleet was not told how a prompt prefix stands");
        }
    }
}

impl Lead<'_> {
    /// The call failed: the next one leads, in whatever process. Just dropped, only this process knows, and the lead runs out
    /// for the others.
    pub(super) async fn give_up(self) {
        if let Some(fleet) = &self.prefixes.fleet {
            let owner = fleet.owner.clone();
            fleet.tell(&self.key, &PrefixUse::GaveUp { owner }).await;
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
