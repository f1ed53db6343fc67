//! `--terms FILE`: a table of one's own decides what may be chosen.

use super::harness::{Place, TEXT, sample};
use super::process::Rehearsal;

/// Few codes, among them what the fixture's text is about, and one that must not be chosen.
const TERMS: &str = "code,term,parent_code,selectable\n\
    A04,Material Integrity Problem,,true\nA0401,Break,A04,true\nA24,Not A Device Matter,,true\n\
    E01,Nervous System,,false\nE0133,Stroke as we call it,E01,true\nE2401,Nothing Said,,true\n";

#[test]
fn only_the_selectable_codes_of_an_own_table_are_given_and_in_its_wording() {
    let place = Place::new();
    place.write("terms.csv", TERMS);
    let (ran, results) = place.coded(sample(60), &["--terms", "terms.csv"]);
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
    let mut seen = std::collections::BTreeSet::new();
    for row in 1..=results.len() {
        for problem in ["product", "patient"] {
            let get = |field: &str| results.get(row, &format!("{problem}_problem_{field}"));
            let supporting = if get("supporting").is_empty() {
                "[]"
            } else {
                get("supporting")
            };
            let supporting: Vec<serde_json::Value> = serde_json::from_str(supporting).unwrap();
            let others = supporting
                .iter()
                .map(|entry| entry["code"].as_str().unwrap());
            for code in others.chain([get("code")]).filter(|code| !code.is_empty()) {
                assert!(
                    ["A04", "A0401", "A24", "E0133", "E2401"].contains(&code),
                    "row {row}: {code}"
                );
                seen.insert(code.to_string());
            }
        }
    }
    assert!(seen.contains("A24") && seen.contains("E2401"), "{seen:?}");
    let (_, stroke) = Place::new().with_terms().coded(
        format!("id,mdr_text\n1,{TEXT}\n"),
        &["--terms", "terms.csv"],
    );
    assert_eq!(
        stroke.get(1, "patient_problem_term"),
        "Stroke as we call it"
    );
    assert_eq!(
        stroke.get(1, "patient_problem_path"),
        "Nervous System > Stroke as we call it"
    );
}

impl Place {
    fn with_terms(self) -> Place {
        self.write("terms.csv", TERMS);
        self
    }
}

#[test]
fn a_table_with_faults_is_refused_with_all_of_them() {
    let place = Place::new();
    place.write("in.csv", sample(2));
    place.write(
        "terms.csv",
        "code,term,parent_code\nA04,Break,\nA04,Twice,\n,No code,\nA05,,\nA0501,Child,A99\n",
    );
    let ran = place.annexa(&["run", "in.csv", "--terms", "terms.csv"]);
    ran.refused(64, &["terms.csv", "4 faults", "A04", "A99"]);
    for line in ["line 3", "line 4", "line 5", "line 6"] {
        assert!(ran.err.contains(line), "'{line}' in: {}", ran.err);
    }
    assert!(!place.path("in-annexa").exists());
}

#[test]
fn a_table_that_changed_between_two_runs_makes_another_job() {
    let place = Place::new().with_terms();
    place.coded(sample(3), &["--terms", "terms.csv"]);
    place.write("terms.csv", TERMS.replace("Break", "Fracture"));
    place
        .annexa(&["run", "in.csv", "--terms", "terms.csv"])
        .refused(64, &["another job", "differs in: terms;"]);
    place
        .annexa(&["run", "in.csv"])
        .refused(64, &["differs in: terms;"]);
}

#[test]
fn a_table_that_changed_while_the_job_stood_still_is_refused_and_the_old_one_goes_on() {
    let place = Place::new().with_terms();
    place.write("in.csv", sample(12));
    let slow = Rehearsal {
        latency_ms: 150,
        log: "log",
    };
    let args = [
        "in.csv",
        "--terms",
        "terms.csv",
        "--chunk-rows",
        "2",
        "--max-workers",
        "1",
    ];
    let mut running = slow.start(&place, &args);
    running.wait_until("some calls", || slow.asked(&place).len() > 3);
    running.kill();
    place.write("terms.csv", TERMS.replace("Break", "Fracture"));
    slow.run(&place, &args).refused(64, &["differs in: terms;"]);
    place.write("terms.csv", TERMS);
    let ran = slow.run(&place, &args);
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
    assert_eq!(place.results("in-annexa").len(), 12);
}
