//! Control: chunks that are given up without a claim, and new generations of jobs that have ended (I2, I3, I6, I8).

use std::collections::BTreeSet;

use annexa::core::chunk::{
    ChunkStatus, Claim, ClaimOutcome, Commit, CommitOutcome, GivenUp, Release, ReleaseOutcome,
};
use annexa::core::ids::{ChunkKey, ChunkNo, Generation};
use annexa::core::invariants::i6_generation_carries_over;
use annexa::core::job::{Election, EndOutcome, NewGeneration, Stop};
use annexa::core::money::NanoUsd;
use annexa::core::tally::Tally;
use annexa::core::transitions::job::verdict;
use annexa::ports::ledger::Held;

use super::{Desk, ROWS, commit_of, totals};
use crate::conformance::fixtures::LedgerFixture;

async fn give_up(desk: &Desk, key: &ChunkKey) -> GivenUp {
    let reason = "its message came too often";
    desk.ledger.give_up_chunk(key, reason).await.unwrap()
}

async fn begin(desk: &Desk, ended: Generation, lost: &[ChunkNo]) -> NewGeneration {
    let lost: BTreeSet<ChunkNo> = lost.iter().copied().collect();
    let begun = desk.ledger.new_generation(&desk.job_id, ended, &lost);
    begun.await.unwrap()
}

/// Ends the job as it has to end.
async fn end(desk: &Desk) {
    let Election::Elected { epoch, job } = desk.elect("a").await else {
        panic!("it is done or being stopped");
    };
    let verdict = verdict(&job);
    let ended = desk.ledger.end_job(&desk.job_id, epoch, &verdict, None);
    assert_eq!(ended.await.unwrap(), EndOutcome::Ended);
}

fn key(desk: &Desk, generation: Generation, chunk: ChunkNo) -> ChunkKey {
    ChunkKey {
        generation,
        ..desk.key(chunk)
    }
}

async fn claim(desk: &Desk, generation: Generation, chunk: ChunkNo) -> Claim {
    let key = key(desk, generation, chunk);
    let asked = desk.ledger.claim_chunk(&key, "w", desk.lease_ms()).await;
    match asked.unwrap() {
        ClaimOutcome::Granted(claim) => claim,
        other => panic!("{key} was to be had, the answer was {other:?}"),
    }
}

/// A commit with `failed` failed rows.
fn with_failed(claim: &Claim, failed: u64) -> Commit {
    let commit = commit_of(claim);
    Commit {
        tally: Tally {
            coded: commit.tally.coded - failed,
            failed,
            ..commit.tally
        },
        ..commit
    }
}

async fn commit(desk: &Desk, claim: &Claim, failed: u64) -> Commit {
    let commit = with_failed(claim, failed);
    let committed = desk.ledger.commit_chunk(claim, &commit).await;
    assert_eq!(committed.unwrap(), CommitOutcome::Committed);
    commit
}

async fn s18_a_chunk_that_nobody_holds_is_given_up_without_a_claim(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "given up", 4).await;
    assert_eq!(give_up(&desk, &desk.key(0)).await, GivenUp::Yes);
    assert_eq!(
        give_up(&desk, &desk.key(0)).await,
        GivenUp::Final,
        "said again"
    );
    let reason = "its message came too often".to_string();
    assert_eq!(
        desk.chunk(0).await.status,
        ChunkStatus::Quarantined { reason }
    );
    let job = desk.job().await;
    assert_eq!(
        (job.counters.quarantined, job.counters.tally.failed),
        (1, u64::from(ROWS))
    );

    let held = desk.claim(1, "w").await;
    desk.ledger.calls_intended(&held, 3).await.unwrap();
    assert_eq!(give_up(&desk, &desk.key(1)).await, GivenUp::Held);
    desk.outlast_leases().await;
    assert_eq!(give_up(&desk, &desk.key(1)).await, GivenUp::Yes);
    assert_eq!(
        desk.chunk(1).await.lost_calls,
        3,
        "I8: who held it may have paid"
    );
    let committed = desk.ledger.commit_chunk(&held, &commit_of(&held)).await;
    assert_eq!(committed.unwrap(), CommitOutcome::AlreadyDone);
    desk.finish_chunk(2).await;
    assert_eq!(give_up(&desk, &desk.key(2)).await, GivenUp::Final);
    for unknown in [desk.key(99), key(&desk, 1, 3)] {
        assert_eq!(give_up(&desk, &unknown).await, GivenUp::JobOver);
    }
    desk.holds().await;
    desk.ledger
        .stop(&desk.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    assert_eq!(give_up(&desk, &desk.key(3)).await, GivenUp::JobOver);
}

async fn s16_a_paused_jobs_chunk_is_parked_and_not_given_up(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "given up paused", 1).await;
    let reason = annexa::core::job::PauseReason::ByUser;
    desk.ledger.pause(&desk.job_id, &reason).await.unwrap();
    for _ in 0..2 {
        assert_eq!(give_up(&desk, &desk.key(0)).await, GivenUp::Parked);
    }
    assert_eq!(desk.job().await.counters.parked, 1);
    desk.ledger.resume(&desk.job_id).await.unwrap();
    assert_eq!(
        give_up(&desk, &desk.key(0)).await,
        GivenUp::Parked,
        "it is sent again"
    );
    assert_eq!(desk.take(10, 10).await, [0]);
    desk.holds().await;
}

