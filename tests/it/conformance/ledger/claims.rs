//! Claims: one holder at a time, for a while, under a number that only grows (I3, S9, S11, S16).

use annexa::core::chunk::{
    ChunkLimits, ChunkStatus, Claim, ClaimOutcome, CommitOutcome, Release, ReleaseOutcome,
};
use annexa::core::ids::ChunkKey;
use annexa::core::invariants::EpochWatch;
use annexa::core::job::Stop;
use annexa::ports::ledger::Held;

use super::{Desk, ROWS, range};
use crate::conformance::fixtures::LedgerFixture;

async fn a_claim_says_what_is_to_be_done(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "claim", 3).await;
    let before_ms = desk.clock.now_ms();
    let claim = desk.claim(2, "w1").await;
    assert!(claim.until_ms >= before_ms + desk.lease_ms());
    let expected = Claim {
        key: desk.key(2),
        epoch: 1,
        until_ms: claim.until_ms,
        range: range(2),
        failed_attempts: 0,
        isolated: false,
        poisoned_rows: vec![],
        previous: None,
    };
    assert_eq!(claim, expected);
    let record = desk.chunk(2).await;
    let lease = record.lease.expect("it is held");
    assert_eq!(
        (lease.owner.as_str(), lease.until_ms),
        ("w1", claim.until_ms)
    );
    desk.holds().await;
}

async fn a_held_chunk_is_busy_until_its_claim_ends(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "busy", 2).await;
    let claim = desk.claim(0, "w1").await;
    let busy = ClaimOutcome::Busy {
        until_ms: claim.until_ms,
    };
    assert_eq!(desk.ask(0, "w2").await, busy);
    desk.clock.sleep(desk.lease / 2).await;
    assert_eq!(desk.ask(0, "w2").await, busy, "asking does not prolong it");
    desk.claim(1, "w2").await;
    desk.holds().await;
}

async fn s11_the_same_owner_finds_its_claim_again(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "found again", 1).await;
    let first = desk.claim(0, "w1").await;
    desk.clock.sleep(desk.lease / 2).await;
    let before = desk.chunk(0).await;
    assert_eq!(
        desk.claim(0, "w1").await,
        first,
        "the same, not a longer one"
    );
    assert_eq!(desk.chunk(0).await, before);
    assert_eq!(desk.commit(&first).await, CommitOutcome::Committed);
}

async fn a_claim_that_ran_out_is_given_to_the_next_under_a_higher_epoch(
    fixture: &dyn LedgerFixture,
) {
    let desk = Desk::running(fixture, "ran out", 1).await;
    let mut watch = EpochWatch::default();
    for owner in ["w1", "w2", "w2", "w1"] {
        let claim = desk.claim(0, owner).await;
        watch.granted(0, claim.epoch).unwrap();
        desk.outlast_leases().await;
    }
    let record = desk.chunk(0).await;
    assert_eq!(
        (record.epoch, record.abandoned_claims),
        (4, 3),
        "the last one is not yet booked"
    );
    assert_eq!(record.failed_attempts, 0, "S16: dying is not failing");
}

async fn a_renewed_claim_lasts_from_its_renewal(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "renewed", 1).await;
    let claim = desk.claim(0, "w1").await;
    for _ in 0..6 {
        desk.clock.sleep(desk.lease / 2).await;
        let held = desk
            .ledger
            .renew_claim(&claim, desk.lease_ms())
            .await
            .unwrap();
        assert_eq!(held, Held::Yes);
        assert!(matches!(desk.ask(0, "w2").await, ClaimOutcome::Busy { .. }));
    }
    // Renewing for less does not shorten.
    let until_ms = desk.chunk(0).await.lease.unwrap().until_ms;
    assert_eq!(desk.ledger.renew_claim(&claim, 1).await.unwrap(), Held::Yes);
    assert_eq!(desk.ask(0, "w2").await, ClaimOutcome::Busy { until_ms });
    desk.outlast_leases().await;
    assert_eq!(desk.claim(0, "w2").await.epoch, 2);
}

