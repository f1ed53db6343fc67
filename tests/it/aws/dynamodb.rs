//! What only the ledger and the answers in DynamoDB promise: errors that name the table, answers that run out, few requests,
//! and exact counters under a crowd.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::dynamodb::{DynamoAnswers, DynamoLedger};
use annexa::core::chunk::{ChunkLimits, ClaimOutcome, CommitOutcome};
use annexa::core::identity;
use annexa::core::ids::JobId;
use annexa::core::invariants::{i2_counters_are_exact, i9_budget_is_exact};
use annexa::core::job::{Election, Reserved};
use annexa::core::money::NanoUsd;
use annexa::core::spec::Limits;
use annexa::core::transitions::job::verdict;
use annexa::ports::ledger::Held;
use annexa::ports::{Answers, Clock, ErrorClass, Ledger};
use tokio::task::JoinSet;

use super::connector::{Rates, Trouble};
use super::emulator::{Emulator, REGION, unique};
use crate::conformance::answers::{key, paid};
use crate::conformance::fixtures::LedgerFixture;
use crate::conformance::fixtures_dynamodb::{DynamoLedgers, LeapingClock, new_table};
use crate::conformance::ledger::{Desk, commit_of, spec, tally};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_not_there_is_named_with_what_to_do() {
    let (clock, table) = (LeapingClock::new(), unique("missing"));
    let aws = Emulator::shared().config();
    let ledger = DynamoLedger::new(&aws, &table, clock.clone(), ChunkLimits::default());
    let answers = DynamoAnswers::new(&aws, &table, clock, 90);
    let spec = spec("missing table");
    let errors = [
        ledger
            .create_job(&identity::job_id(&spec), &spec)
            .await
            .err(),
        ledger.job(&JobId("job-1".into())).await.err(),
        ledger.live_jobs().await.err(),
        answers.get(&[key(1)]).await.err(),
        answers.put(&[(key(1), paid(1))]).await.err(),
    ];
    for error in errors {
        let error = error.expect("there is no such table");
        assert_eq!(error.class, ErrorClass::PermanentJob, "{error}");
        assert!(!error.unknown_outcome, "{error}");
        for part in [table.as_str(), REGION, "ANNEXA_TABLE"] {
            assert!(error.what.contains(part), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_past_its_time_is_none_and_makes_room_for_the_next() {
    let clock = LeapingClock::new();
    let table = new_table(clock.clone()).await;
    let aws = Emulator::shared().config();
    let answers = DynamoAnswers::new(&aws, &table, clock.clone(), 90);
    answers.put(&[(key(1), paid(1))]).await.unwrap();
    clock.sleep(Duration::from_secs(89 * 86_400)).await;
    answers.put(&[(key(1), paid(2))]).await.unwrap();
    assert_eq!(answers.get(&[key(1)]).await.unwrap(), [Some(paid(1))]);
    clock.sleep(Duration::from_secs(86_400)).await;
    assert_eq!(answers.get(&[key(1)]).await.unwrap(), [None]);
    answers.put(&[(key(1), paid(3))]).await.unwrap();
    assert_eq!(answers.get(&[key(1)]).await.unwrap(), [Some(paid(3))]);
}

/// A desk whose requests are counted.
async fn counted(name: &str, chunks: u32) -> (Trouble, Desk) {
    let (clock, trouble) = (LeapingClock::new(), Trouble::new(1, Rates::default()));
    let table = new_table(clock.clone()).await;
    let aws = Emulator::shared()
        .config()
        .with_http_client(trouble.client());
    let ledger = DynamoLedger::new(&aws, &table, clock.clone(), ChunkLimits::default());
    let spec = spec(name);
    let desk = Desk {
        ledger: Arc::new(ledger),
        clock,
        job_id: identity::job_id(&spec),
        lease: Duration::from_secs(60),
    };
    desk.ledger.create_job(&desk.job_id, &spec).await.unwrap();
    desk.split(chunks).await;
    (trouble, desk)
}

/// What was asked since `before`.
fn since(trouble: &Trouble, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut now = trouble.requests();
    for (operation, count) in &mut now {
        *count -= before.get(operation).copied().unwrap_or_default();
    }
    now.retain(|_, count| *count > 0);
    now
}

fn requests(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let counts = counts.iter();
    counts
        .map(|(operation, count)| (format!("DynamoDB.{operation}"), *count))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_without_a_cap_costs_one_put_two_updates_and_one_transaction() {
    let (trouble, desk) = counted("few requests", 3).await;
    assert_eq!(desk.take(9, 9).await.len(), 3);
    desk.finish_chunk(0).await; // The page of the index is in memory from here on.
    let before = trouble.requests();
    let claim = desk.claim(1, "w").await;
    desk.ledger.calls_intended(&claim, 50).await.unwrap();
    desk.ledger.calls_settled(&claim, 50).await.unwrap();
    assert_eq!(desk.commit(&claim).await, CommitOutcome::Committed);
    let expected = requests(&[
        ("BatchGetItem", 2),
        ("PutItem", 1),
        ("TransactWriteItems", 1),
        ("UpdateItem", 2),
    ]);
    assert_eq!(since(&trouble, &before), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_looks_writes_nothing_and_nobody_but_the_list_of_all_scans() {
    let (trouble, desk) = counted("idle", 2).await;
    desk.take(9, 9).await;
    desk.finish_chunk(0).await;
    let ledger = &desk.ledger;
    // The first sweep moves the watermark past what is final.
    ledger.sweep_list(&desk.job_id, 60_000, 9).await.unwrap();
    let before = trouble.requests();
    for _ in 0..3 {
        ledger.live_jobs().await.unwrap();
        ledger.ended_jobs("COMPLETED", 9).await.unwrap();
        ledger.job(&desk.job_id).await.unwrap();
        ledger.sweep_list(&desk.job_id, 60_000, 9).await.unwrap();
        ledger.take_sendable(&desk.job_id, 200, 50).await.unwrap();
        ledger.chunks(&desk.job_id, 0, 9).await.unwrap();
        assert_eq!(desk.elect("a").await, Election::NotReady);
    }
    let asked = since(&trouble, &before);
    let reads = [
        "DynamoDB.GetItem",
        "DynamoDB.Query",
        "DynamoDB.BatchGetItem",
    ];
    assert!(
        asked.keys().all(|name| reads.contains(&name.as_str())),
        "{asked:?}"
    );
    ledger.list_jobs().await.unwrap();
    assert_eq!(trouble.requests().get("DynamoDB.Scan"), Some(&1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_found_by_state_without_looking_at_others() {
    let fixture = DynamoLedgers::new();
    let ledger = fixture.ledger(ChunkLimits::default()).await;
    let mut ended = Vec::new();
    for n in 0..3 {
        let desk = Desk::running(&fixture, &format!("by state {n}"), 1).await;
        desk.finish_chunk(0).await;
        if n == 2 {
            let live: Vec<JobId> = ids(ledger.live_jobs().await.unwrap());
            assert_eq!(live, [desk.job_id]);
            break;
        }
        let Election::Elected { epoch, job } = desk.elect("a").await else {
            panic!("it is done");
        };
        let verdict = verdict(&job);
        ledger
            .end_job(&desk.job_id, epoch, &verdict, None)
            .await
            .unwrap();
        desk.clock.sleep(Duration::from_secs(1)).await;
        ended.insert(0, desk.job_id);
    }
    assert_eq!(ids(ledger.ended_jobs("COMPLETED", 9).await.unwrap()), ended);
    assert_eq!(
        ids(ledger.ended_jobs("COMPLETED", 1).await.unwrap()),
        ended[..1]
    );
    assert!(ledger.ended_jobs("FAILED", 9).await.unwrap().is_empty());
}

fn ids(jobs: Vec<annexa::core::job::JobRecord>) -> Vec<JobId> {
    jobs.into_iter().map(|job| job.job_id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i2_i9_counters_and_budget_are_exact_under_a_crowd() {
    const CHUNKS: u32 = 20;
    let fixture = DynamoLedgers::new();
    let desk = Arc::new(Desk::running(&fixture, "crowd", CHUNKS).await);
    let each = |chunk: u32| tally(u64::from(chunk)).total_cost();
    // Room for three at a time beyond what is spent in the end.
    let cap = (0..CHUNKS).map(each).sum::<NanoUsd>() + NanoUsd(3 * each(0).0);
    let limits = Limits {
        max_cost: Some(cap),
        ..desk.job().await.spec.limits()
    };
    desk.ledger.set_limits(&desk.job_id, &limits).await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..32_u32 {
        let desk = desk.clone();
        tasks.spawn(async move {
            let mut committed = 0;
            for chunk in (0..CHUNKS).map(|at| (at + n) % CHUNKS) {
                let ClaimOutcome::Granted(claim) = desk.ask(chunk, &format!("w{n}/{chunk}")).await
                else {
                    continue;
                };
                let cost = tally(u64::from(chunk)).total_cost();
                let ledger = &desk.ledger;
                while ledger.budget_reserve(&claim, cost).await.unwrap() == Reserved::Later {
                    tokio::task::yield_now().await;
                }
                assert_eq!(ledger.calls_intended(&claim, 1).await.unwrap(), Held::Yes);
                let settled = ledger.budget_settle(&claim, cost, cost).await.unwrap();
                assert_eq!(settled, Held::Yes);
                assert_eq!(ledger.calls_settled(&claim, 1).await.unwrap(), Held::Yes);
                let outcome = ledger.commit_chunk(&claim, &commit_of(&claim)).await;
                assert_eq!(outcome.unwrap(), CommitOutcome::Committed);
                committed += 1;
            }
            committed
        });
    }
    let committed: u32 = tasks.join_all().await.into_iter().sum();
    assert_eq!(committed, CHUNKS, "each once");
    let (job, chunks) = (desk.job().await, desk.chunks().await);
    i2_counters_are_exact(&job, &chunks).unwrap();
    i9_budget_is_exact(&job, &chunks).unwrap();
    assert_eq!(job.counters.budget.spent, (0..CHUNKS).map(each).sum());
    assert!(job.is_done());
}
