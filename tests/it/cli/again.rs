//! The same command again: after the end it does nothing; what has changed is noticed; `--again` begins anew.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use super::harness::{Place, TEXT, sample};
use super::process::Rehearsal;

/// When each file under the folder was changed last, the lock aside (holding it is no work).
fn changed(place: &Place, folder: &str) -> BTreeMap<String, SystemTime> {
    let names = place
        .files(folder)
        .into_keys()
        .filter(|name| !name.starts_with("_annexa/"));
    names
        .map(|name| {
            let time = fs::metadata(place.path(folder).join(&name))
                .unwrap()
                .modified()
                .unwrap();
            (name, time)
        })
        .collect()
}

#[test]
fn after_the_end_the_same_command_says_so_and_does_nothing() {
    for (input, code, state) in [
        (sample(5), 0, "COMPLETED:"),
        (
            format!("id,mdr_text\n1,{TEXT}\n2\n"),
            3,
            "COMPLETED_WITH_ERRORS:",
        ),
    ] {
        let place = Place::new();
        let (first, results) = place.coded(&input, &[]);
        assert_eq!(first.code, code);
        let before = (place.files("in-annexa"), changed(&place, "in-annexa"));
        let second = place.annexa(&["run", "in.csv"]);
        assert_eq!(second.code, code, "the exit code is the job's");
        assert!(
            second.out.contains(&format!("This job is {state}")),
            "{}",
            second.out
        );
        assert!(
            second.out.contains("Nothing was done again") && second.out.contains("--again"),
            "{}",
            second.out
        );
        let (mut was, mut is) = (before.0, place.files("in-annexa"));
        was.retain(|name, _| !name.starts_with("_annexa/"));
        is.retain(|name, _| !name.starts_with("_annexa/"));
        assert_eq!((was, before.1), (is, changed(&place, "in-annexa")));
        assert_eq!(place.results("in-annexa"), results);
    }
}

#[test]
fn a_changed_input_is_noticed_and_named() {
    let place = Place::new();
    let (_, results) = place.coded(sample(5), &[]);
    place.write("in.csv", sample(6));
    place.annexa(&["run", "in.csv"]).refused(
        64,
        &["in-annexa", "another job", "differs in: input;", "--again"],
    );
    assert_eq!(place.results("in-annexa"), results, "nothing was touched");
}

