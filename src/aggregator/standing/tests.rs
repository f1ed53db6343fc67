//! Who lives, who is set aside, who stalls.

use super::*;
use crate::core::identity;
use crate::core::job::{PauseReason, Stop};

const MINUTE: Duration = Duration::from_secs(60);

fn job(id: &str) -> JobRecord {
    JobRecord::new(JobId(id.to_string()), identity::tests::spec(), 0)
}

/// LiveJobs, PausedJobs, LongestStall.
fn gauges(standing: &Standing, now: Duration) -> [f64; 3] {
    let told = standing.gauges(now, 0);
    let names: Vec<&str> = told.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(names, ["LiveJobs", "PausedJobs", "LongestStall"]);
    [told[0].2, told[1].2, told[2].2]
}

#[test]
fn a_notice_that_waits_wants_an_aggregator_and_stalls_nothing() {
    let told = Standing::default().gauges(99 * MINUTE, 2);
    let values: Vec<f64> = told.iter().map(|(_, _, value)| *value).collect();
    assert_eq!(values, [2.0, 0.0, 0.0]);
}

#[test]
fn i4_a_job_that_does_not_move_on_shows_how_long_and_one_that_does_shows_nothing() {
    let standing = Standing::default();
    let mut job = job("job-1");
    standing.saw_all(std::slice::from_ref(&job), MINUTE);
    assert_eq!(gauges(&standing, MINUTE), [1.0, 0.0, 0.0], "just met");
    standing.saw_all(std::slice::from_ref(&job), 10 * MINUTE);
    assert_eq!(gauges(&standing, 10 * MINUTE), [1.0, 0.0, 540.0]);
    // Between sweeps, too: it lives for as long as nothing else is known.
    assert_eq!(gauges(&standing, 11 * MINUTE), [1.0, 0.0, 600.0]);
    job.counters.committed = 1;
    standing.saw(&job, 12 * MINUTE);
    assert_eq!(gauges(&standing, 12 * MINUTE), [1.0, 0.0, 0.0]);
    job.stored_chunks = 7;
    standing.saw(&job, 14 * MINUTE);
    assert_eq!(gauges(&standing, 15 * MINUTE)[2], 60.0);
    standing.saw_all(&[], 16 * MINUTE);
    assert_eq!(
        gauges(&standing, 16 * MINUTE),
        [0.0; 3],
        "somebody else ended it"
    );
}

#[test]
fn a_job_that_is_set_aside_neither_lives_nor_stalls_unless_it_is_being_stopped() {
    let standing = Standing::default();
    let mut job = job("job-1");
    job.paused = Some(PauseReason::ByUser);
    standing.saw(&job, MINUTE);
    assert_eq!(gauges(&standing, 99 * MINUTE), [0.0, 1.0, 0.0]);
    job.stopping = Some(Stop::Cancelled);
    standing.saw(&job, 100 * MINUTE);
    assert_eq!(gauges(&standing, 101 * MINUTE), [1.0, 0.0, 60.0]);
}

#[test]
fn a_job_with_a_rate_of_its_own_may_take_the_time_that_it_asked_for() {
    let standing = Standing::default();
    let mut slow = job("job-1");
    slow.sent_upto = 3;
    slow.spec.rate_limit = Some(0.5);
    standing.saw(&slow, Duration::ZERO);
    // Three chunks of fifty calls, one call in two seconds.
    assert_eq!(gauges(&standing, 5 * MINUTE), [1.0, 0.0, 0.0]);
    assert_eq!(gauges(&standing, 6 * MINUTE)[2], 60.0);
}

#[test]
fn jobs_that_share_a_told_quota_may_take_a_turn_each_and_one_that_takes_longer_stalls() {
    // One call a minute by tokens, 50 calls a chunk: 50 minutes, and 100 where two jobs share it.
    let slow = Rates {
        tokens: Some(TOKENS_A_CALL),
        requests: Some(1_000.0),
    };
    let standing = Standing::of(slow);
    standing.saw(&job("job-1"), Duration::ZERO);
    assert_eq!(gauges(&standing, 50 * MINUTE), [1.0, 0.0, 0.0]);
    assert_eq!(gauges(&standing, 51 * MINUTE)[2], 60.0);
    standing.saw(&job("job-2"), Duration::ZERO);
    assert_eq!(gauges(&standing, 100 * MINUTE), [2.0, 0.0, 0.0]);
    assert_eq!(gauges(&standing, 102 * MINUTE)[2], 120.0);
    // By requests, too; and what a quota lets through in no time is no excuse.
    let of = |requests| Rates {
        tokens: None,
        requests: Some(requests),
    };
    for (requests, stall) in [(10.0, 55.0 * 60.0), (3_000.0, 3_599.0)] {
        let standing = Standing::of(of(requests));
        standing.saw(&job("job-1"), Duration::ZERO);
        assert_eq!(gauges(&standing, 60 * MINUTE)[2], stall, "{requests}");
    }
}

#[test]
fn ended_and_failed_jobs_are_counted_and_no_longer_live() {
    let standing = Standing::default();
    for id in ["job-1", "job-2"] {
        standing.saw(&job(id), MINUTE);
    }
    standing.ended(&JobId("job-1".to_string()), &End::Completed);
    let reason = "a reason".to_string();
    standing.ended(&JobId("job-2".to_string()), &End::Failed { reason });
    assert_eq!(standing.counts(), [("JobsEnded", 2), ("JobsFailed", 1)]);
    assert_eq!(gauges(&standing, MINUTE), [0.0; 3]);
}
