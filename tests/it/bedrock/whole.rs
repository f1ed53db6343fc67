//! A whole run without faults: every row answered, every token counted, every text paid once.

use std::collections::BTreeMap;

use annexa::adapters::sim_bedrock::{Latency, Settings};

use super::place::{MODEL, Rehearsal};
use crate::cli::harness::{nano, sample, sample_with};

/// Pico-dollars a token of [`MODEL`] through its profile: 1.10 in, 5.50 out, 0.11 read, 1.375 written, per million.
const PRICE_PICO: [(&str, u64); 4] = [
    ("total_input_tokens", 1_100_000),
    ("total_output_tokens", 5_500_000),
    ("cache_read_tokens", 110_000),
    ("cache_write_tokens", 1_375_000),
];

#[test]
fn every_row_is_answered_and_the_cost_is_usage_times_price_to_the_nano_dollar() {
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(120));
    let ran = rehearsal.run(&["--problem", "both"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let (summary, stats) = (rehearsal.summary(), rehearsal.stats());
    let results = rehearsal.place.results("in-annexa");
    assert_eq!(results.len(), 120);
    assert!(
        results
            .column("outcome")
            .iter()
            .all(|outcome| *outcome == "coded")
    );
    assert!(
        results
            .column("prompt_version")
            .iter()
            .all(|version| !version.is_empty())
    );
    let pico: u64 = PRICE_PICO
        .iter()
        .map(|(kind, price)| summary[*kind].as_u64().unwrap() * price)
        .sum();
    // Each of the prices is a whole number of nano-dollars but the last.
    let total = nano(summary["total_estimated_cost"].as_str().unwrap());
    assert_eq!(total, (pico + 500) / 1_000);
    let rows: u64 = results
        .column("cost_usd")
        .iter()
        .map(|cost| nano(cost))
        .sum();
    assert_eq!(
        rows + nano(summary["overhead"]["cost_usd"].as_str().unwrap()),
        total
    );
    for (kind, seen) in [
        ("total_input_tokens", stats.all.input_tokens),
        ("total_output_tokens", stats.all.output_tokens),
        ("cache_read_tokens", stats.all.cache_read_tokens),
        ("cache_write_tokens", stats.all.cache_write_tokens),
        ("calls", stats.all.answered),
    ] {
        assert_eq!(summary[kind], seen, "{kind}: what the service counted");
    }
    // Kept answers carry the service's request id.
    let mut by_request: BTreeMap<&str, usize> = BTreeMap::new();
    for id in results.column("request_id") {
        *by_request.entry(id).or_default() += 1;
    }
    assert!(by_request.len() as u64 <= stats.all.answered && !by_request.contains_key(""));
}

#[test]
fn a_prompt_cache_is_written_once_however_many_calls_wait_for_it() {
    let settings = Settings {
        latency: Latency::fixed(40),
        ..Settings::default()
    };
    let rehearsal = Rehearsal::new(settings);
    rehearsal.place.write("in.csv", sample(100));
    let ran = rehearsal.run(&["--problem", "product", "--max-workers", "24"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let stats = rehearsal.stats();
    let writes: u64 = stats.prefixes.values().map(|prefix| prefix.writes).sum();
    assert_eq!((stats.prefixes.len(), writes), (1, 1));
    assert!(stats.max_in_flight > 8, "the others did go side by side");
    let summary = rehearsal.summary();
    assert!(summary["cache_hit_rate"].as_f64().unwrap() > 0.9);
    assert!(nano(summary["cache_saving_usd"].as_str().unwrap()) > 0);
    assert!(
        ran.out.contains("from the prompt cache, which saved "),
        "{}",
        ran.out
    );
}

#[test]
fn i8_repeating_a_finished_run_costs_no_call_and_equal_texts_are_asked_once() {
    let rehearsal = Rehearsal::new(Settings::default());
    let text = |number: usize| format!("THE TIP BROKE OFF IN CASE {}", number % 40);
    rehearsal.place.write(
        "in.csv",
        sample_with(160, |number, fields| fields[1] = text(number)),
    );
    let flags = ["--problem", "product", "--chunk-rows", "10"];
    assert_eq!(rehearsal.run(&flags).code, 0);
    let stats = rehearsal.stats();
    assert_eq!(stats.distinct_texts, 40);
    assert!(stats.texts.unwrap().values().all(|times| *times == 1));
    for more in [&[][..], &["--again"], &["--out", "elsewhere"]] {
        assert_eq!(rehearsal.run(&[&flags[..], more].concat()).code, 0);
        assert_eq!(
            rehearsal.stats().all.requests,
            stats.all.requests,
            "{more:?}"
        );
    }
    assert_eq!(rehearsal.run(&[&flags[..], &["--fresh"]].concat()).code, 0);
    assert_eq!(rehearsal.stats().all.answered, 2 * stats.all.answered);
}

#[test]
fn an_estimate_is_corrected_by_what_answers_take() {
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(500));
    let args = ["estimate", "in.csv", "--model", MODEL, "--json"];
    let estimate = rehearsal.place.annexa_with(&rehearsal.variables(), &args);
    assert_eq!(estimate.code, 0, "{}", estimate.err);
    let estimate: serde_json::Value = serde_json::from_str(&estimate.out).unwrap();
    assert_eq!(
        rehearsal.stats().all.requests,
        0,
        "an estimate calls nobody"
    );

    let mut variables = rehearsal.variables().to_vec();
    variables.push(("ANNEXA_LOG", "annexa=info"));
    let args = ["run", "in.csv", "--model", MODEL, "--yes"];
    let ran = rehearsal.place.annexa_with(&variables, &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let summary = rehearsal.summary();
    assert_eq!(estimate["calls"], summary["calls"]);
    let total = nano(summary["total_estimated_cost"].as_str().unwrap()) as f64;
    let line = ran.err.lines().find(|line| line.contains("calls=200"));
    let line = line.expect("the log says the projection every hundred calls");
    let projected = line.split("projected=").nth(1).unwrap();
    let projected = nano(projected.split_whitespace().next().unwrap()) as f64;
    let off = (projected / total - 1.0).abs();
    assert!(
        off < 0.05,
        "after 200 calls {projected}, in the end {total}"
    );
    assert!(!ran.err.contains("PATIENT"), "no report text in the log");
}

#[test]
fn a_model_that_nobody_knows_runs_with_a_warning_and_its_cost_is_unknown() {
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(6));
    let model = "us.anthropic.claude-opus-9-9";
    let args = ["run", "in.csv", "--model", model, "--problem", "product"];
    let ran = rehearsal.place.annexa_with(&rehearsal.variables(), &args);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    assert!(ran.err.contains("nothing is known of model"), "{}", ran.err);
    assert!(ran.out.contains("unknown  US dollars"), "{}", ran.out);
    let summary = rehearsal.summary();
    assert!(summary["total_estimated_cost"].is_null() && summary["price_used"].is_null());
    let results = rehearsal.place.results("in-annexa");
    assert!(
        results
            .column("cost_usd")
            .iter()
            .all(|cost| cost.is_empty())
    );
    // A cap needs a price, and a price can be given.
    let capped = [&args[..], &["--max-cost-usd", "1", "--out", "capped"]].concat();
    let refused = rehearsal.place.annexa_with(&rehearsal.variables(), &capped);
    refused.refused(64, &["--max-cost-usd cannot be kept", "--models"]);
    rehearsal.place.write(
        "models.toml",
        r#"
[models."anthropic.claude-opus-9-9"]
input_usd_per_million = "4.00"
output_usd_per_million = "20.00"
"#,
    );
    let priced = [&capped[..], &["--models", "models.toml"]].concat();
    let ran = rehearsal.place.annexa_with(&rehearsal.variables(), &priced);
    assert_eq!(ran.code, 0, "{}", ran.err);
}
