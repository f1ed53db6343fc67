//! `annexa estimate`: what a run with the same flags would ask and cost, before a cent is spent.

use std::path::Path;
use std::sync::Arc;

use super::args::RunArgs;
use super::check::{Checked, check};
use super::estimate::{Estimate, cents, estimate};
use super::prepare::{Refusal, answers, buckets, spec};
use crate::adapters::local::clock::SystemClock;
use crate::control::status::pace::span;
use crate::core::spec::JobSpec;
use crate::ports::Clock;
use crate::ports::model::ModelInfo;

/// Prints the estimate.
pub(super) async fn print(args: &RunArgs) -> Result<(), Refusal> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let Checked {
        terms,
        coded,
        model,
        ..
    } = check(args, &clock).await.map_err(Refusal::usage)?;
    // Nothing is written: the folder is only named.
    let blobs = buckets(args, Path::new(".")).map_err(Refusal::one)?;
    let info = model.info();
    let mut spec = spec(args, &blobs, &terms, coded.as_ref(), info).await?;
    spec.again = args.fresh.then(|| "not begun".to_string());
    let answers = answers(args, info)?;
    let estimate = estimate(args, &spec, info, coded.as_ref(), answers.as_deref())
        .await
        .map_err(|error| Refusal::one(format!("{error:#}")))?;
    if args.json {
        println!("{}", estimate.json(&info.model_id));
    } else {
        table(&estimate, &spec, info);
    }
    Ok(())
}

fn table(estimate: &Estimate, spec: &JobSpec, info: &ModelInfo) {
    let Estimate {
        workload,
        projection,
        ..
    } = estimate;
    let line = |amount: String, what: &str| println!("{amount:>16}  {what}");
    let count = |amount: u64, what: &str| line(amount.to_string(), what);
    println!(
        "{} with {}, {}",
        spec.input_key, info.model_id, spec.problem_type
    );
    count(workload.rows, "rows");
    count(workload.empty_rows, "of them without text");
    count(workload.failed_rows, "of them fail for their form");
    count(
        workload.truncated_rows,
        "of them are cut to --max-text-chars",
    );
    count(workload.distinct_texts, "distinct texts");
    count(workload.paid_texts, "of them paid for before");
    count(workload.asked_texts, "texts to ask");
    if workload.sampled_texts > 0 {
        count(
            workload.sampled_texts,
            "texts to ask once more, for a second opinion",
        );
    }
    count(workload.calls, "calls");
    if !info.is_paid {
        println!("The model runs on this machine and costs nothing.");
        return;
    }
    let usage = &projection.usage;
    count(
        projection.prefix_tokens,
        "tokens of the prompt that every call shares",
    );
    count(usage.input_tokens, "input tokens");
    count(
        usage.cache_write_tokens,
        "tokens written to the prompt cache",
    );
    count(usage.cache_read_tokens, "tokens read from the prompt cache");
    count(usage.output_tokens, "output tokens");
    let dollars = |amount: Option<_>| amount.map_or("unknown".to_string(), cents);
    line(dollars(estimate.cost), "US dollars");
    line(
        dollars(estimate.uncached_cost),
        "US dollars without the prompt cache",
    );
    count(estimate.quota_tokens, "tokens of the token quota");
    match estimate.at_quota {
        Some(time) => line(span(time), "at the quota and rates given"),
        None => line(
            "?".to_string(),
            "of time: give --tokens-per-minute or --requests-per-minute",
        ),
    }
    for note in &estimate.notes {
        println!("note: {note}");
    }
    println!("{}", rule(info));
}

/// The rule behind the tokens, so that nobody takes them for more than they are.
fn rule(info: &ModelInfo) -> String {
    let bytes = info
        .service
        .as_ref()
        .map_or(4.0, |service| service.bytes_per_token);
    format!(
        "Tokens are estimated: {bytes} bytes a token, 150 output tokens a text and problem type. A run corrects this by what \
         its answers take."
    )
}
