//! `annexa explain`: what it shows of a row is what was sent, kept, checked and paid.

mod shown;
mod wire;

use std::collections::BTreeSet;

use annexa::adapters::sim_bedrock::{FaultRates, Settings};
use serde_json::Value;

use crate::bedrock::place::{MODEL, Rehearsal};
use crate::cli::harness::{Place, sample, sample_with, sha256};
use wire::Wire;

/// Odd, so that the last call holds one report.
const ROWS: usize = 5;

/// A run of `input` against a simulator that is set up so, with all that was sent.
fn run(settings: Settings, input: String) -> (Rehearsal, Vec<String>) {
    run_with(settings, input, &[])
}

fn run_with(settings: Settings, input: String, flags: &[&str]) -> (Rehearsal, Vec<String>) {
    let rehearsal = Rehearsal::new(settings);
    rehearsal.place.write("in.csv", input);
    let mut variables = rehearsal.variables();
    let wire = Wire::to(variables[0].1);
    variables[0].1 = wire.url();
    let args = [
        "run",
        "in.csv",
        "--model",
        MODEL,
        "--yes",
        "--answers",
        "answers",
        "--batch-size",
        "2",
    ];
    let ran = rehearsal
        .place
        .annexa_with(&variables, &[&args, flags].concat());
    assert!([0, 3].contains(&ran.code), "{}{}", ran.err, ran.out);
    let bodies = wire.bodies();
    (rehearsal, bodies)
}

