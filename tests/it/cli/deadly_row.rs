//! S18 with real processes: a row that kills whoever works on it is found, and no other row pays for it.

use super::harness::{Place, sample, sha256};
use super::process::{ARGS, Rehearsal};

/// A row of which the process dies, as it looks from outside: killed as soon as its text is asked, again and again.
#[test]
fn s18_a_row_that_kills_the_process_fails_alone_and_its_neighbours_are_coded() {
    let place = Place::new();
    place.write("in.csv", sample(24));
    let texts = Rehearsal {
        latency_ms: 0,
        log: "all",
    };
    assert_eq!(
        texts
            .run(&place, &["in.csv", "--out", "calm", "--answers", "other"])
            .code,
        0
    );
    let undisturbed = place.results("calm");
    let deadly = 10;
    let digest = sha256(undisturbed.get(deadly, "mdr_text").trim().as_bytes());
    let slow = Rehearsal {
        latency_ms: 60,
        log: "log",
    };
    let ran = loop {
        let before = slow.asked(&place).len();
        assert!(before < 24 * 20, "it goes on for ever");
        let mut running = slow.start(&place, &ARGS);
        if !running.lives_until("the deadly row", || {
            slow.asked(&place)[before..].contains(&digest)
        }) {
            break running.end();
        }
        running.kill();
    };
    assert_eq!(ran.code, 3, "{}{}", ran.err, ran.out);
    let results = place.results("in-annexa");
    for row in 1..=results.len() {
        if row == deadly {
            assert_eq!(results.get(row, "outcome"), "failed");
            assert!(
                results
                    .get(row, "error")
                    .starts_with("row_kills_worker: row 10 (byte "),
                "{}",
                results.get(row, "error")
            );
            assert_eq!(
                results.get(row, "product_problem_code"),
                "",
                "no failure becomes a finding (I10)"
            );
        } else {
            assert_eq!(
                results.get(row, "outcome"),
                "coded",
                "row {row}: {}",
                results.get(row, "error")
            );
            let code = "patient_problem_code";
            assert_eq!(results.get(row, code), undisturbed.get(row, code));
        }
    }
    let kills = slow
        .asked(&place)
        .iter()
        .filter(|asked| **asked == digest)
        .count();
    assert!(
        kills <= 12,
        "{kills} processes died of it before it was found"
    );
}
