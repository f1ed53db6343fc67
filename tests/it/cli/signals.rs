//! Ctrl-C and SIGTERM (S21): what is in flight is finished and kept, the same command goes on, nothing is done twice.

use std::collections::BTreeSet;

use super::harness::{Place, sample};
use super::process::Rehearsal;

const ROWS: usize = 40;
const ARGS: [&str; 9] = [
    "in.csv",
    "--answers",
    "answers",
    "--chunk-rows",
    "5",
    "--batch-size",
    "2",
    "--max-workers",
    "3",
];

fn undisturbed() -> Place {
    let place = Place::new();
    place.write("in.csv", sample(ROWS));
    let ran = Rehearsal {
        latency_ms: 0,
        log: "log",
    }
    .run(&place, &ARGS);
    assert_eq!(ran.code, 0, "{}", ran.err);
    place
}

fn interrupted_by(signal: &str) {
    let calm = undisturbed();
    let place = Place::new();
    place.write("in.csv", sample(ROWS));
    let slow = Rehearsal {
        latency_ms: 60,
        log: "log",
    };
    let mut stops = 0;
    let code = loop {
        let before = slow.asked(&place).len();
        let mut running = slow.start(&place, &ARGS);
        if !running.lives_until("more calls", || slow.asked(&place).len() >= before + 8) {
            break running.end();
        }
        running.signal(signal);
        let ran = running.end();
        if ran.code == 0 {
            break ran;
        }
        assert_eq!(ran.code, 130, "{}", ran.err);
        assert!(ran.err.contains("the same command goes on"), "{}", ran.err);
        assert!(ran.out.is_empty(), "{}", ran.out);
        assert!(
            !place.path("in-annexa/results.csv").exists(),
            "nothing looks complete"
        );
        stops += 1;
    };
    assert_eq!(code.code, 0, "{}", code.err);
    assert!(stops >= 2, "it was stopped halfway {stops} times");
    place
        .results("in-annexa")
        .assert_equal(&calm.results("in-annexa"));
    let asked = slow.asked(&place);
    assert_eq!(
        asked.len(),
        asked.iter().collect::<BTreeSet<_>>().len(),
        "nothing was asked twice"
    );
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(summary["possibly_twice_paid_calls"], 0);
    assert_eq!(summary["chunks"]["quarantined"], 0);
    let cost = |place: &Place| place.json("in-annexa/summary.json")["total_estimated_cost"].clone();
    assert_eq!(cost(&place), cost(&calm), "a stop costs nothing");
    assert!(!place.path("in-annexa/_work").exists());
}

#[test]
fn ctrl_c_stops_cleanly_and_the_same_command_goes_on() {
    interrupted_by("INT");
}

#[test]
fn sigterm_stops_cleanly_and_the_same_command_goes_on() {
    interrupted_by("TERM");
}

#[test]
fn a_second_signal_ends_at_once() {
    let place = Place::new();
    place.write("in.csv", sample(6));
    // Calls that would not end while any test waits.
    let stuck = Rehearsal {
        latency_ms: 3_600_000,
        log: "log",
    };
    let args = [
        "in.csv",
        "--chunk-rows",
        "6",
        "--batch-size",
        "2",
        "--max-workers",
        "3",
    ];
    let mut running = stuck.start(&place, &args);
    running.wait_until("three calls", || stuck.asked(&place).len() == 6);
    running.signal("INT");
    let err = running.err_path();
    running.wait_until("the first signal is answered", || {
        let said = std::fs::read_to_string(&err).unwrap();
        said.contains("once more to stop at once")
    });
    running.signal("TERM");
    let ran = running.end();
    assert_eq!(ran.code, 130, "{}", ran.err);
    // Whatever was in flight may have been paid: it is counted, and the job goes on.
    let fast = Rehearsal {
        latency_ms: 0,
        log: "log",
    };
    let ran = fast.run(&place, &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(place.results("in-annexa").len(), 6);
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(
        summary["possibly_twice_paid_calls"], 3,
        "three calls were in flight"
    );
}
