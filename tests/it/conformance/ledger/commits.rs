//! Commits, quarantines and counters: each chunk counts once and exactly (I2, I8, S10, S11).

use annexa::core::chunk::{ChunkLimits, ChunkStatus, ClaimOutcome, Commit, CommitOutcome, Release};
use annexa::core::invariants::balance;
use annexa::core::job::PauseReason;
use annexa::core::tally::Tally;
use annexa::core::transitions::chunk::quarantine_tally;
use annexa::ports::ledger::Held;

use super::{Desk, ROWS, commit_of, tally};
use crate::conformance::fixtures::LedgerFixture;

async fn i2_a_commit_is_kept_as_it_was_said_and_counts_once(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "once", 2).await;
    let claim = desk.claim(1, "w").await;
    for _ in 0..3 {
        // S11: whoever never heard the answer says it again.
        assert_eq!(desk.commit(&claim).await, CommitOutcome::Committed);
        let counters = desk.job().await.counters;
        assert_eq!((counters.committed, counters.tally), (1, tally(1)));
    }
    let record = desk.chunk(1).await;
    assert_eq!(record.status, ChunkStatus::Committed(commit_of(&claim)));
    assert_eq!(record.lease, None);
    assert_eq!(desk.ask(1, "w").await, ClaimOutcome::Done);
    desk.holds().await;
}

async fn i2_counters_are_the_sum_over_the_chunks(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "sum", 7).await;
    let mut expected = Tally::default();
    for chunk in 0..5 {
        desk.finish_chunk(chunk).await;
        expected += tally(u64::from(chunk));
        desk.holds().await;
    }
    let claim = desk.claim(5, "w").await;
    let held = desk
        .ledger
        .quarantine_chunk(&claim, "unreadable")
        .await
        .unwrap();
    assert_eq!(held, Held::Yes);
    expected += quarantine_tally(u64::from(ROWS), 0);
    let job = desk.job().await;
    assert_eq!((job.counters.committed, job.counters.quarantined), (5, 1));
    assert_eq!(job.counters.tally, expected);
    assert!(!job.is_done(), "chunk 6 is missing");
    desk.finish_chunk(6).await;
    let job = desk.job().await;
    assert!(job.is_done());
    balance(7 * u64::from(ROWS), &job.counters.tally).unwrap();
    desk.holds().await;
}

async fn a_quarantined_chunk_keeps_its_reason(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "reason", 1).await;
    let claim = desk.claim(0, "w").await;
    let reason = "its rows cannot be read: \"x\", \u{bf}\n";
    desk.ledger.quarantine_chunk(&claim, reason).await.unwrap();
    let expected = ChunkStatus::Quarantined {
        reason: reason.into(),
    };
    assert_eq!(desk.chunk(0).await.status, expected);
    desk.holds().await;
}

async fn a_paused_job_still_takes_what_is_in_hand(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "in hand", 3).await;
    let (one, two) = (desk.claim(0, "w1").await, desk.claim(1, "w2").await);
    desk.ledger
        .pause(&desk.job_id, &PauseReason::ByUser)
        .await
        .unwrap();
    assert_eq!(desk.claim(0, "w1").await, one, "it is asked for again");
    let renewed = desk
        .ledger
        .renew_claim(&one, desk.lease_ms())
        .await
        .unwrap();
    assert_eq!(renewed, Held::Yes);
    assert_eq!(desk.commit(&one).await, CommitOutcome::Committed);
    let failed = Release::Failed {
        reason: "no".into(),
    };
    desk.ledger.release_claim(&two, &failed).await.unwrap();
    assert_eq!(
        desk.ask(1, "w2").await,
        ClaimOutcome::Parked,
        "and nothing new is begun"
    );
    desk.holds().await;
}

