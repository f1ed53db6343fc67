//! The fleet's flags; each has an environment variable. Values are texts here, so that all that is wrong with them can
//! be said at once.

use clap::Args;

use super::WebhookArgs;

/// Where the fleet's things are and how its services behave.
///
/// An empty value counts as none. [`FleetArgs::check`] makes a configuration of them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Fleet")]
pub struct FleetArgs {
    /// URL of the inbox queue: S3 events, job specs, jobs that wait for their split
    #[arg(long, value_name = "URL", env = "ANNEXA_INBOX_QUEUE_URL")]
    pub inbox_queue_url: Option<String>,
    /// URL of the queue of chunks that wait for a worker
    #[arg(long, value_name = "URL", env = "ANNEXA_CHUNK_QUEUE_URL")]
    pub chunk_queue_url: Option<String>,
    /// URL of the queue on which progress is announced
    #[arg(long, value_name = "URL", env = "ANNEXA_DONE_QUEUE_URL")]
    pub done_queue_url: Option<String>,
    /// DynamoDB table of jobs, chunks and paid answers
    #[arg(long, value_name = "NAME", env = "ANNEXA_TABLE")]
    pub table: Option<String>,
    /// Bucket of the outputs, where a job spec names none
    #[arg(long, value_name = "BUCKET", env = "ANNEXA_OUTPUT_BUCKET")]
    pub output_bucket: Option<String>,
    /// Keys under this prefix are the inbox, and no output may lie there; * means every key [default: inbox/]
    #[arg(long, value_name = "PREFIX", env = "ANNEXA_INBOX_PREFIX")]
    pub inbox_prefix: Option<String>,
    /// The fleet's name in metrics [default: annexa]
    #[arg(long, value_name = "NAME", env = "ANNEXA_FLEET")]
    pub fleet: Option<String>,
    /// Region of everything [default: AWS_REGION or your AWS profile's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Model of jobs that name none [default: the cheapest current one's profile of the Region's geography]
    #[arg(long, value_name = "MODEL", env = "DEFAULT_MODEL_ID")]
    pub default_model_id: Option<String>,
    /// Reports a call of jobs that name none, 1 to 10 [default: 2]
    #[arg(long, value_name = "N", env = "DEFAULT_BATCH_SIZE")]
    pub default_batch_size: Option<String>,
    /// Calls in flight per worker process of jobs that name none [default: 32]
    #[arg(long, value_name = "N", env = "DEFAULT_MAX_WORKERS")]
    pub default_max_workers: Option<String>,
    /// Calls a second, fleet-wide, of jobs that name none [default: the lane's quota alone]
    #[arg(
        long,
        value_name = "RPS",
        env = "DEFAULT_RATE_LIMIT",
        allow_negative_numbers = true
    )]
    pub default_rate_limit: Option<String>,
    /// What jobs that do not say so code: product, patient or both [default: both]
    #[arg(long, value_name = "TYPE", env = "DEFAULT_PROBLEM_TYPE")]
    pub default_problem_type: Option<String>,
    /// Your own facts on models (prices, quotas), over the built-in ones (see docs/MODELS.md)
    #[arg(long, value_name = "FILE", env = "ANNEXA_MODELS")]
    pub models: Option<String>,
    /// Chunks in hand at once in a worker, 1 to 1000 [default: as the calls in flight need them]
    #[arg(long, value_name = "N", env = "ANNEXA_CHUNKS_IN_HAND")]
    pub chunks_in_hand: Option<String>,
    /// Chunks of a job that may be outstanding in the queue [default: 200]
    #[arg(long, value_name = "N", env = "ANNEXA_WINDOW_CHUNKS")]
    pub window_chunks: Option<String>,
    /// How long paid answers are kept, in days [default: 90]
    #[arg(long, value_name = "DAYS", env = "ANNEXA_ANSWERS_DAYS")]
    pub answers_days: Option<String>,
    /// Seconds between two sweeps of the aggregator [default: 60]
    #[arg(long, value_name = "S", env = "ANNEXA_SWEEP_S")]
    pub sweep_s: Option<String>,
    /// Seconds that a claim lasts unless it is renewed [default: 120]
    #[arg(long, value_name = "S", env = "ANNEXA_LEASE_S")]
    pub lease_s: Option<String>,
    /// Seconds that a stop may take, at most 110 [default: 110]
    #[arg(long, value_name = "S", env = "ANNEXA_DRAIN_S")]
    pub drain_s: Option<String>,
    /// Give a call of a model up after so many seconds and try again [default: 90]
    #[arg(long, value_name = "S", env = "ANNEXA_CALL_TIMEOUT_S")]
    pub call_timeout_s: Option<String>,
    /// Your quota of tokens per minute for the model [default: not told; the lane finds what is let through]
    #[arg(long, value_name = "N", env = "ANNEXA_TOKENS_PER_MINUTE")]
    pub tokens_per_minute: Option<String>,
    /// Your quota of requests per minute for the model [default: not told; the lane finds what is let through]
    #[arg(long, value_name = "N", env = "ANNEXA_REQUESTS_PER_MINUTE")]
    pub requests_per_minute: Option<String>,
    /// Answer health checks on this port of 127.0.0.1 [default: no server]
    #[arg(long, value_name = "PORT", env = "ANNEXA_HEALTH_PORT")]
    pub health_port: Option<String>,
    /// What is logged to stderr: warn, info, annexa=debug, ... [default: info]
    #[arg(long, value_name = "FILTER", env = "ANNEXA_LOG")]
    pub log: Option<String>,
    /// Seconds between two lines of metrics on stdout [default: 60]
    #[arg(long, value_name = "S", env = "ANNEXA_METRICS_S")]
    pub metrics_s: Option<String>,
    /// Tell this bus of EventBridge of each job that ends, by name or ARN; the account's own is default
    #[arg(long, value_name = "BUS", env = "ANNEXA_NOTIFY_EVENT_BUS")]
    pub notify_event_bus: Option<String>,
    /// Tell this topic of SNS of each job that ends
    #[arg(long, value_name = "ARN", env = "ANNEXA_NOTIFY_TOPIC_ARN")]
    pub notify_topic_arn: Option<String>,
    /// A receiver of webhooks
    #[command(flatten)]
    pub notify_webhook: WebhookArgs,
}
