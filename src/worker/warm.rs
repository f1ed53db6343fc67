//! One call warms a prompt cache before the others go: cold calls side by side would each pay for writing it. In a fleet
//! the ledger is asked where the process itself does not know.

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use futures_util::FutureExt;

    use super::*;
    use crate::adapters::embedded::{EmbeddedLedger, Store, Work};
    use crate::adapters::memory::clock::SimClock;
    use crate::adapters::memory::ledger::MemoryStore;
    use crate::core::chunk::ChunkLimits;
    use crate::ports::error::PortResult;

    const TTL: Duration = Duration::from_secs(300);

    fn prefixes() -> (Arc<SimClock>, Prefixes) {
        let clock = Arc::new(SimClock::new(1));
        (clock.clone(), Prefixes::new(clock, None))
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
        prefixes.used("p", &wrote(), TTL).await;
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
        prefixes.used("p", &wrote(), TTL).await;
        clock.sleep(TTL - MARGIN - Duration::from_secs(1)).await;
        assert!(matches!(prefixes.enter("p").await, Entry::Go));
        prefixes.used("p", &wrote(), TTL).await;
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
        prefixes.used("p", &plain, TTL).await;
        assert!(matches!(prefixes.enter("p").await, Entry::Go));
    }

    /// Counts the words about prefixes: each is one transaction.
    struct Counted(MemoryStore, AtomicU64);

    #[async_trait]
    impl Store for Counted {
        async fn transact<R: Send + 'static>(&self, work: Work<R>) -> PortResult<R> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.transact(work).await
        }
    }

    /// Two processes of a fleet, and the number of words to their ledger.
    fn fleet() -> (Arc<SimClock>, [Prefixes; 2], Arc<Counted>) {
        let clock = Arc::new(SimClock::new(1));
        let store = Arc::new(Counted(MemoryStore::default(), AtomicU64::new(0)));
        let limits = ChunkLimits::default();
        let ledger: Arc<dyn Ledger> =
            Arc::new(EmbeddedLedger::new(store.clone(), clock.clone(), limits));
        let process = |owner: &str| {
            let (ledger, owner) = (ledger.clone(), owner.to_string());
            Prefixes::new(clock.clone(), Some(Fleet { ledger, owner }))
        };
        let processes = [process("one"), process("other")];
        (clock, processes, store)
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_of_the_whole_fleet_leads_and_what_it_found_is_known_to_all() {
        let (_, [one, other], _) = fleet();
        let Entry::Lead(lead) = one.enter("p").await else {
            panic!("the first leads");
        };
        let mut waits = std::pin::pin!(other.enter("p"));
        assert!(waits.as_mut().now_or_never().is_none());
        one.used("p", &wrote(), TTL).await;
        drop(lead);
        assert!(matches!(waits.await, Entry::Go));
        assert!(matches!(other.enter("p").await, Entry::Go));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_lead_is_another_process_s_at_once_and_a_dead_one_s_after_its_time() {
        let (clock, [one, other], _) = fleet();
        let Entry::Lead(lead) = one.enter("p").await else {
            panic!("the first leads");
        };
        lead.give_up().await;
        let Entry::Lead(dead) = other.enter("p").await else {
            panic!("the next one leads");
        };
        // A process that dies tells nobody.
        std::mem::forget(dead);
        let begin = clock.monotonic();
        assert!(matches!(one.enter("p").await, Entry::Lead(_)));
        let waited = clock.monotonic() - begin;
        assert!(waited <= LEAD + LOOK_EVERY, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_prefix_in_use_costs_the_ledger_a_few_words_in_its_time_and_stays_warm() {
        let (clock, [one, other], store) = fleet();
        let lead = one.enter("p").await;
        one.used("p", &wrote(), TTL).await;
        drop(lead);
        let before = store.1.load(Ordering::Relaxed);
        let terms = 4;
        for _ in 0..TTL.as_secs() * terms {
            clock.sleep(Duration::from_secs(1)).await;
            assert!(matches!(one.enter("p").await, Entry::Go));
            one.used("p", &wrote(), TTL).await;
        }
        let words = store.1.load(Ordering::Relaxed) - before;
        assert!(words <= 5 * terms, "{words} words in {terms} times");
        assert!(matches!(other.enter("p").await, Entry::Go));
    }
}
