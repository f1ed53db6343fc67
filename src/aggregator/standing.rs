//! How the jobs stand, for metrics: how many want an aggregator, how many are set aside, and how long one of them has not
//! moved on. Alarms and the aggregator's own scaling hang on these; nothing is asked of the ledger for them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::core::ids::{Epoch, Generation, JobId};
use crate::core::job::{Counters, End, JobRecord, Phase};
use crate::telemetry::Gauge;

/// Chunks of a job that may be in work side by side, where its own rate holds all of them back: one worker's at most.
const SIDE_BY_SIDE: u32 = 64;

/// What a call is charged of a token quota, roughly (docs/SCALING.md): enough to tell a slow job from one that stands still.
const TOKENS_A_CALL: f64 = 3_000.0;

/// The jobs that have not ended, as this process has seen them, and how many it has ended.
#[derive(Default)]
pub struct Standing {
    jobs: Mutex<BTreeMap<JobId, Seen>>,
    ended: AtomicU64,
    failed: AtomicU64,
}

struct Seen {
    mark: Mark,
    /// Since when it stands so, on the monotonic clock; at the earliest since this process has met it.
    since: Duration,
    is_live: bool,
    /// For so long it may stand still of its own will.
    allowed: Duration,
}

/// What changes when a job moves on.
#[derive(PartialEq)]
struct Mark {
    generation: Generation,
    phase: Phase,
    is_paused: bool,
    is_stopping: bool,
    is_planned: bool,
    stored_chunks: u32,
    sent_upto: u32,
    counters: Counters,
    finisher_epoch: Epoch,
    /// Renewed while outputs are being written, however many there are.
    finisher_until_ms: Option<u64>,
}

impl Mark {
    fn of(job: &JobRecord) -> Mark {
        Mark {
            generation: job.generation,
            phase: job.phase.clone(),
            is_paused: job.paused.is_some(),
            is_stopping: job.stopping.is_some(),
            is_planned: job.plan.is_some(),
            stored_chunks: job.stored_chunks,
            sent_upto: job.sent_upto,
            counters: job.counters,
            finisher_epoch: job.finisher_epoch,
            finisher_until_ms: job.finisher.as_ref().map(|finisher| finisher.until_ms),
        }
    }
}

impl Standing {
    /// These are all the jobs that have not ended.
    pub(super) fn saw_all(&self, jobs: &[JobRecord], now: Duration) {
        let mut before = self.jobs.lock().expect("no panic while held");
        *before = jobs
            .iter()
            .map(|job| {
                let was = before.remove(&job.job_id);
                (job.job_id.clone(), look(job, was, now))
            })
            .collect();
    }

    /// A job that has not ended stands so.
    pub(super) fn saw(&self, job: &JobRecord, now: Duration) {
        let mut jobs = self.jobs.lock().expect("no panic while held");
        let was = jobs.remove(&job.job_id);
        jobs.insert(job.job_id.clone(), look(job, was, now));
    }

    /// This process ended a job.
    pub(super) fn ended(&self, job_id: &JobId, end: &End) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        let is_failed = matches!(end, End::Failed { .. });
        self.failed.fetch_add(is_failed.into(), Ordering::Relaxed);
        self.is_over(job_id);
    }

    /// A job has ended.
    pub(super) fn is_over(&self, job_id: &JobId) {
        self.jobs
            .lock()
            .expect("no panic while held")
            .remove(job_id);
    }

    /// Jobs ended since the start, and of these the failed ones.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        vec![
            ("JobsEnded", read(&self.ended)),
            ("JobsFailed", read(&self.failed)),
        ]
    }

    /// Jobs that want an aggregator, jobs set aside, and the longest time since one of the first moved on, in seconds; a
    /// job whose own rates hold it back has more time.
    pub fn gauges(&self, now: Duration) -> Vec<Gauge> {
        let jobs = self.jobs.lock().expect("no panic while held");
        let live = || jobs.values().filter(|job| job.is_live);
        let stall = |job: &Seen| now.saturating_sub(job.since).saturating_sub(job.allowed);
        let longest = live().map(stall).max().unwrap_or_default();
        let live = live().count();
        vec![
            ("LiveJobs", "Count", live as f64),
            ("PausedJobs", "Count", (jobs.len() - live) as f64),
            ("LongestStall", "Seconds", longest.as_secs_f64()),
        ]
    }
}

fn look(job: &JobRecord, was: Option<Seen>, now: Duration) -> Seen {
    let mark = Mark::of(job);
    let since = match was {
        Some(was) if was.mark == mark => was.since,
        _ => now,
    };
    Seen {
        mark,
        since,
        // A job that is done or to be stopped while it is set aside is finished all the same.
        is_live: job.paused.is_none() || job.is_done() || job.stopping.is_some(),
        allowed: allowed(job),
    }
}

/// How long the chunks of a job that are in work may take at the job's own rates: it asked for no more.
fn allowed(job: &JobRecord) -> Duration {
    let spec = &job.spec;
    let rates = [
        spec.rate_limit,
        spec.requests_per_minute.map(|limit| limit as f64 / 60.0),
        spec.tokens_per_minute
            .map(|limit| limit as f64 / 60.0 / TOKENS_A_CALL),
    ];
    let Some(rate) = rates.into_iter().flatten().reduce(f64::min) else {
        return Duration::ZERO;
    };
    let calls = spec.chunk_rows.div_ceil(spec.batch_size.max(1));
    let chunks = job.outstanding_chunks().min(SIDE_BY_SIDE);
    let seconds = f64::from(chunks) * f64::from(calls) / rate;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::job::{PauseReason, Stop};
    use crate::core::spec::JobSpec;

    const MINUTE: Duration = Duration::from_secs(60);

    fn job(id: &str) -> JobRecord {
        let spec: JobSpec = serde_json::from_value(serde_json::json!({
            "input_bucket": "in", "input_key": "reports.csv", "input_version": "1", "output_bucket": "out",
            "output_prefix": "results/", "model_id": "memory", "problem_type": "product", "batch_size": 2,
            "max_workers": 32, "terms_sha256": "0", "prompt_version": "1", "chunk_rows": 100,
            "max_text_chars": 24_000, "max_record_bytes": 1 << 20,
        }))
        .unwrap();
        JobRecord::new(JobId(id.to_string()), spec, 0)
    }

    /// LiveJobs, PausedJobs, LongestStall.
    fn gauges(standing: &Standing, now: Duration) -> [f64; 3] {
        let told = standing.gauges(now);
        let names: Vec<&str> = told.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(names, ["LiveJobs", "PausedJobs", "LongestStall"]);
        [told[0].2, told[1].2, told[2].2]
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
}
