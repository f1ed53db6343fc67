//! summary.json: the whole job in one page of JSON, and the balance that must hold before anything is published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stats::{ErrorCount, Stats};
use super::throughput::Throughput;
use crate::core::invariants::{Broken, balance};
use crate::core::job::{End, JobRecord};
use crate::core::money::{NanoUsd, Price, usd_per_million};
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;
use crate::core::tally::Tally;
use crate::core::transitions::job::verdict;
use crate::terms::TermTable;

/// The summary of a job. Amounts of money are strings of US dollars with nine decimals, so that no reader rounds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Form of this file; raised when a field changes its meaning.
    pub schema_version: u32,
    /// The job.
    pub job_id: String,
    /// 0 for the first pass; raised by each retry of what failed. Counts and costs are of all passes together.
    #[serde(default)]
    pub generation: u32,
    /// COMPLETED, COMPLETED_WITH_ERRORS, FAILED or CANCELLED.
    pub status: String,
    /// Why, for a job that failed.
    pub reason: Option<String>,
    /// True: the job was stopped, and its files hold only the rows that were done.
    pub partial: bool,
    /// What was asked, as it was frozen.
    pub spec: serde_json::Value,
    /// Rows of the input; of a job that was stopped while splitting, those found so far.
    pub total_records: u64,
    /// Rows by outcome: coded, insufficient, empty, failed.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows in = coded + insufficient + empty + failed.
    pub balance: Balance,
    /// Input tokens, cache tokens not among them.
    pub total_input_tokens: u64,
    /// Output tokens.
    pub total_output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the prompt cache.
    pub cache_write_tokens: u64,
    /// Cache reads as a share of all tokens that went in; none without any.
    pub cache_hit_rate: Option<f64>,
    /// US dollars that the prompt cache saved, below zero where writing cost more than reading saved; none: the price is
    /// not known.
    pub cache_saving_usd: Option<String>,
    /// US dollars: the rows' cost and the overhead together; none: the model's price is not known.
    pub total_estimated_cost: Option<String>,
    /// US dollars per million tokens; none: not known.
    pub price_used: Option<PriceUsed>,
    /// Use and cost of calls that no row could be charged with.
    pub overhead: Overhead,
    /// Failed rows by kind.
    pub errors: BTreeMap<String, ErrorCount>,
    /// Rows by review reason.
    pub review: BTreeMap<String, u64>,
    /// Rows with at least one review reason.
    pub review_rows: u64,
    /// Primary codes of coded rows, most frequent first, for each asked problem type.
    pub code_distribution: BTreeMap<String, Vec<CodeCount>>,
    /// Rows by who answered.
    pub answered_by: BTreeMap<String, u64>,
    /// When the job was made (RFC 3339).
    pub started: String,
    /// When its last chunk was done, or it was stopped (RFC 3339).
    pub ended: String,
    /// Calls made.
    pub calls: u64,
    /// Tries beyond the first.
    pub retries: u64,
    /// Calls that the quota refused.
    pub throttles: u64,
    /// Rows that took an answer paid for before.
    pub paid_answers_reused: u64,
    /// Calls that may have been paid twice; never too low.
    pub possibly_twice_paid_calls: u64,
    /// Chunks in all, and those given up.
    pub chunks: Chunks,
    /// Rows over time, by when their chunks were done.
    #[serde(default)]
    pub throughput: Throughput,
    /// Where the outputs are.
    pub output_location: String,
    /// The program that wrote this.
    pub annexa_version: String,
}

/// The balance of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Balance {
    /// Rows that the splitter counted.
    pub rows_in: u64,
    /// Rows that the results hold.
    pub rows_out: u64,
    /// Whether they are equal and every row has one outcome. A complete job is never published without.
    pub balances: bool,
}

/// Price of each kind of token, in US dollars per million tokens, to the last digit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub struct PriceUsed {
    pub input_usd_per_million: String,
    pub output_usd_per_million: String,
    pub cache_read_usd_per_million: String,
    pub cache_write_usd_per_million: String,
}

impl From<Price> for PriceUsed {
    fn from(price: Price) -> Self {
        PriceUsed {
            input_usd_per_million: usd_per_million(price.input_pico_usd),
            output_usd_per_million: usd_per_million(price.output_pico_usd),
            cache_read_usd_per_million: usd_per_million(price.cache_read_pico_usd),
            cache_write_usd_per_million: usd_per_million(price.cache_write_pico_usd),
        }
    }
}

/// What no row could be charged with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub struct Overhead {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cost_usd: String,
}

/// Chunks of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub struct Chunks {
    pub total: u32,
    pub committed: u32,
    pub quarantined: u32,
}

/// How often a code is the primary one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub struct CodeCount {
    pub code: String,
    pub term: String,
    pub rows: u64,
}

