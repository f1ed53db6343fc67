//! What a shared lane promises, whoever comes and goes in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What of a told quota of 100 is leased.
const LEASABLE: f64 = 99.0;

fn ask(number: u64, weight: u64, told: f64) -> LaneAsk {
    LaneAsk {
        number,
        told: Rates {
            tokens: Some(told),
            requests: Some(told / 10.0),
        },
        weight,
        gap_ms: 0,
        news: LaneNews::default(),
    }
}

/// Asks for `worker` with a new number, as one that takes whatever it gets.
fn asks(record: &mut LaneRecord, worker: &str, weight: u64, now_ms: u64) -> LaneShare {
    reserve(record, worker, &ask(now_ms + 1, weight, 100.0), now_ms)
}

fn tokens(share: LaneShare) -> f64 {
    share.rates.tokens.expect("a limit was told")
}

#[test]
fn i9_a_newcomer_gets_what_is_free_and_what_is_fair_within_two_terms() {
    let mut record = LaneRecord::default();
    let first = asks(&mut record, "a", 1, 0);
    assert_eq!(tokens(first), LEASABLE);
    assert_eq!((first.lease_ms, first.renew_ms), (4_000, 2_000));
    let nothing_free = asks(&mut record, "b", 3, 500);
    assert_eq!(tokens(nothing_free), 0.0);
    assert_eq!(nothing_free.renew_ms, 1_000, "it may ask again soon");
    assert_eq!(tokens(asks(&mut record, "a", 1, 2_000)), LEASABLE / 4.0);
    assert_eq!(tokens(asks(&mut record, "b", 3, 2_500)), LEASABLE * 0.75);
}

#[test]
fn a_dead_worker_s_part_is_free_when_its_lease_is_over_for_any_clock() {
    let mut record = LaneRecord::default();
    let lease_ms = asks(&mut record, "a", 1, 0).lease_ms;
    assert_eq!(tokens(asks(&mut record, "b", 1, lease_ms)), 0.0);
    let after = asks(&mut record, "b", 1, lease_ms + SKEW_MS);
    assert_eq!(tokens(after), LEASABLE);
}

#[test]
fn who_leaves_frees_its_part_at_once() {
    let mut record = LaneRecord::default();
    asks(&mut record, "a", 1, 0);
    let leaves = LaneReport {
        number: 7,
        leaves: true,
        ..LaneReport::default()
    };
    report(&mut record, "a", &leaves, 100);
    assert_eq!(tokens(asks(&mut record, "b", 1, 100)), LEASABLE);
}

#[test]
fn who_uses_little_leaves_the_rest_to_the_others() {
    let mut record = LaneRecord::default();
    let idle = LaneAsk {
        news: LaneNews {
            passed_ms: 60_000,
            accepted: 1,
            taken_tokens: 5,
            ..LaneNews::default()
        },
        ..ask(1, 1, 100.0)
    };
    let little = reserve(&mut record, "a", &idle, 0);
    assert_eq!(tokens(little), 10.0, "twice what it used");
    assert_eq!(tokens(asks(&mut record, "b", 1, 0)), LEASABLE - 10.0);
}

#[test]
fn the_lowest_that_anybody_was_told_holds() {
    let mut record = LaneRecord::default();
    asks(&mut record, "a", 1, 0);
    let lower = reserve(&mut record, "b", &ask(1, 1, 50.0), 0);
    assert_eq!(tokens(lower), 0.0);
    assert_eq!(record.tokens.rate, Some(49.5));
    let a = tokens(asks(&mut record, "a", 1, 2_000));
    assert_eq!(a, 24.75);
    let leaves = LaneReport {
        leaves: true,
        ..LaneReport::default()
    };
    report(&mut record, "b", &leaves, 2_000);
    assert_eq!(tokens(asks(&mut record, "a", 1, 4_000)), LEASABLE);
}

#[test]
fn an_ask_whose_answer_was_lost_counts_its_news_once() {
    let mut record = LaneRecord::default();
    asks(&mut record, "a", 1, 0);
    let news = LaneNews {
        passed_ms: 1_000,
        accepted: 4,
        taken_tokens: 40,
        refused_tokens: 1,
        ..LaneNews::default()
    };
    let said = LaneAsk {
        news,
        ..ask(9, 1, 100.0)
    };
    let first = reserve(&mut record, "a", &said, 1_000);
    let again = reserve(&mut record, "a", &said, 1_000);
    assert_eq!(first, again);
    assert_eq!((record.tokens.taken, record.tokens.strain), (40.0, 1.0));
    let told = LaneReport {
        number: 9,
        news,
        ..LaneReport::default()
    };
    report(&mut record, "a", &told, 1_000);
    assert_eq!(record.tokens.taken, 40.0);
}

