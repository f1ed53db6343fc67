//! I10: report text is never in a log, an error or a queue, and `--no-text` keeps it off the screen.

use std::fs;

use super::harness::{Place, TEXT};
use super::process::Rehearsal;

/// Stands in every report of the fixture, in good rows and bad, and nowhere else.
const MARKER: &str = "ZQXMARKERXQZ";

fn fixture() -> String {
    let mut input = String::from("id,mdr_text,note\n");
    for row in 0..24 {
        input += &format!("{row},{TEXT} {MARKER} {row},n\n");
    }
    input += &format!("ragged,{TEXT} {MARKER},n,EXTRA {MARKER}\n");
    input += &format!("\"{MARKER}\"\n");
    input += &format!("long,{} {MARKER},n\n", "STROKE ".repeat(160_000));
    input += &format!("open,\"{MARKER}\n");
    input
}

fn assert_without(what: &str, text: &str) {
    assert!(!text.contains(MARKER), "report text in {what}: {text}");
}

/// Every byte that the ledger and the queues left on disk.
fn assert_state_without(place: &Place) {
    let state = place.path("in-annexa/_annexa");
    let mut looked_at = 0;
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let found = bytes
            .windows(MARKER.len())
            .any(|window| window == MARKER.as_bytes());
        assert!(!found, "report text in {}", path.display());
        looked_at += bytes.len();
    }
    assert!(looked_at > 0);
}

#[test]
fn i10_no_report_text_in_logs_errors_or_the_screen() {
    for model in ["precedents", "rehearsal"] {
        let place = Place::new();
        place.write("in.csv", fixture());
        let ran = place.annexa_with(
            &[("ANNEXA_LOG", "trace")],
            &[
                "run",
                "in.csv",
                "--no-text",
                "--model",
                model,
                "--chunk-rows",
                "5",
            ],
        );
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains("claimed"), "the log was on: {}", ran.err);
        assert_without("stderr", &ran.err);
        assert_without("stdout", &ran.out);
        for name in ["summary.json", "report.html", "manifest.json", "job.json"] {
            assert_without(name, &place.read(&format!("in-annexa/{name}")));
        }
        let results = place.results("in-annexa");
        for row in 1..=results.len() {
            // A field without a column is not report text that leaks, it is the row's own, and I1 wants it kept.
            if !results.get(row, "error").starts_with("extra_fields:") {
                assert_without("error", results.get(row, "error"));
            }
        }
        assert_state_without(&place);
    }
}

#[test]
fn i10_no_report_text_in_queues_and_ledger_while_work_is_in_hand() {
    let place = Place::new();
    place.write("in.csv", fixture());
    let slow = Rehearsal {
        latency_ms: 100,
        log: "log",
    };
    let mut running = slow.start(
        &place,
        &["in.csv", "--chunk-rows", "2", "--max-workers", "2"],
    );
    running.wait_until("some calls", || slow.asked(&place).len() > 6);
    running.kill();
    assert_state_without(&place);
    let ledger = rusqlite::Connection::open(place.path("in-annexa/_annexa/job.sqlite")).unwrap();
    let mut query = ledger
        .prepare("SELECT body FROM messages UNION ALL SELECT body FROM dead_letters")
        .unwrap();
    let bodies: Vec<String> = query
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(!bodies.is_empty(), "chunks were in hand");
    for body in bodies {
        let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(
            parsed.is_object() && body.len() < 300,
            "messages only point: {body}"
        );
    }
}

#[test]
fn i10_refusals_do_not_repeat_the_reports() {
    for input in [
        format!("1,{MARKER} THE PATIENT DIED,x\n2,{MARKER},y\n"),
        format!("{MARKER}\n{MARKER}\n"),
        format!("{MARKER} Doe,died\n"),
        format!("MDR-1001,{MARKER} John Doe died after the catheter broke\n"),
        format!("The catheter broke, {MARKER} fell, {MARKER} died\n"),
    ] {
        let place = Place::new();
        place.write("in.csv", &input);
        for args in [
            &["run", "in.csv"][..],
            &["split", "in.csv", "--dry-run"],
            &["split", "in.csv", "--dry-run", "--json"],
        ] {
            let ran = place.annexa_with(&[("ANNEXA_LOG", "trace")], args);
            assert_eq!(ran.code, 64, "{input}");
            assert_without("stderr", &ran.err);
            assert_without("stdout", &ran.out);
        }
    }
}

#[test]
fn no_text_keeps_reports_off_the_screen_and_without_it_evidence_is_shown() {
    let place = Place::new();
    place.write("in.csv", format!("id,mdr_text\n1,{TEXT} {MARKER}\n"));
    let hidden = place.annexa(&["run", "in.csv", "--no-text"]);
    assert_without("stdout", &hidden.out);
    assert!(
        !hidden.out.contains("STROKE") && hidden.out.contains("1  coded"),
        "{}",
        hidden.out
    );
    assert!(
        place
            .annexa(&["run", "in.csv", "--again"])
            .out
            .contains("STROKE")
    );
}
