//! Two runs at once: in one folder the second is refused, in two folders they share what is paid.

use super::harness::{Place, sample};
use super::process::Rehearsal;

#[test]
fn a_second_run_in_the_same_folder_is_refused_while_the_first_works() {
    let place = Place::new();
    place.write("in.csv", sample(12));
    let slow = Rehearsal {
        latency_ms: 1,
        log: "log",
    };
    let args = ["in.csv", "--chunk-rows", "2", "--max-workers", "1"];
    // It does not end before the others were refused.
    let (mut first, gate) = slow.start_held(&place, &args, 1);
    first.wait_until("a call", || !slow.asked(&place).is_empty());
    for more in [&[][..], &["--again"], &["--chunk-rows", "5"]] {
        let second = place.annexa(&[&["run", "in.csv", "--model", "rehearsal"][..], more].concat());
        second.refused(64, &["another run is at work in in-annexa", "--out"]);
    }
    gate.open();
    let first = first.end();
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(place.results("in-annexa").len(), 12);
    assert!(!place.path("in-annexa/previous-1").exists());
}

#[test]
fn runs_in_two_folders_at_once_share_a_new_file_of_paid_answers() {
    let place = Place::new();
    place.write("in.csv", sample(16));
    let slow = Rehearsal {
        latency_ms: 20,
        log: "log",
    };
    let start = |out: &str| {
        slow.start(
            &place,
            &[
                "in.csv",
                "--out",
                out,
                "--answers",
                "answers",
                "--chunk-rows",
                "2",
            ],
        )
    };
    let running: Vec<_> = ["a", "b", "c", "d"].map(start).into_iter().collect();
    for run in running {
        let ran = run.end();
        assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    }
    let first = place.results("a");
    for folder in ["b", "c", "d"] {
        place.results(folder).assert_equal(&first);
    }
}

#[test]
fn i8_an_answer_that_was_paid_for_is_not_paid_again_by_another_job() {
    let place = Place::new();
    place.write("in.csv", sample(20));
    let model = Rehearsal {
        latency_ms: 0,
        log: "log",
    };
    let run = |out: &str, more: &[&str]| {
        let ran = model.run(
            &place,
            &[&["in.csv", "--out", out, "--answers", "answers"], more].concat(),
        );
        assert_eq!(ran.code, 0, "{}", ran.err);
        place.results(out)
    };
    let first = run("first", &[]);
    let asked = model.asked(&place);
    assert!(!asked.is_empty());
    // Another place, another cut, another batch: the texts are the same, so are the answers.
    for (out, more) in [
        ("second", &["--chunk-rows", "3"][..]),
        ("third", &["--batch-size", "7"]),
    ] {
        let again = run(out, more);
        assert_eq!(model.asked(&place), asked, "no call was made");
        again.assert_equal(&first);
        for row in 1..=again.len() {
            assert_eq!(again.get(row, "answered_by"), "paid_answer");
            assert_eq!(again.get(row, "cost_usd"), "0.000000000");
            assert_eq!(
                (again.get(row, "input_tokens"), again.get(row, "attempts")),
                ("0", "0")
            );
        }
        let summary = place.json(&format!("{out}/summary.json"));
        assert_eq!(
            (&summary["calls"], &summary["paid_answers_reused"]),
            (&0.into(), &20.into())
        );
        assert_eq!(summary["total_estimated_cost"], "0.000000000");
    }
    // Without a name the file is in the user's data folder, and it serves the next job just the same.
    assert_eq!(model.run(&place, &["in.csv", "--out", "fourth"]).code, 0);
    let asked = model.asked(&place).len();
    assert_eq!(model.run(&place, &["in.csv", "--out", "fifth"]).code, 0);
    assert_eq!(model.asked(&place).len(), asked);
    assert!(place.path("home/data/annexa/answers.sqlite").exists());
}
