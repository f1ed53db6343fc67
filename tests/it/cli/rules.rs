//! docs/RELIABILITY.md names tests for every promise and rule: they exist, and carry its id.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Names of all functions in the sources under `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for line in text.lines() {
                let Some((_, rest)) = line.split_once("fn ") else {
                    continue;
                };
                let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
                found.insert(rest.chars().take_while(is_name).collect());
            }
        }
    }
}

/// Whether a test's name carries the rule `id` (`s5_..._`, or among several at its beginning).
fn carries(test: &str, id: &str) -> bool {
    let is_id = |part: &&str| {
        let (kind, number) = part.split_at(part.len().min(1));
        ["i", "s"].contains(&kind)
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    };
    test.split('_')
        .take_while(is_id)
        .any(|part| part == id.to_lowercase())
}

#[test]
fn every_rule_has_a_test_that_carries_its_id_and_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    functions(&root.join("src"), &mut known);
    functions(&root.join("tests"), &mut known);
    let doc = fs::read_to_string(root.join("docs/RELIABILITY.md")).unwrap();
    let mut mended = BTreeSet::new();
    for line in doc.lines().filter(|line| line.starts_with("| ")) {
        let id = line.split('|').nth(1).unwrap().trim();
        let named: Vec<&str> = line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains('_') && !name.contains(['.', '/', ' ', '*']))
            .collect();
        for name in &named {
            assert!(known.contains(*name), "{id}: there is no test {name}");
        }
        if id.starts_with('S') {
            assert!(
                named.iter().any(|name| carries(name, id)),
                "{id}: no test carries the id"
            );
            mended.insert(id.to_string());
        }
    }
    let all: BTreeSet<String> = (1..=27).map(|rule| format!("S{rule}")).collect();
    assert_eq!(mended, all, "the table has all rules");
}
