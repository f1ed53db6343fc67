//! Faults of the service: none is taken for an answer, none loses a row, and those that end a job say what to do.

use annexa::adapters::sim_bedrock::{ALL, Ends, FAULTS, FaultRates, Settings, Stage};
use annexa::core::problem::Problem;
use annexa::terms::TermTable;

use super::place::Rehearsal;
use crate::cli::harness::{Place, sample, sample_with};

fn rates(faults: &[(&str, f64)]) -> FaultRates {
    FaultRates::new(faults.iter().copied()).unwrap()
}

/// `rows` reports whose texts all differ.
fn distinct(rows: usize) -> String {
    sample_with(rows, |number, fields| {
        fields[1] = format!("{} (REPORT {number})", fields[1]);
    })
}

#[test]
fn with_every_fault_at_one_percent_every_row_ends_well_and_as_its_own() {
    let rows = std::env::var("ANNEXA_FAULT_ROWS").map_or(600, |rows| rows.parse().unwrap());
    let rehearsal = Rehearsal::new(Settings {
        faults: rates(&[(ALL, 0.01)]),
        ..Settings::default()
    });
    let input = distinct(rows);
    rehearsal.place.write("in.csv", &input);
    let ran = rehearsal.run(&["--call-timeout-s", "4"]);
    assert!([0, 3].contains(&ran.code), "{}{}", ran.err, ran.out);
    let results = rehearsal.place.results("in-annexa");
    assert_eq!(results.len(), rows);
    let failed = results
        .column("outcome")
        .iter()
        .filter(|o| **o == "failed")
        .count();
    let errors = results.column("error");
    let errors: Vec<&str> = errors
        .into_iter()
        .filter(|error| !error.is_empty())
        .collect();
    assert!(
        (failed as f64) < 0.005 * rows as f64,
        "{failed} rows failed: {errors:?}"
    );

    let terms = TermTable::builtin();
    for (problem, column) in [
        (Problem::Product, "product_problem_code"),
        (Problem::Patient, "patient_problem_code"),
    ] {
        let codes = results.column(column);
        for code in codes.iter().filter(|code| !code.is_empty()) {
            let is_selectable = terms.selectable(problem).any(|term| term.code() == *code);
            assert!(
                is_selectable,
                "{code} cannot be chosen for {}",
                problem.name()
            );
        }
    }
    // The simulator answers as the offline model does: a row with another row's answer would show.
    let offline = Place::new();
    let (_, expected) = offline.coded(&input, &[]);
    for row in 1..=rows {
        if results.get(row, "outcome") != "coded" {
            continue;
        }
        for column in ["id", "product_problem_code", "patient_problem_code"] {
            assert_eq!(
                results.get(row, column),
                expected.get(row, column),
                "row {row}"
            );
        }
    }
    let stats = rehearsal.stats();
    let injected: u64 = stats.all.faults.values().sum();
    let least = rows.div_ceil(2) as f64;
    let spoiled = injected as f64 / stats.all.requests as f64;
    let most = 1.1 * least / (1.0 - spoiled);
    println!(
        "{rows} rows: {} requests of {most:.0} allowed, {injected} faults ({:.1} %), {failed} failed",
        stats.all.requests,
        100.0 * spoiled
    );
    assert!(
        stats.all.requests as f64 <= most,
        "{} of {most}",
        stats.all.requests
    );
    assert!(stats.all.faults.len() > 15, "{:?}", stats.all.faults);
}

#[test]
fn each_fault_that_ends_a_job_ends_it_at_once_and_says_what_to_do() {
    let ends: Vec<_> = FAULTS
        .iter()
        .filter(|fault| fault.ends == Ends::Job)
        .collect();
    assert!(ends.len() >= 5);
    let rehearsal = Rehearsal::new(Settings::default());
    for fault in ends {
        let name = fault.name;
        rehearsal.change(|settings| settings.faults = rates(&[(name, 1.0)]));
        rehearsal.place.write("in.csv", sample(40));
        let out = format!("out-{name}");
        let before = rehearsal.stats().all.requests;
        let ran = rehearsal.run(&["--out", &out, "--problem", "product"]);
        let code = if name == "daily_quota" { 4 } else { 1 };
        assert_eq!(ran.code, code, "{name}: {}{}", ran.err, ran.out);
        let asked = rehearsal.stats().all.requests - before;
        assert!(asked <= 32, "{name}: {asked} requests");
        let said = format!("{}{}", ran.err, ran.out);
        assert!(
            said.contains("us.anthropic.claude-haiku-4-5"),
            "{name}: {said}"
        );
        if name == "daily_quota" {
            // It goes on once the quota allows it.
            rehearsal.change(|settings| settings.faults = FaultRates::default());
            let ran = rehearsal.run(&["--out", &out, "--problem", "product"]);
            assert_eq!(ran.code, 0, "{}", ran.err);
            assert_eq!(rehearsal.place.results(&out).len(), 40);
        }
    }
}

#[test]
fn i10_a_row_that_always_fails_fails_alone_with_its_reason() {
    let rehearsal = Rehearsal::new(Settings::default());
    let faults: Vec<&str> = FAULTS
        .iter()
        .filter(|fault| fault.ends == Ends::Row || fault.stage == Stage::Paid)
        .map(|fault| fault.name)
        .filter(|name| !["stall", "drop_after", "truncate"].contains(name))
        .collect();
    assert!(faults.len() > 8, "{faults:?}");
    rehearsal.place.write(
        "in.csv",
        sample_with(3 * faults.len(), |number, fields| {
            fields[1] = match number % 3 {
                1 => format!(
                    "THE TIP BROKE. ANNEXA-SIM-FAULT:{} {number}",
                    faults[number / 3]
                ),
                _ => format!("THE PATIENT HAD A STROKE AFTER THE VALVE WAS IMPLANTED, {number}"),
            };
        }),
    );
    let ran = rehearsal.run(&["--batch-size", "3"]);
    assert_eq!(ran.code, 3, "{}{}", ran.err, ran.out);
    let results = rehearsal.place.results("in-annexa");
    for (place, fault) in faults.iter().enumerate() {
        for row in [3 * place + 1, 3 * place + 3] {
            assert_eq!(
                results.get(row, "outcome"),
                "coded",
                "{fault}: neighbour {row}"
            );
        }
        let row = 3 * place + 2;
        let (outcome, error) = (results.get(row, "outcome"), results.get(row, "error"));
        match *fault {
            // What can be mended is, and says so.
            "term_for_code" => {
                assert_eq!(outcome, "coded", "{error}");
                assert!(results.get(row, "review").contains("repaired_answer"));
            }
            "evidence_not_in_text" => {
                assert_eq!(outcome, "coded", "{error}");
                assert!(results.get(row, "review").contains("evidence_not_found"));
            }
            // Half of one report is the whole.
            "cut" => assert_eq!(outcome, "coded", "{error}"),
            "refusal" => assert!(error.starts_with("refused: "), "{outcome} {error}"),
            "too_long" => assert!(
                error.starts_with("model_refuses_row: "),
                "{outcome} {error}"
            ),
            _ => {
                assert_eq!(outcome, "failed", "{fault}");
                assert!(error.starts_with("answer_invalid: "), "{fault}: {error}");
                // What is good of it is kept, the rest is empty.
                let codes = ["product_problem_code", "patient_problem_code"];
                let kept = codes.map(|code| !results.get(row, code).is_empty());
                assert!(kept != [true, true], "{fault}");
            }
        }
    }
}
