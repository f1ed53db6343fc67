//! Quotas over real HTTP: nothing is lost to them, and what they refuse is little.

use std::time::Duration;

use annexa::adapters::sim_bedrock::{Settings, SimSetup};

use super::place::Rehearsal;
use crate::cli::harness::sample_with;

#[test]
fn a_request_quota_that_it_was_not_told_loses_nothing() {
    let rehearsal = Rehearsal::with(SimSetup {
        settings: Settings {
            requests_per_minute: Some(20 * 60),
            latency: "50..150".parse().unwrap(),
            ..Settings::default()
        },
        bucket: Duration::from_secs(1),
        ..SimSetup::default()
    });
    rehearsal.place.write(
        "in.csv",
        sample_with(120, |number, fields| {
            fields[1] = format!("THE TIP BROKE, {number}")
        }),
    );
    let ran = rehearsal.run(&["--problem", "product", "--batch-size", "1"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let stats = rehearsal.stats();
    let refused: u64 = stats.all.refused.values().sum();
    assert_eq!(stats.all.answered, 120);
    assert!(refused <= 12, "{refused} of {} refused", stats.all.requests);
    let summary = rehearsal.summary();
    assert_eq!(summary["throttles"], refused);
    assert_eq!(summary["calls"], 120, "a throttled try is no call");
    let attempts = rehearsal.place.results("in-annexa");
    assert!(attempts.column("attempts").iter().all(|n| *n == "1"), "S16");
}

#[test]
fn a_told_token_quota_is_kept_without_a_refusal() {
    let rehearsal = Rehearsal::new(Settings {
        tokens_per_minute: Some(2_000_000),
        ..Settings::default()
    });
    rehearsal.place.write(
        "in.csv",
        sample_with(60, |number, fields| {
            fields[1] = format!("THE TIP BROKE, {number}")
        }),
    );
    let ran = rehearsal.run(&["--problem", "product", "--tokens-per-minute", "2000000"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    assert_eq!(rehearsal.stats().all.refused.values().sum::<u64>(), 0);
}
