//! Jobs: created once, listed, planned once, paused, resumed, changed in what may change.

use std::time::Duration;

use annexa::core::chunk::{ChunkLimits, ClaimOutcome};
use annexa::core::identity;
use annexa::core::ids::{ChunkKey, JobId};
use annexa::core::job::{Election, PauseReason, Phase, Stop};
use annexa::core::money::NanoUsd;
use annexa::core::spec::Limits;
use annexa::ports::ErrorClass;
use annexa::ports::ledger::Created;

use super::{Desk, JobRecord, plan, ranges, spec, totals};
use crate::conformance::fixtures::LedgerFixture;

async fn the_same_event_twice_is_the_same_job(fixture: &dyn LedgerFixture) {
    let ledger = fixture.ledger(ChunkLimits::default()).await;
    let first = spec("the same event twice");
    let job_id = identity::job_id(&first);
    assert_eq!(
        ledger.create_job(&job_id, &first).await.unwrap(),
        Created::New
    );
    let mut other = first.clone();
    (other.max_workers, other.rate_limit) = (1, None);
    assert_eq!(identity::job_id(&other), job_id);
    let Created::Exists(found) = ledger.create_job(&job_id, &other).await.unwrap() else {
        panic!("it was there");
    };
    assert_eq!(found.spec, first, "the first spec stands, to the last bit");
    assert_eq!(ledger.job(&job_id).await.unwrap(), Some(*found.clone()));
    assert_eq!(*found, JobRecord::new(job_id, first, found.created_ms));
}

async fn a_job_that_goes_on_is_found_as_it_is(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "goes on", 2).await;
    desk.finish_chunk(0).await;
    let job = desk.job().await;
    let created = desk
        .ledger
        .create_job(&desk.job_id, &job.spec)
        .await
        .unwrap();
    assert_eq!(created, Created::Exists(Box::new(job)));
}

async fn an_unknown_job_is_none_and_its_messages_can_go(fixture: &dyn LedgerFixture) {
    let ledger = fixture.ledger(ChunkLimits::default()).await;
    let job_id = JobId("job-that-never-was".into());
    assert_eq!(ledger.job(&job_id).await.unwrap(), None);
    let key = ChunkKey {
        job_id: job_id.clone(),
        generation: 0,
        chunk: 0,
    };
    let claim = ledger.claim_chunk(&key, "w", 1_000).await.unwrap();
    assert_eq!(claim, ClaimOutcome::JobOver);
    let election = ledger.elect_finisher(&job_id, "a", 1_000).await.unwrap();
    assert_eq!(election, Election::Over);
    assert_eq!(
        ledger.job(&job_id).await.unwrap(),
        None,
        "asking makes no job"
    );
}

async fn jobs_are_listed_newest_first(fixture: &dyn LedgerFixture) {
    let (ledger, clock) = (
        fixture.ledger(ChunkLimits::default()).await,
        fixture.clock(),
    );
    let mut mine = Vec::new();
    for n in 0..5 {
        let spec = spec(&format!("listed {n}"));
        let job_id = identity::job_id(&spec);
        ledger.create_job(&job_id, &spec).await.unwrap();
        mine.insert(0, job_id);
        clock.sleep(Duration::from_millis(1_100)).await;
    }
    // What becomes of a job does not move it.
    ledger.stop(&mine[2], &Stop::Cancelled).await.unwrap();
    let listed = ledger.list_jobs().await.unwrap();
    let found: Vec<JobId> = listed
        .iter()
        .map(|job| job.job_id.clone())
        .filter(|job_id| mine.contains(job_id))
        .collect();
    assert_eq!(found, mine);
    for job in listed.iter().filter(|job| mine.contains(&job.job_id)) {
        assert_eq!(ledger.job(&job.job_id).await.unwrap().as_ref(), Some(job));
    }
}

async fn the_first_plan_stands(fixture: &dyn LedgerFixture) {
    let desk = Desk::with_job(fixture, "plan", ChunkLimits::default()).await;
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    assert_eq!(
        ledger.freeze_plan(job_id, &plan("v1")).await.unwrap(),
        plan("v1")
    );
    assert_eq!(
        ledger.freeze_plan(job_id, &plan("v2")).await.unwrap(),
        plan("v1")
    );
    assert_eq!(desk.job().await.plan, Some(plan("v1")));
}

async fn a_second_splitter_counts_the_same_or_is_refused(fixture: &dyn LedgerFixture) {
    let desk = Desk::with_job(fixture, "split", ChunkLimits::default()).await;
    assert_eq!(desk.job().await.state(), "SPLITTING");
    desk.split(2).await;
    let job = desk.job().await;
    assert_eq!(
        (job.state(), job.split.clone()),
        ("RUNNING", Some(totals(2)))
    );
    desk.split(2).await;
    let mut other = totals(2);
    other.rows += 1;
    let refused = desk
        .ledger
        .split_complete(&desk.job_id, &other)
        .await
        .unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    assert_eq!(desk.job().await, job);
}

