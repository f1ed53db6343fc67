//! The ledger and the answers in DynamoDB under seeded trouble below the SDK: lost requests and answers, doubles, stalls,
//! throttles, conflicts. Whatever is answered is true, and in the end every counter is exact.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annexa::adapters::aws::dynamodb::{DynamoAnswers, DynamoLedger};
use annexa::core::chunk::{ChunkLimits, ChunkStatus, ClaimOutcome, CommitOutcome, Release};
use annexa::core::identity;
use annexa::core::ids::{ChunkNo, Epoch};
use annexa::core::invariants::{i2_counters_are_exact, i9_budget_is_exact};
use annexa::core::job::{Election, EndOutcome, PauseReason, Reserved};
use annexa::core::money::NanoUsd;
use annexa::core::spec::Limits;
use annexa::core::transitions::job::verdict;
use annexa::ports::ledger::{Created, Held};
use annexa::ports::retry::{Backoff, retry, retry_unless_unknown};
use annexa::ports::{Answers, Ledger};
use tokio::task::JoinSet;

use super::connector::{Rates, SURE, Trouble};
use super::emulator::Emulator;
use crate::conformance::answers::{key, paid};
use crate::conformance::fixtures_dynamodb::{LeapingClock, new_table};
use crate::conformance::ledger::{Desk, commit_of, plan, ranges, spec, tally, totals};

/// Long for an emulator beside other work, short for a test that waits for it.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// Patient enough to outlast all of it.
const STUBBORN: Backoff = Backoff {
    tries: 200,
    first: Duration::from_millis(5),
    most: Duration::from_millis(50),
};

/// A desk in trouble, and the calm ledger over the same table.
async fn troubled(seed: u64, rates: Rates) -> (Trouble, Arc<Desk>, DynamoLedger) {
    let (clock, trouble) = (LeapingClock::new(), Trouble::new(seed, rates));
    let table = new_table(clock.clone()).await;
    let calm = Emulator::shared().config();
    let aws = calm
        .clone()
        .with_http_client(trouble.client())
        .with_attempt_timeout(PATIENCE);
    let limits = ChunkLimits::default();
    let spec = spec("trouble");
    let desk = Desk {
        ledger: Arc::new(DynamoLedger::new(&aws, &table, clock.clone(), limits)),
        clock: clock.clone(),
        job_id: identity::job_id(&spec),
        lease: Duration::from_secs(3_600),
    };
    let calm = DynamoLedger::new(&calm, &table, clock, limits);
    (trouble, Arc::new(desk), calm)
}

/// Creates, splits and takes, saying everything again until it is answered.
async fn open(desk: &Desk, chunks: u32) {
    let (clock, ledger, job_id) = (&*desk.clock, &desk.ledger, &desk.job_id);
    let spec = spec("trouble");
    let create = retry(clock, STUBBORN, || ledger.create_job(job_id, &spec));
    create.await.unwrap();
    let (plan, ranges, totals) = (plan("v1"), ranges(chunks), totals(chunks));
    let freeze = retry(clock, STUBBORN, || ledger.freeze_plan(job_id, &plan));
    freeze.await.unwrap();
    let put = retry(clock, STUBBORN, || ledger.put_ranges(job_id, &ranges));
    put.await.unwrap();
    let complete = retry(clock, STUBBORN, || ledger.split_complete(job_id, &totals));
    complete.await.unwrap();
    while !take_more(desk).await.is_empty() {}
}

async fn take_more(desk: &Desk) -> Vec<ChunkNo> {
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    retry(&*desk.clock, STUBBORN, || {
        ledger.take_sendable(job_id, u32::MAX, 9)
    })
    .await
    .unwrap()
}

/// What was granted and committed, as it was answered.
#[derive(Default)]
struct Seen {
    granted: BTreeMap<(ChunkNo, Epoch), String>,
    committed: BTreeMap<ChunkNo, Epoch>,
}

