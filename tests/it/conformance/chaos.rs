//! What only the adapters in memory promise: each kind of trouble is really made, counted, and the same for a seed.
//! A simulation that is calm by mistake proves nothing.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::embedded::EmbeddedLedger;
use annexa::adapters::memory::answers::MemoryAnswers;
use annexa::adapters::memory::blobs::MemoryBlobs;
use annexa::adapters::memory::chaos::{Chaos, Rates};
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::ledger::{ChaosLedger, MemoryStore};
use annexa::core::chunk::ChunkLimits;
use annexa::core::identity;
use annexa::core::spec::{BlobRef, Limits};
use annexa::ports::blobs::{Blobs, Put};
use annexa::ports::error::{PortError, PortResult};
use annexa::ports::{Answers, Clock, ErrorClass, Ledger};

use super::answers::{key, paid};
use super::blobs::{put, read};
use super::ledger::spec;
use crate::differential::ledger_ops::{OPERATIONS, one_of_each};

/// Always.
pub const SURE: u32 = 1_000;

/// Trouble at `rates` under `seed`, with its clock.
pub fn trouble(seed: u64, rates: Rates) -> (Arc<SimClock>, Arc<Chaos>) {
    let clock = Arc::new(SimClock::new(seed));
    (clock.clone(), Chaos::new(clock, rates))
}

/// How often `kind` was seen.
pub fn seen(chaos: &Chaos, kind: &str) -> u64 {
    chaos.seen().get(kind).copied().unwrap_or(0)
}

fn answers_lost() -> Rates {
    Rates {
        lose_answer: SURE,
        ..Rates::default()
    }
}

fn refused() -> Rates {
    Rates {
        fail_before: SURE,
        ..Rates::default()
    }
}

fn troubled_ledger(clock: &Arc<SimClock>, chaos: &Arc<Chaos>) -> Arc<dyn Ledger> {
    let limits = ChunkLimits::default();
    let inner = EmbeddedLedger::new(MemoryStore::default(), clock.clone(), limits);
    Arc::new(ChaosLedger::new(Arc::new(inner), chaos.clone()))
}

/// The answer was lost on its way back: the caller cannot know.
fn is_open<T: std::fmt::Debug>(result: PortResult<T>) {
    let error = result.unwrap_err();
    assert!(
        error.unknown_outcome && error.class == ErrorClass::Transient,
        "{error:?}"
    );
}

fn is_refused<T: std::fmt::Debug>(result: PortResult<T>) -> PortError {
    let error = result.unwrap_err();
    assert!(
        !error.unknown_outcome && error.class == ErrorClass::Transient,
        "{error:?}"
    );
    error
}

#[tokio::test(start_paused = true)]
async fn every_operation_of_the_ledger_can_fail_before_it_begins() {
    let (clock, chaos) = trouble(1, Rates::default());
    let ledger = troubled_ledger(&clock, &chaos);
    let spec = spec("refused");
    let job_id = identity::job_id(&spec);
    ledger.create_job(&job_id, &spec).await.unwrap();
    let before = ledger.job(&job_id).await.unwrap();
    assert!(chaos.seen().is_empty(), "calm so far");
    chaos.set_rates(refused());
    for operation in one_of_each(&job_id) {
        let answer = operation.apply(&*ledger).await.text;
        let due = format!("{}: injected failure before it", operation.name());
        assert!(answer.contains(&due), "{answer}");
    }
    assert_eq!(seen(&chaos, "fail_before"), OPERATIONS.len() as u64);
    chaos.set_rates(Rates::default());
    assert_eq!(
        ledger.job(&job_id).await.unwrap(),
        before,
        "nothing happened"
    );
}

