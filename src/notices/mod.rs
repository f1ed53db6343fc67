//! Notices: what is said of a job that has ended, and telling it until every receiver has it.
//!
//! Pure but for [`Teller`], which needs a clock, a ledger and who is to be told.

mod arn;
mod left_out;
mod signature;
mod teller;
#[cfg(test)]
mod tests;
mod url;

pub use arn::{BadArn, BusName, TopicArn, partition};
pub use left_out::LeftOut;
pub use signature::{BadSecret, Secret};
pub use teller::{Round, Teller, When};
pub use url::{BadUrl, WebhookUrl};

use crate::core::ids::JobId;
use crate::core::notice::{JOB_ENDED, Notice, Tokens, notice_id};
use crate::core::spec::JobSpec;
use crate::report::summary::Summary;

/// The most characters of a reason: receivers take little, and people read the rest in summary.json.
const MOST_REASON_CHARS: usize = 1_000;
/// Form of a notice.
const SCHEMA_VERSION: u32 = 1;

/// What is told of a job whose outputs are written: `outputs` are their names under the prefix. A function of the summary
/// alone, so that whoever ends the job tells the same.
pub fn notice(spec: &JobSpec, summary: &Summary, outputs: Vec<String>) -> Notice {
    Notice {
        kind: JOB_ENDED.to_string(),
        timestamp: summary.ended.clone(),
        schema_version: SCHEMA_VERSION,
        notice_id: notice_id(&JobId(summary.job_id.clone()), summary.generation),
        job_id: summary.job_id.clone(),
        generation: summary.generation,
        state: summary.status.clone(),
        reason: summary.reason.as_deref().map(capped),
        partial: summary.partial,
        model_id: spec.model_id.clone(),
        rows: summary.total_records,
        outcomes: summary.outcomes.clone(),
        review_rows: summary.review_rows,
        cost_usd: summary.total_estimated_cost.clone(),
        tokens: Tokens {
            input: summary.total_input_tokens,
            output: summary.total_output_tokens,
            cache_read: summary.cache_read_tokens,
            cache_write: summary.cache_write_tokens,
        },
        started: summary.started.clone(),
        ended: summary.ended.clone(),
        output_bucket: spec.output_bucket.clone(),
        output_prefix: spec.output_prefix.clone(),
        outputs,
        annexa_version: summary.annexa_version.clone(),
    }
}

fn capped(reason: &str) -> String {
    match reason.char_indices().nth(MOST_REASON_CHARS) {
        Some((end, _)) => format!("{}...", &reason[..end]),
        None => reason.to_string(),
    }
}
