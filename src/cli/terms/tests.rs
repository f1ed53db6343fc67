//! What `annexa terms` prints and with which exit code.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: TermsCommand,
}

fn said(args: &[&str]) -> (u8, String) {
    let cli = Cli::try_parse_from(std::iter::once("terms").chain(args.iter().copied())).unwrap();
    let mut out = Vec::new();
    let code = run(&cli.command, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn show_prints_all_that_is_known_of_a_term() {
    let (code, text) = said(&["show", "a0207"]);
    assert_eq!(code, 0);
    for part in [
        "A0207  Device Damaged Prior to Receipt by User",
        "path        Manufacturing, Packaging or Shipping Problem > Device Damaged Prior to Receipt by User",
        "codes       A02 > A0207",
        "Shipping Damage or Problem",
        "FDA code    ",
        "NCI code    ",
        "to choose   yes",
        "    A02  Manufacturing, Packaging or Shipping Problem",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn show_says_why_a_code_is_not_to_be_chosen_and_what_to_use() {
    let (_, text) = said(&["show", "E1026"]);
    assert!(text.contains("retired: not to be chosen"), "{text}");
    assert!(text.contains("use instead E2108"), "{text}");
    let (_, text) = said(&["show", "E20"]);
    assert!(
        text.contains("heading: not to be chosen") && text.contains("  children\n"),
        "{text}"
    );
}

#[test]
fn an_unknown_code_ends_with_64_and_offers_near_ones() {
    let (code, text) = said(&["show", "A04019"]);
    assert_eq!(code, 64);
    assert!(
        text.contains("code 'A04019' is not in imdrf_terms.csv (1891 codes)"),
        "{text}"
    );
    assert!(text.contains("near: A0401  Break"), "{text}");
    let (code, text) = said(&["show", "bleeding"]);
    assert_eq!(code, 64);
    assert!(text.contains("E0506"), "{text}");
    let (_, json) = said(&["show", "A04019", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["near"][0]["code"], "A0401");
}

#[test]
fn search_lists_paths_and_keeps_to_annex_and_limit() {
    let (code, text) = said(&["search", "leak", "--annex", "a", "--limit", "4"]);
    assert_eq!((code, text.lines().count()), (0, 4));
    assert!(
        text.lines()
            .all(|line| line.starts_with('A') && line.contains(" > ")),
        "{text}"
    );
    assert_eq!(
        said(&["search", "zzzz"]),
        (0, "no term matches 'zzzz'\n".to_owned())
    );
}

#[test]
fn json_answers_are_json() {
    let (_, json) = said(&["search", "fragment", "--limit", "2", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["code"], "A040103");
    let (_, json) = said(&["show", "E1707", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["parents"][0]["code"], &json["path_codes"]),
        (&"E23".into(), &"E23 > E1707".into())
    );
}

#[test]
fn an_own_file_takes_the_place_of_the_builtin_table() {
    let own = file("code,term\nA01,Mine\n");
    let path = own.path().to_str().unwrap();
    let (code, text) = said(&["show", "A01", "--terms", path]);
    assert_eq!(code, 0);
    assert!(text.starts_with("A01  Mine\n"), "{text}");
}

#[test]
fn check_prints_counts_and_warnings_of_a_good_file() {
    let own = file("code;term;parent_code\nA01;x;\nA0101;y;A01\n");
    let (code, text) = said(&["check", own.path().to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(
        text.contains(": 2 codes") && text.contains("annex A: 2 codes, 2 may be chosen"),
        "{text}"
    );
    assert!(
        text.contains("warning: there is no selectable code in annex E or F"),
        "{text}"
    );
}

#[test]
fn check_prints_all_faults_of_a_bad_file_and_ends_with_64() {
    let own = file("code,term\nX01,x\nA01,\n");
    let (code, text) = said(&["check", own.path().to_str().unwrap()]);
    assert_eq!(code, 64);
    assert!(
        text.contains("line 2, column 'code'") && text.contains("line 3, column 'term'"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let command = TermsCommand::Check {
        file: "nowhere/own.csv".into(),
    };
    let error = run(&command, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("nowhere/own.csv"), "{error}");
}