/// A job of five chunks: whole, with failed rows, given up, and two whole ones; it ended with errors.
async fn with_errors(fixture: &dyn LedgerFixture, name: &str) -> Desk {
    let desk = Desk::running(fixture, name, 5).await;
    desk.finish_chunk(0).await;
    let some_failed = desk.claim(1, "w").await;
    commit(&desk, &some_failed, 2).await;
    let given_up = desk.claim(2, "w").await;
    desk.ledger.calls_intended(&given_up, 4).await.unwrap();
    desk.ledger
        .quarantine_chunk(&given_up, "unreadable")
        .await
        .unwrap();
    desk.finish_chunk(3).await;
    desk.finish_chunk(4).await;
    end(&desk).await;
    assert_eq!(desk.job().await.state(), "COMPLETED_WITH_ERRORS");
    desk
}

async fn i6_only_what_failed_is_done_again_and_the_generation_ends_once(
    fixture: &dyn LedgerFixture,
) {
    let desk = with_errors(fixture, "retry").await;
    let (old_job, old) = (desk.job().await, desk.chunks().await);
    assert_eq!(
        begin(&desk, 1, &[]).await,
        NewGeneration::NotThis { generation: 0 }
    );
    let begun = begin(&desk, 0, &[]).await;
    assert_eq!(
        begun,
        NewGeneration::Begun {
            generation: 1,
            chunks: 2,
            needs_split: false
        }
    );
    let again = begin(&desk, 0, &[]).await;
    assert_eq!(
        again,
        NewGeneration::NotThis { generation: 1 },
        "said again"
    );
    let (job, new) = (desk.job().await, desk.chunks().await);
    i6_generation_carries_over(&old, &new, &BTreeSet::new()).unwrap();
    assert_eq!(
        (job.state(), job.counters.committed, job.counters.parked),
        ("RUNNING", 3, 2)
    );
    assert_eq!(
        (job.ended_ms, job.completed_ms, &job.plan),
        (None, None, &old_job.plan)
    );
    assert_eq!(job.counters.budget.spent, old_job.counters.budget.spent);
    let ChunkStatus::Committed(kept) = &new[4].status else {
        panic!("{:?}", new[4]);
    };
    assert_eq!(kept.blob_key, "results/chunks/00000004.csv");
    let listed = desk.ledger.live_jobs().await.unwrap();
    assert!(listed.iter().any(|live| live.job_id == desk.job_id));

    // I7: the window holds, whatever was carried over; I4: what waits is found in the index.
    assert_eq!(desk.take(1, 10).await, [1]);
    assert!(desk.take(1, 10).await.is_empty());
    let redone = claim(&desk, 1, 1).await;
    assert_eq!(redone.previous.as_ref().unwrap().tally.failed, 2);
    assert_eq!(
        redone.previous.as_ref().unwrap().blob_key,
        "results/chunks/00000001.csv"
    );
    assert!(redone.epoch > old[1].epoch, "I3");
    commit(&desk, &redone, 0).await;
    assert_eq!(desk.take(1, 10).await, [2]);
    let redone = claim(&desk, 1, 2).await;
    assert_eq!(redone.previous, None);
    commit(&desk, &redone, 1).await;
    let tally = desk.job().await.counters.tally;
    assert_eq!((tally.rows, tally.failed), (u64::from(5 * ROWS), 1));
    assert_eq!(
        tally.possibly_twice_paid_calls, 4,
        "I8: calls of the first pass stay counted"
    );
    desk.holds().await;
    end(&desk).await;
    let job = desk.job().await;
    assert_eq!((job.state(), job.generation), ("COMPLETED_WITH_ERRORS", 1));
    assert!(job.finisher_epoch > old_job.finisher_epoch);
    let verdict = verdict(&job);
    let old_end = desk
        .ledger
        .end_job(&desk.job_id, old_job.finisher_epoch, &verdict, None);
    assert_eq!(old_end.await.unwrap(), EndOutcome::AlreadyEnded);
    assert!(matches!(
        begin(&desk, 1, &[]).await,
        NewGeneration::Begun { generation: 2, .. }
    ));
}

