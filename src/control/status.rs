//! What is to be said of a job now: state, rows, cost, chunks that were given up; and how fast it goes.

mod given_up;
pub mod pace;
pub mod words;
pub mod work;

pub use given_up::{Quarantined, quarantined};

use serde::Serialize;

use crate::core::ids::Generation;
use crate::core::job::{End, JobRecord, PauseReason, Phase, Stop};
use crate::core::money::{NanoUsd, Usage};
use crate::core::outcome::Outcome;
use crate::core::spec::JobSpec;
use crate::core::tally::Tally;
use crate::inbox::UNKNOWN;
use crate::report::summary::{Summary, rfc3339};

/// A job as people ask for it. The JSON form is stable: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobStatus {
    /// The job.
    pub job_id: String,
    /// SPLITTING, RUNNING, PAUSED, FINISHING, COMPLETED, COMPLETED_WITH_ERRORS, FAILED or CANCELLED.
    pub state: &'static str,
    /// Why it is paused, stopping or failed.
    pub reason: Option<String>,
    /// It was refused when it arrived: no retry helps, what arrived has to be mended.
    pub was_refused: bool,
    /// 0 for the first pass; raised by each retry.
    pub generation: Generation,
    /// No retry helps a job that failed on its input, whose version is pinned: the file has to be mended.
    pub is_input_bad: bool,
    /// Rows of the input; none: still being counted, or, of a job that has ended, unknown.
    pub rows_total: Option<u64>,
    /// Rows whose chunks are committed or given up.
    pub rows_done: u64,
    /// Of these: with a valid code for every asked problem type.
    pub coded: u64,
    /// Of these: the text does not suffice.
    pub insufficient: u64,
    /// Of these: without text.
    pub empty: u64,
    /// Of these: failed.
    pub failed: u64,
    /// Of these: marked for review.
    pub review: u64,
    /// Chunks known so far.
    pub chunks_total: u32,
    /// Committed chunks.
    pub chunks_committed: u32,
    /// Chunks that were given up.
    pub chunks_quarantined: u32,
    /// Chunks that wait for their job to go on.
    pub chunks_parked: u32,
    /// US dollars of committed rows and what no row could be charged with; none: calls were made, and their price is not
    /// known.
    pub cost_usd: Option<String>,
    /// US dollars that count under the cost cap: with calls in flight, and calls whose end nobody saw.
    pub counted_under_cap_usd: String,
    /// The cost cap; none: there is none.
    pub max_cost_usd: Option<String>,
    /// Who answers.
    pub model_id: String,
    /// The input, as bucket/key.
    pub input: String,
    /// Where the outputs are, as bucket/prefix.
    pub output: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it ended (RFC 3339); none: it has not.
    pub ended: Option<String>,
    /// Chunks that are out in the queue or in hand.
    pub chunks_outstanding: u32,
    /// Calls that answered committed rows.
    pub calls: u64,
    /// Tries of theirs beyond the first.
    pub retries: u64,
    /// Calls that the model's quota refused meanwhile.
    pub throttles: u64,
    /// Committed rows that took an answer paid for before.
    pub paid_answers_reused: u64,
    /// Tokens that went in for committed rows, those of the prompt cache not among them.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the prompt cache.
    pub cache_write_tokens: u64,
}

/// Whether a job stands for an arrival that could not become one.
pub fn was_refused(job: &JobRecord) -> bool {
    job.spec.prompt_version == UNKNOWN
}

/// How reasons begin that are about what stands in the input, as [`crate::records::InputError`] says them. A test holds
/// them to it.
const OF_THE_INPUT: [&str; 10] = [
    "the input is ",
    "the input starts ",
    "the header ",
    "the column '",
    "the id column ",
    "the first line ",
    "there is ",
    "the gzip data ",
    "the Zstandard data ",
    "the encoding '",
];

/// Whether a job failed before it had a plan for what stands in its input, or for how it is asked to be read. Both are
/// pinned, so a split that begins again ends the same. What else ends a split (a place that is taken, no permission) may be
/// mended.
pub fn is_input_bad(job: &JobRecord) -> bool {
    let Phase::Ended(End::Failed { reason }) = &job.phase else {
        return false;
    };
    job.plan.is_none() && OF_THE_INPUT.iter().any(|begin| reason.starts_with(begin))
}

impl JobStatus {
    /// What a record says.
    pub fn new(job: &JobRecord) -> JobStatus {
        let tally = &job.counters.tally;
        let usage = all_usage(tally);
        JobStatus {
            job_id: job.job_id.to_string(),
            state: job.state(),
            reason: reason(job),
            was_refused: was_refused(job),
            is_input_bad: is_input_bad(job),
            generation: job.generation,
            rows_total: job.split.as_ref().map(|split| split.rows),
            rows_done: tally.rows,
            coded: tally.coded,
            insufficient: tally.insufficient,
            empty: tally.empty,
            failed: tally.failed,
            review: tally.review,
            chunks_total: job
                .split
                .as_ref()
                .map_or(job.stored_chunks, |split| split.chunks),
            chunks_committed: job.counters.committed,
            chunks_quarantined: job.counters.quarantined,
            chunks_parked: job.counters.parked,
            cost_usd: cost(tally).map(|cost| cost.to_string()),
            counted_under_cap_usd: (job.counters.budget.spent + job.counters.budget.reserved)
                .to_string(),
            max_cost_usd: job.spec.max_cost_usd.map(|cap| cap.to_string()),
            model_id: job.spec.model_id.clone(),
            input: job.spec.input().to_string(),
            output: job.spec.output("").to_string(),
            created: rfc3339(job.created_ms),
            ended: job.ended_ms.map(rfc3339),
            chunks_outstanding: job.outstanding_chunks(),
            calls: tally.calls,
            retries: tally.retries,
            throttles: tally.throttles,
            paid_answers_reused: tally.paid_answers_reused,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_tokens,
        }
    }

