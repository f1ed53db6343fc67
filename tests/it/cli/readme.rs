//! The README's two commands are real: the first codes the example, the second is what the gate runs.

use std::fs;
use std::path::Path;

use super::harness::Place;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

pub(super) fn file(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The commands in the shell blocks of a page, in order.
pub(super) fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut is_shell = false;
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            is_shell = !is_shell && language == "sh";
        } else if is_shell && !line.trim().is_empty() {
            commands.push(
                line.split(" #")
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_string(),
            );
        }
    }
    commands
}

#[test]
fn the_first_command_is_the_main_job_on_the_example_and_works() {
    let commands = commands(&file("README.md"));
    let args = commands[0]
        .strip_prefix("cargo run --release -- ")
        .expect("the first command runs the program");
    let args: Vec<&str> = args.split_whitespace().collect();
    let place = Place::new();
    fs::create_dir(place.path("examples")).unwrap();
    for name in [
        "examples/maude_sample.csv",
        "examples/maude_sample_gold.csv",
    ] {
        place.write(name, file(name));
    }
    let ran = place.annexa(&args);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    for part in [
        "product ",
        "patient ",
        "500  all",
        "examples/maude_sample-annexa/results.csv",
    ] {
        assert!(ran.out.contains(part), "'{part}' in: {}", ran.out);
    }
    let results = place.results("examples/maude_sample-annexa");
    assert_eq!(results.len(), 500);
    for column in [
        "product_problem_term",
        "patient_problem_term",
        "product_problem_confidence",
        "patient_problem_evidence",
    ] {
        assert!(
            results.column(column).iter().all(|value| !value.is_empty()),
            "{column}"
        );
    }
}

#[test]
fn the_second_command_is_the_one_that_the_gate_runs() {
    let commands = commands(&file("README.md"));
    let gate = file(".ci/run");
    let runs = |command: &str| gate.lines().any(|line| line.trim() == command);
    assert!(runs(&commands[1]), "'{}' is not in .ci/run", commands[1]);
    assert!(commands[1].starts_with("./x test"));
    assert!(Path::new(ROOT).join("x").exists());
}

#[test]
fn every_command_of_the_readme_is_one_that_the_program_knows() {
    let place = Place::new();
    let mut tried = 0;
    for command in commands(&file("README.md")) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some(at) = words
            .iter()
            .position(|word| word.rsplit('/').next() == Some("annexa"))
        else {
            continue;
        };
        // `--stack NAME` may stand before any command about a fleet.
        let after = match words[at + 1..] {
            ["--stack", _, ..] => at + 3,
            _ => at + 1,
        };
        // The words before the first value name the command; its help is there if they are known.
        let path: Vec<&str> = words[after..]
            .iter()
            .copied()
            .take_while(|word| {
                word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with("--")
            })
            .take(2)
            .collect();
        let help = place.annexa(&[&path[..], &["--help"]].concat());
        assert_eq!(help.code, 0, "{command}: {}", help.err);
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.out.contains(flag), "{command}: {flag}");
        }
        tried += 1;
    }
    assert!(tried >= 5);
}

#[test]
fn every_page_that_a_page_links_to_is_there() {
    let mut pages = vec!["README.md".to_string(), "CONTRIBUTING.md".to_string()];
    for entry in fs::read_dir(Path::new(ROOT).join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            pages.push(format!("docs/{name}"));
        }
    }
    let mut missing = Vec::new();
    for page in &pages {
        let folder = Path::new(ROOT).join(page).parent().unwrap().to_path_buf();
        for link in file(page)
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            let is_local = !target.is_empty() && !target.contains(':');
            if is_local && !folder.join(target).exists() {
                missing.push(format!("{page} links to {link}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}