async fn i3_claims_of_the_generation_before_write_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "retry fences", 2).await;
    desk.finish_chunk(0).await;
    let old = desk.claim(1, "w").await;
    desk.ledger.calls_intended(&old, 2).await.unwrap();
    desk.ledger.budget_reserve(&old, NanoUsd(9)).await.unwrap();
    desk.ledger
        .stop(&desk.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    end(&desk).await;
    let begun = begin(&desk, 0, &[]).await;
    assert!(
        matches!(begun, NewGeneration::Begun { chunks: 1, .. }),
        "{begun:?}"
    );
    let chunk = desk.chunk(1).await;
    assert_eq!(
        (chunk.lost_calls, chunk.spent, chunk.reserved),
        (2, NanoUsd(9), NanoUsd::ZERO)
    );
    let before = desk.chunks().await;
    let ledger = &desk.ledger;
    assert_eq!(ledger.renew_claim(&old, 1_000).await.unwrap(), Held::Lost);
    assert_eq!(ledger.calls_intended(&old, 1).await.unwrap(), Held::Lost);
    assert_eq!(ledger.calls_settled(&old, 2).await.unwrap(), Held::Lost);
    let released = ledger.release_claim(&old, &Release::Interrupted).await;
    assert_eq!(released.unwrap(), ReleaseOutcome::Lost);
    let committed = ledger.commit_chunk(&old, &commit_of(&old)).await;
    assert_eq!(committed.unwrap(), CommitOutcome::JobOver);
    assert_eq!(
        desk.ask(1, "w").await,
        ClaimOutcome::JobOver,
        "a message of before"
    );
    assert_eq!(desk.chunks().await, before);
    assert_eq!(desk.take(10, 10).await, [1]);
    let redone = claim(&desk, 1, 1).await;
    commit(&desk, &redone, 0).await;
    desk.holds().await;
    end(&desk).await;
    assert_eq!(desk.job().await.state(), "COMPLETED");
    assert_eq!(begin(&desk, 1, &[]).await, NewGeneration::NothingToDo);
}

async fn a_job_that_was_stopped_while_it_was_split_is_split_on(fixture: &dyn LedgerFixture) {
    let limits = annexa::core::chunk::ChunkLimits::default();
    let desk = Desk::with_job(fixture, "retry split", limits).await;
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    ledger
        .freeze_plan(job_id, &super::plan("v1"))
        .await
        .unwrap();
    ledger.put_ranges(job_id, &super::ranges(2)).await.unwrap();
    ledger.stop(job_id, &Stop::Cancelled).await.unwrap();
    end(&desk).await;
    let begun = NewGeneration::Begun {
        generation: 1,
        chunks: 2,
        needs_split: true,
    };
    assert_eq!(begin(&desk, 0, &[]).await, begun);
    assert_eq!(desk.job().await.state(), "SPLITTING");
    ledger.put_ranges(job_id, &super::ranges(4)).await.unwrap();
    ledger.split_complete(job_id, &totals(4)).await.unwrap();
    assert_eq!(
        desk.take(3, 10).await,
        [0, 1, 2],
        "parked ones first, then new ones"
    );
    for chunk in 0..4 {
        if chunk == 3 {
            assert_eq!(desk.take(3, 10).await, [3]);
        }
        let claim = claim(&desk, 1, chunk).await;
        commit(&desk, &claim, 0).await;
    }
    desk.holds().await;
    end(&desk).await;
    assert_eq!(desk.job().await.state(), "COMPLETED");
}

async fn what_is_lost_is_done_anew_as_a_whole(fixture: &dyn LedgerFixture) {
    let desk = with_errors(fixture, "retry lost").await;
    let begun = begin(&desk, 0, &[1, 3]).await;
    assert!(
        matches!(begun, NewGeneration::Begun { chunks: 3, .. }),
        "{begun:?}"
    );
    assert_eq!(desk.take(10, 10).await, [1, 2, 3]);
    for chunk in [1, 2, 3] {
        let claim = claim(&desk, 1, chunk).await;
        assert_eq!(claim.previous, None);
        commit(&desk, &claim, 0).await;
    }
    desk.holds().await;
    assert!(desk.job().await.is_done());
}

async fn i10_a_chunk_given_up_again_keeps_what_was_committed_of_it(fixture: &dyn LedgerFixture) {
    let desk = with_errors(fixture, "retry given up").await;
    begin(&desk, 0, &[]).await;
    desk.take(10, 10).await;
    assert_eq!(give_up(&desk, &key(&desk, 1, 1)).await, GivenUp::Yes);
    let tally = desk.job().await.counters.tally;
    // Of chunk 1 two rows failed before, and no more than these fail now.
    assert_eq!((tally.rows, tally.failed), (u64::from(4 * ROWS), 2));
    desk.holds().await;
    let claim = claim(&desk, 1, 2).await;
    commit(&desk, &claim, 0).await;
    end(&desk).await;
    begin(&desk, 1, &[]).await;
    let previous = desk.chunk(1).await.previous.expect("it is still known");
    assert_eq!(previous.blob_key, "results/chunks/00000001.csv");
}

every_ledger! { conform [
    s18_a_chunk_that_nobody_holds_is_given_up_without_a_claim,
    s16_a_paused_jobs_chunk_is_parked_and_not_given_up,
    i6_only_what_failed_is_done_again_and_the_generation_ends_once,
    i3_claims_of_the_generation_before_write_nothing,
    a_job_that_was_stopped_while_it_was_split_is_split_on,
    what_is_lost_is_done_anew_as_a_whole,
    i10_a_chunk_given_up_again_keeps_what_was_committed_of_it,
]}
