//! Every row and every column, read back by readers that are not ours.

use annexa::adapters::sim_bedrock::Settings;

use super::assert_same_rows;
use crate::cli::harness::{Place, TEXT, sample};

const ALL: [&str; 3] = ["parquet", "jsonl", "spreadsheet"];

#[test]
fn the_examples_results_are_the_same_in_every_form() {
    let place = Place::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maude_sample.csv");
    place.write("in.csv", std::fs::read(example).unwrap());
    let flags = [
        "run",
        "in.csv",
        "--format",
        "parquet,jsonl",
        "--for-spreadsheet",
    ];
    let ran = place.annexa(&flags);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(place.results("in-annexa").len(), 500);
    assert_same_rows(&place, "in-annexa", 7, &ALL);
    // They are outputs like the others: named at the end, and in the manifest.
    let manifest = place.json("in-annexa/manifest.json").to_string();
    for name in [
        "results.parquet",
        "results.jsonl",
        "results.spreadsheet.csv",
    ] {
        assert!(ran.out.contains(name), "{}", ran.out);
        assert!(manifest.contains(&format!("\"{name}\"")), "{manifest}");
    }
}

/// Quoted newlines, empty cells, a NUL, emoji, bytes that are no text, a megabyte in a cell, formulas, columns named like
/// ours and alike but for case, rows that fail.
fn nasty() -> Vec<u8> {
    let long = "VALVE LEAK. ".repeat(87_000);
    let mut csv = format!(
        "id,ID,mdr_text,=cost,row,\u{e9} \u{1F600},\n\
         1,,{TEXT},=1+1,7,\u{1F600},\n\
         2,x,\"two\r\nlines, \"\"quoted\"\"\n; =cmd|' /C calc'!A0\",-5,,\"\t@x\",\" \"\n\
         3,,,+49,,,\u{FF1D}x\n\
         ,,a\u{0}b STROKE,-0.5,,,\n\
         5,,{long},\"-1+2\",,,\n\
         6\n\
         7,,{TEXT},1,2,3,4,=5,6\n"
    )
    .into_bytes();
    csv.extend_from_slice(b"8,,STROKE \xff\xfe,,,,\n");
    csv
}

#[test]
fn nasty_cells_are_the_same_in_every_form() {
    let place = Place::new();
    let (ran, results) = place.coded(nasty(), &["--format", "jsonl,parquet,spreadsheet"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(results.len(), 8);
    assert!(results.get(5, "mdr_text").len() > 1_000_000);
    assert_same_rows(&place, "in-annexa", 7, &ALL);
}

#[test]
fn second_opinions_and_costs_are_the_same_in_every_form_and_verified() {
    let rehearsal = crate::bedrock::place::Rehearsal::new(Settings::default());
    let place = &rehearsal.place;
    place.write("in.csv", sample(25));
    let flags = [
        "--second-opinion",
        "precedents",
        "--format",
        "parquet,jsonl,spreadsheet",
    ];
    let ran = rehearsal.run(&flags);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let results = place.results("in-annexa");
    let agreement = results.column("product_problem_agreement");
    assert!(agreement.iter().any(|how| !how.is_empty()), "{agreement:?}");
    assert_same_rows(place, "in-annexa", 7, &ALL);
    let ran = place.annexa(&["verify", "in-annexa"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
}

#[test]
fn results_without_rows_have_a_header_in_every_form() {
    let place = Place::new();
    let (_, results) = place.coded("id,mdr_text\n", &["--format", "parquet,jsonl,spreadsheet"]);
    assert_eq!(results.len(), 0);
    assert_same_rows(&place, "in-annexa", 2, &ALL);
}