    /// What the summary of a job that has ended says, where its ledger is not at hand.
    ///
    /// # Errors
    /// The summary is of a program that writes other specs.
    pub fn of_summary(summary: &Summary) -> serde_json::Result<JobStatus> {
        let spec: JobSpec = serde_json::from_value(summary.spec.clone())?;
        let outcome = |outcome: Outcome| {
            let count = summary.outcomes.get(outcome.name());
            count.copied().unwrap_or_default()
        };
        let states = ["COMPLETED", "COMPLETED_WITH_ERRORS", "CANCELLED"];
        let state = states.into_iter().find(|state| *state == summary.status);
        Ok(JobStatus {
            job_id: summary.job_id.clone(),
            state: state.unwrap_or("FAILED"),
            reason: summary.reason.clone(),
            was_refused: spec.prompt_version == UNKNOWN,
            generation: summary.generation,
            is_input_bad: false,
            rows_total: Some(summary.total_records),
            rows_done: summary.balance.rows_out,
            coded: outcome(Outcome::Coded),
            insufficient: outcome(Outcome::Insufficient),
            empty: outcome(Outcome::Empty),
            failed: outcome(Outcome::Failed),
            review: summary.review_rows,
            chunks_total: summary.chunks.total,
            chunks_committed: summary.chunks.committed,
            chunks_quarantined: summary.chunks.quarantined,
            chunks_parked: 0,
            cost_usd: summary.total_estimated_cost.clone(),
            counted_under_cap_usd: summary.total_estimated_cost.clone().unwrap_or_default(),
            max_cost_usd: spec.max_cost_usd.map(|cap| cap.to_string()),
            model_id: spec.model_id.clone(),
            input: spec.input().to_string(),
            output: spec.output("").to_string(),
            created: summary.started.clone(),
            ended: Some(summary.ended.clone()),
            chunks_outstanding: 0,
            calls: summary.calls,
            retries: summary.retries,
            throttles: summary.throttles,
            paid_answers_reused: summary.paid_answers_reused,
            input_tokens: summary.total_input_tokens,
            output_tokens: summary.total_output_tokens,
            cache_read_tokens: summary.cache_read_tokens,
            cache_write_tokens: summary.cache_write_tokens,
        })
    }

    /// Whether the job has ended.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Tokens of committed rows, those read from the prompt cache not among them: a quota does not count these in the end.
    pub fn tokens(&self) -> u64 {
        self.input_tokens + self.cache_write_tokens + self.output_tokens
    }
}

fn all_usage(tally: &Tally) -> Usage {
    let mut usage = tally.usage;
    usage += tally.overhead_usage;
    usage
}

/// What committed rows cost; none: tokens were used, and nobody knows their price.
fn cost(tally: &Tally) -> Option<NanoUsd> {
    let (cost, usage) = (tally.total_cost(), all_usage(tally));
    let is_unknown = cost == NanoUsd::ZERO && usage.prompt_tokens() + usage.output_tokens > 0;
    (!is_unknown).then_some(cost)
}

fn reason(job: &JobRecord) -> Option<String> {
    if let Phase::Ended(End::Failed { reason }) = &job.phase {
        return Some(reason.clone());
    }
    if job.is_over() {
        return None;
    }
    match (&job.stopping, &job.paused) {
        (Some(Stop::Failed { reason }), _) => Some(format!("being stopped: {reason}")),
        (Some(Stop::Cancelled), _) => Some("being cancelled".to_string()),
        (None, Some(paused)) => Some(why_paused(paused)),
        (None, None) => None,
    }
}

fn why_paused(reason: &PauseReason) -> String {
    match reason {
        PauseReason::ByUser => "paused by annexa pause".to_string(),
        PauseReason::CostCap => {
            "what is spent and set aside leaves no room for the next call under its cost cap"
                .to_string()
        }
        PauseReason::LaneParked { detail } => format!("its model takes nothing for now: {detail}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::identity;
    use crate::core::plan::SplitTotals;

    /// A running job of so many rows, none of them done.
    pub(crate) fn status(rows: u64) -> JobStatus {
        let spec = identity::tests::spec();
        let mut job = JobRecord::new(identity::job_id(&spec), spec, 0);
        job.phase = Phase::Running;
        job.split = Some(SplitTotals {
            chunks: rows.div_ceil(100) as u32,
            rows,
            failed_records: 0,
        });
        JobStatus::new(&job)
    }
}
