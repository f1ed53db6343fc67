//! What the plumbing costs: requests and units of a run, counted, at list price, for a million rows (docs/COSTS.md).

use annexa::adapters::sim_bedrock::{Latency, Settings};
use serde_json::json;

use super::place::{FleetPlace, ROLES};
use super::units::Bill;
use crate::cli::harness::sample_with;
use crate::cli::process::Running;

/// Heartbeats of a chunk that takes a minute and a half, which these runs are too quick for: one write to the ledger and one
/// request to the queue every 40 s. Its 50 calls take some ten seconds where 32 are in flight, more where the lane is narrow.
const HEARTBEATS_A_CHUNK: f64 = 2.0;
const CHUNK_ROWS: f64 = 100.0;

/// What one run of `rows` reports takes, all texts different; and how many of the stored answers are over 1 KB.
fn run(problem: &str, rows: usize) -> (Bill, usize) {
    let settings = Settings {
        latency: Latency::fixed(30),
        ..Settings::default()
    };
    let (fleet, recorder) = FleetPlace::recorded(settings);
    let services: Vec<Running> = ROLES.iter().map(|role| fleet.start(role)).collect();
    let input = sample_with(rows, |number, fields| {
        fields[1] = format!("{} (REPORT {number})", fields[1]);
    });
    fleet.drop_in(
        "inbox/in.csv.json",
        json!({"problem_type": problem}).to_string(),
    );
    fleet.drop_in("inbox/in.csv", input);
    let prefix = fleet.wait_until_ended();
    for service in services {
        service.signal("TERM");
        let ran = service.end();
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    assert_eq!(fleet.summary(&prefix)["outcomes"]["failed"], 0);
    let sizes = fleet.item_sizes();
    let answers = sizes.iter().filter(|(key, _)| key.starts_with("A#"));
    let large = answers.clone().filter(|(_, bytes)| **bytes > 1_024).count();
    assert_eq!(answers.count(), rows, "every text was paid for and kept");
    let chunks = sizes.iter().filter(|(key, _)| key.contains("#C#"));
    assert!(chunks.clone().count() > 0);
    for (key, bytes) in chunks {
        assert!(
            *bytes <= 1_024,
            "{key} has {bytes} bytes: each of its writes costs two units"
        );
    }
    (Bill::of(&recorder.take(), &sizes), large)
}

/// Dollars for a million rows, and the share of answers over 1 KB.
fn million(problem: &str) -> (f64, f64) {
    let (few, many) = (500, 1_500);
    let ((small, _), (big, large)) = (run(problem, few), run(problem, many));
    let mut per_row = Bill::slope(&small, &big, (many - few) as f64);
    per_row.write_units += HEARTBEATS_A_CHUNK / CHUNK_ROWS;
    per_row.sqs_requests += HEARTBEATS_A_CHUNK / CHUNK_ROWS;
    println!("{problem}: a million rows, all texts different, {large} of {many} answers over 1 KB");
    for (what, usd) in per_row.parts_usd() {
        println!("  {what:<26} {:.4} USD", usd * 1e6);
    }
    println!("  {:<26} {:.4} USD", "in all", per_row.usd() * 1e6);
    println!("  of the larger run: {:?}", big.requests);
    (per_row.usd() * 1e6, large as f64 / many as f64)
}

#[test]
fn a_million_rows_cost_less_than_a_dollar_of_plumbing_where_answers_fit_a_kilobyte() {
    let (usd, large) = million("product");
    assert!(large < 0.02, "{large} of the answers do not fit");
    assert!(usd < 1.0, "{usd} USD");
}

#[test]
fn a_million_rows_cost_less_than_two_dollars_of_plumbing_where_answers_are_larger() {
    let (usd, _) = million("both");
    assert!(usd < 2.0, "{usd} USD");
}
