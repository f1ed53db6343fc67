//! `annexa verify`: an untouched folder passes, and whatever is tampered with is found by the check that is about it.

mod on_s3;
mod outage;
mod tampering;
mod whole;

use std::collections::BTreeMap;
use std::fs;

use annexa::verify::Check;
use serde_json::Value;

use crate::cli::harness::{Place, Results, sha256};

/// What came of each check, by its name.
fn verdicts(place: &Place, args: &[&str]) -> (i32, BTreeMap<String, Value>) {
    let ran = place.annexa(&[&["verify", "--json"], args].concat());
    assert!([0, 1].contains(&ran.code), "{}{}", ran.err, ran.out);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["ok"], ran.code == 0);
    let checks = report["checks"].as_array().unwrap();
    let by_name: BTreeMap<String, Value> = checks
        .iter()
        .map(|check| (check["check"].as_str().unwrap().to_string(), check.clone()))
        .collect();
    assert_eq!(by_name.len(), Check::ALL.len(), "every check is told");
    (ran.code, by_name)
}

/// Names of the checks that failed.
fn failed(checks: &BTreeMap<String, Value>) -> Vec<&str> {
    let is_failed = |check: &&String| checks[*check]["verdict"] == "failed";
    checks
        .keys()
        .filter(is_failed)
        .map(String::as_str)
        .collect()
}

/// Somebody who changes a file and knows of the manifest: its digests are made good.
fn fix_manifest(place: &Place) {
    let mut manifest = place.json("in-annexa/manifest.json");
    for list in ["outputs", "chunks"] {
        for entry in manifest[list].as_array_mut().unwrap() {
            let name = entry["name"].as_str().unwrap().to_string();
            let Ok(bytes) = fs::read(place.path("in-annexa").join(&name)) else {
                continue;
            };
            entry["bytes"] = bytes.len().into();
            entry["sha256"] = sha256(&bytes).into();
        }
    }
    place.write("in-annexa/manifest.json", manifest.to_string());
}

/// Changes the JSON file `name` of the folder.
fn edit_json(place: &Place, name: &str, change: impl FnOnce(&mut Value)) {
    let mut json = place.json(&format!("in-annexa/{name}"));
    change(&mut json);
    place.write(&format!("in-annexa/{name}"), json.to_string());
}

/// Changes the rows of the CSV `name` of the folder.
fn edit_rows(place: &Place, name: &str, change: impl FnOnce(&mut Results)) {
    let path = place.path("in-annexa").join(name);
    let mut results = Results::read(&path);
    change(&mut results);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&results.header).unwrap();
    for row in &results.rows {
        writer.write_record(row).unwrap();
    }
    fs::write(path, writer.into_inner().unwrap()).unwrap();
}

/// Sets a cell of results.csv and of the chunk file that the row is in (row and chunk from 1 and 0).
fn set_cell(place: &Place, row: usize, chunk: usize, column: &str, to: &str) {
    let set = |results: &mut Results| {
        let at = results
            .header
            .iter()
            .position(|name| name == column)
            .unwrap();
        let number = row.to_string();
        let own = results
            .header
            .iter()
            .position(|name| name == "row")
            .unwrap();
        let record = results.rows.iter_mut().find(|record| record[own] == number);
        record.unwrap()[at] = to.to_string();
    };
    edit_rows(place, "results.csv", set);
    edit_rows(place, &format!("chunks/{chunk:08}.csv"), set);
}