#[test]
fn refusals_of_one_worker_lower_the_lane_for_all() {
    let mut record = LaneRecord::default();
    for (worker, number) in [("a", 1), ("b", 1), ("a", 2), ("b", 2)] {
        let now_ms = number * 2_000;
        reserve(&mut record, worker, &ask(number, 1, 600_000.0), now_ms);
    }
    // Each uses all of its part, and the service takes half of it.
    for second in 5..60u64 {
        for worker in ["a", "b"] {
            let leased = record.members[worker].leased.tokens.unwrap_or(0.0);
            let taken = (leased / 60.0).min(2_500.0);
            let news = LaneNews {
                epoch: record.epoch,
                passed_ms: 1_000,
                held_tokens_ms: 1_000,
                accepted: (taken / 100.0) as i64,
                taken_tokens: taken as i64,
                refused_tokens: u64::from(leased / 60.0 > 2_500.0 && worker == "a"),
                ..LaneNews::default()
            };
            let said = LaneAsk {
                news,
                ..ask(second, 1, 600_000.0)
            };
            reserve(&mut record, worker, &said, second * 1_000);
        }
    }
    for worker in ["a", "b"] {
        let leased = record.members[worker].leased.tokens.unwrap_or(0.0) / 60.0;
        assert!((2_250.0..2_600.0).contains(&leased), "{worker}: {leased}");
    }
    assert!(record.epoch > 0);
}

#[test]
fn a_pause_is_everybody_s_and_ends() {
    let mut record = LaneRecord::default();
    let pause = LaneReport {
        pause_ms: u64::MAX,
        ..LaneReport::default()
    };
    report(&mut record, "a", &pause, 1_000);
    assert_eq!(
        asks(&mut record, "b", 1, 2_000).pause_ms,
        MOST_PAUSE_MS - 1_000
    );
    assert_eq!(asks(&mut record, "b", 1, 61_000).pause_ms, 0);
}

#[test]
fn the_more_workers_the_less_often_each_writes() {
    let mut record = LaneRecord::default();
    let mut longest_ms = 0;
    for round in 0..3 {
        for worker in 0..64 {
            let share = asks(&mut record, &format!("w{worker}"), 1, round * 2_500);
            longest_ms = share.renew_ms;
        }
    }
    assert_eq!(longest_ms, LAST_RENEW_MS);
}

#[derive(Debug, Clone)]
enum Step {
    Ask {
        worker: usize,
        weight: u64,
        refused: u64,
        held: bool,
    },
    Leave {
        worker: usize,
    },
}

fn step() -> impl Strategy<Value = (Step, i64)> {
    let asks =
        (0..6usize, 0..5u64, 0..3u64, any::<bool>()).prop_map(|(worker, weight, refused, held)| {
            Step::Ask {
                worker,
                weight,
                refused,
                held,
            }
        });
    let leaves = (0..6usize).prop_map(|worker| Step::Leave { worker });
    // Time mostly passes, and the next caller's clock may be behind.
    (prop_oneof![8 => asks, 1 => leaves], -400..2_500i64)
}

proptest! {
    #[test]
    fn i9_leases_never_exceed_the_limit_in_any_interleaving(
        steps in proptest::collection::vec(step(), 1..120),
        told in 1.0..1e7f64,
    ) {
        let mut record = LaneRecord::default();
        // What the workers hold by their own reckoning: part, and end.
        let mut held_by: BTreeMap<usize, (f64, f64, u64)> = BTreeMap::new();
        let mut now_ms = 10_000u64;
        for (number, (step, passed_ms)) in steps.into_iter().enumerate() {
            now_ms = now_ms.saturating_add_signed(passed_ms);
            match step {
                Step::Leave { worker } => {
                    let leaves = LaneReport { number: number as u64, leaves: true, ..LaneReport::default() };
                    report(&mut record, &worker.to_string(), &leaves, now_ms);
                    held_by.remove(&worker);
                }
                Step::Ask { worker, weight, refused, held } => {
                    let news = LaneNews {
                        epoch: record.epoch,
                        passed_ms: 1_000,
                        held_tokens_ms: if held { 900 } else { 0 },
                        accepted: 3,
                        taken_tokens: (told / 100.0) as i64,
                        refused_tokens: refused,
                        ..LaneNews::default()
                    };
                    let said = LaneAsk { news, ..ask(number as u64, weight, told) };
                    let share = reserve(&mut record, &worker.to_string(), &said, now_ms);
                    let (mine, requests) = (tokens(share), share.rates.requests.unwrap_or(0.0));
                    held_by.insert(worker, (mine, requests, now_ms + share.lease_ms));
                    // A grant never goes past the limit; what was leased before it fell runs out.
                    let in_use = |of: fn(&(f64, f64, u64)) -> f64| -> f64 {
                        held_by.values().filter(|(.., until)| *until > now_ms).map(of).sum()
                    };
                    let limit = record.tokens.rate.unwrap_or(0.0);
                    prop_assert!(mine == 0.0 || in_use(|(tokens, ..)| *tokens) <= limit * (1.0 + 1e-12));
                    let limit = record.requests.rate.unwrap_or(0.0);
                    prop_assert!(requests == 0.0 || in_use(|(_, requests, _)| *requests) <= limit * (1.0 + 1e-12));
                    prop_assert!(record.tokens.rate.unwrap_or(0.0) <= told * 0.99);
                }
            }
        }
    }
}
