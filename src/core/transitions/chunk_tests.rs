//! The chunk's rules, one promise a test.

use super::*;
use crate::core::chunk::ChunkRange;
use crate::core::identity;
use crate::core::job::{PauseReason, Stop};

const LEASE_MS: u64 = 100;

fn fixture() -> (JobRecord, ChunkRecord, ChunkLimits) {
    let spec = identity::tests::spec();
    let mut job = JobRecord::new(identity::job_id(&spec), spec, 0);
    job.sent_upto = 1;
    let range = ChunkRange {
        chunk: 0,
        start: 10,
        end: 90,
        first_row: 1,
        rows: 10,
    };
    (job, ChunkRecord::new(range, 0), ChunkLimits::default())
}

fn granted(outcome: ClaimOutcome) -> Claim {
    match outcome {
        ClaimOutcome::Granted(claim) => claim,
        other => panic!("expected a claim, got {other:?}"),
    }
}

fn commit_of(claim: &Claim) -> Commit {
    Commit {
        epoch: claim.epoch,
        blob_key: format!("c-{}", claim.epoch),
        sha256: format!("{}", claim.epoch),
        bytes: 1,
        tally: Tally {
            rows: 10,
            coded: 10,
            ..Tally::default()
        },
    }
}

#[test]
fn i3_s9_an_older_epoch_writes_nothing() {
    let (mut job, mut chunk, limits) = fixture();
    let zombie = granted(claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits));
    assert_eq!(
        claim(&mut job, &mut chunk, "b", LEASE_MS - 1, LEASE_MS, &limits),
        ClaimOutcome::Busy { until_ms: LEASE_MS }
    );
    let heir = granted(claim(
        &mut job, &mut chunk, "b", LEASE_MS, LEASE_MS, &limits,
    ));
    assert_eq!(heir.epoch, zombie.epoch + 1);
    assert!(!renew(&mut chunk, &zombie, LEASE_MS, LEASE_MS));
    assert!(!intend_calls(&mut chunk, &zombie, 1));
    assert!(!set_cursor(&mut chunk, &zombie, Some(1)));
    assert!(!park(&mut job.counters, &mut chunk, &zombie, LEASE_MS));
    assert!(!quarantine(
        &mut job.counters,
        &mut chunk,
        &zombie,
        "x",
        LEASE_MS
    ));
    let before = chunk.clone();
    assert_eq!(
        commit(&mut job, &mut chunk, &zombie, &commit_of(&zombie), LEASE_MS),
        CommitOutcome::Fenced
    );
    let lost = Release::Failed {
        reason: "late".into(),
    };
    assert_eq!(
        release(
            &mut job.counters,
            &mut chunk,
            &zombie,
            &lost,
            LEASE_MS,
            &limits
        ),
        ReleaseOutcome::Lost
    );
    assert_eq!(chunk, before);
}

#[test]
fn s11_a_claim_whose_answer_was_lost_is_found_again() {
    let (mut job, mut chunk, limits) = fixture();
    let first = granted(claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits));
    let again = granted(claim(&mut job, &mut chunk, "a", 7, LEASE_MS, &limits));
    assert_eq!(first, again);
    assert_eq!(chunk.abandoned_claims, 0);
}

#[test]
fn i2_s10_a_chunk_is_committed_once_and_the_same_commit_may_be_said_again() {
    let (mut job, mut chunk, limits) = fixture();
    let first = granted(claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits));
    for _ in 0..2 {
        assert_eq!(
            commit(&mut job, &mut chunk, &first, &commit_of(&first), 5),
            CommitOutcome::Committed
        );
    }
    assert_eq!(job.counters.committed, 1);
    assert_eq!(job.counters.tally.rows, 10);
    let mut other = commit_of(&first);
    other.epoch += 1;
    assert_eq!(
        commit(&mut job, &mut chunk, &first, &other, 6),
        CommitOutcome::AlreadyDone
    );
    assert_eq!(
        claim(&mut job, &mut chunk, "b", 500, LEASE_MS, &limits),
        ClaimOutcome::Done
    );
}

#[test]
fn s16_an_interrupted_claim_costs_no_attempt_and_a_failed_one_does() {
    let (mut job, mut chunk, limits) = fixture();
    for _ in 0..20 {
        let held = granted(claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits));
        let outcome = release(
            &mut job.counters,
            &mut chunk,
            &held,
            &Release::Interrupted,
            0,
            &limits,
        );
        assert_eq!(outcome, ReleaseOutcome::Released);
    }
    let failed = Release::Failed {
        reason: "disk full".into(),
    };
    for attempt in 1..=limits.max_failed_attempts {
        let held = granted(claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits));
        assert_eq!(held.failed_attempts, attempt - 1);
        let outcome = release(&mut job.counters, &mut chunk, &held, &failed, 0, &limits);
        assert_eq!(
            outcome == ReleaseOutcome::Quarantined,
            attempt == limits.max_failed_attempts
        );
    }
    assert_eq!(job.counters.quarantined, 1);
    assert_eq!(job.counters.tally.failed, 10);
}

