//! Chunks that kill their workers: one row shall fail and not a hundred (S18).

use annexa::core::chunk::{
    ChunkLimits, ChunkStatus, Claim, ClaimOutcome, CommitOutcome, Release, ReleaseOutcome,
};
use annexa::core::ids::RowNo;
use annexa::ports::ledger::Held;

use super::{Desk, ROWS};
use crate::conformance::fixtures::LedgerFixture;

const LIMITS: ChunkLimits = ChunkLimits {
    max_failed_attempts: 3,
    isolate_after_abandoned: 2,
    max_abandoned: 6,
    row_strikes: 2,
};

async fn desk(fixture: &dyn LedgerFixture, name: &str) -> Desk {
    Desk::running_under(fixture, name, 1, LIMITS).await
}

/// A worker that claims, sets the cursor on `row` and dies.
async fn dies_on(desk: &Desk, row: Option<RowNo>) -> Claim {
    let claim = desk.claim(0, "w").await;
    assert_eq!(
        desk.ledger.set_cursor(&claim, row).await.unwrap(),
        Held::Yes
    );
    desk.outlast_leases().await;
    claim
}

async fn s18_after_deaths_rows_are_done_one_by_one(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "isolated").await;
    for _ in 0..LIMITS.isolate_after_abandoned {
        assert!(!dies_on(&desk, None).await.isolated);
    }
    let claim = desk.claim(0, "w").await;
    assert!(claim.isolated && claim.poisoned_rows.is_empty());
    assert_eq!(desk.commit(&claim).await, CommitOutcome::Committed);
    desk.holds().await;
}

async fn s18_a_row_that_kills_twice_fails_untried(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "poisoned").await;
    for _ in 0..LIMITS.isolate_after_abandoned {
        dies_on(&desk, None).await;
    }
    assert!(dies_on(&desk, Some(4)).await.poisoned_rows.is_empty());
    assert!(dies_on(&desk, Some(4)).await.poisoned_rows.is_empty());
    let claim = dies_on(&desk, Some(9)).await;
    assert_eq!(claim.poisoned_rows, [4]);
    let claim = desk.claim(0, "w").await;
    assert_eq!(claim.poisoned_rows, [4], "row 9 has one more try");
    let isolation = desk.chunk(0).await.isolation.expect("it is isolated");
    assert_eq!(
        isolation.strikes.into_iter().collect::<Vec<_>>(),
        [(4, 2), (9, 1)]
    );
    desk.holds().await;
}

async fn s18_the_cursor_is_kept_and_taken_off(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "cursor").await;
    for _ in 0..LIMITS.isolate_after_abandoned {
        dies_on(&desk, None).await;
    }
    let cursor = async || desk.chunk(0).await.isolation.unwrap().cursor;
    let claim = desk.claim(0, "w").await;
    for row in [Some(1), Some(u64::from(u32::MAX) + 7), None, Some(2)] {
        assert_eq!(
            desk.ledger.set_cursor(&claim, row).await.unwrap(),
            Held::Yes
        );
        assert_eq!(cursor().await, row);
    }
    let released = desk
        .ledger
        .release_claim(&claim, &Release::Interrupted)
        .await;
    assert_eq!(released.unwrap(), ReleaseOutcome::Released);
    assert_eq!(cursor().await, None, "who leaves in order strikes no row");
    let isolation = desk.chunk(0).await.isolation.unwrap();
    assert!(isolation.strikes.is_empty());
}

async fn a_chunk_that_is_not_isolated_has_no_cursor(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "no cursor").await;
    let claim = desk.claim(0, "w").await;
    assert_eq!(
        desk.ledger.set_cursor(&claim, Some(3)).await.unwrap(),
        Held::Yes
    );
    assert_eq!(desk.chunk(0).await.isolation, None);
}

async fn s18_even_isolation_ends_in_quarantine(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "given up").await;
    for _ in 0..LIMITS.max_abandoned {
        let claim = dies_on(&desk, None).await;
        desk.ledger.calls_intended(&claim, 1).await.unwrap();
    }
    assert_eq!(desk.ask(0, "w").await, ClaimOutcome::Done);
    let ChunkStatus::Quarantined { reason } = desk.chunk(0).await.status else {
        panic!("{} claims were abandoned", LIMITS.max_abandoned);
    };
    assert!(reason.contains('6'), "it says how many died: {reason}");
    let tally = desk.job().await.counters.tally;
    assert_eq!((tally.rows, tally.failed), (ROWS.into(), ROWS.into()));
    assert_eq!(
        tally.possibly_twice_paid_calls, 6,
        "I8: what the dead intended"
    );
    assert!(desk.job().await.is_done());
    desk.holds().await;
}

async fn s18_a_chunk_that_gets_on_is_no_suspect(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "gets on").await;
    for _ in 0..LIMITS.max_abandoned * 2 {
        let claim = dies_on(&desk, None).await;
        assert!(!claim.isolated);
        // Its answers were stored before it died, so it did not die of them.
        desk.ledger.calls_intended(&claim, 2).await.unwrap();
        desk.ledger.calls_settled(&claim, 2).await.unwrap();
    }
    // Its last death is booked with the next claim.
    for _ in 1..LIMITS.isolate_after_abandoned {
        assert!(!dies_on(&desk, None).await.isolated);
    }
    assert!(dies_on(&desk, None).await.isolated, "it gets on no more");
    desk.holds().await;
}

async fn s16_deaths_and_failures_are_counted_apart(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "apart").await;
    let failed = Release::Failed {
        reason: "no".into(),
    };
    dies_on(&desk, None).await;
    let claim = desk.claim(0, "w").await;
    desk.ledger.release_claim(&claim, &failed).await.unwrap();
    dies_on(&desk, None).await;
    let claim = desk.claim(0, "w").await;
    assert_eq!((claim.failed_attempts, claim.isolated), (1, true));
    let record = desk.chunk(0).await;
    assert_eq!((record.failed_attempts, record.abandoned_claims), (1, 2));
    desk.holds().await;
}

every_ledger! { conform [
    s18_after_deaths_rows_are_done_one_by_one,
    s18_a_row_that_kills_twice_fails_untried,
    s18_the_cursor_is_kept_and_taken_off,
    a_chunk_that_is_not_isolated_has_no_cursor,
    s18_even_isolation_ends_in_quarantine,
    s18_a_chunk_that_gets_on_is_no_suspect,
    s16_deaths_and_failures_are_counted_apart,
]}