/// One worker on one chunk: claims, reserves, books, settles and mostly commits.
async fn work(desk: &Desk, seen: &Mutex<Seen>, chunk: ChunkNo, owner: &str) {
    let (clock, ledger) = (&*desk.clock, &desk.ledger);
    let (key, lease_ms) = (desk.key(chunk), desk.lease_ms());
    let claim = retry(clock, STUBBORN, || {
        ledger.claim_chunk(&key, owner, lease_ms)
    });
    let ClaimOutcome::Granted(claim) = claim.await.unwrap() else {
        return;
    };
    {
        let mut seen = seen.lock().unwrap();
        let holder = seen.granted.entry((chunk, claim.epoch));
        let holder = holder.or_insert_with(|| owner.to_string());
        assert_eq!(holder, owner, "I3: epoch {} of chunk {chunk}", claim.epoch);
    }
    let cost = tally(u64::from(chunk)).total_cost();
    let reserved = retry_unless_unknown(clock, STUBBORN, || ledger.budget_reserve(&claim, cost));
    let reserved = reserved.await;
    if let Ok(Reserved::OverCap { .. } | Reserved::Later | Reserved::Lost) = reserved {
        return;
    }
    let booked = retry(clock, STUBBORN, || ledger.calls_intended(&claim, 1));
    if booked.await.unwrap() == Held::Lost {
        return;
    }
    let renewed = retry(clock, STUBBORN, || ledger.renew_claim(&claim, lease_ms));
    assert_eq!(renewed.await.unwrap(), Held::Yes);
    if clock.random().is_multiple_of(3) {
        let released = retry(clock, STUBBORN, || {
            ledger.release_claim(&claim, &Release::Interrupted)
        });
        released.await.unwrap();
        return;
    }
    if reserved.is_ok() {
        // An open outcome is left: what is not settled counts as spent.
        let _ = ledger.budget_settle(&claim, cost, cost).await;
    }
    let _ = ledger.calls_settled(&claim, 1).await;
    let commit = commit_of(&claim);
    let outcome = retry(clock, STUBBORN, || ledger.commit_chunk(&claim, &commit));
    if outcome.await.unwrap() == CommitOutcome::Committed {
        let mut seen = seen.lock().unwrap();
        let first = *seen.committed.entry(chunk).or_insert(claim.epoch);
        assert_eq!(first, claim.epoch, "I2: chunk {chunk} was committed twice");
    }
}

