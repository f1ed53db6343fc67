//! I3: under a claim that is lost no operation of the ledger does anything.

use annexa::core::chunk::{Claim, CommitOutcome, Release, ReleaseOutcome};
use annexa::core::job::Reserved;
use annexa::core::money::NanoUsd;
use annexa::ports::ledger::Held;

use super::{Desk, commit_of};
use crate::conformance::fixtures::LedgerFixture;

/// Tries every operation under `lost`; the records must not change by it.
async fn everything_is_refused(desk: &Desk, lost: &Claim, commit: CommitOutcome, why: &str) {
    let ledger = &desk.ledger;
    let before = (desk.job().await, desk.chunks().await);
    let helds = [
        ("renew", ledger.renew_claim(lost, desk.lease_ms()).await),
        ("intend", ledger.calls_intended(lost, 3).await),
        ("settle", ledger.calls_settled(lost, 1).await),
        (
            "settle the budget",
            ledger.budget_settle(lost, NanoUsd(1), NanoUsd(1)).await,
        ),
        ("cursor", ledger.set_cursor(lost, Some(4)).await),
        ("quarantine", ledger.quarantine_chunk(lost, "late").await),
        ("park", ledger.park_chunk(lost).await),
    ];
    for (name, held) in helds {
        assert_eq!(held.unwrap(), Held::Lost, "{name}: {why}");
    }
    let reserved = ledger.budget_reserve(lost, NanoUsd(1)).await.unwrap();
    assert_eq!(reserved, Reserved::Lost, "reserve: {why}");
    let failed = Release::Failed {
        reason: "late".into(),
    };
    for how in [Release::Interrupted, failed] {
        let released = ledger.release_claim(lost, &how).await.unwrap();
        assert_eq!(released, ReleaseOutcome::Lost, "{how:?}: {why}");
    }
    assert_eq!(desk.commit(lost).await, commit, "commit: {why}");
    let after = (desk.job().await, desk.chunks().await);
    assert_eq!(after, before, "{why}");
}

async fn i3_s9_an_older_epoch_writes_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "older epoch", 2).await;
    let lost = desk.claim(0, "w1").await;
    desk.ledger.calls_intended(&lost, 2).await.unwrap();
    desk.outlast_leases().await;
    let heir = desk.claim(0, "w2").await;
    desk.ledger.calls_intended(&heir, 5).await.unwrap();
    everything_is_refused(&desk, &lost, CommitOutcome::Fenced, "another holds it").await;
    desk.outlast_leases().await;
    everything_is_refused(&desk, &lost, CommitOutcome::Fenced, "another held it").await;
    desk.ledger
        .release_claim(&heir, &Release::Interrupted)
        .await
        .unwrap();
    everything_is_refused(&desk, &lost, CommitOutcome::Fenced, "another gave it back").await;
    let last = desk.claim(0, "w3").await;
    assert_eq!(desk.commit(&last).await, CommitOutcome::Committed);
    everything_is_refused(
        &desk,
        &lost,
        CommitOutcome::AlreadyDone,
        "another committed",
    )
    .await;
    assert_eq!(
        desk.chunk(0).await.lost_calls,
        7,
        "what each of them intended"
    );
    desk.holds().await;
}

async fn i3_a_claim_that_was_given_back_writes_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "given back", 1).await;
    let lost = desk.claim(0, "w1").await;
    desk.ledger
        .release_claim(&lost, &Release::Interrupted)
        .await
        .unwrap();
    everything_is_refused(&desk, &lost, CommitOutcome::Fenced, "it was given back").await;
    desk.holds().await;
}

async fn i3_a_parked_claim_writes_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "parked claim", 1).await;
    let lost = desk.claim(0, "w1").await;
    assert_eq!(desk.ledger.park_chunk(&lost).await.unwrap(), Held::Yes);
    everything_is_refused(&desk, &lost, CommitOutcome::Fenced, "it was parked").await;
    desk.holds().await;
}

async fn i3_a_quarantined_claim_writes_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "quarantined claim", 1).await;
    let lost = desk.claim(0, "w1").await;
    let held = desk
        .ledger
        .quarantine_chunk(&lost, "its rows cannot be read")
        .await;
    assert_eq!(held.unwrap(), Held::Yes);
    everything_is_refused(&desk, &lost, CommitOutcome::AlreadyDone, "it was given up").await;
    desk.holds().await;
}

async fn i3_after_its_own_commit_a_claim_only_repeats_it(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "own commit", 1).await;
    let done = desk.claim(0, "w1").await;
    assert_eq!(desk.commit(&done).await, CommitOutcome::Committed);
    everything_is_refused(&desk, &done, CommitOutcome::Committed, "the same again").await;
    let mut other = commit_of(&done);
    other.sha256 = "00".into();
    let outcome = desk.ledger.commit_chunk(&done, &other).await.unwrap();
    assert_eq!(
        outcome,
        CommitOutcome::AlreadyDone,
        "another content under the same epoch"
    );
    desk.holds().await;
}

async fn i3_a_claim_of_another_chunk_or_generation_writes_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "another chunk", 2).await;
    let claim = desk.claim(0, "w1").await;
    let mut forged = claim.clone();
    forged.key.chunk = 1;
    everything_is_refused(&desk, &forged, CommitOutcome::Fenced, "nobody claimed it").await;
    forged.key.chunk = 7;
    everything_is_refused(&desk, &forged, CommitOutcome::JobOver, "no such chunk").await;
    let mut forged = claim.clone();
    forged.key.generation = 1;
    everything_is_refused(&desk, &forged, CommitOutcome::JobOver, "no such generation").await;
    assert_eq!(desk.commit(&claim).await, CommitOutcome::Committed);
    desk.holds().await;
}

every_ledger! { conform [
    i3_s9_an_older_epoch_writes_nothing,
    i3_a_claim_that_was_given_back_writes_nothing,
    i3_a_parked_claim_writes_nothing,
    i3_a_quarantined_claim_writes_nothing,
    i3_after_its_own_commit_a_claim_only_repeats_it,
    i3_a_claim_of_another_chunk_or_generation_writes_nothing,
]}
