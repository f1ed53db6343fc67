//! Many at once, on several threads: one winner, exact counters.

use std::collections::BTreeSet;
use std::sync::Arc;

use annexa::core::chunk::{ChunkLimits, ClaimOutcome, CommitOutcome};
use annexa::core::identity;
use annexa::core::ids::ChunkNo;
use annexa::core::invariants::{i2_counters_are_exact, i7_window};
use annexa::core::job::{Election, EndOutcome};
use annexa::core::transitions::job::verdict;
use annexa::ports::ledger::Created;
use tokio::task::JoinSet;

use super::{Desk, plan, ranges, spec, tally};
use crate::conformance::fixtures::LedgerFixture;
use crate::differential::ledger_ops::lane_ask;

/// Runs `work(0)` to `work(count - 1)` at once.
async fn at_once<R, F>(count: u32, work: impl Fn(u32) -> F) -> Vec<R>
where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for n in 0..count {
        tasks.spawn(work(n));
    }
    tasks.join_all().await
}

async fn s13_of_many_events_one_makes_the_job(fixture: &dyn LedgerFixture) {
    let ledger = fixture.ledger(ChunkLimits::default()).await;
    let spec = spec("many events");
    let job_id = identity::job_id(&spec);
    let created = at_once(16, |_| {
        let (ledger, job_id, spec) = (ledger.clone(), job_id.clone(), spec.clone());
        async move { ledger.create_job(&job_id, &spec).await.unwrap() }
    });
    let new = created
        .await
        .into_iter()
        .filter(|c| *c == Created::New)
        .count();
    assert_eq!(new, 1);
}

async fn of_many_splitters_one_plan_and_one_index_stand(fixture: &dyn LedgerFixture) {
    let desk = Arc::new(Desk::with_job(fixture, "many splitters", ChunkLimits::default()).await);
    let plans = at_once(8, |n| {
        let desk = desk.clone();
        async move {
            let plan = plan(&format!("v{n}"));
            let stands = desk.ledger.freeze_plan(&desk.job_id, &plan).await.unwrap();
            desk.ledger
                .put_ranges(&desk.job_id, &ranges(10 + n))
                .await
                .unwrap();
            stands
        }
    });
    let plans = plans.await;
    assert!(plans.iter().all(|plan| *plan == plans[0]));
    let job = desk.job().await;
    assert_eq!(
        (job.plan.as_ref(), job.stored_chunks),
        (Some(&plans[0]), 17)
    );
    assert_eq!(desk.chunks().await.len(), 17);
}