async fn a_claim_that_ran_out_and_that_nobody_took_still_holds(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "late", 2).await;
    let (one, two) = (desk.claim(0, "w1").await, desk.claim(1, "w1").await);
    desk.outlast_leases().await;
    assert_eq!(desk.commit(&one).await, CommitOutcome::Committed);
    let renewed = desk
        .ledger
        .renew_claim(&two, desk.lease_ms())
        .await
        .unwrap();
    assert_eq!(renewed, Held::Yes);
    assert!(matches!(desk.ask(1, "w2").await, ClaimOutcome::Busy { .. }));
    desk.holds().await;
}

async fn s16_an_interrupted_claim_costs_no_attempt(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "interrupted", 1).await;
    for epoch in 1..=20 {
        let claim = desk.claim(0, "w1").await;
        assert_eq!((claim.epoch, claim.failed_attempts), (epoch, 0));
        let released = desk
            .ledger
            .release_claim(&claim, &Release::Interrupted)
            .await;
        assert_eq!(released.unwrap(), ReleaseOutcome::Released);
    }
    let record = desk.chunk(0).await;
    assert_eq!((record.lease, record.abandoned_claims), (None, 0));
    desk.holds().await;
}

async fn s16_failed_attempts_end_in_quarantine_with_the_reason(fixture: &dyn LedgerFixture) {
    let limits = ChunkLimits {
        max_failed_attempts: 3,
        ..ChunkLimits::default()
    };
    let desk = Desk::running_under(fixture, "failed", 2, limits).await;
    let failed = Release::Failed {
        reason: "the disk is full".into(),
    };
    for attempt in 0..3 {
        let claim = desk.claim(0, &format!("w{attempt}")).await;
        assert_eq!(claim.failed_attempts, attempt);
        let released = desk.ledger.release_claim(&claim, &failed).await.unwrap();
        let expected = if attempt == 2 {
            ReleaseOutcome::Quarantined
        } else {
            ReleaseOutcome::Released
        };
        assert_eq!(released, expected);
    }
    let ChunkStatus::Quarantined { reason } = desk.chunk(0).await.status else {
        panic!("it failed three times");
    };
    assert!(reason.contains("the disk is full"), "{reason}");
    assert_eq!(desk.ask(0, "w9").await, ClaimOutcome::Done);
    let counters = desk.job().await.counters;
    assert_eq!((counters.quarantined, counters.committed), (1, 0));
    assert_eq!(
        (counters.tally.rows, counters.tally.failed),
        (ROWS.into(), ROWS.into())
    );
    desk.holds().await;
}

async fn what_is_final_or_unknown_is_not_claimed(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "not claimed", 1).await;
    desk.finish_chunk(0).await;
    assert_eq!(desk.ask(0, "w2").await, ClaimOutcome::Done);
    assert_eq!(
        desk.ask(1, "w2").await,
        ClaimOutcome::JobOver,
        "no such chunk"
    );
    let other = ChunkKey {
        generation: 1,
        ..desk.key(0)
    };
    let asked = desk.ledger.claim_chunk(&other, "w2", 1_000).await.unwrap();
    assert_eq!(asked, ClaimOutcome::JobOver, "no such generation");
    assert_eq!(desk.chunks().await.len(), 1);
}

async fn a_job_that_is_being_stopped_grants_and_takes_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "stopped", 2).await;
    let claim = desk.claim(0, "w1").await;
    desk.ledger
        .stop(&desk.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    assert_eq!(desk.ask(1, "w1").await, ClaimOutcome::JobOver);
    assert_eq!(desk.commit(&claim).await, CommitOutcome::JobOver);
    assert_eq!(desk.job().await.counters.committed, 0);
    desk.holds().await;
}

every_ledger! { conform [
    a_claim_says_what_is_to_be_done,
    a_held_chunk_is_busy_until_its_claim_ends,
    s11_the_same_owner_finds_its_claim_again,
    a_claim_that_ran_out_is_given_to_the_next_under_a_higher_epoch,
    a_renewed_claim_lasts_from_its_renewal,
    a_claim_that_ran_out_and_that_nobody_took_still_holds,
    s16_an_interrupted_claim_costs_no_attempt,
    s16_failed_attempts_end_in_quarantine_with_the_reason,
    what_is_final_or_unknown_is_not_claimed,
    a_job_that_is_being_stopped_grants_and_takes_nothing,
]}