async fn walk(seed: u64) -> u64 {
    const CHUNKS: u32 = 10;
    let (trouble, desk, calm) = troubled(seed, Rates::default()).await;
    trouble.set_rates(Rates {
        stall: 4,
        ..Rates::all(25)
    });
    open(&desk, CHUNKS).await;
    let limits = Limits {
        max_cost: Some(NanoUsd(1_000 * tally(0).total_cost().0)),
        ..spec("trouble").limits()
    };
    let set = retry(&*desk.clock, STUBBORN, || {
        desk.ledger.set_limits(&desk.job_id, &limits)
    });
    set.await.unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    for round in 0..12 {
        let mut tasks = JoinSet::new();
        for worker in 0..6 {
            let (desk, seen) = (desk.clone(), seen.clone());
            tasks.spawn(async move {
                let chunk = (desk.clock.random() % u64::from(CHUNKS)) as u32;
                work(&desk, &seen, chunk, &format!("w{round}/{worker}")).await;
            });
        }
        tasks.join_all().await;
        let (ledger, job_id, clock) = (&desk.ledger, &desk.job_id, &*desk.clock);
        if round == 5 {
            let reason = PauseReason::ByUser;
            let pause = retry(clock, STUBBORN, || ledger.pause(job_id, &reason));
            pause.await.unwrap();
        }
        if round == 7 {
            let resume = retry(clock, STUBBORN, || ledger.resume(job_id));
            resume.await.unwrap();
            while !take_more(&desk).await.is_empty() {}
        }
        let sweep = retry(clock, STUBBORN, || ledger.sweep_list(job_id, 1_000, 9));
        sweep.await.unwrap();
        let job = calm.job(job_id).await.unwrap().unwrap();
        let chunks = calm.chunks(job_id, 0, u32::MAX).await.unwrap();
        i2_counters_are_exact(&job, &chunks).unwrap_or_else(|b| panic!("seed {seed}: {b}"));
        i9_budget_is_exact(&job, &chunks).unwrap_or_else(|b| panic!("seed {seed}: {b}"));
    }
    let chunks = calm.chunks(&desk.job_id, 0, u32::MAX).await.unwrap();
    let committed = &seen.lock().unwrap().committed;
    for chunk in chunks {
        let made = match &chunk.status {
            ChunkStatus::Committed(commit) => Some(commit.epoch),
            _ => None,
        };
        let number = chunk.range.chunk;
        assert_eq!(
            made,
            committed.get(&number).copied(),
            "seed {seed}: chunk {number}"
        );
    }
    assert!(!committed.is_empty(), "seed {seed}: something was done");
    trouble.all()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i2_i3_i9_hold_under_trouble_whatever_is_lost_doubled_or_cancelled() {
    let mut tasks = JoinSet::new();
    for seed in 0..4 {
        tasks.spawn(walk(seed));
    }
    let troubles = tasks.join_all().await;
    assert!(troubles.iter().all(|count| *count > 20), "{troubles:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_write_whose_first_answer_is_lost_is_known_to_have_been_made() {
    let (trouble, desk, calm) = troubled(1, Rates::default()).await;
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    // Every request arrives twice, and what comes back is the answer to the second.
    trouble.set_rates(Rates {
        double: SURE,
        ..Rates::default()
    });
    let created = ledger.create_job(job_id, &spec("trouble")).await.unwrap();
    assert_eq!(created, Created::New, "its own job is no other's");
    open(&desk, 3).await;
    let claim = desk.claim(0, "w").await;
    assert_eq!(claim.epoch, 1, "not claimed twice");
    assert_eq!(ledger.calls_intended(&claim, 5).await.unwrap(), Held::Yes);
    assert_eq!(ledger.calls_settled(&claim, 2).await.unwrap(), Held::Yes);
    assert_eq!(desk.chunk(0).await.intended_calls, 3);
    let reserve = ledger.budget_reserve(&claim, NanoUsd(9)).await.unwrap();
    assert_eq!(reserve, Reserved::Yes);
    assert_eq!(desk.job().await.counters.budget.reserved, NanoUsd(9));
    assert_eq!(desk.commit(&claim).await, CommitOutcome::Committed);
    let parked = desk.claim(1, "w").await;
    assert_eq!(ledger.park_chunk(&parked).await.unwrap(), Held::Yes);
    assert_eq!(ledger.take_sendable(job_id, 9, 9).await.unwrap(), [1]);
    for chunk in [1, 2] {
        desk.finish_chunk(chunk).await;
    }
    let Election::Elected { epoch, job } = desk.elect("a").await else {
        panic!("it is done");
    };
    assert_eq!(epoch, 1, "not elected twice");
    let ended = ledger
        .end_job(job_id, epoch, &verdict(&job), None)
        .await
        .unwrap();
    assert_eq!(ended, EndOutcome::Ended);
    let (job, chunks) = (
        calm.job(job_id).await.unwrap().unwrap(),
        calm.chunks(job_id, 0, 9).await.unwrap(),
    );
    assert_eq!(job.counters.committed, 3);
    i2_counters_are_exact(&job, &chunks).unwrap();
    i9_budget_is_exact(&job, &chunks).unwrap();
    assert!(trouble.seen("double") > 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_an_open_outcome_is_said_to_be_one_and_a_refusal_is_not() {
    let (trouble, desk, calm) = troubled(2, Rates::default()).await;
    open(&desk, 1).await;
    let claim = desk.claim(0, "w").await;
    let only = |rates: Rates| trouble.set_rates(rates);
    only(Rates {
        drop_after: SURE,
        ..Rates::default()
    });
    let open = desk.ledger.calls_intended(&claim, 1).await.unwrap_err();
    assert!(open.unknown_outcome && open.is_retryable(), "{open}");
    let commit = commit_of(&claim);
    let open = desk.ledger.commit_chunk(&claim, &commit).await.unwrap_err();
    assert!(open.unknown_outcome, "{open}");
    only(Rates::default());
    assert_eq!(
        desk.commit(&claim).await,
        CommitOutcome::Committed,
        "said again"
    );
    let chunks = calm.chunks(&desk.job_id, 0, 1).await.unwrap();
    assert_eq!(chunks[0].lost_calls, 1, "I8: it was intended");
    only(Rates {
        throttle: SURE,
        ..Rates::default()
    });
    let refused = desk.ledger.pause(&desk.job_id, &PauseReason::ByUser).await;
    let refused = refused.unwrap_err();
    assert!(
        !refused.unknown_outcome && refused.is_retryable(),
        "{refused}"
    );
    only(Rates {
        conflict: SURE,
        ..Rates::default()
    });
    let spec = spec("another job");
    let refused = desk
        .ledger
        .create_job(&identity::job_id(&spec), &spec)
        .await;
    let refused = refused.unwrap_err();
    assert!(
        !refused.unknown_outcome && refused.is_retryable(),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_answers_are_kept_for_their_first_payer_under_trouble() {
    let (clock, trouble) = (LeapingClock::new(), Trouble::new(5, Rates::default()));
    let table = new_table(clock.clone()).await;
    let aws = Emulator::shared().config();
    let aws = aws
        .with_http_client(trouble.client())
        .with_attempt_timeout(PATIENCE);
    let answers = DynamoAnswers::new(&aws, &table, clock.clone(), 90);
    trouble.set_rates(Rates {
        stall: 4,
        ..Rates::all(40)
    });
    let all: Vec<_> = (0..60).map(|n| (key(n), paid(u64::from(n)))).collect();
    let put = retry(&*clock, STUBBORN, || answers.put(&all));
    put.await.unwrap();
    let others: Vec<_> = (0..60).map(|n| (key(n), paid(1_000))).collect();
    let put = retry(&*clock, STUBBORN, || answers.put(&others));
    put.await.unwrap();
    let keys: Vec<_> = (0..60).map(key).collect();
    let got = retry(&*clock, STUBBORN, || answers.get(&keys))
        .await
        .unwrap();
    let expected: Vec<_> = all.iter().map(|(_, answer)| Some(answer.clone())).collect();
    assert_eq!(got, expected);
    assert!(trouble.all() > 10);
}
