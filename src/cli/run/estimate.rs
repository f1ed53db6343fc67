//! What a run will ask and cost, from its whole input, before a cent is spent. `annexa estimate` prints it, and a run says
//! it before it begins.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::args::RunArgs;
use crate::adapters::local::sqlite::SqliteAnswers;
use crate::coding::examples::mean_bytes;
use crate::coding::key::KeyBase;
use crate::coding::tokens::TokenBook;
use crate::coding::workload::{Projection, Workload, WorkloadCounter, cost_of, project};
use crate::core::answer::AnswerKey;
use crate::core::money::NanoUsd;
use crate::core::opinion::SecondOpinion;
use crate::core::spec::JobSpec;
use crate::pacing::quota::settled_tokens;
use crate::ports::Answers;
use crate::ports::model::ModelInfo;
use crate::precedents::CodedReports;
use crate::records::{open, read_chunk, visit_chunks};

/// An estimate.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// What is to be asked.
    pub workload: Workload,
    /// Tokens by kind, by the stated rule.
    pub projection: Projection,
    /// Cost with the prompt cache; none: the price is not known.
    pub cost: Option<NanoUsd>,
    /// Cost without it.
    pub uncached_cost: Option<NanoUsd>,
    /// Tokens that the token quota is settled with.
    pub quota_tokens: u64,
    /// Time at the told quota and rates; none: none was told.
    pub at_quota: Option<Duration>,
    /// Notes on the model's prompt cache.
    pub notes: Vec<String>,
}

/// As `--json` prints it. Amounts are strings of US dollars, so that no reader rounds them.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    model: &'a str,
    #[serde(flatten)]
    workload: &'a Workload,
    tokens: Tokens,
    cost_usd: Option<String>,
    cost_without_cache_usd: Option<String>,
    quota_tokens: u64,
    seconds_at_quota: Option<u64>,
    notes: &'a [String],
}

