//! Who leads, who waits, and how often the fleet hears of it.

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
