//! `annexa export`: what a run did not write, written from its folder.

use super::assert_same_rows;
use crate::cli::harness::{Place, TEXT, sample};

fn done(flags: &[&str]) -> Place {
    let place = Place::new();
    place.coded(sample(12), flags);
    place
}

#[test]
fn an_export_has_the_bytes_that_the_run_would_have_written_and_touches_nothing_else() {
    let with = done(&["--format", "parquet,jsonl,spreadsheet"]);
    let without = done(&[]);
    let before = without.files("in-annexa");
    let args = [
        "export",
        "in-annexa",
        "--format",
        "parquet,jsonl",
        "--for-spreadsheet",
    ];
    let ran = without.annexa(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut after = without.files("in-annexa");
    let written = with.files("in-annexa");
    for name in [
        "results.parquet",
        "results.jsonl",
        "results.spreadsheet.csv",
    ] {
        let line = ran.out.lines().find(|line| line.contains(name));
        assert!(
            line.is_some_and(|line| line.ends_with("12 rows")),
            "{}",
            ran.out
        );
        let digest = after.remove(name);
        assert_eq!(digest.as_ref(), written.get(name), "{name}");
        assert!(digest.is_some());
    }
    assert_eq!(after, before, "other files are as they were");
    assert_same_rows(
        &without,
        "in-annexa",
        7,
        &["parquet", "jsonl", "spreadsheet"],
    );
    let again = without.annexa(&args);
    assert_eq!(again.code, 0);
    assert_eq!(
        again.out.matches("is there already, the same").count(),
        3,
        "{}",
        again.out
    );
}

#[test]
fn a_file_that_holds_something_else_is_left_as_it_is() {
    let place = done(&[]);
    place.write("in-annexa/results.jsonl", "mine");
    let ran = place.annexa(&["export", "in-annexa", "--format", "jsonl"]);
    ran.refused(64, &["results.jsonl", "left as they are", "--out"]);
    assert_eq!(place.read("in-annexa/results.jsonl"), "mine");
    let ran = place.annexa(&["export", "in-annexa", "--format", "jsonl", "--out", "other"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(place.read("other/results.jsonl").lines().count(), 12);
    let left: Vec<String> = place.files("other").into_keys().collect();
    assert_eq!(left, ["results.jsonl"], "no half-written file is left");
}

#[test]
fn what_cannot_be_exported_says_what_to_do() {
    let place = done(&[]);
    place
        .annexa(&["export", "in-annexa"])
        .refused(64, &["--format parquet,jsonl,spreadsheet"]);
    place
        .annexa(&["export", "in-annexa", "--format", "xlsx"])
        .refused(64, &["parquet, jsonl or spreadsheet expected"]);
    place
        .annexa(&["export", ".", "--format", "jsonl"])
        .refused(64, &["is no folder of outputs"]);
    let results = place
        .read("in-annexa/results.csv")
        .replacen(",0.000000000,", ",SECRET,", 1);
    place.write("in-annexa/results.csv", results);
    let ran = place.annexa(&["export", "in-annexa", "--format", "parquet"]);
    ran.refused(
        64,
        &["results.csv is not what its job wrote", "annexa verify"],
    );
    assert!(!ran.err.contains("SECRET"), "{}", ran.err);
    assert!(!place.path("in-annexa/results.parquet").exists());
}

#[test]
fn a_form_that_was_asked_for_too_late_is_said_with_the_command_that_writes_it() {
    let place = done(&[]);
    let ran = place.annexa(&["run", "in.csv", "--format", "parquet"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("annexa export in-annexa --format parquet"),
        "{}",
        ran.out
    );
    assert_eq!(
        place
            .annexa(&["export", "in-annexa", "--format", "parquet"])
            .code,
        0
    );
    let ran = place.annexa(&["run", "in.csv", "--format", "parquet"]);
    assert!(!ran.out.contains("annexa export"), "{}", ran.out);
    assert!(ran.out.contains("results.parquet"));
}

#[test]
fn cells_that_are_cut_for_a_spreadsheet_are_counted() {
    let place = Place::new();
    place.coded(
        format!("id,mdr_text\n1,{}\n2,{TEXT}\n", "LEAK ".repeat(8_000)),
        &[],
    );
    let ran = place.annexa(&["export", "in-annexa", "--for-spreadsheet"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.err
            .contains("1 cells are longer than a spreadsheet holds"),
        "{}",
        ran.err
    );
    let results = place.results("in-annexa");
    assert_eq!(
        results.get(1, "mdr_text").trim().len(),
        39_999,
        "the plain one is exact"
    );
}

#[test]
fn the_table_definition_in_the_docs_is_the_one_that_the_program_prints() {
    let place = done(&[]);
    let ran = place.annexa(&["export", "in-annexa", "--ddl"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FORMATS.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    assert!(
        docs.contains(ran.out.trim_end()),
        "docs/FORMATS.md should have:\n{}",
        ran.out
    );
    // Every column of the file is in the table, in its order.
    let header = place.results("in-annexa").header;
    let columns: Vec<&str> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  `"))
        .collect();
    let names: Vec<&str> = columns
        .iter()
        .map(|line| line.split('`').next().unwrap())
        .collect();
    assert_eq!(names, header);
}
