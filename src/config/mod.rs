//! How the fleet is configured: environment variables and flags, checked all at once before any work.
//!
//! docs/CONFIGURATION.md lists them; a test holds it to [`FleetArgs`].

mod args;
mod check;
mod notify;
mod stack;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use args::FleetArgs;
pub use notify::{Hidden, NotifyConfig, WebhookArgs, WebhookConfig};
pub use stack::{FleetStacks, StackOutputs, fleet_stack, storage_stack};

use crate::catalog::Catalog;
use crate::core::problem::ProblemType;

/// Where the fleet's things are and how its services behave: checked, with all defaults filled in.
#[derive(Debug, Clone)]
pub struct FleetConfig {
    /// Inbox queue: events, specs, and jobs that wait for their split.
    pub inbox_queue_url: String,
    /// Queue of the chunks that wait for a worker.
    pub chunk_queue_url: String,
    /// Queue on which progress is announced.
    pub done_queue_url: String,
    /// DynamoDB table of the ledger and of paid answers.
    pub table: String,
    /// Where outputs go when a spec names no bucket.
    pub output_bucket: String,
    /// Keys that begin with it are the inbox; empty: every key. Outputs under it are refused.
    pub inbox_prefix: String,
    /// The fleet's name, a dimension of its metrics.
    pub fleet: String,
    /// Region as given by flag; none: as the SDK finds it.
    pub region: Option<String>,
    /// What holds where a spec is silent.
    pub defaults: JobDefaults,
    /// Facts on models: the built-in ones, with the user's file over them.
    pub catalog: Arc<Catalog>,
    /// Chunks in hand at once in a worker.
    pub chunks_in_hand: u32,
    /// Chunks of a job that may be outstanding in the queue.
    pub window_chunks: u32,
    /// How long paid answers are kept, in days.
    pub answers_days: u32,
    /// Time between two sweeps of the aggregator.
    pub sweep_every: Duration,
    /// How long a claim or an election lasts unless it is renewed.
    pub lease: Duration,
    /// How long a drain may take in all.
    pub drain: Duration,
    /// A call of a model that takes longer is given up.
    pub call_timeout: Duration,
    /// Tokens per minute of the lane; none: not told, the lane finds its rate.
    pub tokens_per_minute: Option<u64>,
    /// Requests per minute of the lane; none: not told.
    pub requests_per_minute: Option<u64>,
    /// Port of the health server on 127.0.0.1; none: there is none.
    pub health_port: Option<u16>,
    /// What is logged, as tracing's filter says it.
    pub log: String,
    /// Time between two lines of metrics.
    pub metrics_every: Duration,
    /// Who is told of jobs that end.
    pub notify: NotifyConfig,
}

/// What holds where a spec is silent (DESIGN §6).
#[derive(Debug, Clone, PartialEq)]
pub struct JobDefaults {
    /// Who answers; none: the cheapest current model's geographic profile of the Region.
    pub model_id: Option<String>,
    /// Reports a call.
    pub batch_size: u32,
    /// Calls in flight per worker process.
    pub max_workers: u32,
    /// Calls a second, fleet-wide; none: the lane's quota alone.
    pub rate_limit: Option<f64>,
    /// What is coded.
    pub problem_type: ProblemType,
}

impl FleetConfig {
    /// What a user should know before work starts; each a line.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.call_timeout > self.drain.saturating_sub(MARGIN) {
            warnings.push(format!(
                "ANNEXA_CALL_TIMEOUT_S is {} and ANNEXA_DRAIN_S {}: a call that is in flight when a stop is asked for may be \
                 cut and paid for twice; keep the call's time {} s under the drain's",
                self.call_timeout.as_secs(),
                self.drain.as_secs(),
                MARGIN.as_secs()
            ));
        }
        warnings
    }
}

/// What storing an answer and giving a claim back may take at the end of a drain.
const MARGIN: Duration = Duration::from_secs(10);

/// Chunks in hand that keep `calls_in_flight` calls of `batch_size` reports busy, for chunks of `chunk_rows`: enough
/// that the last calls of some chunks do not leave permits idle, and that reading and writing one does not keep the
/// others waiting; bounded, since they are in memory.
pub fn chunks_in_hand(calls_in_flight: u32, batch_size: u32, chunk_rows: u32) -> u32 {
    let reports = calls_in_flight.saturating_mul(batch_size);
    (2 + 2 * reports.div_ceil(chunk_rows.max(1))).clamp(6, 64)
}