#[tokio::test(start_paused = true)]
async fn s11_a_lost_answer_leaves_its_effect() {
    let (clock, chaos) = trouble(2, answers_lost());
    let ledger = troubled_ledger(&clock, &chaos);
    let (blobs, answers) = (
        MemoryBlobs::new(chaos.clone()),
        MemoryAnswers::new(chaos.clone()),
    );
    let spec = spec("lost answer");
    let job_id = identity::job_id(&spec);
    let (blob, other) = (BlobRef::new("b", "k"), BlobRef::new("b", "other"));
    is_open(ledger.create_job(&job_id, &spec).await);
    let limits = Limits {
        max_workers: 7,
        ..Limits::default()
    };
    is_open(ledger.set_limits(&job_id, &limits).await);
    is_open(blobs.put(&blob, b"x", true).await);
    is_open(blobs.copy(&blob, &other).await);
    is_open(answers.put(&[(key(1), paid(1))]).await);
    assert_eq!(seen(&chaos, "lose_answer"), 5);
    chaos.set_rates(Rates::default());
    assert_eq!(
        ledger.job(&job_id).await.unwrap().unwrap().spec.max_workers,
        7
    );
    assert_eq!(read(&blobs, &blob).await, b"x");
    assert_eq!(read(&blobs, &other).await, b"x");
    assert_eq!(
        blobs.put(&blob, b"x", true).await.unwrap(),
        Put::Exists,
        "read back, then decide"
    );
    assert_eq!(answers.get(&[key(1)]).await.unwrap(), [Some(paid(1))]);

    chaos.set_rates(answers_lost());
    is_open(blobs.delete(&other).await);
    chaos.set_rates(Rates::default());
    assert_eq!(blobs.head(&other).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_ledger_that_is_an_error_already_is_not_lost_too() {
    let (clock, chaos) = trouble(3, answers_lost());
    let ledger = troubled_ledger(&clock, &chaos);
    let unknown = annexa::core::ids::JobId("job-that-never-was".into());
    assert!(!ledger.resume(&unknown).await.unwrap_err().unknown_outcome);
    assert!(chaos.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_leaves_no_effect() {
    let (_, chaos) = trouble(4, Rates::default());
    let (blobs, answers) = (
        MemoryBlobs::new(chaos.clone()),
        MemoryAnswers::new(chaos.clone()),
    );
    let (there, new) = (BlobRef::new("b", "there"), BlobRef::new("b", "new"));
    put(&blobs, &there, b"x").await;
    let begun = blobs.put_stream(&new).await.unwrap();
    chaos.set_rates(refused());
    is_refused(begun.complete(false).await);
    is_refused(blobs.put(&new, b"x", false).await);
    is_refused(blobs.put_stream(&new).await.map(drop));
    is_refused(blobs.copy(&there, &new).await);
    is_refused(blobs.delete(&there).await);
    is_refused(blobs.get_range(&there, 0, 1, None).await);
    is_refused(blobs.head(&there).await);
    is_refused(blobs.list("b", "").await);
    is_refused(answers.put(&[(key(1), paid(1))]).await);
    is_refused(answers.get(&[key(1)]).await);
    assert_eq!(seen(&chaos, "fail_before"), 10);
    chaos.set_rates(Rates::default());
    assert_eq!(blobs.list("b", "").await.unwrap(), ["there"]);
    assert_eq!(answers.get(&[key(1)]).await.unwrap(), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_request_wakes_up_as_a_zombie() {
    let rates = Rates {
        stall: SURE,
        stall_ms: 90_000,
        ..Rates::default()
    };
    let (clock, chaos) = trouble(5, rates);
    let blobs = MemoryBlobs::new(chaos.clone());
    let began = clock.monotonic();
    let blob = BlobRef::new("b", "k");
    put(&blobs, &blob, b"late").await;
    assert!(clock.monotonic() - began >= Duration::from_secs(90));
    assert_eq!(seen(&chaos, "stall"), 1);
    chaos.set_rates(Rates::default());
    assert_eq!(read(&blobs, &blob).await, b"late");
}

#[tokio::test(start_paused = true)]
async fn healthy_requests_take_their_time_too() {
    let rates = Rates {
        latency_ms: 40,
        ..Rates::default()
    };
    let (clock, chaos) = trouble(6, rates);
    let blobs = MemoryBlobs::new(chaos.clone());
    let mut took = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let began = clock.monotonic();
        blobs.head(&BlobRef::new("b", "k")).await.unwrap();
        took.insert((clock.monotonic() - began).as_millis());
    }
    assert!(
        took.len() > 20 && took.iter().all(|ms| *ms <= 41),
        "{took:?}"
    );
    assert!(chaos.seen().is_empty(), "being slow is no trouble");
}

#[tokio::test(start_paused = true)]
async fn trouble_comes_as_often_as_it_was_asked_for_and_the_same_for_a_seed() {
    let rates = Rates {
        fail_before: 100,
        lose_answer: 50,
        ..Rates::default()
    };
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let (_, chaos) = trouble(seed, rates);
        let blobs = MemoryBlobs::new(chaos.clone());
        let mut outcomes = Vec::new();
        for _ in 0..2_000 {
            let put = blobs.put(&BlobRef::new("b", "k"), b"x", false).await;
            outcomes.push(put.map_err(|error| error.unknown_outcome).is_ok());
        }
        // 200 and about 90 are due; six standard deviations are about 80 and 57.
        assert!(
            seen(&chaos, "fail_before").abs_diff(200) < 80,
            "{:?}",
            chaos.seen()
        );
        assert!(
            seen(&chaos, "lose_answer").abs_diff(90) < 57,
            "{:?}",
            chaos.seen()
        );
        runs.push((outcomes, chaos.seen()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].0, runs[2].0);
}
