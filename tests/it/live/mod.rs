//! `annexa status` of a folder: what a run does, seen from outside while it does it, and after.

use serde_json::Value;

use crate::cli::harness::{Place, sample};
use crate::cli::process::{Gate, Rehearsal, Running};
use crate::review::pane::Pane;

const ROWS: usize = 60;
/// Calls of the 36 after which a run is held: some chunks are done, and some are not.
const HELD: u32 = 18;
const ARGS: [&str; 9] = [
    "in.csv",
    "--answers",
    "answers",
    "--chunk-rows",
    "5",
    "--batch-size",
    "2",
    "--max-workers",
    "2",
];

const REHEARSAL: Rehearsal = Rehearsal {
    latency_ms: 0,
    log: "log",
};

fn place() -> Place {
    let place = Place::new();
    place.write("in.csv", sample(ROWS));
    place
}

/// A look at the folder; none: there is no job in it yet.
fn look(place: &Place) -> Option<Value> {
    let ran = place.annexa(&["status", "in-annexa", "--json"]);
    match ran.code {
        64 => None,
        _ => Some(
            serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out)),
        ),
    }
}

fn number(status: &Value, name: &str) -> u64 {
    status[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {status}"))
}

/// What a status and a summary both say, by their names there.
fn assert_counts_are_those_of_the_summary(place: &Place, status: &Value) {
    let summary = place.json("in-annexa/summary.json");
    for name in ["coded", "insufficient", "empty", "failed"] {
        assert_eq!(status[name], summary["outcomes"][name], "{name}");
    }
    for (ours, theirs) in [
        ("rows_total", "total_records"),
        ("state", "status"),
        ("review", "review_rows"),
        ("calls", "calls"),
        ("retries", "retries"),
        ("throttles", "throttles"),
        ("paid_answers_reused", "paid_answers_reused"),
        ("cost_usd", "total_estimated_cost"),
        ("input_tokens", "total_input_tokens"),
        ("output_tokens", "total_output_tokens"),
        ("cache_read_tokens", "cache_read_tokens"),
    ] {
        assert_eq!(status[ours], summary[theirs], "{ours}");
    }
    assert_eq!(number(status, "rows_done"), ROWS as u64);
    assert!(number(status, "calls") > 0, "{status}");
}

#[test]
fn a_run_at_work_is_seen_to_move_on_and_its_outputs_are_those_of_one_that_nobody_watched() {
    let calm = place();
    assert_eq!(REHEARSAL.run(&calm, &ARGS).code, 0);

    let place = place();
    let (mut run, gate) = REHEARSAL.start_held(&place, &ARGS, HELD);
    // Nobody can be seen before there is a ledger, and the run does not end before the gate is open.
    let mut seen: Vec<Value> = Vec::new();
    run.wait_until("some rows", || {
        seen.extend(look(&place));
        seen.last()
            .is_some_and(|last| number(last, "rows_done") > 0)
    });
    let halfway = look(&place).unwrap();
    assert!(
        (1..ROWS as u64).contains(&number(&halfway, "rows_done")),
        "{halfway}"
    );
    assert_eq!(halfway["at_work"]["workers"], 1, "{halfway}");
    let mut watcher = place.program();
    watcher.args(["status", "in-annexa", "--watch"]);
    let mut watcher = Running::start_program(&place, watcher);
    let out = watcher.out_path();
    watcher.wait_until("a line", || {
        std::fs::read_to_string(&out).is_ok_and(|text| text.contains(&format!(" of {ROWS} rows")))
    });
    gate.open();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rows: Vec<u64> = seen.iter().map(|look| number(look, "rows_done")).collect();
    assert!(rows.is_sorted(), "{rows:?}");
    let end = look(&place).unwrap();
    assert_counts_are_those_of_the_summary(&place, &end);
    place
        .results("in-annexa")
        .assert_equal(&calm.results("in-annexa"));

    let watched = watcher.end();
    assert_eq!((watched.code, watched.err.as_str()), (0, ""));
    assert!(
        watched.out.contains("state           COMPLETED\n"),
        "{}",
        watched.out
    );
}

#[test]
fn a_look_at_a_folder_changes_nothing_in_it() {
    let place = place();
    assert_eq!(REHEARSAL.run(&place, &ARGS).code, 0);
    let before = place.files("in-annexa");
    let status = look(&place).unwrap();
    assert_eq!(place.files("in-annexa"), before);
    assert_counts_are_those_of_the_summary(&place, &status);
}

#[test]
fn where_only_outputs_are_the_summary_tells() {
    let place = place();
    assert_eq!(REHEARSAL.run(&place, &ARGS).code, 0);
    let of_ledger = look(&place).unwrap();
    std::fs::remove_dir_all(place.path("in-annexa/_annexa")).unwrap();
    let mut of_summary = look(&place).unwrap();
    // When the outputs were there, and when the last row was done.
    of_summary["ended"] = of_ledger["ended"].clone();
    // Nobody holds it against a cap, and nobody is at work.
    for name in ["counted_under_cap_usd", "at_work"] {
        of_summary[name] = of_ledger[name].clone();
    }
    assert_eq!(of_summary, of_ledger);
}

#[test]
fn a_run_that_was_stopped_says_how_to_go_on() {
    let place = place();
    let (mut run, gate) = REHEARSAL.start_held(&place, &ARGS, HELD);
    run.wait_until("some rows", || {
        look(&place).is_some_and(|look| number(&look, "rows_done") > 0)
    });
    run.signal("INT");
    let err = run.err_path();
    run.wait_until("its stop", || {
        std::fs::read_to_string(&err).is_ok_and(|text| text.contains("annexa: stopping"))
    });
    gate.open();
    assert_eq!(run.end().code, 130);
    let ran = place.annexa(&["status", "in-annexa"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("at work         nobody"), "{}", ran.out);
    assert!(
        ran.out.contains("the same annexa run goes on"),
        "{}",
        ran.out
    );
}

#[test]
fn watching_ends_by_a_signal_without_trouble() {
    let place = place();
    let (mut run, _gate) = REHEARSAL.start_held(&place, &ARGS, HELD);
    run.wait_until("a ledger", || look(&place).is_some());
    let mut watcher = place.program();
    watcher.args(["status", "in-annexa", "--watch", "--json"]);
    let mut watcher = Running::start_program(&place, watcher);
    let out = watcher.out_path();
    watcher.wait_until("a line", || {
        std::fs::metadata(&out).is_ok_and(|file| file.len() > 0)
    });
    watcher.signal("INT");
    let watched = watcher.end();
    assert_eq!((watched.code, watched.err.as_str()), (130, ""));
    for line in watched.out.lines() {
        let look: Value = serde_json::from_str(line).unwrap();
        assert!(look["rows_done"].is_u64(), "{look}");
    }
    run.kill();
}

#[test]
fn a_folder_of_nobody_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    let ran = place.annexa(&["status", "empty"]);
    ran.refused(64, &["empty holds no job", "annexa run"]);
    assert!(place.files("empty").is_empty());
}

#[test]
fn a_run_and_a_look_at_it_are_drawn_in_place_on_a_terminal() {
    let place = place();
    let gate = Gate::at(&place, HELD);
    let model = ["run", "--model", "rehearsal"];
    let variable = gate.variable();
    let run = Pane::start_with(
        &place,
        (80, 24),
        &[&variable],
        &[&model, &ARGS[..]].concat(),
    );
    let shown = run.wait_for(&[&format!(" of {ROWS} rows"), " coded, ", "US dollars"]);
    assert_eq!(shown.matches(" coded, ").count(), 1, "{shown}");
    // Behind a line of another: tmux keeps what is erased from the very first line on.
    let shell = ["sh", "-c", "echo begins; exec \"$0\" \"$@\""];
    let args = ["status", "in-annexa", "--watch"];
    let watcher = Pane::start_with(&place, (80, 24), &shell, &args);
    let first = watcher.wait_for(&["RUNNING", "calls    ", "at work  1 process"]);
    let done = |screen: &str| {
        let line = screen
            .lines()
            .find(|line| line.starts_with("rows "))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().to_string()
    };
    let before = done(&first);
    gate.raise(HELD + 12);
    let mut second = first;
    while done(&second) == before {
        second = watcher.wait_for(&["calls    ", "at work  1 process"]);
    }
    assert_eq!(second.matches("at work").count(), 1, "{second}");
    gate.open();
    let (code, left) = watcher.end();
    assert_eq!(code, "0", "{left}");
    assert!(left.contains("state           COMPLETED"), "{left}");
    assert!(!left.contains("at work"), "{left}");
    let (code, left) = run.end();
    assert_eq!(code, "0", "{left}");
    assert!(!left.contains(" a second, "), "{left}");
}
