//! What workers of a fleet share besides chunks: a job's rate, whatever is said of it while it runs.

use std::time::Duration;

use annexa::adapters::memory::chaos::Rates;
use annexa::core::job::JobRecord;
use annexa::core::spec::Limits;
use annexa::ports::{Clock, Ledger};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::process::Role;
use super::world::World;

const WORKERS: usize = 3;
/// A worker takes over changed limits after so many seconds at most.
const LOOK_AGAIN_S: f64 = 30.0;

/// Runs the job of an undisturbed world under `limits`, then under others. The job, and how many seconds
/// it took.
async fn run(seed: u64, limits: Limits, change: Option<(Duration, Limits)>) -> (JobRecord, f64) {
    let world = World::new(seed, Rates::default(), 0, 1_000).await;
    let set = world.ledger.set_limits(&world.job_id, &limits);
    set.await.unwrap();
    let roles = [Role::Splitter, Role::Aggregator]
        .into_iter()
        .chain([Role::Worker; WORKERS]);
    let mut processes: FuturesUnordered<_> = roles
        .enumerate()
        .map(|(number, role)| world.start(role, number))
        .collect();
    let begin = world.clock.monotonic();
    let mut change = change;
    loop {
        tokio::select! {
            biased;
            _ = processes.next() => panic!("a process ended by itself"),
            () = world.clock.sleep(Duration::from_millis(100)) => {}
        }
        let passed = world.clock.monotonic() - begin;
        if change.is_some_and(|(after, _)| passed >= after) {
            let (_, then) = change.take().unwrap();
            let set = world.ledger.set_limits(&world.job_id, &then);
            set.await.unwrap();
        }
        let job = world.ledger.job(&world.job_id).await.unwrap().unwrap();
        if job.is_over() {
            return (job, passed.as_secs_f64());
        }
        assert!(passed < Duration::from_secs(24 * 3_600), "{job:?}");
    }
}

fn limits(rate_limit: Option<f64>) -> Limits {
    Limits {
        max_workers: 4,
        rate_limit,
        ..Limits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn i9_a_job_s_rate_limit_holds_for_all_workers_together() {
    for seed in [2, 3] {
        let rate = 0.5;
        let (job, seconds) = run(seed, limits(Some(rate)), None).await;
        let calls = job.counters.tally.calls as f64;
        assert!(calls > 10.0, "{calls} calls say nothing");
        // Each worker may have one call's worth in hand.
        let most = rate * seconds + WORKERS as f64;
        assert!(calls <= most, "seed {seed}: {calls} calls in {seconds} s");
        // And what the workers leave to each other is used.
        let best = calls / rate;
        assert!(
            seconds <= 1.5 * best + 30.0,
            "seed {seed}: {calls} calls in {seconds} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn limits_that_change_while_a_job_runs_are_taken_over() {
    let (rate, after) = (0.02, Duration::from_secs(120));
    let change = Some((after, limits(None)));
    let (job, seconds) = run(3, limits(Some(rate)), change).await;
    let calls = job.counters.tally.calls as f64;
    let unchanged = calls / rate;
    assert!(unchanged > 500.0, "{calls} calls would end soon anyway");
    let most = after.as_secs_f64() + LOOK_AGAIN_S + 15.0;
    assert!((120.0..most).contains(&seconds), "{seconds} s");
}
