//! docs/RESULTS.md is a walk: its commands, in their order, do what the page says, on the files that the repository has.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::harness::Place;
use super::readme::{commands, file};

/// What each command says or leaves, by what it begins with. The page shows no others.
const SHOWN: [(&str, &str, &[&str]); 10] = [
    (
        "annexa run examples/maude_sample.csv --corpus",
        "500  all",
        &["by-own-reports/report.html"],
    ),
    (
        "annexa run examples/maude_sample.csv",
        "500  all",
        &["examples/maude_sample-annexa/report.html"],
    ),
    ("annexa status", "rows done       500 of 500", &[]),
    ("annexa explain", "the evidence stands in the text", &[]),
    ("annexa verify", "all that was checked holds", &[]),
    ("annexa review", "0 of them decided", &[]),
    ("annexa evaluate", "500", &[]),
    (
        "annexa export",
        "500 rows",
        &[
            "examples/maude_sample-annexa/results.parquet",
            "examples/maude_sample-annexa/results.jsonl",
            "examples/maude_sample-annexa/results.spreadsheet.csv",
        ],
    ),
    (
        "annexa report",
        "without report text",
        &["examples/maude_sample-annexa/report.no-text.html"],
    ),
    ("annexa corpus build", "500 reports", &["coded.bin"]),
];

/// What needs a person at a terminal; tests/it/review drives it.
fn is_for_a_terminal(command: &str) -> bool {
    command.starts_with("annexa review ") && !command.contains("--list")
}

#[test]
fn every_command_of_the_page_on_results_works_in_the_order_in_which_it_stands() {
    let place = Place::new();
    fs::create_dir(place.path("examples")).unwrap();
    for name in [
        "examples/maude_sample.csv",
        "examples/maude_sample_gold.csv",
    ] {
        place.write(name, file(name));
    }
    let program = assert_cmd::cargo::cargo_bin!("annexa");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let mut shown = BTreeSet::new();
    for command in commands(&file("docs/RESULTS.md")) {
        if is_for_a_terminal(&command) {
            continue;
        }
        let ran = Command::new("sh")
            .args(["-c", &command])
            .current_dir(place.root())
            .env_clear()
            .env("PATH", &path)
            .env("HOME", place.path("home"))
            .env("XDG_DATA_HOME", place.path("home/data"))
            .env("USER", "walker")
            .output()
            .unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            ran.status.success(),
            "{command}\n{}{}",
            said(&ran.stdout),
            said(&ran.stderr)
        );
        let known = SHOWN
            .iter()
            .position(|(begin, ..)| command.starts_with(begin))
            .unwrap_or_else(|| panic!("nothing is known of what '{command}' does"));
        let (_, says, leaves) = SHOWN[known];
        let out = said(&ran.stdout);
        assert!(out.contains(says), "{command}: '{says}' in {out}");
        for file in leaves {
            assert!(place.path(file).is_file(), "{command}: {file}");
        }
        shown.insert(known);
    }
    assert_eq!(shown.len(), SHOWN.len(), "the page shows others: {shown:?}");
}
