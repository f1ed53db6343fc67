//! I8 and I1 with real processes: SIGKILL at random moments, then the same command again, twenty times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::harness::{Place, Results, nano, sample_with};
use super::process::{ARGS, Rehearsal, pause};

const KILLS: u64 = 20;
const ROWS: usize = 220;
const BATCH: u64 = 2;
const WORKERS: u64 = 3;
const SLOW: Rehearsal = Rehearsal {
    latency_ms: 12,
    log: "log",
};

/// SplitMix64 (Steele, Lea and Flood 2014): a few moments that are the same in every run.
pub struct Chance(pub u64);

impl Chance {
    /// Some number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Reports of which every fifth has the text of an earlier one, near it or far, and some have none or are broken.
fn input() -> String {
    let mut texts: Vec<String> = Vec::new();
    let csv = sample_with(ROWS, |number, fields| {
        if number % 5 == 4 {
            fields[1] = texts[if number % 2 == 0 {
                number - 3
            } else {
                number / 2
            }]
            .clone();
        }
        if number % 40 == 7 {
            fields[1].clear();
        }
        texts.push(fields[1].clone());
    });
    csv + "short\n"
}

/// Kills run after run of the same job until it is through; how many it took.
fn kill_until_done(place: &Place, chance: &mut Chance) -> u64 {
    let mut kills = 0;
    loop {
        let before = SLOW.asked(place).len() as u64;
        let mut running = SLOW.start(place, &ARGS);
        // Mostly after some progress (a call more than can be in flight); now and then while it still begins.
        let calls = if kills % 6 == 5 {
            0
        } else {
            WORKERS * BATCH + 1 + chance.below(8)
        };
        if calls > 0
            && !running.lives_until("some calls", || {
                SLOW.asked(place).len() as u64 >= before + calls
            })
        {
            let ran = running.end();
            assert_eq!(ran.code, 3, "{}{}", ran.err, ran.out);
            return kills;
        }
        pause(Duration::from_millis(chance.below(40)));
        running.kill();
        kills += 1;
        assert!(kills < 10 * KILLS, "the job does not get through");
    }
}

/// Row by row: who paid says so and bears the cost, everyone else bears none. Gives the rows' cost.
fn assert_costs(results: &Results) -> u64 {
    let mut payers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut total = 0;
    for row in 1..=results.len() {
        let get = |column| results.get(row, column);
        let cost = nano(get("cost_usd"));
        total += cost;
        match get("answered_by") {
            "model" => {
                assert!(cost > 0 && get("attempts") != "0", "row {row} paid");
                *payers.entry(get("mdr_text")).or_default() += 1;
            }
            "paid_answer" | "" => {
                assert_eq!(
                    (cost, get("attempts"), get("output_tokens")),
                    (0, "0", "0"),
                    "row {row}"
                );
            }
            other => panic!("row {row}: {other}"),
        }
    }
    let texts: BTreeSet<&str> = results
        .column("mdr_text")
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    assert_eq!(payers.len(), texts.len(), "every text has a payer");
    assert!(payers.values().all(|rows| *rows == 1), "no text has two");
    total
}

fn assert_summary(place: &Place, folder: &str, results: &Results) {
    let summary = place.json(&format!("{folder}/summary.json"));
    for outcome in ["coded", "insufficient", "empty", "failed"] {
        let found = results
            .column("outcome")
            .iter()
            .filter(|o| **o == outcome)
            .count();
        assert_eq!(summary["outcomes"][outcome], found, "{outcome}");
    }
    let sum = |column| {
        results
            .column(column)
            .iter()
            .map(|n| n.parse::<u64>().unwrap())
            .sum::<u64>()
    };
    assert_eq!(summary["total_input_tokens"], sum("input_tokens"));
    assert_eq!(summary["total_output_tokens"], sum("output_tokens"));
    let overhead = nano(summary["overhead"]["cost_usd"].as_str().unwrap());
    let total = nano(summary["total_estimated_cost"].as_str().unwrap());
    assert_eq!(
        assert_costs(results) + overhead,
        total,
        "rows and overhead are the total, to the nano-dollar"
    );
    let reused = results
        .column("answered_by")
        .iter()
        .filter(|by| **by == "paid_answer")
        .count();
    assert_eq!(summary["paid_answers_reused"], reused);
    assert_eq!(
        summary["review_rows"],
        results
            .column("review")
            .iter()
            .filter(|r| !r.is_empty())
            .count()
    );
    assert_eq!(summary["balance"]["balances"], true);
    assert_eq!(
        summary["chunks"]["quarantined"], 0,
        "the reports killed nobody"
    );
}

#[test]
fn i1_i2_i8_twenty_kills_at_random_moments_lose_nothing_and_pay_nothing_twice_but_what_was_in_flight()
 {
    let calm = Place::new();
    calm.write("in.csv", input());
    let ran = Rehearsal {
        latency_ms: 0,
        log: "log",
    }
    .run(&calm, &ARGS);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let undisturbed = calm.results("in-annexa");
    assert_summary(&calm, "in-annexa", &undisturbed);
    let asked = SLOW.asked(&calm);
    assert_eq!(
        asked.len(),
        asked.iter().collect::<BTreeSet<_>>().len(),
        "undisturbed, no text is asked twice"
    );

    let mut chance = Chance(20);
    let (mut kills, mut jobs) = (0, 0);
    while kills < KILLS {
        let place = Place::new();
        place.write("in.csv", input());
        let kills_of_job = kill_until_done(&place, &mut chance);
        let results = place.results("in-annexa");
        results.assert_equal(&undisturbed);
        assert_summary(&place, "in-annexa", &results);

        let asked = SLOW.asked(&place);
        let twice = (asked.len() - asked.iter().collect::<BTreeSet<_>>().len()) as u64;
        let summary = place.json("in-annexa/summary.json");
        let said = summary["possibly_twice_paid_calls"].as_u64().unwrap();
        assert!(
            twice <= kills_of_job * WORKERS * BATCH,
            "{twice} texts were asked twice in {kills_of_job} kills"
        );
        assert!(
            twice <= said * BATCH,
            "{twice} texts were asked twice, the summary says {said} calls"
        );
        assert!(
            said <= kills_of_job * 2 * WORKERS,
            "{said} calls in {kills_of_job} kills: in flight, or about to be stored"
        );
        assert_left_nothing(&place);
        assert_serves_another_job(&place, &undisturbed);
        kills += kills_of_job;
        jobs += 1;
    }
    println!("{kills} kills over {jobs} jobs of {ROWS} rows");
}

/// No half-written file is left by those that died, and no workers' file.
fn assert_left_nothing(place: &Place) {
    let left: Vec<String> = place
        .files("in-annexa")
        .into_keys()
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert_eq!(left, [""; 0]);
    assert!(!place.path("in-annexa/_work").exists());
}

/// A second job over the same file of answers asks nobody and pays nothing.
fn assert_serves_another_job(place: &Place, undisturbed: &Results) {
    let asked = SLOW.asked(place);
    let ran = SLOW.run(
        place,
        &[
            "in.csv",
            "--answers",
            "answers",
            "--chunk-rows",
            "50",
            "--out",
            "second",
        ],
    );
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(SLOW.asked(place), asked, "no call was made");
    let second = place.results("second");
    second.assert_equal(undisturbed);
    for row in 1..=second.len() {
        assert!(["paid_answer", ""].contains(&second.get(row, "answered_by")));
        assert_eq!(second.get(row, "cost_usd"), "0.000000000");
    }
}
