//! How the jobs stand, for metrics: how many want an aggregator, how many are set aside, and how long one of them has not
//! moved on. Alarms and the aggregator's own scaling hang on these; nothing is asked of the ledger for them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::core::ids::{Epoch, Generation, JobId};
use crate::core::job::{Counters, End, JobRecord, Phase};
use crate::core::lane::Rates;
use crate::telemetry::Gauge;

/// Chunks of a job that may be in work side by side, where its own rate holds all of them back: one worker's at most.
const SIDE_BY_SIDE: u32 = 64;

/// What a call is charged of a token quota, roughly (docs/SCALING.md, 6,685 of Claude Haiku 5.5): enough to tell a slow job
/// from one that stands still.
const TOKENS_A_CALL: f64 = 7_000.0;

/// The jobs that have not ended, as this process has seen them, and how many it has ended.
#[derive(Default)]
pub struct Standing {
    /// The fleet's quota, as it is told.
    told: Rates,
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
    /// Calls of one of its chunks.
    calls_a_chunk: u32,
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
    /// Of a fleet whose quota is told as `told`: all its jobs share it.
    pub(super) fn of(told: Rates) -> Standing {
        Standing {
            told,
            ..Standing::default()
        }
    }

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
    /// job whose own rates hold it back has more time, and so have all that share a quota which is told. A job that has
    /// ended and of which somebody still has to be told (`notices` of them) wants an aggregator, too.
    pub fn gauges(&self, now: Duration, notices: u64) -> Vec<Gauge> {
        let jobs = self.jobs.lock().expect("no panic while held");
        let live = || jobs.values().filter(|job| job.is_live);
        let count = live().count();
        let stall = |job: &Seen| {
            let stood = now.saturating_sub(job.since);
            let allowed = job.allowed.saturating_add(self.turn(job, count));
            stood.saturating_sub(allowed)
        };
        let longest = live().map(stall).max().unwrap_or_default();
        vec![
            ("LiveJobs", "Count", count as f64 + notices as f64),
            ("PausedJobs", "Count", (jobs.len() - count) as f64),
            ("LongestStall", "Seconds", longest.as_secs_f64()),
        ]
    }

    /// How long one chunk of a job takes at the quota that is told, where so many jobs share it.
    fn turn(&self, job: &Seen, live: usize) -> Duration {
        let rates = [calls_a_second(self.told.requests, self.told.tokens)];
        let calls = f64::from(job.calls_a_chunk) * live as f64;
        time_of(calls, rates)
    }
}

/// What limits a minute let through.
fn calls_a_second(requests: Option<f64>, tokens: Option<f64>) -> Option<f64> {
    let limits = [requests, tokens.map(|limit| limit / TOKENS_A_CALL)];
    let lowest = limits.into_iter().flatten().reduce(f64::min)?;
    Some(lowest / 60.0)
}

/// How long `calls` take at the lowest of these rates, in calls a second; no time if there is none.
fn time_of<const N: usize>(calls: f64, rates: [Option<f64>; N]) -> Duration {
    let Some(rate) = rates.into_iter().flatten().reduce(f64::min) else {
        return Duration::ZERO;
    };
    Duration::try_from_secs_f64(calls / rate).unwrap_or(Duration::MAX)
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
        calls_a_chunk: calls_a_chunk(job),
    }
}

/// How long the chunks of a job that are in work may take at the job's own rates: it asked for no more.
fn allowed(job: &JobRecord) -> Duration {
    let spec = &job.spec;
    let limit = |limit: Option<u64>| limit.map(|limit| limit as f64);
    let own = calls_a_second(
        limit(spec.requests_per_minute),
        limit(spec.tokens_per_minute),
    );
    let chunks = job.outstanding_chunks().min(SIDE_BY_SIDE);
    let calls = f64::from(chunks) * f64::from(calls_a_chunk(job));
    time_of(calls, [spec.rate_limit, own])
}

fn calls_a_chunk(job: &JobRecord) -> u32 {
    job.spec.chunk_rows.div_ceil(job.spec.batch_size.max(1))
}

#[cfg(test)]
mod tests;
