//! Refusals that no quota is behind.

use super::service::{SHAPES, Trial, quota};
use crate::pacing::lane::LaneSetup;

#[tokio::test(start_paused = true)]
async fn one_random_refusal_in_a_hundred_does_not_strangle_a_lane_without_a_quota() {
    let (mut least, mut sum) = (f64::INFINITY, 0.0);
    let seeds = 20;
    for seed in 1..=seeds {
        let unlimited = quota(SHAPES[0], None, None);
        let trial = Trial {
            callers: 32,
            calls: Some(2_000),
            answer_ms: (50, 50),
            refusal_ms: (1, 10),
            ..Trial::new(seed, LaneSetup::default(), unlimited)
        };
        let free = trial.run(false).await;
        let faulty = Trial {
            fault_every: Some(100),
            ..trial
        };
        let paced = faulty.run(true).await;
        assert_eq!(paced.answered(), 2_000);
        let share = free.took.as_secs_f64() / paced.took.as_secs_f64();
        least = share.min(least);
        sum += share;
    }
    println!(
        "1 % random refusals: at least {:.0} %, on average {:.0} % of the free rate",
        100.0 * least,
        100.0 * sum / seeds as f64
    );
    assert!(least >= 0.80, "{least} of the free rate");
}

#[tokio::test(start_paused = true)]
async fn a_lane_without_refusals_soon_limits_nothing() {
    let trial = Trial {
        callers: 1_000,
        calls: Some(20_000),
        ..Trial::new(1, LaneSetup::default(), quota(SHAPES[0], None, None))
    };
    let free = trial.run(false).await;
    let paced = trial.run(true).await;
    let behind = (paced.took - free.took).as_secs_f64();
    println!(
        "no refusals, 1,000 callers: {:.0} calls a second, {behind:.0} s behind the free rate in all",
        20_000.0 / paced.took.as_secs_f64()
    );
    assert_eq!(paced.snapshot.tokens_per_minute, None);
    assert_eq!(paced.snapshot.requests_per_minute, None);
    // Seven rounds of 4 s double ten calls to a thousand; the callers then ask at the free rate.
    assert!(behind <= 30.0, "{behind} s");
}

#[tokio::test(start_paused = true)]
async fn random_refusals_leave_most_of_a_told_quota_in_use() {
    let mut least = f64::INFINITY;
    for seed in 1..=8 {
        let quota = quota(SHAPES[0], Some(1_000_000), None);
        let trial = Trial {
            fault_every: Some(100),
            ..Trial::new(seed, LaneSetup::told(Some(1_000_000), None), quota)
        };
        let outcome = trial.run(true).await;
        least = least.min(outcome.settled_per_minute(120.0, 1_200.0) / 1e6);
    }
    println!(
        "told, 1 % random refusals: at least {:.1} % used",
        100.0 * least
    );
    assert!(least >= 0.75, "{least} used");
}
