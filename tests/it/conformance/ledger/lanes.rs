//! I9 across workers: what is leased of a lane stays within it, also when many ask at once; what is told is told once.

use annexa::core::lane::{LaneAsk, LaneNews, LaneReport, LaneShare};
use futures_util::future::join_all;

use super::Desk;
use crate::conformance::fixtures::LedgerFixture;
use crate::differential::ledger_ops::lane_ask;

/// What is leased of a told limit of 6,000 a minute.
const LEASABLE: f64 = 5_940.0;

fn ask(number: u64) -> LaneAsk {
    lane_ask(number, Some(6_000.0))
}

async fn reserve(desk: &Desk, lane: &str, worker: &str, ask: &LaneAsk) -> LaneShare {
    desk.ledger.lane_reserve(lane, worker, ask).await.unwrap()
}

fn tokens(share: &LaneShare) -> f64 {
    share.rates.tokens.expect("a limit was told")
}

async fn who_looks_at_a_lane_sees_its_workers_and_changes_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "looked at", 1).await;
    let lane = format!("lane of {}", desk.job_id);
    assert_eq!(desk.ledger.lane(&lane).await.unwrap(), None);
    reserve(&desk, &lane, "w1", &ask(1)).await;
    let seen = desk.ledger.lane(&lane).await.unwrap();
    let names: Vec<&String> = seen.iter().flat_map(|lane| lane.members.keys()).collect();
    assert_eq!(names, ["w1"]);
    assert_eq!(desk.ledger.lane(&lane).await.unwrap(), seen);
}

async fn i9_the_sum_of_leases_stays_within_the_lane(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "leases", 1).await;
    let lane = format!("lane of {}", desk.job_id);
    let mut sum = 0.0;
    for number in 1..=4 {
        let asked = (0..8)
            .map(async |worker| reserve(&desk, &lane, &format!("w{worker}"), &ask(number)).await);
        let shares = join_all(asked).await;
        sum = shares.iter().map(tokens).sum();
        assert!(sum <= LEASABLE, "round {number}: {sum} is leased");
        let renew_ms = shares.iter().map(|share| share.renew_ms).max().unwrap();
        desk.clock
            .sleep(std::time::Duration::from_millis(renew_ms))
            .await;
    }
    assert!(sum > 0.99 * LEASABLE, "only {sum} is leased");
}

async fn i9_what_a_dead_worker_had_is_free_when_its_lease_is_over(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "dead", 1).await;
    let lane = format!("lane of {}", desk.job_id);
    let dead = reserve(&desk, &lane, "dead", &ask(1)).await;
    assert_eq!(tokens(&dead), LEASABLE);
    assert_eq!(tokens(&reserve(&desk, &lane, "heir", &ask(1)).await), 0.0);
    let lease = std::time::Duration::from_millis(dead.lease_ms + 2_000);
    desk.clock.sleep(lease).await;
    let heir = reserve(&desk, &lane, "heir", &ask(2)).await;
    assert_eq!(tokens(&heir), LEASABLE);
}

async fn news_said_twice_counts_once_and_lowers_the_lane_for_all(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "news", 1).await;
    let lane = format!("lane of {}", desk.job_id);
    reserve(&desk, &lane, "w1", &ask(1)).await;
    let refused = LaneAsk {
        news: LaneNews {
            passed_ms: 60_000,
            held_tokens_ms: 60_000,
            accepted: 30,
            taken_tokens: 3_000,
            refused_tokens: 1,
            ..LaneNews::default()
        },
        ..ask(2)
    };
    let once = reserve(&desk, &lane, "w1", &refused).await;
    let again = reserve(&desk, &lane, "w1", &refused).await;
    assert_eq!((once.epoch, again.epoch), (0, 0), "one refusal is chance");
    let more = LaneAsk {
        number: 3,
        news: LaneNews {
            refused_tokens: 2,
            ..refused.news
        },
        ..refused
    };
    assert_eq!(reserve(&desk, &lane, "w1", &more).await.epoch, 1);
    let report = LaneReport {
        number: 4,
        leaves: true,
        ..LaneReport::default()
    };
    for _ in 0..2 {
        desk.ledger.lane_report(&lane, "w1", &report).await.unwrap();
    }
    let other = reserve(&desk, &lane, "w2", &ask(1)).await;
    assert_eq!(other.epoch, 1);
    let share = tokens(&other);
    assert!((2_500.0..3_500.0).contains(&share), "{share}");
}

async fn a_pause_holds_for_every_worker_and_no_other_lane(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "pause", 1).await;
    let lane = format!("lane of {}", desk.job_id);
    let pause = LaneReport {
        pause_ms: 30_000,
        ..LaneReport::default()
    };
    desk.ledger.lane_report(&lane, "w1", &pause).await.unwrap();
    let paused = reserve(&desk, &lane, "w2", &ask(1)).await;
    assert!((20_000..=30_000).contains(&paused.pause_ms), "{paused:?}");
    let other = reserve(&desk, &format!("other {lane}"), "w2", &ask(1)).await;
    assert_eq!(other.pause_ms, 0);
}

every_ledger! { conform [
    who_looks_at_a_lane_sees_its_workers_and_changes_nothing,
    i9_the_sum_of_leases_stays_within_the_lane,
    i9_what_a_dead_worker_had_is_free_when_its_lease_is_over,
    news_said_twice_counts_once_and_lowers_the_lane_for_all,
    a_pause_holds_for_every_worker_and_no_other_lane,
]}
