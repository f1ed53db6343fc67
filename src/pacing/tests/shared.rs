//! One process's part of a shared lane: nothing without it, nothing after it, and a pause that is everybody's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::adapters::embedded::EmbeddedLedger;
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::ledger::MemoryStore;
use crate::core::chunk::ChunkLimits;
use crate::core::lane::{LaneShare, Rates};
use crate::pacing::keeper::{GAP, Keeper};
use crate::pacing::lane::{Demand, Lane, LaneSetup, Say};
use crate::ports::error::Throttle;
use crate::ports::{Clock, Ledger};

const CALL: Demand = Demand {
    reserved_tokens: 100,
    expected_tokens: 100,
};

fn share(tokens_per_minute: f64) -> LaneShare {
    LaneShare {
        rates: Rates {
            tokens: Some(tokens_per_minute),
            requests: None,
        },
        lease_ms: 10_000,
        renew_ms: 5_000,
        epoch: 0,
        pause_ms: 0,
    }
}

fn lane() -> (Arc<dyn Clock>, Arc<Lane>) {
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
    let setup = LaneSetup::told(Some(600_000), None).shared();
    (clock.clone(), Arc::new(Lane::new(clock, setup)))
}

fn ledger(clock: &Arc<dyn Clock>) -> Arc<dyn Ledger> {
    let limits = ChunkLimits::default();
    let store = MemoryStore::default();
    Arc::new(EmbeddedLedger::new(store, clock.clone(), limits))
}

#[tokio::test(start_paused = true)]
async fn i9_nothing_starts_without_a_part_nor_after_its_lease() {
    let (clock, lane) = lane();
    assert!(lane.start(CALL).now_or_never().is_none());
    lane.set_share(clock.monotonic(), &share(60_000.0));
    lane.start(CALL).await.settled(100);
    clock.sleep(Duration::from_secs(10)).await;
    assert!(lane.start(CALL).now_or_never().is_none());
    let asked = clock.monotonic();
    lane.set_share(asked, &share(0.0));
    assert!(lane.start(CALL).now_or_never().is_none(), "nothing is free");
    // The lease counts from before it was asked for.
    clock.sleep(Duration::from_secs(9)).await;
    lane.set_share(asked, &share(60_000.0));
    clock.sleep(Duration::from_millis(1_001)).await;
    assert!(lane.start(CALL).now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn i9_what_is_not_used_of_a_part_is_not_saved_up() {
    let (clock, lane) = lane();
    lane.set_share(clock.monotonic(), &share(60_000.0));
    lane.start(CALL).await.settled(100);
    clock.sleep(Duration::from_secs(60)).await;
    let begin = clock.monotonic();
    lane.set_share(begin, &share(60_000.0));
    for _ in 0..20 {
        lane.start(CALL).await.settled(100);
    }
    // Ten a second, and the part begins empty.
    let seconds = (clock.monotonic() - begin).as_secs_f64();
    assert!((1.9..2.1).contains(&seconds), "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_the_service_parks_pauses_in_every_process() {
    let (clock, one) = lane();
    let other = Arc::new(Lane::new(
        clock.clone(),
        LaneSetup::told(Some(600_000), None).shared(),
    ));
    let ledger = ledger(&clock);
    let keep = |lane: &Arc<Lane>, worker: &'static str| {
        let keeper = Keeper::new(clock.clone(), ledger.clone(), lane.clone(), "lane", worker);
        async move { keeper.keep(|| GAP).await }
    };
    let calls = async {
        other.start(CALL).await.settled(100);
        one.start(CALL).await.parked(Duration::from_secs(30));
        let parked = clock.monotonic();
        // The others hear of it when they renew.
        clock.sleep(Duration::from_secs(5)).await;
        for lane in [&one, &other] {
            lane.start(CALL).await.settled(100);
        }
        clock.monotonic() - parked
    };
    tokio::select! {
        paused = calls => {
            let seconds = paused.as_secs_f64();
            assert!((30.0..34.0).contains(&seconds), "{seconds} s");
        }
        () = keep(&one, "one") => {}
        () = keep(&other, "other") => {}
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_calls_are_refused_no_two_words_are_closer_than_the_gap() {
    let (clock, lane) = lane();
    let (mut words, mut refused) = (0, 0);
    let begin = clock.monotonic();
    let storm = async {
        loop {
            lane.start(CALL).await.throttled(Some(Throttle::Tokens));
            clock.sleep(Duration::from_millis(10)).await;
        }
    };
    let listen = async {
        while clock.monotonic() - begin < Duration::from_secs(60) {
            lane.until_due(GAP).await;
            let asked = clock.monotonic();
            match lane.say() {
                Some(Say::Ask(ask)) => refused += ask.news.refused_tokens,
                other => panic!("{other:?} while calls are in progress"),
            }
            words += 1;
            lane.set_share(asked, &share(600_000.0));
        }
    };
    tokio::select! {
        () = storm => {}
        () = listen => {}
    }
    // The first one at once, the last one when the minute is over.
    assert!((50..=56).contains(&words), "{words} words in a minute");
    assert!(refused > 500, "{refused} refusals told");
}
