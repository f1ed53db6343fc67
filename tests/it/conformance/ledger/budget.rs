//! I9: a job's spending and what is set aside for calls in flight stay within its cap, whatever becomes of the claims.

use annexa::core::chunk::{CommitOutcome, Release};
use annexa::core::job::{Budget, Reserved};
use annexa::core::money::NanoUsd;
use annexa::core::spec::Limits;
use annexa::ports::ledger::Held;

use super::{Desk, commit_of, tally};
use crate::conformance::fixtures::LedgerFixture;

async fn capped(fixture: &dyn LedgerFixture, name: &str, chunks: u32, cap: u64) -> Desk {
    let desk = Desk::running(fixture, name, chunks).await;
    set_cap(&desk, Some(cap)).await;
    desk
}

async fn set_cap(desk: &Desk, cap: Option<u64>) {
    let limits = Limits {
        max_cost: cap.map(NanoUsd),
        ..desk.job().await.spec.limits()
    };
    desk.ledger.set_limits(&desk.job_id, &limits).await.unwrap();
}

async fn budget(desk: &Desk) -> (u64, u64) {
    let Budget { reserved, spent } = desk.job().await.counters.budget;
    (reserved.0, spent.0)
}

async fn i9_no_call_is_let_start_past_what_is_left(fixture: &dyn LedgerFixture) {
    let desk = capped(fixture, "cap", 2, 100).await;
    let (one, other) = (desk.claim(0, "w1").await, desk.claim(1, "w2").await);
    let ledger = &desk.ledger;
    let reserve =
        async |claim, amount| ledger.budget_reserve(claim, NanoUsd(amount)).await.unwrap();
    assert_eq!(reserve(&one, 60).await, Reserved::Yes);
    assert_eq!(reserve(&other, 40).await, Reserved::Yes);
    assert_eq!(
        reserve(&other, 1).await,
        Reserved::Later,
        "what is set aside may come back"
    );
    let over = Reserved::OverCap {
        cap: NanoUsd(100),
        spent: NanoUsd(0),
    };
    assert_eq!(reserve(&other, 101).await, over, "it never fits");
    let held = ledger.budget_settle(&one, NanoUsd(60), NanoUsd(30)).await;
    assert_eq!(held.unwrap(), Held::Yes);
    assert_eq!(budget(&desk).await, (40, 30));
    assert_eq!(reserve(&one, 31).await, Reserved::Later);
    assert_eq!(reserve(&one, 30).await, Reserved::Yes);
    let over = Reserved::OverCap {
        cap: NanoUsd(100),
        spent: NanoUsd(30),
    };
    assert_eq!(reserve(&one, 71).await, over);
    desk.holds().await;
}

async fn i9_what_a_lost_claim_set_aside_counts_as_spent(fixture: &dyn LedgerFixture) {
    let desk = capped(fixture, "lost", 2, 100).await;
    let lost = desk.claim(0, "w1").await;
    let ledger = &desk.ledger;
    ledger.budget_reserve(&lost, NanoUsd(25)).await.unwrap();
    ledger.calls_intended(&lost, 1).await.unwrap();
    desk.outlast_leases().await;
    let heir = desk.claim(0, "w2").await;
    assert_eq!(
        budget(&desk).await,
        (0, 25),
        "nobody knows whether it was paid"
    );
    let late = ledger.budget_settle(&lost, NanoUsd(25), NanoUsd(5)).await;
    assert_eq!(late.unwrap(), Held::Lost);
    ledger.budget_reserve(&heir, NanoUsd(10)).await.unwrap();
    ledger.calls_intended(&heir, 1).await.unwrap();
    ledger
        .release_claim(&heir, &Release::Interrupted)
        .await
        .unwrap();
    assert_eq!(budget(&desk).await, (0, 35));
    let parked = desk.claim(1, "w1").await;
    ledger.budget_reserve(&parked, NanoUsd(7)).await.unwrap();
    ledger.park_chunk(&parked).await.unwrap();
    assert_eq!(
        budget(&desk).await,
        (0, 35),
        "no call was booked, so nothing was paid"
    );
    desk.holds().await;
}

async fn i9_a_commit_counts_what_its_rows_say_once(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "commit", 2).await;
    let before_the_cap = desk.claim(0, "w1").await;
    assert_eq!(desk.commit(&before_the_cap).await, CommitOutcome::Committed);
    let first = tally(0).total_cost().0;
    assert_eq!(
        budget(&desk).await,
        (0, first),
        "also what was paid without a cap"
    );
    set_cap(&desk, Some(3 * first)).await;
    let claim = desk.claim(1, "w1").await;
    let (ledger, rows) = (&desk.ledger, tally(1).total_cost().0);
    ledger.budget_reserve(&claim, NanoUsd(rows)).await.unwrap();
    let held = ledger.budget_settle(&claim, NanoUsd(rows), NanoUsd(rows - 3));
    assert_eq!(held.await.unwrap(), Held::Yes);
    assert_eq!(budget(&desk).await, (0, first + rows - 3));
    let commit = commit_of(&claim);
    for _ in 0..2 {
        let outcome = ledger.commit_chunk(&claim, &commit).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed);
    }
    assert_eq!(budget(&desk).await, (0, first + rows));
    desk.holds().await;
}

async fn i9_without_a_cap_nothing_is_refused(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "no cap", 1).await;
    let claim = desk.claim(0, "w1").await;
    let most = NanoUsd(1 << 60);
    let reserved = desk.ledger.budget_reserve(&claim, most).await.unwrap();
    assert_eq!(reserved, Reserved::Yes);
    set_cap(&desk, Some(5)).await;
    let reserved = desk
        .ledger
        .budget_reserve(&claim, NanoUsd(1))
        .await
        .unwrap();
    assert_eq!(
        reserved,
        Reserved::Later,
        "a cap set later holds from then on"
    );
    desk.holds().await;
}

every_ledger! { conform [
    i9_no_call_is_let_start_past_what_is_left,
    i9_what_a_lost_claim_set_aside_counts_as_spent,
    i9_a_commit_counts_what_its_rows_say_once,
    i9_without_a_cap_nothing_is_refused,
]}
