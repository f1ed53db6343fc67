//! A fleet that is killed, drained, flooded with copies of its messages and answered with faults: the results are those of
//! a run that nobody disturbs, and what was paid twice is no more than what the ledger says.

use std::time::Duration;

use annexa::adapters::sim_bedrock::{FAULTS, FaultRates, Latency, Settings, Stage};
use serde_json::json;

use super::load::{CHUNKS, assert_as_calm, drop_job, roles, texts_paid_again};
use super::place::FleetPlace;
use crate::bedrock::place::MODEL;
use crate::cli::harness::nano;
use crate::cli::kills::Chance;
use crate::cli::process::{Running, pause};

const BATCH: u64 = 2;
/// Calls in flight of one worker.
const CALLS: u64 = 3;
const WORKERS: usize = 3;
const KILLS: u64 = 40;

/// Every fault of the simulator after which nothing is paid, and that ends neither a row nor a job.
fn faults() -> FaultRates {
    let harmless = FAULTS.iter().filter(|fault| {
        fault.ends == annexa::adapters::sim_bedrock::Ends::Nothing && fault.stage != Stage::Paid
    });
    FaultRates::new(harmless.map(|fault| (fault.name, 0.01))).unwrap()
}

/// Calls that died with a worker: booked, and nobody will ever see their answers.
struct Killed {
    workers: u64,
    drained: u64,
}

/// Kills, drains and starts anew until the job has ended.
fn disturb(fleet: &FleetPlace, chance: &mut Chance) -> Killed {
    let mut killed = Killed {
        workers: 0,
        drained: 0,
    };
    let mut kills = 0;
    let mut leaving: Vec<Running> = Vec::new();
    let mut services: Vec<(&str, Running)> = Vec::new();
    for role in roles(WORKERS) {
        services.push((role, fleet.start(role)));
    }
    while fleet.ended().is_none() {
        pause(Duration::from_millis(100 + chance.below(700)));
        if let Some(prefix) = fleet.prefix() {
            let job = prefix.trim_end_matches('/').rsplit('/').next().unwrap();
            for _ in 0..chance.below(4) {
                let chunk = chance.below(CHUNKS as u64);
                let copy = json!({"job": job, "generation": 0, "chunk": chunk});
                fleet.send("ANNEXA_CHUNK_QUEUE_URL", &copy.to_string());
            }
        }
        if kills == KILLS {
            continue;
        }
        kills += 1;
        let at = chance.below(services.len() as u64) as usize;
        let (role, service) = services.swap_remove(at);
        if chance.below(3) == 0 {
            service.signal("TERM");
            leaving.push(service);
            killed.drained += 1;
        } else {
            service.kill();
            killed.workers += u64::from(role == "worker");
        }
        services.push((role, fleet.start(role)));
    }
    for (_, service) in &services {
        service.signal("TERM");
    }
    leaving.extend(services.into_iter().map(|(_, service)| service));
    for service in leaving {
        let ran = service.end();
        assert_eq!(ran.code, 0, "a drain ends well: {}", ran.err);
    }
    killed
}

#[test]
fn i1_i2_i6_i8_a_fleet_under_kills_duplicates_and_faults_gives_the_results_of_an_undisturbed_run() {
    let settings = Settings {
        latency: Latency::fixed(250),
        faults: faults(),
        ..Settings::default()
    };
    let mut fleet = FleetPlace::new(settings, 4);
    for (name, value) in [
        ("ANNEXA_LEASE_S", 4),
        ("ANNEXA_SWEEP_S", 2),
        // Long polls take half of it.
        ("ANNEXA_DRAIN_S", 8),
        ("DEFAULT_MAX_WORKERS", CALLS),
        ("DEFAULT_BATCH_SIZE", BATCH),
    ] {
        fleet.set(name, value);
    }
    fleet.set("DEFAULT_MODEL_ID", MODEL);
    drop_job(&fleet);
    let killed = disturb(&fleet, &mut Chance(41));

    let prefix = fleet.ended().unwrap();
    let (results, summary) = (fleet.results(&prefix), fleet.summary(&prefix));
    assert_as_calm(&results);
    // Exact counters: the ledger's, moved chunk by chunk under all that, against the rows themselves.
    let count = |outcome: &str| {
        results
            .column("outcome")
            .iter()
            .filter(|o| **o == outcome)
            .count()
    };
    for outcome in ["coded", "insufficient", "empty", "failed"] {
        assert_eq!(summary["outcomes"][outcome], count(outcome), "{outcome}");
    }
    let sum = |column| -> u64 {
        results
            .column(column)
            .iter()
            .map(|n| n.parse::<u64>().unwrap())
            .sum()
    };
    assert_eq!(summary["total_input_tokens"], sum("input_tokens"));
    assert_eq!(summary["total_output_tokens"], sum("output_tokens"));
    let rows_cost: u64 = results
        .column("cost_usd")
        .iter()
        .map(|cost| nano(cost))
        .sum();
    let overhead = nano(summary["overhead"]["cost_usd"].as_str().unwrap());
    assert_eq!(
        rows_cost + overhead,
        nano(summary["total_estimated_cost"].as_str().unwrap())
    );
    assert_eq!(summary["balance"]["balances"], true);
    assert_eq!(
        summary["chunks"]["quarantined"], 0,
        "the reports killed nobody"
    );

    let twice = texts_paid_again(&fleet);
    let said = summary["possibly_twice_paid_calls"].as_u64().unwrap();
    println!(
        "{} workers killed, {} services drained; {twice} texts paid twice, {said} calls possibly, {} in flight at most",
        killed.workers,
        killed.drained,
        killed.workers * CALLS
    );
    assert!(
        twice <= said * BATCH,
        "{twice} texts were paid for twice, the ledger says {said} calls"
    );
    // A chunk's calls hand their places in the books on to each other: some stand free while another chunk's calls have begun.
    assert!(
        said <= killed.workers * 2 * CALLS,
        "{said} calls are said to be lost in {} kills",
        killed.workers
    );
    // Nothing is left to do, and nothing was given up.
    let left: Vec<String> = fleet
        .result_keys()
        .into_iter()
        .filter(|key| key.contains("_work/"))
        .collect();
    assert_eq!(left, [""; 0]);
}