async fn i1_totals_that_contradict_the_index_are_refused(fixture: &dyn LedgerFixture) {
    let desk = Desk::with_job(fixture, "totals", ChunkLimits::default()).await;
    desk.ledger
        .put_ranges(&desk.job_id, &ranges(3))
        .await
        .unwrap();
    for chunks in [0, 2, 4] {
        let refused = desk
            .ledger
            .split_complete(&desk.job_id, &totals(chunks))
            .await;
        assert_eq!(
            refused.unwrap_err().class,
            ErrorClass::PermanentJob,
            "{chunks}"
        );
        assert_eq!(desk.job().await.split, None);
    }
    desk.split(3).await;
    assert_eq!(desk.job().await.split, Some(totals(3)));
}

async fn nothing_is_split_for_a_job_that_ends(fixture: &dyn LedgerFixture) {
    // Outputs are a function of what the ledger holds, so nothing may be added to it any more.
    let desk = Desk::with_job(fixture, "ending", ChunkLimits::default()).await;
    desk.ledger
        .put_ranges(&desk.job_id, &ranges(1))
        .await
        .unwrap();
    desk.ledger
        .stop(&desk.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    let before = (desk.job().await, desk.chunks().await);
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    let refusals = [
        ledger.freeze_plan(job_id, &plan("v1")).await.err(),
        ledger.put_ranges(job_id, &ranges(2)).await.err(),
        ledger.split_complete(job_id, &totals(1)).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.expect("it is ending").class, ErrorClass::LostClaim);
    }
    assert_eq!((desk.job().await, desk.chunks().await), before);
}

async fn the_first_reason_to_pause_stands_until_it_goes_on(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "pause", 1).await;
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    assert!(!ledger.resume(job_id).await.unwrap(), "it was not paused");
    let parked = PauseReason::LaneParked {
        detail: "daily quota of model x: try tomorrow".into(),
    };
    assert!(ledger.pause(job_id, &parked).await.unwrap());
    assert!(
        ledger.pause(job_id, &PauseReason::ByUser).await.unwrap(),
        "still live"
    );
    let job = desk.job().await;
    assert_eq!((job.state(), job.paused), ("PAUSED", Some(parked)));
    assert!(ledger.resume(job_id).await.unwrap());
    assert!(!ledger.resume(job_id).await.unwrap());
    let job = desk.job().await;
    assert_eq!((job.state(), job.paused), ("RUNNING", None));
}

async fn a_split_goes_on_under_a_pause(fixture: &dyn LedgerFixture) {
    let desk = Desk::with_job(fixture, "paused split", ChunkLimits::default()).await;
    desk.ledger
        .pause(&desk.job_id, &PauseReason::CostCap)
        .await
        .unwrap();
    desk.split(3).await;
    let job = desk.job().await;
    assert_eq!((job.state(), &job.phase), ("PAUSED", &Phase::Running));
    assert_eq!(job.stored_chunks, 3);
    desk.ledger.resume(&desk.job_id).await.unwrap();
    assert_eq!(desk.job().await.state(), "RUNNING");
    desk.holds().await;
}

async fn what_is_over_is_neither_paused_nor_stopped(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "over", 1).await;
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    let failed = Stop::Failed {
        reason: "no access to model x: ask for it".into(),
    };
    assert!(ledger.stop(job_id, &failed).await.unwrap());
    let job = desk.job().await;
    assert!(!ledger.stop(job_id, &Stop::Cancelled).await.unwrap());
    assert!(!ledger.pause(job_id, &PauseReason::ByUser).await.unwrap());
    assert_eq!(desk.job().await, job, "the first reason stands");
    assert_eq!(job.stopping, Some(failed));
}

async fn limits_change_and_nothing_else(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "rates", 2).await;
    desk.finish_chunk(0).await;
    let before = desk.job().await;
    for (max_workers, rate_limit) in [(1, None), (500, Some(1e-3)), (7, Some(0.1 + 0.7))] {
        let limits = Limits {
            max_workers,
            rate_limit,
            tokens_per_minute: rate_limit.map(|_| u64::from(max_workers) << 40),
            requests_per_minute: rate_limit.map(|_| 1),
            max_cost: rate_limit.map(|_| NanoUsd(1_000_000_000_001)),
        };
        desk.ledger.set_limits(&desk.job_id, &limits).await.unwrap();
        let mut expected = before.clone();
        expected.spec.set_limits(&limits);
        assert_eq!(expected.spec.limits(), limits);
        assert_eq!(desk.job().await, expected);
    }
}

every_ledger! { conform [
    the_same_event_twice_is_the_same_job,
    a_job_that_goes_on_is_found_as_it_is,
    an_unknown_job_is_none_and_its_messages_can_go,
    jobs_are_listed_newest_first,
    the_first_plan_stands,
    a_second_splitter_counts_the_same_or_is_refused,
    i1_totals_that_contradict_the_index_are_refused,
    nothing_is_split_for_a_job_that_ends,
    the_first_reason_to_pause_stands_until_it_goes_on,
    a_split_goes_on_under_a_pause,
    what_is_over_is_neither_paused_nor_stopped,
    limits_change_and_nothing_else,
]}
