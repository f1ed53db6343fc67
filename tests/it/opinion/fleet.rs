//! The same by the fleet: coded reports from a bucket, pinned when the job is made; second samples of workers that die.

use std::time::Duration;

use annexa::adapters::sim_bedrock::{Latency, Settings};
use serde_json::{Value, json};

use super::{check_agreements, rows_took};
use crate::bedrock::place::Rehearsal;
use crate::cli::harness::{nano, sample_with, sha256};
use crate::cli::process::{Running, pause};
use crate::fleet::place::{FleetPlace, ROLES};

const ROWS: usize = 120;

fn input() -> String {
    sample_with(ROWS, |number, fields| {
        fields[1] = format!("{} (REPORT {number})", fields[1]);
    })
}

fn end(services: Vec<Running>) {
    for service in services {
        service.signal("TERM");
        let ran = service.end();
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
}

fn artifact() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/precedents.bin")).unwrap()
}

#[test]
fn a_fleet_reads_coded_reports_from_a_bucket_shows_examples_and_gives_second_opinions() {
    let fleet = FleetPlace::new(Settings::default(), 120);
    let services: Vec<Running> = ROLES.iter().map(|role| fleet.start(role)).collect();
    fleet.drop_in("ours/coded.bin", artifact());
    let bucket = fleet.env("ANNEXA_INBOX_BUCKET");
    let sidecar = json!({
        "second_opinion": "precedents", "precedents": 3, "chunk_rows": 30,
        "corpus_bucket": bucket, "corpus_key": "ours/coded.bin",
    });
    fleet.drop_in("inbox/in.csv.json", sidecar.to_string());
    fleet.drop_in("inbox/in.csv", input());
    let prefix = fleet.wait_until_ended();
    end(services);
    let (summary, results) = (fleet.summary(&prefix), fleet.results(&prefix));
    assert_eq!(summary["status"], "COMPLETED", "{summary}");
    let spec: Value = serde_json::from_slice(&fleet.result(&format!("{prefix}job.json"))).unwrap();
    let spec = &spec["spec"];
    assert_eq!(spec["corpus_sha256"], sha256(&artifact()));
    assert!(spec["corpus_version"].is_string());
    let word = format!("+examples-3-{}+", &sha256(&artifact())[..8]);
    assert!(
        results
            .column("prompt_version")
            .iter()
            .all(|version| version.contains(&word))
    );
    assert!(
        summary["total_estimated_cost"].is_string(),
        "the finisher knows the price"
    );
    let seen = check_agreements(&results);
    assert!(seen["same"] > ROWS, "{seen:?}");
    // As on one machine, but for the digits that name the stand-in.
    let alone = Rehearsal::new(Settings::default());
    alone.place.write("in.csv", input());
    alone.place.write("coded.bin", artifact());
    let model = spec["model_id"].as_str().unwrap();
    let args = [
        "run",
        "in.csv",
        "--model",
        model,
        "--yes",
        "--second-opinion",
        "precedents",
        "--precedents",
        "3",
        "--corpus",
        "coded.bin",
    ];
    let ran = alone.place.annexa_with(&alone.variables(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    results.assert_equal(&alone.place.results("in-annexa"));
}

#[test]
fn coded_reports_that_are_none_make_a_failed_job_with_the_reason() {
    let fleet = FleetPlace::new(Settings::default(), 120);
    let services: Vec<Running> = ROLES.iter().map(|role| fleet.start(role)).collect();
    fleet.drop_in("ours/coded.bin", "no artifact");
    let bucket = fleet.env("ANNEXA_INBOX_BUCKET");
    let sidecar =
        json!({ "precedents": 3, "corpus_bucket": bucket, "corpus_key": "ours/coded.bin" });
    fleet.drop_in("inbox/in.csv.json", sidecar.to_string());
    fleet.drop_in("inbox/in.csv", input());
    let prefix = fleet.wait_until_ended();
    end(services);
    let summary = fleet.summary(&prefix);
    assert_eq!(summary["status"], "FAILED");
    let said = summary.to_string();
    assert!(
        said.contains("ours/coded.bin") && said.contains("does not begin with the mark"),
        "{said}"
    );
}

#[test]
fn i8_a_fleet_whose_worker_dies_among_second_samples_pays_again_only_what_was_in_flight() {
    let settings = Settings {
        latency: Latency::fixed(40),
        ..Settings::default()
    };
    let mut fleet = FleetPlace::new(settings, 4);
    for (name, value) in [
        ("ANNEXA_LEASE_S", 4),
        ("ANNEXA_SWEEP_S", 2),
        // Long polls take half of it.
        ("ANNEXA_DRAIN_S", 8),
    ] {
        fleet.set(name, value);
    }
    let [splitter, worker, aggregator] = ROLES;
    let mut services: Vec<Running> = [splitter, aggregator].map(|role| fleet.start(role)).into();
    let victim = fleet.start(worker);
    let sidecar = json!({ "second_opinion": "sample", "chunk_rows": 30, "max_workers": 4 });
    fleet.drop_in("inbox/in.csv.json", sidecar.to_string());
    fleet.drop_in("inbox/in.csv", input());
    // Some texts were asked a second time.
    let mut looks = 1_200;
    while fleet.stats().all.answered < (ROWS as u64) * 3 / 4 {
        looks -= 1;
        assert!(looks > 0, "hangs");
        pause(Duration::from_millis(100));
    }
    victim.kill();
    services.push(fleet.start(worker));
    let prefix = fleet.wait_until_ended();
    end(services);
    let (summary, results) = (fleet.summary(&prefix), fleet.results(&prefix));
    assert_eq!(summary["status"], "COMPLETED", "{summary}");
    let (cost, ..) = rows_took(&results);
    let overhead = nano(summary["overhead"]["cost_usd"].as_str().unwrap());
    assert_eq!(
        cost + overhead,
        nano(summary["total_estimated_cost"].as_str().unwrap())
    );
    let twice = summary["possibly_twice_paid_calls"].as_u64().unwrap();
    let texts = fleet.stats().texts.unwrap();
    assert_eq!(texts.len(), ROWS);
    assert!(texts.values().all(|times| *times >= 2));
    let again: u64 = texts.values().map(|times| times - 2).sum();
    assert!(
        again <= 2 * twice,
        "{again} texts again, {twice} calls counted"
    );
    assert!(
        results
            .column("attempts")
            .iter()
            .all(|attempts| *attempts == "2")
    );
    check_agreements(&results);
}