impl Summary {
    /// Puts the ledger's counters and the pass over the rows together.
    pub fn new(job: &JobRecord, stats: &Stats, price: Option<Price>, terms: &TermTable) -> Summary {
        let tally = &job.counters.tally;
        let rows_in = job
            .split
            .as_ref()
            .map_or(stats.tally.rows, |split| split.rows);
        let end = verdict(job);
        let mut all = tally.usage;
        all += tally.overhead_usage;
        let went_in = all.prompt_tokens();
        let reason = match &end {
            End::Failed { reason } => Some(reason.clone()),
            _ => None,
        };
        Summary {
            schema_version: 1,
            job_id: job.job_id.to_string(),
            generation: job.generation,
            status: end.name().to_string(),
            reason,
            partial: job.stopping.is_some(),
            spec: serde_json::to_value(&job.spec).unwrap_or_default(),
            total_records: rows_in,
            outcomes: Outcome::ALL
                .iter()
                .map(|o| (o.name().to_string(), stats.tally.of(*o)))
                .collect(),
            balance: Balance {
                rows_in,
                rows_out: stats.tally.rows,
                balances: balance(rows_in, &stats.tally).is_ok(),
            },
            total_input_tokens: all.input_tokens,
            total_output_tokens: all.output_tokens,
            cache_read_tokens: all.cache_read_tokens,
            cache_write_tokens: all.cache_write_tokens,
            cache_hit_rate: (went_in > 0).then(|| all.cache_read_tokens as f64 / went_in as f64),
            cache_saving_usd: price.map(|price| signed_usd(all.cache_saving_nano_usd(&price))),
            total_estimated_cost: price.map(|_| tally.total_cost().to_string()),
            price_used: price.map(PriceUsed::from),
            overhead: Overhead {
                input_tokens: tally.overhead_usage.input_tokens,
                output_tokens: tally.overhead_usage.output_tokens,
                cost_usd: tally.overhead_cost.to_string(),
            },
            errors: stats.errors.clone(),
            review: stats.review.clone(),
            review_rows: stats.tally.review,
            code_distribution: job
                .spec
                .problem_type
                .problems()
                .iter()
                .map(|problem| {
                    (
                        problem.name().to_string(),
                        code_counts(*problem, stats, terms),
                    )
                })
                .collect(),
            answered_by: stats.answered_by.clone(),
            started: rfc3339(job.created_ms),
            ended: rfc3339(job.completed_ms.unwrap_or(job.created_ms)),
            calls: tally.calls,
            retries: tally.retries,
            throttles: tally.throttles,
            paid_answers_reused: tally.paid_answers_reused,
            possibly_twice_paid_calls: tally.possibly_twice_paid_calls,
            chunks: Chunks {
                total: job
                    .split
                    .as_ref()
                    .map_or(job.stored_chunks, |split| split.chunks),
                committed: job.counters.committed,
                quarantined: job.counters.quarantined,
            },
            throughput: stats.throughput.clone(),
            output_location: format!("{}/{}", job.spec.output_bucket, job.spec.output_prefix),
            annexa_version: env!("CARGO_PKG_VERSION").to_string(),
        }
    }

    /// Nothing is published as complete before it balances: rows in = rows out, each with one outcome, and the
    /// ledger's counters equal what the rows say.
    pub fn check(&self, job: &JobRecord, stats: &Stats) -> Result<(), Broken> {
        if self.partial {
            return Ok(());
        }
        balance(self.balance.rows_in, &stats.tally)?;
        let of = |tally: &Tally| {
            [
                tally.rows,
                tally.coded,
                tally.insufficient,
                tally.empty,
                tally.failed,
            ]
        };
        if of(&stats.tally) != of(&job.counters.tally) {
            let what = format!(
                "the ledger counts {:?}, the rows {:?}",
                of(&job.counters.tally),
                of(&stats.tally)
            );
            return Err(Broken { id: "I2", what });
        }
        Ok(())
    }
}

fn code_counts(problem: Problem, stats: &Stats, terms: &TermTable) -> Vec<CodeCount> {
    let mut counts: Vec<CodeCount> = stats
        .codes
        .get(&problem)
        .into_iter()
        .flatten()
        .map(|(code, rows)| CodeCount {
            code: code.clone(),
            term: terms
                .by_code(code)
                .map_or(String::new(), |term| term.term().to_string()),
            rows: *rows,
        })
        .collect();
    counts.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.code.cmp(&b.code)));
    counts
}

/// Dollars with all nine decimals and a sign where they are below zero.
fn signed_usd(nano: i64) -> String {
    let amount = NanoUsd(nano.unsigned_abs());
    let sign = if nano < 0 { "-" } else { "" };
    format!("{sign}{amount}")
}

/// A time for people and machines.
pub fn rfc3339(unix_ms: u64) -> String {
    time(unix_ms, 0)
}

/// A time with its milliseconds.
pub fn rfc3339_ms(unix_ms: u64) -> String {
    time(unix_ms, 3)
}

fn time(unix_ms: u64, decimals: usize) -> String {
    jiff::Timestamp::from_millisecond(i64::try_from(unix_ms).unwrap_or(i64::MAX))
        .map_or_else(|_| String::new(), |time| format!("{time:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_docs_is_the_one_of_this_program() {
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Summary)).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/summary.schema.json");
        if std::env::var_os("ANNEXA_WRITE_SCHEMA").is_some() {
            std::fs::write(path, &schema).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == schema,
            "run the tests once with ANNEXA_WRITE_SCHEMA=1 and look at the change"
        );
    }

    #[test]
    fn a_loss_by_the_cache_is_said_as_one() {
        assert_eq!(signed_usd(-1_500_000_000), "-1.500000000");
        assert_eq!(signed_usd(7), "0.000000007");
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(1_767_225_600_000), "2026-01-01T00:00:00Z");
    }
}
