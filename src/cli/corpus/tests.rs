//! Tests of `annexa corpus` on a small corpus of real reports.

use super::build::use_current_codes;
use super::{CorpusCommand, run};
use crate::precedents::corpus::{Report, write_corpus};
use crate::precedents::{Precedents, measure::Measures};
use clap::Parser;
use std::fs;
use std::path::Path;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: CorpusCommand,
}

fn corpus_command(args: &[&str]) -> (String, u8) {
    let cli = Cli::try_parse_from(std::iter::once("corpus").chain(args.iter().copied()));
    let mut out = Vec::new();
    let code = run(cli.unwrap().command, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), code)
}

fn some_reports() -> Vec<Report> {
    Precedents::builtin()
        .unwrap()
        .reports()
        .iter()
        .step_by(29)
        .cloned()
        .collect()
}

fn write_maude(reports: &[Report], dir: &Path) -> [String; 2] {
    let paths = ["reports.csv", "gold.csv"].map(|name| dir.join(name));
    let mut text = csv::Writer::from_path(&paths[0]).unwrap();
    let mut gold = csv::Writer::from_path(&paths[1]).unwrap();
    text.write_record(["event_type", "id", "mdr_text"]).unwrap();
    gold.write_record(["id", "product_problem_codes", "patient_problem_codes"])
        .unwrap();
    for r in reports {
        text.write_record([&r.event_type, &r.id, &r.text]).unwrap();
        gold.write_record([&r.id, &r.product.join(";"), &r.patient.join("; ")])
            .unwrap();
    }
    paths.map(|path| path.to_string_lossy().into_owned())
}

#[test]
fn an_artifact_can_be_built_again_from_the_corpus_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let reports = some_reports();
    let [text, gold] = write_maude(&reports, dir.path());
    // What is excluded, is excluded by text, whatever its id and case.
    let excluded = format!(
        "id,mdr_text\nx,\"{}\"\n",
        reports[5].text.to_lowercase().replace('"', "\"\"")
    );
    fs::write(at("excluded.csv"), excluded).unwrap();

    let (out, code) = corpus_command(&[
        "build",
        "--reports",
        &text,
        "--gold",
        &gold,
        "--exclude",
        &at("excluded.csv"),
        "--corpus-out",
        &at("c.csv.zst"),
        "--counts-out",
        &at("counts.csv"),
        "--out",
        &at("a.bin"),
    ]);
    assert_eq!(code, 0);
    assert!(out.contains("product and"), "{out}");
    corpus_command(&["build", "--corpus", &at("c.csv.zst"), "--out", &at("b.bin")]);
    let artifact = fs::read(at("a.bin")).unwrap();
    assert!(artifact == fs::read(at("b.bin")).unwrap());

    let model = Precedents::from_bytes(&artifact).unwrap();
    assert!(model.reports().len() < reports.len());
    assert!(
        model
            .reports()
            .iter()
            .all(|r| r.folded_text() != reports[5].folded_text())
    );

    let counts = fs::read_to_string(at("counts.csv")).unwrap();
    let count = |code: &str| -> usize {
        let line = counts
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{code},")));
        line.unwrap_or("0").parse().unwrap()
    };
    assert!(counts.starts_with(&format!("code,reports\ntotal,{}\n", model.reports().len())));
    let carriers = |of: &dyn Fn(&String) -> bool| {
        model
            .reports()
            .iter()
            .filter(|r| r.product.iter().any(of))
            .count()
    };
    assert_eq!(count("A24"), carriers(&|code| code == "A24"));
    // Closed upwards: a report with A0504 counts for A05.
    assert_eq!(count("A05"), carriers(&|code| code.starts_with("A05")));
    assert!(count("A05") > count("A0504"));
}

#[test]
fn cross_validation_prints_figures_that_agree_with_its_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("corpus.csv");
    write_corpus(&some_reports(), fs::File::create(&path).unwrap()).unwrap();
    let path = path.to_string_lossy();
    let (table, _) = corpus_command(&["cross-validate", "--corpus", &path, "--folds", "3"]);
    let (json, _) = corpus_command(&[
        "cross-validate",
        "--corpus",
        &path,
        "--folds",
        "3",
        "--json",
    ]);
    let figures: serde_json::Value = serde_json::from_str(&json).unwrap();
    let shares = &figures["product"]["all"];
    let (rows, primary) = (
        shares["rows"].as_u64().unwrap(),
        shares["primary"].as_u64().unwrap(),
    );
    assert!(rows > 150 && primary * 3 > rows, "{json}");
    let line = table
        .lines()
        .find(|line| line.trim_start().starts_with("all "))
        .unwrap();
    let share = format!("{:.3}", primary as f64 / rows as f64);
    assert!(
        line.contains(&rows.to_string()) && line.contains(&share),
        "{line}"
    );
    assert!(
        table.contains("calibration error") && table.contains("no event type"),
        "{table}"
    );
}

#[test]
fn a_report_without_codes_of_its_own_is_named_by_row_not_by_text() {
    let dir = tempfile::tempdir().unwrap();
    let [text, gold] = write_maude(&some_reports()[..4], dir.path());
    let kept: String = fs::read_to_string(&gold)
        .unwrap()
        .lines()
        .take(3)
        .map(|l| format!("{l}\n"))
        .collect();
    fs::write(&gold, kept).unwrap();
    let args = [
        "corpus",
        "build",
        "--reports",
        &text,
        "--gold",
        &gold,
        "--out",
        "never.bin",
    ];
    let command = Cli::try_parse_from(args).unwrap().command;
    let error = run(command, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("row 3") && error.contains("gold"), "{error}");
}

#[test]
fn a_file_without_the_columns_is_refused_with_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("corpus.csv");
    fs::write(&path, "key,words\n1,x\n").unwrap();
    let path = path.to_string_lossy();
    let command = Cli::try_parse_from(["corpus", "cross-validate", "--corpus", &path]).unwrap();
    let error = format!("{:#}", run(command.command, &mut Vec::new()).unwrap_err());
    assert!(
        error.contains("no column 'id'") && error.contains("key, words"),
        "{error}"
    );
}

#[test]
fn measures_of_nothing_do_not_divide_by_zero() {
    let none: Measures = crate::precedents::measure::measure(&[], &[], 5, &[]);
    assert_eq!(none.product.all.primary_share(), 0.0);
    assert_eq!(none.patient.confidence.expected_error, 0.0);
}

#[test]
fn a_retired_code_counts_as_the_one_that_took_its_place() {
    let mut reports = some_reports()[..1].to_vec();
    reports[0].product = ["A0207", "A0204", "A0203", "X1"]
        .map(str::to_owned)
        .to_vec();
    use_current_codes(&mut reports, &crate::terms::TermTable::builtin());
    // A0204 became A0207, which is there already; nothing took the place of A0203; X1 is not a code at all.
    assert_eq!(reports[0].product, ["A0207", "A0203", "X1"]);
}
