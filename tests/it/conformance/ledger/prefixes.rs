//! One call in the fleet warms a prompt prefix.

use std::time::Duration;

use annexa::core::prefix::{PrefixUse, PrefixWarm};
use futures_util::future::join_all;

use super::Desk;
use crate::conformance::fixtures::LedgerFixture;

const LEAD_MS: u64 = 30_000;

async fn ask(desk: &Desk, key: &str, owner: &str) -> PrefixWarm {
    let asked = desk.ledger.prefix_warm(key, owner, LEAD_MS).await;
    asked.unwrap()
}

async fn used(desk: &Desk, key: &str, what: PrefixUse) {
    desk.ledger.prefix_used(key, &what).await.unwrap();
}

async fn of_many_who_ask_at_once_one_leads(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "lead", 1).await;
    let key = format!("prefix of {}", desk.job_id);
    let owners: Vec<String> = (0..8).map(|owner| format!("w{owner}")).collect();
    let asked = join_all(owners.iter().map(|owner| ask(&desk, &key, owner))).await;
    let leads = asked.iter().filter(|stands| **stands == PrefixWarm::Lead);
    assert_eq!(leads.count(), 1, "{asked:?}");
    let leader = asked.iter().position(|stands| *stands == PrefixWarm::Lead);
    let leader = &owners[leader.unwrap()];
    assert_eq!(
        ask(&desk, &key, leader).await,
        PrefixWarm::Lead,
        "said again"
    );
    let until_ms = desk.clock.now_ms() + 3_600_000;
    used(&desk, &key, PrefixUse::Warm { until_ms }).await;
    for owner in &owners {
        assert_eq!(ask(&desk, &key, owner).await, PrefixWarm::Warm { until_ms });
    }
}

async fn the_lead_of_a_dead_owner_runs_out_and_one_given_up_ends_at_once(
    fixture: &dyn LedgerFixture,
) {
    let desk = Desk::running(fixture, "dead lead", 1).await;
    let key = format!("prefix of {}", desk.job_id);
    assert_eq!(ask(&desk, &key, "dead").await, PrefixWarm::Lead);
    let stands = ask(&desk, &key, "w1").await;
    assert!(matches!(stands, PrefixWarm::Wait { .. }), "{stands:?}");
    desk.clock
        .sleep(Duration::from_millis(LEAD_MS + 1_000))
        .await;
    assert_eq!(ask(&desk, &key, "w1").await, PrefixWarm::Lead);
    let gave_up = |owner: &str| PrefixUse::GaveUp {
        owner: owner.to_string(),
    };
    used(&desk, &key, gave_up("dead")).await;
    let stands = ask(&desk, &key, "w2").await;
    assert!(matches!(stands, PrefixWarm::Wait { .. }), "not its lead");
    used(&desk, &key, gave_up("w1")).await;
    assert_eq!(ask(&desk, &key, "w2").await, PrefixWarm::Lead);
}

async fn nobody_waits_for_what_is_not_cached(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "uncached", 1).await;
    let key = format!("prefix of {}", desk.job_id);
    assert_eq!(ask(&desk, &key, "w1").await, PrefixWarm::Lead);
    used(&desk, &key, PrefixUse::Uncached).await;
    assert_eq!(ask(&desk, &key, "w2").await, PrefixWarm::Uncached);
    let other = ask(&desk, &format!("other {key}"), "w2").await;
    assert_eq!(other, PrefixWarm::Lead);
}

every_ledger! { conform [
    of_many_who_ask_at_once_one_leads,
    the_lead_of_a_dead_owner_runs_out_and_one_given_up_ends_at_once,
    nobody_waits_for_what_is_not_cached,
]}