#[test]
fn s18_a_chunk_that_kills_is_isolated_then_its_row_is_poisoned() {
    let (mut job, mut chunk, limits) = fixture();
    let mut now = 0;
    let mut next = |job: &mut JobRecord, chunk: &mut ChunkRecord| {
        now += LEASE_MS;
        granted(claim(job, chunk, "a", now, LEASE_MS, &limits))
    };
    for _ in 0..limits.isolate_after_abandoned {
        assert!(!next(&mut job, &mut chunk).isolated);
    }
    for _ in 0..limits.row_strikes {
        let held = next(&mut job, &mut chunk);
        assert!(held.isolated && held.poisoned_rows.is_empty());
        assert!(set_cursor(&mut chunk, &held, Some(4)));
    }
    assert_eq!(next(&mut job, &mut chunk).poisoned_rows, [4]);
}

#[test]
fn s18_even_isolation_ends_in_quarantine() {
    let (mut job, mut chunk, limits) = fixture();
    let mut now = 0;
    for _ in 0..limits.max_abandoned {
        now += LEASE_MS;
        granted(claim(&mut job, &mut chunk, "a", now, LEASE_MS, &limits));
    }
    let last = claim(&mut job, &mut chunk, "a", now + LEASE_MS, LEASE_MS, &limits);
    assert_eq!(last, ClaimOutcome::Done);
    assert!(matches!(&chunk.status, ChunkStatus::Quarantined { .. }));
    assert_eq!(job.counters.tally.failed, 10);
}

#[test]
fn i8_calls_of_a_lost_claim_are_counted_as_possibly_twice_paid() {
    let (mut job, mut chunk, limits) = fixture();
    let dead = granted(claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits));
    assert!(intend_calls(&mut chunk, &dead, 5));
    assert!(settle_calls(&mut chunk, &dead, 2));
    let heir = granted(claim(
        &mut job, &mut chunk, "b", LEASE_MS, LEASE_MS, &limits,
    ));
    assert!(intend_calls(&mut chunk, &heir, 4));
    assert!(settle_calls(&mut chunk, &heir, 4));
    commit(&mut job, &mut chunk, &heir, &commit_of(&heir), LEASE_MS);
    assert_eq!(job.counters.tally.possibly_twice_paid_calls, 3);
}

#[test]
fn a_paused_job_parks_and_a_sent_chunk_leaves_the_park() {
    let (mut job, mut chunk, limits) = fixture();
    job.paused = Some(PauseReason::ByUser);
    for _ in 0..2 {
        let outcome = claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits);
        assert_eq!(outcome, ClaimOutcome::Parked);
    }
    assert_eq!((job.counters.parked, job.outstanding_chunks()), (1, 0));
    job.paused = None;
    let stale = claim(&mut job, &mut chunk, "a", 1, LEASE_MS, &limits);
    assert_eq!(stale, ClaimOutcome::Parked);
    mark_sent(&mut job.counters, &mut chunk, 9);
    assert_eq!((job.counters.parked, job.outstanding_chunks()), (0, 1));
    granted(claim(&mut job, &mut chunk, "a", 10, LEASE_MS, &limits));
}

#[test]
fn a_stopping_job_grants_and_commits_nothing() {
    let (mut job, mut chunk, limits) = fixture();
    let held = granted(claim(&mut job, &mut chunk, "a", 0, LEASE_MS, &limits));
    job.stopping = Some(Stop::Cancelled);
    assert_eq!(
        commit(&mut job, &mut chunk, &held, &commit_of(&held), 1),
        CommitOutcome::JobOver
    );
    assert_eq!(
        claim(&mut job, &mut chunk, "b", 500, LEASE_MS, &limits),
        ClaimOutcome::JobOver
    );
}

#[test]
fn i4_only_silent_open_chunks_are_suspects() {
    let (mut job, mut chunk, limits) = fixture();
    assert!(!is_orphan_suspect(&chunk, 49, 50));
    assert!(is_orphan_suspect(&chunk, 50, 50));
    let held = granted(claim(&mut job, &mut chunk, "a", 50, LEASE_MS, &limits));
    assert!(!is_orphan_suspect(&chunk, 120, 50));
    assert!(is_orphan_suspect(&chunk, 150, 50));
    commit(&mut job, &mut chunk, &held, &commit_of(&held), 150);
    assert!(!is_orphan_suspect(&chunk, 900, 50));
}
