//! Exit codes (DESIGN §6), and configuration that is refused before anything is made.

use super::harness::{Place, TEXT, sample};

/// Runs with `flags` and expects a refusal that says `parts` and leaves no folder.
fn refused(flags: &[&str], parts: &[&str]) {
    let place = Place::new();
    place.write("in.csv", sample(3));
    place.write("file", "x");
    let ran = place.annexa(&[&["run", "in.csv"], flags].concat());
    ran.refused(64, parts);
    assert!(ran.out.is_empty(), "{}", ran.out);
    assert!(
        !place.path("in-annexa").exists(),
        "nothing was made: {flags:?}"
    );
}

#[test]
fn zero_when_every_row_has_an_answer_or_a_stated_non_answer() {
    let place = Place::new();
    let (ran, results) = place.coded(format!("id,mdr_text\n1,{TEXT}\n2,\n3,  \n"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(results.column("outcome"), ["coded", "empty", "empty"]);
}

#[test]
fn three_when_a_row_failed() {
    let place = Place::new();
    let (ran, _) = place.coded(format!("id,mdr_text\n1,{TEXT}\n2\n"), &[]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(
        place.json("in-annexa/summary.json")["status"],
        "COMPLETED_WITH_ERRORS"
    );
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    refused(&["--batch-size", "0"], &["--batch-size is 0", "1 to 10"]);
    refused(&["--batch-size", "11"], &["--batch-size is 11", "1 to 10"]);
    refused(
        &["--max-workers", "0"],
        &["--max-workers is 0", "1 to 10000"],
    );
    refused(&["--max-workers", "10001"], &["--max-workers is 10001"]);
    refused(&["--chunk-rows", "0"], &["--chunk-rows is 0", "1 to 10000"]);
    refused(&["--chunk-rows", "10001"], &["--chunk-rows is 10001"]);
    for rate in ["0", "-1", "NaN", "inf"] {
        refused(
            &[&format!("--rate-limit={rate}")],
            &["--rate-limit is", "a positive number"],
        );
    }
}

#[test]
fn a_model_that_cannot_be_called_is_refused_with_what_to_take_instead() {
    refused(
        &["--model", "haiku"],
        &["'haiku' is no model", "precedents", "annexa models"],
    );
    let model = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    refused(&["--model", model], &["Region", "--region"]);
    let ended = "anthropic.claude-3-5-sonnet-20240620-v1:0";
    refused(
        &["--model", ended, "--region", "us-east-1"],
        &[ended, "end of life", "us.anthropic.claude-"],
    );
    let base = "anthropic.claude-haiku-4-5-20251001-v1:0";
    refused(&["--model", base, "--region", "us-east-1"], &[model]);
    refused(&["--model", model, "--models", "no.toml"], &["no.toml"]);
}

#[test]
fn terms_and_columns_and_encodings_that_are_not_there_are_refused() {
    refused(
        &["--terms", "no.csv"],
        &["--terms", "no.csv", "No such file"],
    );
    refused(&["--id-column", "key"], &["'key'", "--id-column"]);
    refused(&["--text-column", "story"], &["'story'", "--text-column"]);
    refused(&["--encoding", "klingon"], &["'klingon'", "--encoding"]);
    refused(&["--out", "file"], &["file is a file", "--out"]);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    refused(
        &[
            "--batch-size",
            "0",
            "--chunk-rows",
            "0",
            "--rate-limit=0",
            "--model",
            "x",
            "--terms",
            "no.csv",
            "--id-column",
            "k",
        ],
        &[
            "--batch-size is 0",
            "--chunk-rows is 0",
            "--rate-limit is 0",
            "model 'x'",
            "--terms no.csv",
            "no id column 'k'",
        ],
    );
}

#[test]
fn clap_says_64_and_not_2() {
    let place = Place::new();
    place.write("in.csv", sample(1));
    for args in [
        &["run"][..],
        &["run", "in.csv", "--frobnicate"],
        &["run", "in.csv", "--problem", "neither"],
        &["run", "in.csv", "--batch-size", "two"],
        &["run", "in.csv", "more.csv"],
        &["frobnicate"],
        &["terms", "frobnicate"],
        &[],
    ] {
        let ran = place.annexa(args);
        assert_eq!(ran.code, 64, "{args:?}: {}", ran.err);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}");
    }
    assert!(!place.path("in-annexa").exists());
}

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::new();
    let help = place.annexa(&["--help"]);
    assert_eq!(help.code, 0);
    for word in [
        "run",
        "split",
        "terms",
        "evaluate",
        "130 interrupted",
        "annexa run reports.csv",
    ] {
        assert!(help.out.contains(word), "{word}");
    }
    let version = place.annexa(&["--version"]);
    assert_eq!(
        (version.code, version.out.trim()),
        (0, concat!("annexa ", env!("CARGO_PKG_VERSION")))
    );
    let run = place.annexa(&["run", "--help"]);
    for flag in [
        "--out",
        "--problem",
        "--model",
        "--batch-size",
        "--max-workers",
        "--rate-limit",
        "--chunk-rows",
        "--id-column",
        "--text-column",
        "--encoding",
        "--terms",
        "--answers",
        "--again",
        "--json",
        "--no-text",
    ] {
        assert!(run.out.contains(flag), "{flag}");
    }
}

#[test]
fn an_output_place_that_is_somebody_elses_is_refused_and_left_alone() {
    for name in ["results.csv", "job.json", "summary.json", "chunks"] {
        let place = Place::new();
        place.write("in.csv", sample(3));
        std::fs::create_dir(place.path("mine")).unwrap();
        place.write(&format!("mine/{name}"), "mine");
        let ran = place.annexa(&["run", "in.csv", "--out", "mine"]);
        ran.refused(64, &["mine", name, "--out"]);
        assert_eq!(
            place.files("mine").into_keys().collect::<Vec<_>>(),
            [name],
            "nothing was added"
        );
        assert_eq!(place.read(&format!("mine/{name}")), "mine");
    }
}

#[test]
fn an_output_place_with_other_files_in_it_is_taken_and_they_stay() {
    let place = Place::new();
    place.write("in.csv", sample(3));
    std::fs::create_dir(place.path("mine")).unwrap();
    place.write("mine/notes.txt", "mine");
    let ran = place.annexa(&["run", "in.csv", "--out", "mine"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(place.read("mine/notes.txt"), "mine");
    assert_eq!(place.results("mine").len(), 3);
}
