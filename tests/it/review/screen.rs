//! The screen, driven by keys.

use std::fs;
use std::process::Command;

use super::pane::{Pane, child_of};
use crate::cli::harness::{Place, Results, sample};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 48);

/// A folder of results, and the rows of it that need a person.
fn coded(place: &Place) -> (Results, Vec<usize>) {
    let (_, results) = place.coded(sample(60), &[]);
    let review = results.column("review");
    let rows: Vec<usize> = (1..=results.len())
        .filter(|row| !review[row - 1].is_empty())
        .collect();
    assert!(rows.len() > 5, "the example has rows to review: {rows:?}");
    (results, rows)
}

/// How the screen's first line names a row.
fn named(results: &Results, row: usize) -> String {
    format!("row {row}  id {}", results.get(row, "id"))
}

fn reviewed(place: &Place) -> Results {
    Results::read(&place.path("in-annexa/reviewed.csv"))
}

#[test]
fn two_rows_are_accepted_one_is_changed_by_search_and_the_next_start_goes_on_at_the_fourth() {
    let place = Place::new();
    let (results, rows) = coded(&place);
    let before = fs::read(place.path("in-annexa/results.csv")).unwrap();

    let pane = Pane::start(&place, SMALL, &["review", "in-annexa"]);
    for (at, row) in rows[..2].iter().enumerate() {
        let decided = format!("{} of {}, {at} decided", at + 1, rows.len());
        pane.wait_for(&[&named(&results, *row), &decided]);
        pane.press(&["a"]);
    }
    pane.wait_for(&[&named(&results, rows[2])]);
    let searched = place.annexa(&[
        "terms",
        "search",
        "material",
        "fragmentation",
        "--annex",
        "A",
        "--json",
    ]);
    let found: serde_json::Value = serde_json::from_str(&searched.out).unwrap();
    let code = found[0]["code"].as_str().unwrap().to_string();
    pane.press(&["c"]);
    pane.wait_for(&["of which problem?"]);
    pane.press(&["p"]);
    pane.wait_for(&["product codes: type words"]);
    pane.types("material fragmentation");
    pane.wait_for(&["> material fragmentation", &format!("\u{25b8} {code}")]);
    pane.press(&["Enter"]);
    pane.wait_for(&["of which problem?", &code]);
    pane.press(&["Enter"]);
    pane.wait_for(&[&named(&results, rows[3]), "3 decided"]);
    pane.press(&["q"]);
    let (status, left) = pane.end();
    assert_eq!(status, "0", "{left}");
    assert!(
        left.contains("3 decisions in in-annexa/reviewed.csv: 2 accepted, 1 changed, 0 marked"),
        "{left}"
    );

    let kept = reviewed(&place);
    let numbers: Vec<String> = rows[..3].iter().map(usize::to_string).collect();
    assert_eq!(kept.column("row"), numbers);
    assert_eq!(kept.column("decision"), ["accepted", "accepted", "changed"]);
    assert_eq!(kept.column("reviewer"), ["eva"; 3]);
    for (at, row) in rows[..3].iter().enumerate() {
        let line = at + 1;
        assert_eq!(kept.get(line, "id"), results.get(*row, "id"));
        for problem in ["product_problem", "patient_problem"] {
            let suggested = results.get(*row, &format!("{problem}_code"));
            assert_eq!(kept.get(line, &format!("{problem}_was")), suggested);
            let is_changed = at == 2 && problem == "product_problem";
            let expected = if is_changed { &code } else { suggested };
            assert_eq!(kept.get(line, &format!("{problem}_codes")), expected);
        }
        let when = kept.get(line, "reviewed_at");
        assert!(
            when.ends_with('Z') && when.parse::<jiff::Timestamp>().is_ok(),
            "{when}"
        );
    }
    assert!(
        before == fs::read(place.path("in-annexa/results.csv")).unwrap(),
        "results are never touched"
    );

    // It goes on where it was left, in a terminal of another size too.
    let pane = Pane::start(&place, LARGE, &["review", "in-annexa"]);
    pane.wait_for(&[
        &named(&results, rows[3]),
        &format!("4 of {}, 3 decided", rows.len()),
        "evidence is marked in the text",
        "nearest coded reports (built-in)",
    ]);
    pane.resize(SMALL);
    pane.wait_for(&[&named(&results, rows[3]), "q quit"]);
    pane.press(&["C-c"]);
    assert_eq!(pane.end().0, "0");

    let evaluated = place.annexa(&[
        "evaluate",
        "in-annexa/results.csv",
        "in-annexa/reviewed.csv",
        "--json",
    ]);
    let json: serde_json::Value = serde_json::from_str(&evaluated.out).unwrap();
    assert_eq!(
        (&json["rows"]["gold"], &json["rows"]["matched"]),
        (&3.into(), &3.into())
    );
    // The changed row is the one where the results are wrong.
    let product = &json["product"]["overall"];
    let (with_gold, hits) = (&product["rows_with_gold"], &product["primary"]["rows"]);
    assert_eq!((with_gold, hits), (&3.into(), &2.into()), "{product}");
}

