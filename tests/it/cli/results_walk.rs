//! docs/RESULTS.md is a walk: its commands, in their order, do what the page says, on the files that the repository has.

use std::fs;
use std::process::Command;

use super::harness::Place;
use super::readme::{commands, file};

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
    let mut tried = 0;
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
        tried += 1;
    }
    assert!(tried >= 8, "the page shows only {tried} commands");
}
