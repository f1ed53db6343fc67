//! Quotas over real HTTP: nothing is lost to them, and what they refuse is little.

use std::time::Duration;

use annexa::adapters::sim_bedrock::{FaultRates, Settings, SimSetup};

use super::place::Rehearsal;
use crate::cli::harness::{sample, sample_with};

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

#[test]
fn i9_a_cap_pauses_the_job_also_when_calls_get_lost_and_a_higher_one_ends_it() {
    let rehearsal = Rehearsal::new(Settings {
        // The service fails inside: nobody knows whether such a call is charged.
        faults: FaultRates::new([("internal", 0.2)]).unwrap(),
        ..Settings::default()
    });
    rehearsal.place.write("in.csv", sample(160));
    let flags = ["--problem", "product", "--max-workers", "6"];
    let ran = rehearsal.run(&[&flags[..], &["--max-cost-usd", "0.35"]].concat());
    ran.refused(4, &["cost cap of 0.35 USD is reached"]);
    let stats = rehearsal.stats().all;
    let spent_pico = stats.input_tokens * 1_100_000
        + stats.output_tokens * 5_500_000
        + stats.cache_read_tokens * 110_000
        + stats.cache_write_tokens * 1_375_000;
    assert!(spent_pico > 50_000_000_000, "it did what the cap allowed");
    assert!(spent_pico < 350_000_000_000, "{spent_pico} pico-dollars");
    rehearsal.change(|settings| settings.faults = FaultRates::default());
    let ran = rehearsal.run(&[&flags[..], &["--max-cost-usd", "9"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(rehearsal.place.results("in-annexa").len(), 160);
    let texts = rehearsal.stats().texts.unwrap();
    assert!(
        texts.values().all(|times| *times == 1),
        "nothing was paid twice"
    );
}