#[test]
fn a_kill_in_the_middle_loses_no_decision() {
    let place = Place::new();
    let (results, rows) = coded(&place);
    for (at, row) in rows[..3].iter().enumerate() {
        let pane = Pane::start(
            &place,
            SMALL,
            &["review", "in-annexa", "--reviewer", "Max M"],
        );
        pane.wait_for(&[&named(&results, *row)]);
        // A decision, and a word half typed.
        pane.press(&["m"]);
        pane.types("ask");
        pane.press(&["Enter"]);
        pane.wait_for(&[
            &named(&results, rows[at + 1]),
            &format!("{} decided", at + 1),
        ]);
        pane.types("nhalf a no");
        pane.wait_for(&["note: half a no"]);
        let killed = Command::new("kill")
            .args(["-9", &pane.process()])
            .status()
            .unwrap();
        assert!(killed.success());
        assert_eq!(pane.end().0, "137");
    }
    let listed = place.annexa(&["review", "in-annexa", "--list", "--json"]);
    let marked = listed
        .out
        .lines()
        .filter(|line| line.contains("\"decision\":\"marked\""))
        .count();
    assert_eq!(marked, 3, "{}", listed.err);
    let kept = reviewed(&place);
    assert_eq!(kept.column("decision"), ["marked"; 3]);
    assert_eq!(kept.column("note"), ["ask"; 3]);
    assert_eq!(kept.column("reviewer"), ["Max M"; 3]);
    assert_eq!(kept.column("product_problem_codes"), [""; 3]);
}

#[test]
fn two_reviewers_do_not_meet_and_what_was_decided_moves_aside_with_its_results() {
    let place = Place::new();
    let (results, rows) = coded(&place);
    let pane = Pane::start(&place, SMALL, &["review", "in-annexa"]);
    pane.wait_for(&[&named(&results, rows[0])]);
    pane.press(&["a"]);
    pane.wait_for(&["1 decided"]);
    let second = Pane::start(&place, SMALL, &["review", "in-annexa"]);
    let (status, said) = second.end();
    assert_eq!(status, "64");
    assert!(
        said.contains("somebody else reviews in-annexa now"),
        "{said}"
    );
    place
        .annexa(&["run", "in.csv", "--again"])
        .refused(64, &["somebody reviews the results"]);
    pane.press(&["q"]);
    pane.end();
    assert_eq!(place.annexa(&["run", "in.csv", "--again"]).code, 0);
    for name in ["reviewed.csv", "reviewed.history.csv", "reviewed.json"] {
        assert!(
            place
                .path(&format!("in-annexa/previous-1/{name}"))
                .is_file(),
            "{name}"
        );
        assert!(!place.path(&format!("in-annexa/{name}")).exists(), "{name}");
    }
}