async fn i8_calls_whose_answers_are_not_stored_are_counted(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "twice paid", 4).await;
    let ledger = &desk.ledger;
    let twice_paid = async || desk.job().await.counters.tally.possibly_twice_paid_calls;

    // Died with 3 of 5 calls open, and its heir settled all of its own.
    let dead = desk.claim(0, "w1").await;
    assert_eq!(ledger.calls_intended(&dead, 5).await.unwrap(), Held::Yes);
    assert_eq!(ledger.calls_settled(&dead, 2).await.unwrap(), Held::Yes);
    assert_eq!(desk.chunk(0).await.intended_calls, 3);
    desk.outlast_leases().await;
    let heir = desk.claim(0, "w2").await;
    let record = desk.chunk(0).await;
    assert_eq!((record.intended_calls, record.lost_calls), (0, 3));
    ledger.calls_intended(&heir, 4).await.unwrap();
    ledger.calls_settled(&heir, 4).await.unwrap();
    desk.commit(&heir).await;
    assert_eq!(twice_paid().await, 3);

    // Gave back with 2 open, then committed with 1 open.
    let claim = desk.claim(1, "w1").await;
    ledger.calls_intended(&claim, 2).await.unwrap();
    ledger
        .release_claim(&claim, &Release::Interrupted)
        .await
        .unwrap();
    let claim = desk.claim(1, "w1").await;
    ledger.calls_intended(&claim, 1).await.unwrap();
    desk.commit(&claim).await;
    assert_eq!(twice_paid().await, 3 + 3);

    // Given up with 4 open.
    let claim = desk.claim(2, "w1").await;
    ledger.calls_intended(&claim, 4).await.unwrap();
    ledger.quarantine_chunk(&claim, "no").await.unwrap();
    assert_eq!(twice_paid().await, 6 + 4);

    // Settled more than was intended: never below nothing.
    let claim = desk.claim(3, "w1").await;
    ledger.calls_intended(&claim, 1).await.unwrap();
    ledger.calls_settled(&claim, 9).await.unwrap();
    ledger.calls_intended(&claim, 2).await.unwrap();
    desk.commit(&claim).await;
    assert_eq!(twice_paid().await, 10 + 2);
    desk.holds().await;
}

async fn i8_the_ledger_counts_and_not_the_worker(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "own count", 1).await;
    let claim = desk.claim(0, "w1").await;
    desk.ledger.calls_intended(&claim, 2).await.unwrap();
    let boastful = Commit {
        tally: Tally {
            possibly_twice_paid_calls: 99,
            ..tally(0)
        },
        ..commit_of(&claim)
    };
    let outcome = desk.ledger.commit_chunk(&claim, &boastful).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
    assert_eq!(desk.job().await.counters.tally.possibly_twice_paid_calls, 2);
    desk.holds().await;
}

async fn jobs_do_not_count_for_each_other(fixture: &dyn LedgerFixture) {
    let one = Desk::running(fixture, "one job", 2).await;
    let spec = super::spec("another job");
    let job_id = annexa::core::identity::job_id(&spec);
    one.ledger.create_job(&job_id, &spec).await.unwrap();
    let other = Desk {
        ledger: one.ledger.clone(),
        clock: one.clock.clone(),
        job_id,
        lease: one.lease,
    };
    other.split(2).await;
    assert_eq!(other.take(9, 9).await, [0, 1]);
    let before = (one.job().await, one.chunks().await);
    other.finish_chunk(1).await;
    let claim = other.claim(0, "w").await;
    other.ledger.park_chunk(&claim).await.unwrap();
    assert_eq!((one.job().await, one.chunks().await), before);
    one.holds().await;
    other.holds().await;
}

async fn a_job_without_rows_is_done(fixture: &dyn LedgerFixture) {
    let desk = Desk::with_job(fixture, "no rows", ChunkLimits::default()).await;
    assert!(!desk.job().await.is_done());
    desk.split(0).await;
    assert!(desk.job().await.is_done());
    desk.holds().await;
}

every_ledger! { conform [
    i2_a_commit_is_kept_as_it_was_said_and_counts_once,
    i2_counters_are_the_sum_over_the_chunks,
    a_quarantined_chunk_keeps_its_reason,
    a_paused_job_still_takes_what_is_in_hand,
    i8_calls_whose_answers_are_not_stored_are_counted,
    i8_the_ledger_counts_and_not_the_worker,
    jobs_do_not_count_for_each_other,
    a_job_without_rows_is_done,
]}
