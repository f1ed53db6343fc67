//! docs/INPUT.md keeps its word: each test that its table names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// The rows of the bad-input table: kind, what the user gets, test.
fn table(document: &str) -> Vec<Vec<&str>> {
    document
        .lines()
        .filter(|line| line.starts_with("| ") && line.matches('|').count() == 4)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells[2] != "Test")
        .collect()
}

#[test]
fn every_kind_of_bad_input_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/INPUT.md")).unwrap();
    let mut code = String::new();
    sources(&root.join("src"), &mut code);
    sources(&root.join("tests"), &mut code);
    let rows = table(&document);
    let kinds: BTreeSet<&str> = rows.iter().map(|cells| cells[0]).collect();
    assert!(kinds.len() >= 25, "{} kinds", kinds.len());
    assert_eq!(kinds.len(), rows.len(), "each kind once");
    for cells in &rows {
        let names: Vec<&str> = cells[2].split(", ").map(|n| n.trim_matches('`')).collect();
        assert!(!cells[1].is_empty());
        for name in names {
            let function = format!("fn {name}(");
            assert!(
                code.contains(&function),
                "'{}' names no test: {name}",
                cells[0]
            );
        }
    }
}
