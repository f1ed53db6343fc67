//! An upgrade of a fleet at work: each service is replaced as ECS does it in a rolling deployment. The new task is started
//! and is healthy, then the old one gets SIGTERM and drains. Nothing is lost, nothing is paid twice, nothing counts as failed.

use std::time::Duration;

use annexa::adapters::sim_bedrock::{Latency, Settings};
use annexa::core::chunk::ChunkStatus;
use serde_json::json;

use super::place::{FleetPlace, ROLES};
use super::walk::{ROWS, reports};
use crate::bedrock::place::{MODEL, Rehearsal};
use crate::cli::process::{Running, pause};

const CHUNK_ROWS: usize = 20;
const WORKERS: usize = 2;
/// Deployments under load.
const ROLLS: usize = 5;
/// Time to work before each of them. The calls of the job take 50 s at least.
const BETWEEN: Duration = Duration::from_secs(5);

/// Real reports whose texts all differ, so that a text that is paid for twice shows.
fn input() -> Vec<u8> {
    reports(|number, text| format!("{text} (REPORT {number})"))
}

/// Replaces every service once, the new one first.
fn roll(fleet: &FleetPlace, services: &mut [(&str, Running)], leaving: &mut Vec<Running>) {
    for (role, running) in services {
        let new = fleet.start_ready(role);
        let old = std::mem::replace(running, new);
        old.signal("TERM");
        leaving.push(old);
    }
}

#[test]
fn s16_s21_an_upgrade_under_load_loses_nothing_and_pays_for_nothing_twice() {
    let settings = Settings {
        latency: Latency::fixed(800),
        ..Settings::default()
    };
    let mut fleet = FleetPlace::new(settings, 30);
    for (name, value) in [
        ("ANNEXA_SWEEP_S", 5),
        // Long polls take half of it.
        ("ANNEXA_DRAIN_S", 20),
        ("DEFAULT_MAX_WORKERS", 4),
        ("DEFAULT_BATCH_SIZE", 2),
    ] {
        fleet.set(name, value);
    }
    fleet.set("DEFAULT_MODEL_ID", MODEL);
    let roles = [ROLES[0], ROLES[2]]
        .into_iter()
        .chain(std::iter::repeat_n(ROLES[1], WORKERS));
    let mut services: Vec<(&str, Running)> =
        roles.map(|role| (role, fleet.start_ready(role))).collect();
    let sidecar = json!({"problem_type": "both", "chunk_rows": CHUNK_ROWS});
    fleet.drop_in("inbox/in.csv.json", sidecar.to_string());
    fleet.drop_in("inbox/in.csv", input());
    let mut leaving = Vec::new();
    for _ in 0..ROLLS {
        pause(BETWEEN);
        roll(&fleet, &mut services, &mut leaving);
    }
    assert_eq!(fleet.ended(), None, "all of that was under load");
    let prefix = fleet.wait_until_ended();
    services
        .iter()
        .for_each(|(_, service)| service.signal("TERM"));
    leaving.extend(services.into_iter().map(|(_, service)| service));
    let replaced = leaving.len();
    for service in leaving {
        let ran = service.end();
        assert_eq!(ran.code, 0, "a drain ends well: {}", ran.err);
    }
    assert_eq!(replaced, (ROLLS + 1) * (WORKERS + 2), "each was stopped");

    let (results, summary) = (fleet.results(&prefix), fleet.summary(&prefix));
    // The same model and spec on one machine, where nothing is replaced.
    let calm = Rehearsal::new(Settings::default());
    calm.place.write("in.csv", input());
    let ran = calm.run(&["--problem", "both"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    results.assert_equal(&calm.place.results("in-annexa"));
    assert_eq!(summary["balance"]["balances"], true);

    let stats = fleet.stats();
    let times: Vec<u64> = stats
        .texts
        .iter()
        .flat_map(|texts| texts.values().copied())
        .collect();
    assert_eq!(times.len(), ROWS, "each text was asked");
    let twice: u64 = times.iter().map(|times| times - 1).sum();
    assert_eq!(twice, 0, "texts paid for twice");
    assert_eq!(summary["possibly_twice_paid_calls"], 0);

    // S16: a drain is no failure.
    let chunks = fleet.chunks();
    assert_eq!(chunks.len(), ROWS / CHUNK_ROWS);
    for chunk in &chunks {
        assert!(
            matches!(chunk.status, ChunkStatus::Committed(_)),
            "{chunk:?}"
        );
        let bad = (
            chunk.failed_attempts,
            chunk.abandoned_claims,
            chunk.lost_calls,
        );
        assert_eq!(bad, (0, 0, 0), "{chunk:?}");
    }
    assert_eq!(fleet.dead_letters(), 0);
}
