//! A folder as a job leaves it, and folders that are none.

use std::collections::BTreeSet;

use super::*;
use crate::core::identity::tests::spec;
use crate::core::outcome::{Outcome, ReviewReason};
use crate::core::problem::Problem;
use crate::results::{ChunkWriter, ResultRow};
use crate::terms::TermTable;

/// A folder with two rows, whose input has a column that is named like one of ours.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec();
    let job = serde_json::json!({ "job_id": "job-1", "spec": spec, "more": 1 });
    std::fs::write(folder.path().join(OWNER), job.to_string()).unwrap();
    let input = ["id", "outcome", "mdr_text"].map(String::from);
    let columns = ResultColumns::of_job(&input, &spec);
    let terms = TermTable::builtin();
    let mut writer = ChunkWriter::new(&columns, &terms, "m", "1");
    for row in [1, 2] {
        let mut result = ResultRow::new(row, Outcome::Empty);
        result.review = BTreeSet::from([ReviewReason::EmptyId, ReviewReason::RaggedShort]);
        let fields = [format!("i{row}"), "alive".into(), "one\n\"two\"".into()];
        writer.write(&fields, &result);
    }
    let (bytes, sha256, _) = writer.finish();
    std::fs::write(folder.path().join("results.csv"), &bytes).unwrap();
    let manifest = serde_json::json!({
        "schema_version": 1, "job_id": "job-1", "status": "COMPLETED", "input_version": "sha256:00",
        "input": { "name": "reports.csv", "bytes": 1, "sha256": "00" }, "chunks": [],
        "outputs": [{ "name": "results.csv", "bytes": bytes.len(), "sha256": sha256 }],
    });
    std::fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    folder
}

#[test]
fn rows_are_read_as_they_were_written() {
    let folder = folder();
    for path in [
        folder.path().to_path_buf(),
        folder.path().join("results.csv"),
    ] {
        let outputs = Outputs::open(&path).unwrap();
        assert_eq!(outputs.owner().job_id.as_str(), "job-1");
        let mut rows = outputs.rows().unwrap();
        let begin = rows.position();
        for _ in 0..2 {
            let first = rows.next_row().unwrap().unwrap();
            assert_eq!((first.row(), first.id()), (Some(1), "i1"));
            assert_eq!(first.text(), "one\n\"two\"");
            assert_eq!(first.input("outcome"), Some("alive"));
            assert_eq!(first.outcome(), Some(Outcome::Empty));
            let review: Vec<&str> = first.review().collect();
            assert_eq!(review, ["empty_id", "ragged_short"]);
            assert_eq!(first.of_problem(Problem::Product, "code"), "");
            let second = rows.next_row().unwrap().unwrap();
            assert_eq!((second.row(), second.id()), (Some(2), "i2"));
            assert!(rows.next_row().unwrap().is_none());
            rows.seek(begin.clone()).unwrap();
        }
    }
}

#[test]
fn results_that_somebody_has_changed_are_told_from_those_that_the_job_wrote() {
    let folder = folder();
    let results = folder.path().join("results.csv");
    let text = std::fs::read_to_string(&results).unwrap();
    let opened = || Outputs::open_unchanged(folder.path()).map_err(|error| error.to_string());
    assert!(opened().is_ok());
    // Of the same length, cut, and longer; each of them reads well.
    let last = text.rfind("\ni2").unwrap();
    for changed in [
        text.replacen("i2", "i3", 1),
        text[..=last].to_string(),
        format!("{text}{}", &text[last + 1..]),
    ] {
        std::fs::write(&results, changed).unwrap();
        assert!(Outputs::open(folder.path()).is_ok());
        let said = opened().unwrap_err();
        assert!(
            said.contains("results.csv is not what its job wrote"),
            "{said}"
        );
    }
    std::fs::copy(&results, folder.path().join("other.csv")).unwrap();
    let other = Outputs::open_unchanged(&folder.path().join("other.csv")).unwrap_err();
    assert!(
        other
            .to_string()
            .contains("none of the files that manifest.json names")
    );
}

#[test]
fn what_is_no_folder_of_outputs_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let said = |path: &std::path::Path| format!("{:#}", Outputs::open(path).unwrap_err());
    assert!(said(&empty.path().join("none")).contains("cannot read"));
    assert!(said(empty.path()).contains("is no folder of outputs"));
    let folder = folder();
    let results = folder.path().join("results.csv");
    let text = std::fs::read_to_string(&results).unwrap();
    std::fs::write(&results, text.replacen("review", "reviewed", 1)).unwrap();
    assert!(said(folder.path()).contains("has other columns"));
    std::fs::remove_file(&results).unwrap();
    assert!(said(folder.path()).contains("holds no results.csv"));
}
