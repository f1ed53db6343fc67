//! `annexa capacity`: how many calls in flight, and so worker tasks, a quota can feed. infra/deploy asks it for the most tasks
//! that may run.

mod shown;

use std::io::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::{exit, models};
use crate::adapters::aws::bedrock::prefix_bytes;
use crate::adapters::local::precedents;
use crate::adapters::models::no_model;
use crate::catalog::ModelFacts;
use crate::coding::tokens::{TokenBook, message_bytes};
use crate::core::problem::ProblemType;
use crate::core::spec::defaults;
use crate::pacing::capacity::{Bound, CallTokens, Capacity, Told, capacity};
use crate::ports::model::ServiceFacts;
use crate::terms::TermTable;

/// Mean bytes of the 6,374 public MAUDE reports of the corpus (their median is 607 characters).
const TEXT_BYTES: u64 = 884;

/// Seconds until an answer begins, assumed: nobody has measured Bedrock for this. (The metric that would tell: Bedrock user
/// guide, "Monitor bedrock-runtime inference using CloudWatch metrics".)
const FIRST_TOKEN_S: f64 = 2.0;
/// Output tokens a second, assumed.
const TOKENS_PER_S: f64 = 100.0;

/// Say how many calls and worker tasks a quota can feed.
///
/// More worker tasks than that only wait. Quotas of your account: AWS console, Service Quotas, Amazon Bedrock. The latency is
/// assumed unless you give it; what calls of your account really take is CloudWatch's metric InvocationLatency (namespace
/// AWS/Bedrock, by model, in milliseconds).
#[derive(Debug, Clone, Args)]
pub struct CapacityArgs {
    /// Who answers: the id of a model or profile, or its ARN
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Your quota of tokens per minute for the model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub tokens_per_minute: Option<u64>,
    /// Your quota of requests per minute for the model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests_per_minute: Option<u64>,
    /// Calls in flight of one worker task
    #[arg(long, value_name = "N", default_value_t = defaults::MAX_WORKERS.into(), value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub calls_in_flight: u64,
    /// Reports a call, 1 to 10
    #[arg(long, value_name = "N", default_value_t = defaults::BATCH_SIZE, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub batch_size: u32,
    /// What is coded: product, patient or both
    #[arg(long, value_name = "TYPE", default_value_t = ProblemType::Both)]
    pub problem: ProblemType,
    /// Bytes of a report's text, on average
    #[arg(long, value_name = "N", default_value_t = TEXT_BYTES, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub text_bytes: u64,
    /// How long an answer takes, in seconds [default: assumed by the length of the answer]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub latency_s: Option<f64>,
    /// Your own facts on models, over the built-in ones (see docs/MODELS.md)
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    let is_time = |seconds: &f64| *seconds > 0.0 && *seconds <= 3_600.0;
    let expected = || "a number of seconds above 0 and up to 3600 is expected".to_string();
    seconds.filter(is_time).ok_or_else(expected)
}

/// Runs the command.
///
/// # Errors
/// The model is none, its facts cannot be read, or `out` cannot be written.
pub fn run(args: &CapacityArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let sum = match args.model.as_str() {
        precedents::MODEL_ID => offline(args),
        _ => bedrock(args)?,
    };
    match args.json {
        true => {
            serde_json::to_writer_pretty(&mut *out, &sum.printed(args))?;
            writeln!(out)?;
        }
        false => sum.table(args, out)?,
    }
    Ok(exit::OK)
}

/// All that is known, assumed and computed.
struct Sum {
    call: CallTokens,
    latency_s: f64,
    fed: Capacity,
    notes: Vec<String>,
}

/// The offline model has no quota; one task uses the CPU that it has.
fn offline(args: &CapacityArgs) -> Sum {
    let call = CallTokens {
        input: 0,
        cache_read: 0,
        output: 0,
        max_tokens: 0,
        burndown: 1,
    };
    let latency_s = args.latency_s.unwrap_or(1.0);
    Sum {
        call,
        latency_s,
        fed: capacity(&call, &Told::default(), latency_s, args.calls_in_flight),
        notes: vec!["the offline model runs within the worker and has no quota: more tasks are as many times faster".to_string()],
    }
}

fn bedrock(args: &CapacityArgs) -> anyhow::Result<Sum> {
    let catalog = models::open(args.models.as_deref())?.map_err(|error| anyhow!("{error}"))?;
    if let Some(problem) = no_model(&args.model, &catalog) {
        return Err(anyhow!("--model {problem}"));
    }
    let known = catalog.find(&args.model);
    let mut notes = known.warnings;
    let facts = known
        .facts
        .unwrap_or_else(|| ModelFacts::cautious(&args.model));
    let bytes = prefix_bytes(&facts, &TermTable::builtin(), args.problem)?;
    let service = ServiceFacts {
        lane: args.model.clone(),
        burndown: facts.burndown,
        prefix_bytes: bytes,
        prefix_sha256: String::new(),
        bytes_per_token: facts.bytes_per_token,
        cache_minimum_tokens: facts.cache_minimum_tokens,
        cache_ttl: std::time::Duration::ZERO,
        max_output_tokens: facts.max_output_tokens,
    };
    let reports = args.batch_size as usize;
    let sent = message_bytes(std::iter::repeat_n(args.text_bytes as usize, reports));
    let book = TokenBook::new(Some(&service), args.problem.problems().len());
    let one = book.forecast(reports, sent);
    let (cache_read, uncached) = match one.is_prefix_cached {
        true => (one.prefix_tokens, 0),
        false => (0, one.prefix_tokens),
    };
    let call = CallTokens {
        input: one.message_tokens + uncached,
        cache_read,
        output: one.output_tokens,
        max_tokens: one.max_tokens,
        burndown: facts.burndown,
    };
    let assumed = FIRST_TOKEN_S + one.output_tokens as f64 / TOKENS_PER_S;
    let latency_s = args.latency_s.unwrap_or(assumed);
    let told = Told {
        tokens_per_minute: args.tokens_per_minute,
        requests_per_minute: args.requests_per_minute,
    };
    let fed = capacity(&call, &told, latency_s, args.calls_in_flight);
    if uncached > 0 {
        notes.push(format!(
            "the prompt prefix of about {uncached} tokens is not cached with this model: every call is charged for it"
        ));
    }
    if fed.by_reservations.is_some_and(|calls| calls < 1.0) {
        notes.push(format!(
            "one call reserves {} tokens, more than a minute of this quota: Bedrock may refuse every call; ask for a larger \
             quota, or code one problem type alone",
            call.reserved()
        ));
    }
    if fed.bound == Bound::Unknown {
        notes.push(format!(
            "no quota is told, so one task is advised: its {} calls in flight find what is let through; tell the quota \
             (Service Quotas, Amazon Bedrock) with --tokens-per-minute or --requests-per-minute",
            args.calls_in_flight
        ));
    }
    if fed.bound == Bound::Reservations {
        notes.push(
            "that reservations have to fit a minute's worth of the quota is documented; that the quota holds a minute's worth is \
             assumed"
                .to_string(),
        );
    }
    if args.latency_s.is_none() {
        notes.push(format!(
            "the latency is assumed ({FIRST_TOKEN_S} s, and {TOKENS_PER_S} output tokens a second) and was not measured: give \
             yours with --latency-s"
        ));
    }
    Ok(Sum {
        call,
        latency_s,
        fed,
        notes,
    })
}

#[cfg(test)]
mod tests;
