//! Decisions on disk: what is kept, what a kill leaves, and what is refused.

use std::fs;
use std::path::Path;

use super::*;

fn pin() -> Pin {
    Pin {
        schema_version: 1,
        job_id: "job-1".into(),
        results: "results.csv".into(),
        results_sha256: "00".repeat(32),
    }
}

fn open(folder: &Path) -> DecisionLog {
    DecisionLog::open(folder, &pin()).unwrap()
}

fn refused(folder: &Path) -> String {
    format!("{:#}", DecisionLog::open(folder, &pin()).unwrap_err())
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Rows and decisions of reviewed.csv.
fn reviewed(folder: &Path) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_path(folder.join(REVIEWED)).unwrap();
    assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
    let of = |record: csv::StringRecord| (record[0].to_string(), record[2].to_string());
    reader.records().map(|record| of(record.unwrap())).collect()
}

fn named(rows: &[(u64, &str)]) -> Vec<(String, String)> {
    rows.iter()
        .map(|(row, name)| (row.to_string(), name.to_string()))
        .collect()
}

#[test]
fn reviewed_has_the_newest_decision_of_each_row_and_the_history_has_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    log.decide(&decision(7, Verdict::Accepted)).unwrap();
    log.decide(&decision(2, Verdict::Marked)).unwrap();
    log.decide(&decision(7, Verdict::Changed)).unwrap();
    log.decide(&decision(9, Verdict::Accepted)).unwrap();
    let undo = Undo {
        row: 9,
        id: "id-9".into(),
        reviewer: "max".into(),
        at: "2026-01-02T03:05:00Z".into(),
    };
    log.undo(undo).unwrap();
    // While it is small it is current after each decision.
    assert_eq!(
        reviewed(folder.path()),
        named(&[(2, "marked"), (7, "changed")])
    );
    assert_eq!(
        log.decision(7).unwrap(),
        Some(decision(7, Verdict::Changed))
    );
    assert_eq!(log.decision(9).unwrap(), None);
    drop(log);
    let log = open(folder.path());
    assert_eq!(log.newest().verdict(7), Some(Verdict::Changed));
    assert_eq!(
        (log.newest().verdict(9), log.newest().count(Verdict::Marked)),
        (None, 1)
    );
    let history = read(folder.path(), HISTORY);
    assert_eq!(history.lines().count(), 6);
    assert!(history.ends_with("9,id-9,undone,,,,max,2026-01-02T03:05:00Z,,\n"));
    let line = "7,id-7,changed,A0402;A24,,\"see \"\"B5\"\", again\",eva,2026-01-02T03:04:07Z,A0401,E0506\n";
    assert!(read(folder.path(), REVIEWED).ends_with(line));
}

#[test]
fn what_was_appended_before_a_kill_is_in_reviewed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    log.decide(&decision(1, Verdict::Accepted)).unwrap();
    drop(log);
    // As a kill leaves it: the line is there, reviewed.csv has not been written.
    let mut history = fs::read(folder.path().join(HISTORY)).unwrap();
    history.extend(decision(2, Verdict::Changed).line());
    fs::write(folder.path().join(HISTORY), &history).unwrap();
    assert_eq!(reviewed(folder.path()), named(&[(1, "accepted")]));
    drop(open(folder.path()));
    assert_eq!(
        reviewed(folder.path()),
        named(&[(1, "accepted"), (2, "changed")])
    );
}

#[test]
fn a_line_that_a_kill_cut_anywhere_was_never_made_and_the_others_stand() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    log.decide(&decision(1, Verdict::Accepted)).unwrap();
    drop(log);
    let whole = fs::read(folder.path().join(HISTORY)).unwrap();
    let mut last = decision(2, Verdict::Changed);
    last.id = "two\nlines, and \"more\"".into();
    let line = last.line();
    for cut in 1..line.len() {
        fs::write(folder.path().join(HISTORY), [&whole, &line[..cut]].concat()).unwrap();
        drop(open(folder.path()));
        assert_eq!(
            fs::read(folder.path().join(HISTORY)).unwrap(),
            whole,
            "cut at {cut}"
        );
    }
    fs::write(folder.path().join(HISTORY), [&whole[..], &line].concat()).unwrap();
    let mut log = open(folder.path());
    assert_eq!(log.decision(2).unwrap(), Some(last));
}

#[test]
fn a_history_whose_first_line_was_cut_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let header = read(folder.path(), HISTORY);
    for cut in [0, 1, header.len() - 1] {
        fs::write(folder.path().join(HISTORY), &header[..cut]).unwrap();
        drop(open(folder.path()));
        assert_eq!(read(folder.path(), HISTORY), header);
    }
}

