//! Token quotas of every shape: told, not told, and changed in mid-run.

use super::service::{SHAPES, Trial, quota};
use crate::pacing::lane::LaneSetup;
use crate::pacing::quota::Refill;

const QUOTA: u64 = 1_000_000;
const SEEDS: std::ops::Range<u64> = 1..5;

/// Use of the quota from the third minute on, and the share of starts that were refused, from the first on.
async fn use_and_refused(trial: &Trial) -> (f64, f64) {
    let outcome = trial.run(true).await;
    let used = outcome.settled_per_minute(120.0, 1_200.0) / QUOTA as f64;
    (used, outcome.refused_share(0.0, 1_200.0))
}

/// Least use and largest share of refusals over the seeds.
async fn worst(what: &str, shape: (&str, u64, Refill), change: impl Fn(&mut Trial)) -> (f64, f64) {
    let mut worst: (f64, f64) = (f64::INFINITY, 0.0);
    for seed in SEEDS {
        let quota = quota(shape, Some(QUOTA), None);
        let mut trial = Trial::new(seed, LaneSetup::default(), quota);
        change(&mut trial);
        let (used, refused) = use_and_refused(&trial).await;
        worst = (worst.0.min(used), worst.1.max(refused));
    }
    println!(
        "{what}, {}: at least {:.1} % used, at most {:.2} % of starts refused",
        shape.0,
        100.0 * worst.0,
        100.0 * worst.1
    );
    worst
}

#[tokio::test(start_paused = true)]
async fn a_told_quota_is_used_to_97_percent_and_hardly_refuses() {
    for shape in SHAPES {
        let told = |trial: &mut Trial| trial.lane = LaneSetup::told(Some(QUOTA), None);
        let (used, refused) = worst("told", shape, told).await;
        assert!(used >= 0.97, "{shape:?}: {used} used");
        assert!(refused < 0.02, "{shape:?}: {refused} refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_not_told_is_found() {
    for shape in SHAPES {
        let (used, refused) = worst("not told", shape, |_| ()).await;
        assert!(used >= 0.90, "{shape:?}: {used} used");
        assert!(refused < 0.03, "{shape:?}: {refused} refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_found_from_refusals_that_do_not_say_which_it_was() {
    for shape in SHAPES {
        let silent = |trial: &mut Trial| trial.says_which = false;
        let (used, refused) = worst("not told, refusals do not say which", shape, silent).await;
        assert!(used >= 0.90, "{shape:?}: {used} used");
        assert!(refused < 0.03, "{shape:?}: {refused} refused");
    }
}

/// A call of 20,000 cached tokens reserves seven times what it settles at: a bucket of a second cannot hold one.
#[tokio::test(start_paused = true)]
async fn reservations_far_above_the_settled_use_do_not_strangle_a_lane() {
    for shape in [SHAPES[0], SHAPES[3]] {
        for (what, told) in [("told", Some(QUOTA)), ("not told", None)] {
            let cached = |trial: &mut Trial| {
                trial.lane = LaneSetup::told(told, None);
                trial.cached_tokens = 20_000;
            };
            let what = format!("{what}, 20,000 cached tokens a call");
            let (used, refused) = worst(&what, shape, cached).await;
            assert!(used >= 0.75, "{shape:?}: {used} used");
            assert!(refused < 0.03, "{shape:?}: {refused} refused");
        }
    }
}

/// Halved after 5 minutes, restored after 25. A bucket that is full when the quota is halved lets the lane go on until it
/// is empty, and nothing shows before: so the ten seconds count from the first refusal.
#[tokio::test(start_paused = true)]
async fn a_halved_quota_is_kept_within_ten_seconds_and_a_restored_one_found_within_minutes() {
    let (halved, restored, end) = (300.0, 1_500.0, 2_400.0);
    for shape in SHAPES {
        let (mut least_used, mut most_used, mut most_refused) = (f64::INFINITY, 0.0f64, 0.0f64);
        let mut longest = 0.0f64;
        for seed in SEEDS {
            let lane = LaneSetup::told(Some(QUOTA), None);
            let mut trial = Trial::new(seed, lane, quota(shape, Some(QUOTA), None));
            trial.seconds = 2_400;
            trial.changes = vec![(300, Some(QUOTA / 2), None), (1_500, Some(QUOTA), None)];
            let outcome = trial.run(true).await;
            let from = outcome.first_refusal(halved).expect("it shows") + 10.0;
            let used = outcome.settled_per_minute(from, restored) / (QUOTA / 2) as f64;
            let refused = outcome.refused_share(from, restored);
            let is_back = |minute_end: f64| {
                outcome.settled_per_minute(minute_end - 60.0, minute_end) >= 0.95 * QUOTA as f64
            };
            let ends = (60..=900)
                .step_by(5)
                .map(|after| restored + f64::from(after));
            let back = ends.take_while(|at| *at < end).find(|at| is_back(*at));
            longest = longest.max(back.unwrap_or(f64::INFINITY) - restored);
            least_used = least_used.min(used);
            most_used = most_used.max(used);
            most_refused = most_refused.max(refused);
        }
        println!(
            "halved, {}: {:.1} to {:.1} % of the new quota used, at most {:.2} % of starts refused; restored: found \
             within {longest:.0} s",
            shape.0,
            100.0 * least_used,
            100.0 * most_used,
            100.0 * most_refused,
        );
        assert!(least_used >= 0.95, "{shape:?}: {least_used} used");
        // The bucket of a minute may have been filled once more in the 20 minutes.
        assert!(most_used <= 1.01, "{shape:?}: {most_used} used");
        assert!(most_refused < 0.02, "{shape:?}: {most_refused} refused");
        assert!(longest <= 360.0, "{shape:?}: {longest} s");
    }
}
