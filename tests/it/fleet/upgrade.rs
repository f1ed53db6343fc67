//! An upgrade of a fleet at work: each service is replaced as ECS does it in a rolling deployment. The new task is started
//! and is healthy, then the old one gets SIGTERM and drains. Nothing is lost, nothing is paid twice, nothing counts as failed.

use std::time::Duration;

use annexa::adapters::sim_bedrock::{Latency, Settings};
use annexa::core::chunk::ChunkStatus;

use super::load::{CHUNKS, assert_as_calm, drop_job, roles, texts_paid_again};
use super::place::FleetPlace;
use super::walk::ROWS;
use crate::bedrock::place::MODEL;
use crate::cli::harness::HANG;
use crate::cli::process::{Running, pause};

const WORKERS: usize = 2;
/// Deployments, and how many of them have to fall into the job's work.
const ROLLS: usize = 5;
const ROLLS_LEAST: usize = 3;
/// How long an answer takes while services are replaced, in ms: the job has 500 calls, 8 at once, or 16 while two tasks stand
/// for one.
const SLOW_MS: u32 = 3_000;
/// And afterwards.
const QUICK_MS: u32 = 50;
/// Texts that are asked before each deployment: more than are in flight of the deployment before.
const TEXTS_BETWEEN: u64 = 24;
/// No deployment begins once so many are asked: the job has to outlast it.
const LAST_AT: u64 = ROWS as u64 * 6 / 10;

/// Texts that were asked so far.
fn asked(fleet: &FleetPlace) -> u64 {
    fleet.stats().distinct_texts
}

/// Waits until so many texts were asked.
fn wait_until_asked(fleet: &FleetPlace, texts: u64) {
    let mut looks = HANG.as_millis() / 100;
    while asked(fleet) < texts {
        looks -= 1;
        assert!(looks > 0, "the job does not get on: {}", asked(fleet));
        pause(Duration::from_millis(100));
    }
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
        latency: Latency::fixed(SLOW_MS),
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
    let start = |role| (role, fleet.start_ready(role));
    let mut services: Vec<(&str, Running)> = roles(WORKERS).map(start).collect();
    drop_job(&fleet);
    let (mut leaving, mut rolls) = (Vec::new(), 0);
    while rolls < ROLLS && asked(&fleet) < LAST_AT {
        wait_until_asked(&fleet, asked(&fleet) + TEXTS_BETWEEN);
        roll(&fleet, &mut services, &mut leaving);
        rolls += 1;
    }
    assert_eq!(fleet.ended(), None, "all of that was under load");
    assert!(rolls >= ROLLS_LEAST, "{rolls} deployments under load");
    fleet.change(|settings| settings.latency = Latency::fixed(QUICK_MS));
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
    assert_eq!(replaced, (rolls + 1) * (WORKERS + 2), "each was stopped");

    let (results, summary) = (fleet.results(&prefix), fleet.summary(&prefix));
    assert_as_calm(&results);
    assert_eq!(summary["balance"]["balances"], true);
    assert_eq!(texts_paid_again(&fleet), 0, "texts paid for twice");
    assert_eq!(summary["possibly_twice_paid_calls"], 0);

    // S16: a drain is no failure.
    let chunks = fleet.chunks();
    assert_eq!(chunks.len(), CHUNKS);
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