fn explained(place: &Place, row: usize, flags: &[&str]) -> Value {
    let row = row.to_string();
    let args = [
        "explain",
        "in-annexa",
        &row,
        "--json",
        "--answers",
        "answers",
    ];
    let ran = place.annexa(&[&args, flags].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

fn said(place: &Place, args: &[&str]) -> String {
    let ran = place.annexa(&[&["explain", "in-annexa", "--answers", "answers"], args].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

#[test]
fn the_request_that_is_built_again_is_byte_for_byte_the_one_that_was_sent() {
    let (rehearsal, bodies) = run(Settings::default(), sample(ROWS));
    assert_rebuilt(&rehearsal, bodies);
}

#[test]
fn so_is_one_with_examples() {
    let flags = ["--precedents", "3", "--second-opinion", "precedents"];
    let (rehearsal, bodies) = run_with(Settings::default(), sample(ROWS), &flags);
    assert!(
        bodies
            .iter()
            .all(|body| body.matches("<example ").count() >= 3)
    );
    assert_rebuilt(&rehearsal, bodies);
    let second = explained(&rehearsal.place, 1, &[])["answered"]["second_opinion"].take();
    assert_eq!(
        second[0]["agreement"], "same",
        "the simulator answers from the coded reports: {second}"
    );
    let hidden = said(&rehearsal.place, &["1", "--no-text", "--full"]);
    assert!(!hidden.contains("<report>"), "{hidden}");
}

#[test]
fn a_job_with_second_samples_does_not_pass_for_exact() {
    let flags = ["--second-opinion", "sample"];
    let (rehearsal, bodies) = run_with(Settings::default(), sample(ROWS), &flags);
    assert_eq!(bodies.len(), 6);
    let request = explained(&rehearsal.place, 1, &["--full"])["request"].take();
    assert_eq!(request["is_exact"], false);
    assert!(
        request["notes"][0]
            .as_str()
            .unwrap()
            .contains("a second time"),
        "{request}"
    );
    // It is the first answer's all the same.
    assert!(bodies.iter().any(|body| request["exact_body"] == *body));
}

/// Every row's request is one that was sent, and all that were sent are built again.
fn assert_rebuilt(rehearsal: &Rehearsal, bodies: Vec<String>) {
    let place = &rehearsal.place;
    let mut rebuilt = BTreeSet::new();
    for row in 1..=ROWS {
        let explained = explained(place, row, &["--full"]);
        let request = &explained["request"];
        assert_eq!(request["is_exact"], true, "{row}: {request}");
        let body = request["exact_body"].as_str().unwrap();
        assert_eq!(request["body_sha256"], sha256(body.as_bytes()));
        assert!(
            bodies.iter().any(|sent| sent == body),
            "row {row}: none of the {} requests is {body}",
            bodies.len()
        );
        rebuilt.insert(body.to_string());
    }
    assert_eq!(rebuilt, bodies.into_iter().collect());
    assert_eq!(rebuilt.len(), 3, "two reports a call");
}

#[test]
fn a_rows_answer_its_checks_and_its_cost_are_those_of_the_store_and_the_results() {
    let (rehearsal, _) = run(Settings::default(), sample(ROWS));
    let (place, results) = (&rehearsal.place, rehearsal.place.results("in-annexa"));
    for row in 1..=ROWS {
        let explained = explained(place, row, &[]);
        let stored = &explained["stored"];
        assert_eq!(
            (&stored["kept"], &stored["is_the_rows"]),
            (&"found".into(), &true.into())
        );
        let answer = &stored["answer"];
        assert_eq!(answer["payer"]["row"], row);
        assert_eq!(answer["request_id"], results.get(row, "request_id"));
        let primary = &explained["checks"][0]["entries"][0];
        assert_eq!(primary["code"], results.get(row, "product_problem_code"));
        let steps = primary["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 4);
        assert!(
            steps.iter().all(|step| step["is_good"] == true),
            "{steps:?}"
        );
        let cost = &explained["cost"];
        assert_eq!(cost["cost_usd"], results.get(row, "cost_usd"));
        assert_eq!(cost["call"]["is_equal"], true, "{cost}");
    }
}

#[test]
fn what_was_repaired_is_said() {
    let settings = Settings {
        faults: FaultRates::new([("term_for_code", 1.0)]).unwrap(),
        ..Settings::default()
    };
    let (rehearsal, _) = run(settings, sample(2));
    let repaired = (1..=2).map(|row| explained(&rehearsal.place, row, &[]));
    let repaired: Vec<Value> = repaired
        .filter(|row| row["repairs"] != serde_json::json!([]))
        .collect();
    assert!(!repaired.is_empty());
    for row in repaired {
        let repair = row["repairs"][0].as_str().unwrap();
        assert!(
            repair.starts_with("product 1: a term in the place of a code taken as "),
            "{repair}"
        );
        let reasons = row["review"].as_array().unwrap();
        assert!(
            reasons
                .iter()
                .any(|reason| reason["reason"] == "repaired_answer"),
            "{row}"
        );
    }
}

#[test]
fn a_row_that_was_asked_again_does_not_pass_for_exact_and_its_mate_does() {
    // The last of a call's reports is left out of the answer, until it is asked alone.
    let settings = Settings {
        faults: FaultRates::new([("missing_incident", 0.5)]).unwrap(),
        ..Settings::default()
    };
    let (rehearsal, bodies) = run(settings, sample(20));
    let results = rehearsal.place.results("in-annexa");
    let (mut exact, mut again) = (0, 0);
    for row in 1..=20 {
        let request = explained(&rehearsal.place, row, &["--full"])["request"].take();
        match results.get(row, "attempts") {
            "1" => {
                assert_eq!(request["is_exact"], true, "{row}: {request}");
                let body = request["exact_body"].as_str().unwrap();
                assert!(bodies.iter().any(|sent| sent == body), "{row}");
                exact += 1;
            }
            _ => {
                assert_eq!(request["is_exact"], false);
                again += 1;
            }
        }
    }
    assert!(exact > 0 && again > 0, "{exact} exact, {again} asked again");
}

#[test]
fn a_row_of_another_prompt_version_says_so() {
    let (rehearsal, _) = run(Settings::default(), sample(ROWS));
    let place = &rehearsal.place;
    for name in ["in-annexa/results.csv", "in-annexa/chunks/00000000.csv"] {
        let other = place.read(name).replace(",1+forced", ",0+forced");
        assert!(other.contains(",0+forced"));
        place.write(name, other);
    }
    let explained = explained(place, 1, &[]);
    let request = &explained["request"];
    assert_eq!(request["is_exact"], false);
    let note = request["notes"][0].as_str().unwrap();
    assert!(
        note.contains("prompt version 0+forced") && note.contains("asks with 1+forced"),
        "{note}"
    );
    assert_eq!(
        explained["stored"]["kept"], "not_found",
        "it is kept under the other version"
    );
}

#[test]
fn a_row_of_other_terms_says_so() {
    let (rehearsal, _) = run(Settings::default(), sample(2));
    let place = &rehearsal.place;
    place.write("own.csv", "code,term\nA01,Broke\nE01,Hurt\n");
    let explained = explained(place, 1, &["--terms", "own.csv"]);
    let request = &explained["request"];
    assert_eq!(request["is_exact"], false);
    assert!(
        request["notes"][0].as_str().unwrap().contains("own.csv"),
        "{request}"
    );
}

#[test]
fn without_text_no_report_text_is_shown() {
    let secret =
        |number: usize| format!("JANE DOE{number} HAD A STROKE AFTER THE VALVE WAS IMPLANTED");
    let input = sample_with(2, |number, fields| fields[1] = secret(number));
    let (rehearsal, _) = run(Settings::default(), input);
    let shown = said(&rehearsal.place, &["1"]);
    assert!(
        shown.contains("JANE DOE0") && shown.contains("JANE DOE1"),
        "{shown}"
    );
    for more in [
        &["1", "--no-text"][..],
        &["1", "--no-text", "--full"],
        &["1", "--no-text", "--json", "--full"],
    ] {
        let shown = said(&rehearsal.place, more);
        assert!(
            !shown.contains("JANE") && !shown.contains("STROKE"),
            "{shown}"
        );
        assert!(shown.contains("bytes of text, not shown"), "{shown}");
    }
}

#[test]
fn rows_that_nobody_was_asked_for_say_why_and_an_offline_row_that_nothing_was_sent() {
    let place = Place::new();
    let input =
        "id,mdr_text\nr1,THE VALVE FAILED AND THE PATIENT DIED\nr2,  \nr3\nr4,THE VALVE LEAKED\n";
    let (_, results) = place.coded(input, &["--chunk-rows", "2"]);
    assert_eq!(
        results.column("outcome"),
        ["coded", "empty", "failed", "coded"]
    );
    let answers = ["--answers", "none"];
    let of = |row: &str| {
        let ran = place.annexa(&[&["explain", "in-annexa", row][..], &answers].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let offline = of("1");
    assert!(
        offline.contains("the offline model answered") && offline.contains("nothing was sent"),
        "{offline}"
    );
    assert!(
        offline.contains("the evidence stands in the text, characters 1 to "),
        "{offline}"
    );
    assert!(of("2").contains("nobody was asked: the row has no text"));
    let failed = of("3");
    assert!(
        failed.contains("nobody was asked: the row failed before"),
        "{failed}"
    );
    assert!(failed.contains("row 3"), "{failed}");
    let by_id = place.annexa(&["explain", "in-annexa/results.csv", "--id", "r4"]);
    assert!(
        by_id.out.starts_with("row 4 of job-"),
        "{}{}",
        by_id.out,
        by_id.err
    );
    place
        .annexa(&["explain", "in-annexa", "5"])
        .refused(64, &["has no row 5"]);
    place
        .annexa(&["explain", "in-annexa", "--id", "r5"])
        .refused(64, &["no row with the id 'r5'"]);
    place
        .annexa(&["explain", "in-annexa"])
        .refused(64, &["--id"]);
}
