//! The other commands, one look each: the words a user relies on are there.

use super::harness::{Place, sample};

#[test]
fn split_dry_run_says_what_a_file_is_and_makes_nothing() {
    let place = Place::new();
    place.write("in.csv", sample(25) + "short\n");
    let ran = place.annexa(&["split", "in.csv", "--dry-run", "--chunk-rows", "10"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "comma delimited, LF",
        "id       id",
        "text     mdr_text",
        "rows     26",
        "chunks   3",
        "id_or_text_missing",
    ] {
        assert!(ran.out.contains(part), "'{part}' in: {}", ran.out);
    }
    assert!(!place.path("in-annexa").exists());
    assert_eq!(
        place.annexa(&["split", "in.csv"]).code,
        64,
        "without --dry-run there is nothing to do"
    );
}

#[test]
fn split_counts_what_run_counts() {
    let place = Place::new();
    let (_, results) = place.coded(sample(25) + "short\n,\n", &["--chunk-rows", "10"]);
    let split: serde_json::Value = serde_json::from_str(
        &place
            .annexa(&[
                "split",
                "in.csv",
                "--dry-run",
                "--json",
                "--chunk-rows",
                "10",
            ])
            .out,
    )
    .unwrap();
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(split["rows"], results.len());
    assert_eq!(split["chunks"], summary["chunks"]["total"]);
    assert_eq!(
        split["faults"]["id_or_text_missing"]["rows"],
        summary["outcomes"]["failed"]
    );
    assert_eq!(split["empty_text"]["rows"], summary["outcomes"]["empty"]);
}

#[test]
fn terms_are_found_by_words_and_by_older_wording() {
    let place = Place::new();
    let found = place.annexa(&["terms", "search", "material", "fracture"]);
    assert_eq!(found.code, 0);
    assert!(
        found.out.contains("A040101") && found.out.contains("Fracture"),
        "{}",
        found.out
    );
    let json = place.annexa(&["terms", "search", "stroke", "--annex", "e", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(list.to_string().contains("\"E0133\""), "{list}");
}

#[test]
fn a_term_is_shown_with_its_place_in_the_tree() {
    let place = Place::new();
    let shown = place.annexa(&["terms", "show", "A040101"]);
    assert_eq!(shown.code, 0);
    for part in ["A040101", "Fracture", "Material Integrity Problem", "Break"] {
        assert!(shown.out.contains(part), "'{part}' in: {}", shown.out);
    }
    // By parent_code, never by digits (DESIGN §6, Terms).
    assert!(
        place
            .annexa(&["terms", "show", "E1707"])
            .out
            .contains("E23")
    );
    let unknown = place.annexa(&["terms", "show", "A04010"]);
    assert_eq!(unknown.code, 64);
    assert!(
        (unknown.out + &unknown.err).contains("A0401"),
        "near codes are offered"
    );
}

#[test]
fn a_terms_file_is_checked_with_all_its_faults() {
    let place = Place::new();
    place.write(
        "good.csv",
        "code,term\nA04,Break\nA05,Jam\nE01,Nervous System\n",
    );
    let good = place.annexa(&["terms", "check", "good.csv"]);
    assert_eq!(good.code, 0, "{}{}", good.err, good.out);
    assert!(
        good.out.contains("3 codes") && good.out.contains("annex A: 2 codes"),
        "{}",
        good.out
    );
    place.write("bad.csv", "code,term\nA04,Break\nA04,Again\n,Nothing\n");
    let bad = place.annexa(&["terms", "check", "bad.csv"]);
    assert_eq!(bad.code, 64);
    let said = bad.out + &bad.err;
    assert!(said.contains("line 3") && said.contains("line 4"), "{said}");
}

#[test]
fn results_are_measured_against_gold() {
    let place = Place::new();
    place.coded(sample(30), &[]);
    let gold = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/maude_sample_gold.csv"
    );
    // Of the example's 500 gold rows only those of the 30 results.
    let text = std::fs::read_to_string(gold).unwrap();
    place.write(
        "gold.csv",
        text.lines().take(31).collect::<Vec<_>>().join("\n") + "\n",
    );
    let ran = place.annexa(&["evaluate", "in-annexa/results.csv", "gold.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("30 gold rows, 30 with a result, 30 coded"),
        "{}",
        ran.out
    );
    let json = place.annexa(&[
        "evaluate",
        "in-annexa/results.csv",
        "gold.csv",
        "--json",
        "--made-out",
        "made.jsonl",
    ]);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["rows"]["matched"], 30);
    let made = place.read("made.jsonl");
    assert_eq!(made.lines().count(), 30);
    assert!(
        made.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
}

#[test]
fn completions_are_generated_for_the_shells() {
    let place = Place::new();
    for (shell, part) in [
        ("bash", "_annexa()"),
        ("zsh", "#compdef annexa"),
        ("fish", "complete -c annexa"),
    ] {
        let ran = place.annexa(&["generate", "completions", shell]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        for part in [part, "max-workers", "evaluate"] {
            assert!(ran.out.contains(part), "'{part}' for {shell}");
        }
    }
}

#[test]
fn the_man_page_has_every_command_and_the_flags_of_run() {
    let ran = Place::new().annexa(&["generate", "man"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        ".TH",
        "ANNEXA\\-RUN",
        "ANNEXA\\-SPLIT",
        "ANNEXA\\-TERMS",
        "ANNEXA\\-EVALUATE",
        "\\-\\-rate\\-limit",
        "\\-\\-again",
    ] {
        let plain = part.replace('\\', "");
        assert!(
            ran.out.contains(part) || ran.out.contains(&plain),
            "'{part}'"
        );
    }
}