async fn i3_of_many_claims_one_is_granted(fixture: &dyn LedgerFixture) {
    let desk = Arc::new(Desk::running(fixture, "many claims", 5).await);
    for chunk in 0..5 {
        let outcomes = at_once(12, |n| {
            let desk = desk.clone();
            async move { desk.ask(chunk, &format!("w{n}")).await }
        });
        let (mut granted, mut busy) = (Vec::new(), 0);
        for outcome in outcomes.await {
            match outcome {
                ClaimOutcome::Granted(claim) => granted.push(claim),
                ClaimOutcome::Busy { .. } => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((granted.len(), busy), (1, 11));
        assert_eq!(granted[0].epoch, 1);
    }
}

async fn i2_counters_are_exact_however_many_commit_at_once(fixture: &dyn LedgerFixture) {
    const CHUNKS: u32 = 50;
    let desk = Arc::new(Desk::running(fixture, "many commits", CHUNKS).await);
    let outcomes = at_once(CHUNKS * 2, |n| {
        let desk = desk.clone();
        async move {
            // Two workers for each chunk; one gets it, and says its commit twice.
            let ClaimOutcome::Granted(claim) = desk.ask(n % CHUNKS, &format!("w{n}")).await else {
                return 0;
            };
            let (one, two) = tokio::join!(desk.commit(&claim), desk.commit(&claim));
            assert_eq!(
                (one, two),
                (CommitOutcome::Committed, CommitOutcome::Committed)
            );
            1
        }
    });
    assert_eq!(outcomes.await.into_iter().sum::<u32>(), CHUNKS);
    let job = desk.job().await;
    assert_eq!(job.counters.committed, CHUNKS);
    assert_eq!(job.counters.tally, (0..u64::from(CHUNKS)).map(tally).sum());
    assert!(job.is_done());
    i2_counters_are_exact(&job, &desk.chunks().await).unwrap();
}

async fn i2_counters_are_exact_when_chunks_end_in_all_ways(fixture: &dyn LedgerFixture) {
    const CHUNKS: u32 = 40;
    let desk = Arc::new(Desk::running(fixture, "all ways", CHUNKS).await);
    at_once(CHUNKS, |chunk| {
        let desk = desk.clone();
        async move {
            let claim = desk.claim(chunk, "w").await;
            desk.ledger.calls_intended(&claim, 3).await.unwrap();
            desk.ledger
                .calls_settled(&claim, u64::from(chunk % 4))
                .await
                .unwrap();
            match chunk % 4 {
                0 => drop(desk.ledger.park_chunk(&claim).await.unwrap()),
                1 => drop(desk.ledger.quarantine_chunk(&claim, "no").await.unwrap()),
                _ => assert_eq!(desk.commit(&claim).await, CommitOutcome::Committed),
            }
        }
    })
    .await;
    let counters = desk.job().await.counters;
    assert_eq!(
        (counters.committed, counters.quarantined, counters.parked),
        (20, 10, 10)
    );
    assert_eq!(counters.tally.possibly_twice_paid_calls, 10 * 2 + 10);
    i2_counters_are_exact(&desk.job().await, &desk.chunks().await).unwrap();
}

async fn i7_the_window_holds_however_many_take_from_it(fixture: &dyn LedgerFixture) {
    const CHUNKS: u32 = 60;
    let desk = Desk::with_job(fixture, "many takers", ChunkLimits::default()).await;
    desk.split(CHUNKS).await;
    let desk = Arc::new(desk);
    let taken = at_once(12, |_| {
        let desk = desk.clone();
        async move {
            let mut mine = Vec::new();
            for _ in 0..30 {
                let some = desk.take(8, 3).await;
                i7_window(&desk.job().await, 8).unwrap();
                for chunk in &some {
                    desk.finish_chunk(*chunk).await;
                }
                mine.extend(some);
            }
            mine
        }
    });
    let taken: Vec<ChunkNo> = taken.await.into_iter().flatten().collect();
    let different: BTreeSet<ChunkNo> = taken.iter().copied().collect();
    assert_eq!(
        (taken.len(), different.len()),
        (CHUNKS as usize, CHUNKS as usize)
    );
    assert!(desk.job().await.is_done());
    i2_counters_are_exact(&desk.job().await, &desk.chunks().await).unwrap();
}

async fn i6_of_many_finishers_one_is_elected_and_ends_the_job(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "many finishers", 1).await;
    desk.finish_chunk(0).await;
    let desk = Arc::new(desk);
    let ended = at_once(12, |n| {
        let desk = desk.clone();
        async move {
            match desk.elect(&format!("a{n}")).await {
                Election::Elected { epoch, job } => {
                    let end = verdict(&job);
                    Some(
                        desk.ledger
                            .end_job(&desk.job_id, epoch, &end, None)
                            .await
                            .unwrap(),
                    )
                }
                Election::Busy { .. } | Election::Over => None,
                Election::NotReady => panic!("all chunks are final"),
            }
        }
    });
    let ended: Vec<EndOutcome> = ended.await.into_iter().flatten().collect();
    assert_eq!(ended, [EndOutcome::Ended]);
}

async fn i9_leases_stay_within_the_lane_however_many_ask_at_once(fixture: &dyn LedgerFixture) {
    let ledger = fixture.ledger(ChunkLimits::default()).await;
    for number in 1..=4 {
        let asked = at_once(16, |worker| {
            let ledger = ledger.clone();
            async move {
                let ask = lane_ask(number, Some(6_000.0));
                let worker = format!("w{worker}");
                let share = ledger.lane_reserve("many ask", &worker, &ask).await;
                share.unwrap().rates.tokens.expect("a limit was told")
            }
        });
        let leased: f64 = asked.await.into_iter().sum();
        // The first to ask has it all, until it asks again.
        assert!(leased > 0.0 && leased <= 5_940.0, "{leased} is leased");
    }
}

every_ledger! { conform_in_parallel [
    i9_leases_stay_within_the_lane_however_many_ask_at_once,
    s13_of_many_events_one_makes_the_job,
    of_many_splitters_one_plan_and_one_index_stand,
    i3_of_many_claims_one_is_granted,
    i2_counters_are_exact_however_many_commit_at_once,
    i2_counters_are_exact_when_chunks_end_in_all_ways,
    i7_the_window_holds_however_many_take_from_it,
    i6_of_many_finishers_one_is_elected_and_ends_the_job,
]}