#[test]
fn an_input_that_was_only_touched_is_the_same_job() {
    let place = Place::new();
    let (_, _) = place.coded(sample(5), &[]);
    let file = fs::File::options()
        .append(true)
        .open(place.path("in.csv"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let ran = place.annexa(&["run", "in.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("Nothing was done again"), "{}", ran.out);
}

#[test]
fn settings_that_shape_answers_are_named_when_they_differ() {
    let place = Place::new();
    place.coded(sample(5), &[]);
    place.write(
        "terms.csv",
        "code,term\nA04,Material Integrity Problem\nE01,Nervous System\n",
    );
    for (flags, named) in [
        (&["--problem", "product"][..], "problem_type"),
        (&["--batch-size", "5"], "batch_size"),
        (&["--chunk-rows", "7"], "chunk_rows"),
        (&["--id-column", "brand_name"], "id_column"),
        (&["--text-column", "brand_name"], "text_column"),
        (&["--encoding", "windows-1252"], "encoding"),
        (&["--terms", "terms.csv"], "terms"),
        (&["--model", "rehearsal"], "model"),
    ] {
        let ran = place.annexa(&[&["run", "in.csv"], flags].concat());
        ran.refused(64, &["another job", &format!("differs in: {named}")]);
    }
    let several = place.annexa(&["run", "in.csv", "--problem", "patient", "--chunk-rows", "7"]);
    several.refused(
        64,
        &["differs in: problem_type (from \"both\" to \"patient\"), chunk_rows (from 100 to 7);"],
    );
}

#[test]
fn rates_and_workers_may_change_and_it_is_the_same_job() {
    let place = Place::new();
    place.coded(sample(5), &[]);
    let ran = place.annexa(&["run", "in.csv", "--max-workers", "3", "--rate-limit", "9"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("Nothing was done again"), "{}", ran.out);
}

#[test]
fn again_moves_the_outputs_aside_and_does_the_work_anew() {
    let place = Place::new();
    let (_, first) = place.coded(sample(5), &[]);
    let files = place.files("in-annexa");
    place.write("in.csv", sample(8));
    let ran = place.annexa(&["run", "in.csv", "--again"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err
            .contains("earlier outputs are in in-annexa/previous-1"),
        "{}",
        ran.err
    );
    assert_eq!(place.results("in-annexa").len(), 8);
    assert_eq!(place.results("in-annexa/previous-1"), first);
    let mut aside = place.files("in-annexa/previous-1");
    aside.retain(|name, _| !name.starts_with("_annexa/"));
    for (name, digest) in &aside {
        assert_eq!(files.get(name), Some(digest), "{name}");
    }
    assert!(aside.contains_key("manifest.json") && aside.contains_key("chunks/00000000.csv"));
    // And once more, of the same input: a new job all the same, and nothing of the old ones is lost.
    assert_eq!(place.annexa(&["run", "in.csv", "--again"]).code, 0);
    assert_eq!(place.results("in-annexa/previous-2").len(), 8);
    assert_eq!(place.results("in-annexa/previous-1"), first);
    let ids: Vec<_> = ["in-annexa", "in-annexa/previous-1", "in-annexa/previous-2"]
        .iter()
        .map(|folder| place.json(&format!("{folder}/job.json"))["job_id"].to_string())
        .collect();
    assert!(
        ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2],
        "{ids:?}"
    );
    // Without the flag it is the newest job that is found.
    assert!(
        place
            .annexa(&["run", "in.csv"])
            .out
            .contains("Nothing was done again")
    );
}

#[test]
fn again_where_nothing_was_done_yet_is_a_first_run() {
    let place = Place::new();
    let (ran, results) = place.coded(sample(3), &["--again"]);
    assert_eq!((ran.code, results.len()), (0, 3));
    assert!(!place.path("in-annexa/previous-1").exists());
}

/// Removes everything from the folder but the state that a user does not see as an output.
fn empty(place: &Place, folder: &str) {
    for entry in fs::read_dir(place.path(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("_annexa") {
            fs::remove_dir_all(path).unwrap();
        } else if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn outputs_that_were_removed_with_their_job_are_made_anew() {
    let place = Place::new();
    let (_, results) = place.coded(sample(5), &[]);
    empty(&place, "in-annexa");
    let ran = place.annexa(&["run", "in.csv"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    place.results("in-annexa").assert_equal(&results);
}

#[test]
fn an_unfinished_job_that_owns_nothing_any_more_does_not_meet_the_next_one() {
    let place = Place::new();
    place.write("in.csv", sample(20));
    let slow = Rehearsal {
        latency_ms: 100,
        log: "log",
    };
    let mut running = slow.start(
        &place,
        &["in.csv", "--chunk-rows", "2", "--max-workers", "1"],
    );
    running.wait_until("some calls", || slow.asked(&place).len() > 3);
    running.kill();
    empty(&place, "in-annexa");
    let fast = Rehearsal {
        latency_ms: 0,
        log: "log",
    };
    let ran = fast.run(&place, &["in.csv", "--chunk-rows", "7"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    assert_eq!(place.results("in-annexa").len(), 20);
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(summary["chunks"]["total"], 3);
    assert_eq!(
        summary["job_id"],
        place.json("in-annexa/job.json")["job_id"]
    );
    let ledger = rusqlite::Connection::open(place.path("in-annexa/_annexa/job.sqlite")).unwrap();
    let jobs: i64 = ledger
        .query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(jobs, 1, "one folder, one job");
}

#[test]
fn again_that_was_stopped_halfway_goes_on_and_does_not_begin_a_third_time() {
    let place = Place::new();
    place.write("in.csv", sample(20));
    let args = [
        "in.csv",
        "--chunk-rows",
        "2",
        "--batch-size",
        "1",
        "--max-workers",
        "1",
        "--answers",
        "answers",
    ];
    let fast = Rehearsal {
        latency_ms: 0,
        log: "log",
    };
    assert_eq!(fast.run(&place, &args).code, 0);
    let slow = Rehearsal {
        latency_ms: 100,
        log: "second",
    };
    // Other answers, so that there is something to ask.
    let again = [&args[..8], &["other", "--again"]].concat();
    let mut running = slow.start(&place, &again);
    running.wait_until("some calls", || slow.asked(&place).len() > 4);
    running.kill();
    let ran = slow.run(&place, &again);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    assert!(ran.err.contains("going on with in.csv"), "{}", ran.err);
    assert!(!place.path("in-annexa/previous-2").exists());
    assert_eq!(place.results("in-annexa/previous-1").len(), 20);
}

#[test]
fn a_job_that_was_stopped_goes_on_with_other_rates() {
    let place = Place::new();
    place.write("in.csv", sample(20));
    let slow = Rehearsal {
        latency_ms: 100,
        log: "log",
    };
    let args = ["in.csv", "--chunk-rows", "2", "--batch-size", "1"];
    let mut running = slow.start(&place, &[&args[..], &["--max-workers", "1"]].concat());
    running.wait_until("some calls", || slow.asked(&place).len() > 3);
    running.kill();
    let ran = slow.run(
        &place,
        &[&args[..], &["--max-workers", "8", "--rate-limit", "500"]].concat(),
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("going on with in.csv"), "{}", ran.err);
    assert_eq!(place.results("in-annexa").len(), 20);
    assert_eq!(
        place.json("in-annexa/summary.json")["spec"]["max_workers"],
        8
    );
}
