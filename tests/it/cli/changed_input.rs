//! The pinned input goes away or changes while the job works: the job ends as failed and says so (I1).

use std::fs;

use super::harness::{Place, Ran, Results, sample, sha256};
use super::process::Rehearsal;

const SLOW: Rehearsal = Rehearsal {
    latency_ms: 100,
    log: "log",
};
const ARGS: [&str; 7] = [
    "in.csv",
    "--chunk-rows",
    "2",
    "--batch-size",
    "1",
    "--max-workers",
    "2",
];
const ROWS: usize = 60;

/// Starts, has `disturb` do its work once some rows are done, and gives how it ended.
fn disturbed(place: &Place, disturb: impl FnOnce()) -> Ran {
    place.write("in.csv", sample(ROWS));
    let mut running = SLOW.start(place, &ARGS);
    running.wait_until("a committed chunk", || SLOW.asked(place).len() > 15);
    disturb();
    running.end()
}

/// The job failed for `reason`, and whatever is there says that it is partial.
fn assert_failed(place: &Place, ran: &Ran, reason: &str) {
    assert_eq!(ran.code, 1, "{}{}", ran.err, ran.out);
    assert!(
        ran.out.contains("The job failed") && ran.out.contains(reason),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("partial"), "{}", ran.out);
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(
        (&summary["status"], &summary["partial"]),
        (&"FAILED".into(), &true.into())
    );
    assert!(
        summary["reason"].as_str().unwrap().contains(reason),
        "{summary}"
    );
    assert_eq!(summary["balance"]["balances"], false);
    assert_eq!(place.json("in-annexa/manifest.json")["status"], "FAILED");
    let report = place.read("in-annexa/report.html");
    assert!(report.contains("Its files are partial") && report.contains("FAILED"));
    for name in ["results.csv", "failures.csv"] {
        assert!(
            !place.path("in-annexa").join(name).exists(),
            "{name} would look complete"
        );
    }
    // What is there is whole chunks, in order, and nothing made up.
    let results = Results::read(&place.path("in-annexa/results.partial.csv"));
    assert!(
        results.len() > 0 && results.len() < ROWS && results.len().is_multiple_of(2),
        "{}",
        results.len()
    );
    let numbers: Vec<usize> = results
        .column("row")
        .iter()
        .map(|row| row.parse().unwrap())
        .collect();
    assert!(numbers.is_sorted());
    assert!(
        results
            .column("outcome")
            .iter()
            .all(|outcome| *outcome == "coded")
    );
    assert_eq!(summary["outcomes"]["coded"], results.len());
    for entry in place.json("in-annexa/manifest.json")["outputs"]
        .as_array()
        .unwrap()
    {
        let name = format!("in-annexa/{}", entry["name"].as_str().unwrap());
        assert_eq!(
            entry["sha256"],
            sha256(&fs::read(place.path(&name)).unwrap()),
            "{name}"
        );
    }
    assert!(
        !place.path("in-annexa/_work").exists(),
        "workers' files are removed also here"
    );
}

#[test]
fn an_input_that_is_removed_while_the_job_works_fails_it() {
    let place = Place::new();
    let ran = disturbed(&place, || fs::remove_file(place.path("in.csv")).unwrap());
    assert_failed(&place, &ran, "in.csv");
}

#[test]
fn an_input_that_grows_while_the_job_works_fails_it() {
    let place = Place::new();
    let ran = disturbed(&place, || place.write("in.csv", sample(ROWS + 1)));
    assert_failed(&place, &ran, "has changed");
}

#[test]
fn an_input_whose_bytes_change_in_place_fails_the_job() {
    let place = Place::new();
    let ran = disturbed(&place, || {
        place.write("in.csv", sample(ROWS).replace("PATIENT", "patient"))
    });
    assert_failed(&place, &ran, "has changed");
}

#[test]
fn an_input_that_is_only_touched_while_the_job_works_is_no_change() {
    let place = Place::new();
    let ran = disturbed(&place, || place.write("in.csv", sample(ROWS)));
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    assert_eq!(place.results("in-annexa").len(), ROWS);
}

#[test]
fn a_failed_job_stays_failed_until_it_is_done_again_on_purpose() {
    let place = Place::new();
    let ran = disturbed(&place, || fs::remove_file(place.path("in.csv")).unwrap());
    assert_eq!(ran.code, 1);
    place
        .annexa(&["run", "in.csv"])
        .refused(64, &["in.csv", "No such file"]);
    place.write("in.csv", sample(ROWS));
    let fast = Rehearsal {
        latency_ms: 0,
        ..SLOW
    };
    let second = fast.run(&place, &ARGS);
    assert_eq!(second.code, 1, "the exit code is the job's");
    assert!(
        second.out.contains("This job is FAILED") && second.out.contains("--again"),
        "{}",
        second.out
    );
    for line in second
        .out
        .lines()
        .filter(|line| line.contains(".csv") && line.contains("in-annexa/"))
    {
        let file = line.split_whitespace().last().unwrap();
        assert!(
            place.path(file).exists(),
            "a file is named that is not there: {line}"
        );
    }
    let asked = SLOW.asked(&place).len();
    let again = fast.run(&place, &[&ARGS[..], &["--again"]].concat());
    assert_eq!(again.code, 0, "{}{}", again.err, again.out);
    assert_eq!(place.results("in-annexa").len(), ROWS);
    assert!(
        place
            .path("in-annexa/previous-1/results.partial.csv")
            .exists()
    );
    // What was paid for before the failure is not paid again.
    let all = SLOW.asked(&place);
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert!(
        all.len() - distinct.len() <= 2,
        "two calls were in flight at most: {asked} then {}",
        all.len()
    );
}