#[test]
fn what_is_walked_can_be_chosen() {
    let place = Place::new();
    let (results, rows) = coded(&place);
    let pane = Pane::start(
        &place,
        SMALL,
        &["review", "in-annexa", "--all", "--row", "2"],
    );
    pane.wait_for(&[
        &named(&results, 2),
        &format!("2 of {}, 0 decided", results.len()),
    ]);
    pane.press(&["q"]);
    assert_eq!(pane.end().0, "0");
    let unmarked = (1..=results.len())
        .find(|row| !rows.contains(row))
        .unwrap()
        .to_string();
    let pane = Pane::start(&place, SMALL, &["review", "in-annexa", "--row", &unmarked]);
    let (status, said) = pane.end();
    assert_eq!(status, "64");
    assert!(
        said.contains(&format!(
            "--row {unmarked} is not among the {} rows",
            rows.len()
        )),
        "{said}"
    );
}

#[test]
fn on_a_full_disk_the_second_quit_leaves_and_says_what_is_not_kept() {
    let place = Place::new();
    let (results, rows) = coded(&place);
    let pane = Pane::start(&place, SMALL, &["review", "in-annexa"]);
    pane.wait_for(&[&named(&results, rows[0])]);
    // The history is longer than what may be written below, and reviewed.csv is not.
    pane.press(&["m"]);
    pane.types(&"long ".repeat(400));
    pane.press(&["Enter"]);
    pane.wait_for(&[&named(&results, rows[1]), "1 decided"]);
    pane.press(&["u"]);
    pane.wait_for(&[&named(&results, rows[0]), "0 decided"]);
    pane.press(&["q"]);
    assert_eq!(pane.end().0, "0");

    // A file that grows past its limit stands for a disk that is full: the write fails, where the signal is ignored.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""];
    let before = place.read("in-annexa/reviewed.history.csv");
    let pane = Pane::start_with(&place, SMALL, &limited, &["review", "in-annexa"]);
    pane.wait_for(&[&named(&results, rows[0])]);
    pane.types("nlost");
    pane.press(&["Enter"]);
    pane.wait_for(&["noted"]);
    pane.press(&["C-c"]);
    pane.wait_for(&["NOT done, Ctrl-C quits without the note"]);
    pane.press(&["C-c"]);
    let (status, left) = pane.end();
    assert!(status != "0" && !status.is_empty(), "{status}: {left}");
    let said = format!("the note on row {} could not be written", rows[0]);
    assert!(left.contains(&said), "{left}");
    assert_eq!(place.read("in-annexa/reviewed.history.csv"), before);
}

#[test]
fn s21_a_signal_keeps_the_note_and_gives_the_terminal_back() {
    let place = Place::new();
    let (results, rows) = coded(&place);
    // The shell behind it shows what the terminal is like afterwards.
    let shell = ["sh", "-c", "\"$0\" \"$@\"; echo code $?; stty -a"];
    let pane = Pane::start_with(&place, SMALL, &shell, &["review", "in-annexa"]);
    pane.wait_for(&[&named(&results, rows[0])]);
    pane.types("nkept");
    pane.press(&["Enter"]);
    pane.wait_for(&["noted"]);
    let own = child_of(&pane.process());
    assert!(
        Command::new("kill")
            .args(["-TERM", &own])
            .status()
            .unwrap()
            .success()
    );
    let (_, left) = pane.end();
    assert!(left.contains("code 130"), "{left}");
    assert!(
        left.contains("1 decisions in in-annexa/reviewed.csv"),
        "{left}"
    );
    let is_cooked = |word: &str| left.split([' ', '\n']).any(|other| other == word);
    assert!(is_cooked("icanon") && is_cooked("echo"), "{left}");
    assert_eq!(reviewed(&place).column("note"), ["kept"]);
}
