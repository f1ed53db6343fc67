//! What the command says without a screen.

use crate::cli::harness::{Place, TEXT, sample};

#[test]
fn without_a_terminal_it_says_so_and_names_the_list() {
    let place = Place::new();
    place.coded(sample(3), &[]);
    place
        .annexa(&["review", "in-annexa"])
        .refused(64, &["needs a terminal", "--list"]);
    place
        .annexa(&["review", "nowhere"])
        .refused(64, &["cannot read nowhere"]);
    place
        .annexa(&["review", "in-annexa", "--reason", "low"])
        .refused(64, &["low_confidence"]);
    place
        .annexa(&["review", "in-annexa", "--json"])
        .refused(64, &["--list"]);
}

#[test]
fn i10_the_list_has_rows_reasons_and_decisions_and_no_text() {
    let place = Place::new();
    let (_, results) = place.coded(sample(60), &[]);
    let review = results.column("review");
    let expected: Vec<usize> = (1..=60).filter(|row| !review[row - 1].is_empty()).collect();
    let listed = place.annexa(&["review", "in-annexa", "--list", "--json"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    let lines: Vec<serde_json::Value> = listed
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), expected.len());
    for (line, row) in lines.iter().zip(expected) {
        assert_eq!(line["row"], row);
        assert_eq!(line["id"], results.get(row, "id"));
        let reasons: Vec<&str> = results.get(row, "review").split(';').collect();
        assert_eq!(line["review"], serde_json::json!(reasons));
        assert!(line["decision"].is_null());
        let names: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(names, ["row", "id", "outcome", "review", "decision"]);
    }
    let all = place.annexa(&["review", "in-annexa", "--list", "--all"]);
    assert_eq!(all.out.lines().count(), 62, "a header, 60 rows and a sum");
    let one = place.annexa(&[
        "review",
        "in-annexa",
        "--list",
        "--reason",
        "low_confidence",
    ]);
    let low = review
        .iter()
        .filter(|review| review.contains("low_confidence"))
        .count();
    assert_eq!(one.out.lines().count(), low + 2);
}

#[test]
fn a_primary_code_with_codes_below_it_is_marked_as_a_heading_of_the_jobs_own_terms() {
    let place = Place::new();
    place.write("flat.csv", "code,term\nA26,Insufficient Information\nA01,Patient Device Interaction Problem\nE0611,Heart Failure\n");
    place.write(
        "deep.csv",
        "code,term,parent_code\nA26,Insufficient Information,\nA01,Patient Device Interaction Problem,\nE0611,Heart Failure,\n\
         A0101,Patient-Device Incompatibility,A01\nA2601,Nothing,A26\nE061101,Left,E0611\n",
    );
    let input = format!("id,mdr_text\n1,{TEXT}\n");
    for (terms, is_heading) in [("flat.csv", false), ("deep.csv", true)] {
        let (_, results) = place.coded(&input, &["--terms", terms]);
        std::fs::remove_dir_all(place.path("in-annexa")).unwrap();
        assert_eq!(results.get(1, "outcome"), "coded");
        let has = results
            .get(1, "review")
            .split(';')
            .any(|reason| reason == "heading_code");
        assert_eq!(
            has,
            is_heading,
            "{terms}: {}",
            results.get(1, "product_problem_code")
        );
    }
}

#[test]
fn a_folder_whose_results_are_not_those_of_its_manifest_is_refused() {
    let place = Place::new();
    place.coded(sample(3), &[]);
    let cut = place.read("in-annexa/results.csv");
    place.write("in-annexa/results.csv", cut.trim_end());
    let listed = place.annexa(&["review", "in-annexa", "--list"]);
    listed.refused(
        64,
        &["results.csv is not what its job wrote", "annexa verify"],
    );
}
