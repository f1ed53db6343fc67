//! The sum as it is printed, and the figures that other places hold of it.

use clap::Parser;

use super::*;
use crate::config::chunks_in_hand;
use crate::core::identity;
use crate::core::ids::JobId;
use crate::core::job::JobRecord;
use crate::jobs::window::Window;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: CapacityArgs,
}

const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

fn said(line: &str) -> anyhow::Result<String> {
    let words = std::iter::once("capacity").chain(line.split_whitespace());
    let args = Line::try_parse_from(words)?.args;
    let mut out = Vec::new();
    run(&args, &mut out)?;
    Ok(String::from_utf8(out)?)
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(&said(&format!("{line} --json")).unwrap()).unwrap()
}

#[test]
fn the_json_is_the_arithmetic_of_what_it_says() {
    let told = json(&format!(
        "--model {HAIKU} --tokens-per-minute 50000000 --latency-s 6"
    ));
    let number = |name: &str| told[name].as_f64().unwrap();
    let charged = number("tokens_charged_per_call");
    let rate = 50_000_000.0 / charged;
    assert!((number("calls_per_minute") - rate).abs() < 0.001);
    let held = 50_000_000.0 / number("tokens_reserved_per_call");
    let useful = match told["bound_by"].as_str().unwrap() {
        "tokens" => (rate / 60.0 * 6.0).ceil(),
        "reservations" => held.floor(),
        other => panic!("bound by {other}"),
    };
    assert_eq!(number("useful_calls_in_flight"), useful.min(held.floor()));
    assert_eq!(number("worker_tasks_max"), (useful / 32.0).ceil());
    assert_eq!(told["is_latency_assumed"], false);
    assert_eq!(
        told["notes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|n| n.as_str().unwrap().contains("latency"))
            .count(),
        0
    );
    // 2 reports, 2 problem types, 150 tokens each, times 5, and the message.
    assert!(
        charged > 2.0 * 2.0 * 150.0 * 5.0 && charged < 4_000.0,
        "{charged}"
    );
}

#[test]
fn without_a_quota_one_task_is_advised_and_what_is_assumed_is_said() {
    let told = json(&format!("--model {HAIKU}"));
    assert_eq!(told["worker_tasks_max"], 1);
    assert!(told["useful_calls_in_flight"].is_null());
    assert_eq!(told["bound_by"], "unknown");
    assert_eq!(
        (told["latency_s"].as_f64(), &told["is_latency_assumed"]),
        (Some(8.0), &true.into())
    );
    let text = said(&format!("--model {HAIKU}")).unwrap();
    assert!(text.contains("worker tasks at most    1\n"), "{text}");
    assert!(
        text.contains("no quota is told, so one task is advised"),
        "{text}"
    );
    assert!(
        text.contains("the latency is assumed (2 s, and 100 output tokens a second)"),
        "{text}"
    );
    assert_eq!(json("--model precedents")["worker_tasks_max"], 1);
}

#[test]
fn people_see_each_step() {
    let text = said(&format!(
        "--model {HAIKU} --requests-per-minute 1000 --latency-s 8"
    ))
    .unwrap();
    for line in [
        "calls a minute          1000 = 1000.0",
        "in flight by rate       1000.0 / 60 x 8 = 133.3",
        "useful calls in flight  134",
        "rows an hour            120000",
        "worker tasks at most    134 / 32 a task = 5",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn what_is_no_model_or_no_time_is_refused() {
    let refused = said("--model haiku").unwrap_err().to_string();
    assert!(refused.contains("is no model"), "{refused}");
    assert!(said(&format!("--model {HAIKU} --latency-s 0")).is_err());
    assert!(said(&format!("--model {HAIKU} --tokens-per-minute 0")).is_err());
}

/// The model of a fleet that plays the scaling.
const PLAYED: &str = include_str!("../../../infra/checks/fleet_model.py");

/// The value of a field of its quota, as `    name: type = 1_000`.
fn played(field: &str) -> f64 {
    let begins = format!("    {field}: ");
    let line = PLAYED.lines().find(|line| line.starts_with(&begins));
    let (_, value) = line.and_then(|line| line.split_once(" = ")).expect(field);
    value.replace('_', "").parse().expect(field)
}

/// The values of its line of names in capitals that begins with `first`, by name.
fn played_constants(first: &str) -> Vec<(&'static str, u32)> {
    let line = PLAYED.lines().find(|line| line.starts_with(first));
    let (names, values) = line.and_then(|line| line.split_once(" = ")).expect(first);
    let values = values.split(", ").map(|value| value.parse().expect(first));
    names.split(", ").zip(values).collect()
}

#[test]
fn the_fleet_that_is_played_and_its_page_have_the_calls_of_this_sum() {
    let model = "us.anthropic.claude-haiku-5-5";
    let told = json(&format!("--model {model} --tokens-per-minute 10000000"));
    let number = |name: &str| told[name].as_f64().unwrap();
    assert_eq!(played("charged_a_call"), number("tokens_charged_per_call"));
    let reserved = number("tokens_reserved_per_call");
    assert_eq!(played("reserved_a_call"), reserved);
    assert_eq!(played("latency_s"), number("latency_s"));
    let calls_in_flight = f64::from(defaults::MAX_WORKERS);
    assert_eq!(played("calls_in_flight"), calls_in_flight);

    let page = include_str!("../../../docs/SCALING.md");
    let words: Vec<&str> = page.split_whitespace().collect();
    let page = words.join(" ");
    for (figure, said) in [
        ("tokens_charged_per_call", "Charged N,"),
        ("tokens_reserved_per_call", "reserved N."),
        (
            "useful_calls_in_flight",
            "200 in flight by rate, N by reservations",
        ),
    ] {
        let figure = number(figure) as u64;
        let shown = match figure {
            0..1_000 => figure.to_string(),
            _ => format!("{},{:03}", figure / 1_000, figure % 1_000),
        };
        let said = said.replace('N', &shown);
        assert!(page.contains(&said), "docs/SCALING.md does not say: {said}");
    }
}

/// A job with so many chunks done.
fn job(committed: u32) -> JobRecord {
    let mut job = JobRecord::new(JobId("job-1".to_string()), identity::tests::spec(), 0);
    job.counters.committed = committed;
    job
}

#[test]
fn the_fleet_that_is_played_has_the_windows_and_the_hands_of_the_code() {
    let window = Window::of(defaults::WINDOW_CHUNKS);
    let first = window.width(&job(0));
    let in_hand = |calls| chunks_in_hand(calls, defaults::BATCH_SIZE, defaults::CHUNK_ROWS);
    let expected = [
        ("FIRST_CHUNKS", first),
        ("MORE_WITH_EACH", window.width(&job(1)) - first),
        ("WINDOW_CHUNKS", window.width(&job(1_000_000))),
        ("CHUNKS_IN_HAND", in_hand(defaults::MAX_WORKERS)),
        ("CHUNK_ROWS", defaults::CHUNK_ROWS),
        ("BATCH_SIZE", defaults::BATCH_SIZE),
    ];
    assert_eq!(played_constants("FIRST_CHUNKS"), expected);
    // So far that holds, say the model and docs/SCALING.md.
    assert_eq!(in_hand(100), in_hand(defaults::MAX_WORKERS));
    assert!(in_hand(101) > in_hand(100));
    assert!(PLAYED.contains("at up to 100 calls in flight"));
    let page = include_str!("../../../docs/SCALING.md");
    assert!(page.contains("Above 100 calls in"), "docs/SCALING.md");
}