#[test]
fn a_damaged_history_is_named_by_file_and_line_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for row in 1..4 {
        log.decide(&decision(row, Verdict::Accepted)).unwrap();
    }
    drop(log);
    let good = read(folder.path(), HISTORY);
    for (from, to, what) in [
        (
            "2,id-2,accepted",
            "2,id-2,agreed",
            "line 3: the decision is not",
        ),
        (
            "2,id-2,accepted",
            "two,id-2,accepted",
            "line 3: the row is no number",
        ),
        (
            "2,id-2,accepted,",
            "2,accepted,",
            "line 3: 9 fields, expected 10",
        ),
        ("row,id", "id,row", "its first line is another"),
    ] {
        let damaged = good.replacen(from, to, 1);
        fs::write(folder.path().join(HISTORY), &damaged).unwrap();
        let said = refused(folder.path());
        assert!(said.contains(HISTORY) && said.contains(what), "{said}");
        assert_eq!(read(folder.path(), HISTORY), damaged);
    }
    let mut bytes = good.into_bytes();
    let at = bytes.len() - 40;
    bytes[at] = 0xff;
    fs::write(folder.path().join(HISTORY), &bytes).unwrap();
    assert!(refused(folder.path()).contains("line 4: bytes that are no UTF-8"));
}

#[test]
fn a_reviewed_file_that_somebody_else_changed_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    log.decide(&decision(1, Verdict::Accepted)).unwrap();
    log.decide(&decision(1, Verdict::Changed)).unwrap();
    drop(log);
    let text = read(folder.path(), REVIEWED);
    let changed = text.replacen("A0402", "A0403", 1);
    fs::write(folder.path().join(REVIEWED), &changed).unwrap();
    let said = refused(folder.path());
    assert!(
        said.contains("reviewed.csv, line 2: it does not stand in reviewed.history.csv"),
        "{said}"
    );
    assert_eq!(read(folder.path(), REVIEWED), changed);
    // One that lags behind is as a kill leaves it.
    let old = decision(1, Verdict::Accepted).line();
    let old = format!("{}\n{}", COLUMNS.join(","), String::from_utf8(old).unwrap());
    fs::write(folder.path().join(REVIEWED), old).unwrap();
    drop(open(folder.path()));
    assert_eq!(read(folder.path(), REVIEWED), text);
    fs::remove_file(folder.path().join(HISTORY)).unwrap();
    assert!(refused(folder.path()).contains("put the history back"));
}

#[test]
fn decisions_about_other_results_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    log.decide(&decision(1, Verdict::Accepted)).unwrap();
    drop(log);
    let other = Pin {
        results_sha256: "11".repeat(32),
        ..pin()
    };
    let said = format!(
        "{:#}",
        DecisionLog::open(folder.path(), &other).unwrap_err()
    );
    assert!(
        said.contains("are about other results") && said.contains("review anew"),
        "{said}"
    );
    assert!(Newest::read(folder.path(), &other).is_err());
    fs::remove_file(folder.path().join(PIN)).unwrap();
    assert!(refused(folder.path()).contains("without reviewed.json"));
}

#[test]
fn two_reviewers_do_not_meet_and_a_list_can_be_had_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!in_use(folder.path()));
    let mut log = open(folder.path());
    log.decide(&decision(1, Verdict::Accepted)).unwrap();
    assert!(refused(folder.path()).contains("somebody else reviews"));
    assert!(in_use(folder.path()));
    let newest = Newest::read(folder.path(), &pin()).unwrap();
    assert_eq!(newest.verdict(1), Some(Verdict::Accepted));
    drop(log);
    assert!(!in_use(folder.path()));
}

#[test]
fn a_decision_among_many_rewrites_nothing_and_all_are_there_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    drop(log);
    let path = folder.path().join(HISTORY);
    let mut history = fs::read(&path).unwrap();
    for row in 1..=3_000 {
        history.extend(decision(row, Verdict::Accepted).line());
    }
    fs::write(&path, history).unwrap();
    log = open(folder.path());
    let before = read(folder.path(), REVIEWED);
    log.decide(&decision(5_000, Verdict::Changed)).unwrap();
    assert_eq!(
        read(folder.path(), REVIEWED),
        before,
        "many: only the history grows"
    );
    log.fold().unwrap();
    assert_eq!(reviewed(folder.path()).len(), 3_001);
    assert_eq!(
        read(folder.path(), REVIEWED).lines().last(),
        read(folder.path(), HISTORY).lines().last()
    );
}