#[derive(Debug, Serialize)]
struct Tokens {
    prefix: u64,
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

/// Reads the whole input and counts. `coded`: the coded reports that the job uses. `answers`: the file in which answers paid for before are looked up.
///
/// # Errors
/// When the input cannot be read, or the paid answers cannot.
pub async fn estimate(
    args: &RunArgs,
    spec: &JobSpec,
    info: &ModelInfo,
    coded: Option<&CodedReports>,
    answers: Option<&Path>,
) -> anyhow::Result<Estimate> {
    let answers = match answers {
        // A file that is not there holds nothing, and is not made for a look.
        Some(path) if path.exists() => Some(SqliteAnswers::open(path)?),
        _ => None,
    };
    let (input, options) = (&args.input, &args.how.options());
    let shown = input.display();
    let file = File::open(input).with_context(|| format!("{shown}"))?;
    let opened = open(file, options).with_context(|| format!("{shown}"))?;
    let keys = KeyBase::of_job(spec, info);
    let samples = spec.second_opinion == Some(SecondOpinion::Sample);
    let sample_keys = samples.then(|| KeyBase::of_second_sample(spec, info));
    let mean_bytes = coded.map_or(0, |coded| mean_bytes(coded.precedents()));
    let mut counter = WorkloadCounter::new(keys, spec.batch_size, spec.max_text_chars)
        .with_samples(sample_keys)
        .with_examples(spec.precedents, mean_bytes);
    let runtime = tokio::runtime::Handle::current();
    let count = || {
        visit_chunks(
            opened.text,
            &opened.layout,
            options.chunk_rows,
            |range, bytes| {
                let rows = read_chunk(bytes, &opened.layout, range)?;
                let new = counter.new_texts(&rows, &opened.layout);
                let are_kept = |keys: Vec<AnswerKey>| match &answers {
                    Some(answers) if !keys.is_empty() => {
                        let kept = runtime.block_on(answers.get(&keys))?;
                        anyhow::Ok(kept.iter().map(Option::is_some).collect::<Vec<_>>())
                    }
                    _ => Ok(vec![false; keys.len()]),
                };
                let is_paid = are_kept(new.iter().map(|text| text.key).collect())?;
                let samples = new.iter().filter_map(|text| text.sample_key);
                let is_sample_paid = are_kept(samples.collect())?;
                counter.count_calls(&new, &is_paid, &is_sample_paid);
                anyhow::Ok(())
            },
        )
    };
    tokio::task::block_in_place(count).with_context(|| format!("{shown}"))?;
    Ok(of(counter.finish(), spec, info))
}

/// What a workload takes of a model.
fn of(workload: Workload, spec: &JobSpec, info: &ModelInfo) -> Estimate {
    let service = info.service.as_ref();
    let book = TokenBook::new(service, spec.problem_type.problems().len());
    let Workload {
        calls,
        asked_texts,
        sampled_texts,
        message_bytes,
        ..
    } = workload;
    let reports = asked_texts + sampled_texts;
    let mut projection = project(&book, calls, reports, message_bytes, false);
    if !info.is_paid {
        projection.usage = Default::default();
        projection.uncached = Default::default();
    }
    let burndown = service.map_or(1, |service| service.burndown);
    let quota_tokens = settled_tokens(&projection.usage, burndown);
    let limits = [
        spec.tokens_per_minute
            .map(|limit| quota_tokens as f64 * 60.0 / limit as f64),
        spec.requests_per_minute
            .map(|limit| calls as f64 * 60.0 / limit as f64),
        spec.rate_limit.map(|rate| calls as f64 / rate),
    ];
    let slowest = limits.into_iter().flatten().reduce(f64::max);
    let cost = |usage| info.price.map(|price| cost_of(usage, &price));
    let mut notes = Vec::new();
    if let Some(service) = service {
        match service.cache_minimum_tokens {
            None => notes.push("the model has no prompt cache: every call pays for the list of terms".to_string()),
            Some(minimum) if projection.prefix_tokens < minimum => notes.push(format!(
                "the prompt's prefix of about {} tokens is under the {minimum} tokens from which the model caches: every \
                 call pays for it",
                projection.prefix_tokens
            )),
            Some(_) => {}
        }
        if info.price.is_none() {
            notes.push(format!(
                "the price of {} is not known, so the cost is not either: give it in a models file (--models)",
                info.model_id
            ));
        }
    }
    Estimate {
        cost: cost(&projection.usage),
        uncached_cost: cost(&projection.uncached),
        quota_tokens,
        at_quota: slowest.map(|seconds| Duration::from_secs_f64(seconds.min(1e9))),
        workload,
        projection,
        notes,
    }
}

impl Estimate {
    /// As JSON.
    pub fn json(&self, model_id: &str) -> String {
        let usage = &self.projection.usage;
        let printed = Printed {
            model: model_id,
            workload: &self.workload,
            tokens: Tokens {
                prefix: self.projection.prefix_tokens,
                input: usage.input_tokens,
                output: usage.output_tokens,
                cache_read: usage.cache_read_tokens,
                cache_write: usage.cache_write_tokens,
            },
            cost_usd: self.cost.map(|cost| cost.to_string()),
            cost_without_cache_usd: self.uncached_cost.map(|cost| cost.to_string()),
            quota_tokens: self.quota_tokens,
            seconds_at_quota: self.at_quota.map(|time| time.as_secs()),
            notes: &self.notes,
        };
        serde_json::to_string_pretty(&printed).expect("numbers and strings can be encoded")
    }

    /// In one line, for a run that is about to begin.
    pub fn line(&self) -> String {
        let Workload {
            rows,
            asked_texts,
            paid_texts,
            sampled_texts,
            calls,
            ..
        } = self.workload;
        let cost = self
            .cost
            .map_or("at a cost that is not known".to_string(), |cost| {
                format!("about {} USD", cents(cost))
            });
        let kept = match paid_texts {
            0 => String::new(),
            _ => format!(", {paid_texts} texts paid for before"),
        };
        let twice = match sampled_texts {
            0 => String::new(),
            _ => format!(" and {sampled_texts} to ask once more"),
        };
        format!("{rows} rows, {asked_texts} texts to ask{twice} in {calls} calls{kept}: {cost}")
    }
}

/// Dollars for people: cents, or more digits where there are no cents.
pub fn cents(amount: NanoUsd) -> String {
    let dollars = amount.0 as f64 / 1e9;
    match dollars {
        0.0 => "0.00".to_string(),
        small if small < 0.1 => format!("{small:.4}"),
        _ => format!("{dollars:.2}"),
    }
}
