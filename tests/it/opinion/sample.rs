//! The same model asked once more: an answer of its own, paid once, in the row's cost to the nano-dollar, through kills, and
//! in the estimate.

use annexa::adapters::sim_bedrock::{ALL, FaultRates, Latency, Settings};

use super::{PREFIXES, check_agreements, is_marked, rows_took};
use crate::bedrock::place::{MODEL, Rehearsal};
use crate::cli::harness::{nano, sample, sample_with};
use crate::cli::process::Running;

const SAMPLE: [&str; 2] = ["--second-opinion", "sample"];

/// Pico-dollars a token of the model: in, out, read, written.
const PRICE_PICO: [u64; 4] = [1_100_000, 5_500_000, 110_000, 1_375_000];

fn estimate(rehearsal: &Rehearsal, flags: &[&str]) -> serde_json::Value {
    let args = [&["estimate", "in.csv", "--model", MODEL, "--json"], flags].concat();
    let ran = rehearsal.place.annexa_with(&rehearsal.variables(), &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

/// What the simulator billed, in pico-dollars.
fn billed(rehearsal: &Rehearsal) -> u64 {
    let all = rehearsal.stats().all;
    let used = [
        all.input_tokens,
        all.output_tokens,
        all.cache_read_tokens,
        all.cache_write_tokens,
    ];
    used.iter()
        .zip(PRICE_PICO)
        .map(|(tokens, price)| tokens * price)
        .sum()
}

#[test]
fn i8_rows_cost_both_calls_to_the_nano_dollar_and_the_estimate_counts_them() {
    for (rows, chunk_rows, batch_size) in [(230, "100", "2"), (160, "9", "3"), (40, "10", "1")] {
        let rehearsal = Rehearsal::new(Settings::default());
        // Texts that repeat within a chunk and over chunks, empty ones, and chunks whose last call is not full.
        let input = sample_with(rows, |number, fields| match number % 9 {
            4 => fields[1] = format!("THE TIP BROKE OFF AND WAS LEFT, CASE {}", number / 27),
            7 => fields[1].clear(),
            _ => {}
        });
        rehearsal.place.write("in.csv", input);
        let how = ["--chunk-rows", chunk_rows, "--batch-size", batch_size];
        let flags = [&how[..], &SAMPLE].concat();
        let estimate = estimate(&rehearsal, &flags);
        assert_eq!(
            rehearsal.stats().all.requests,
            0,
            "an estimate calls nobody"
        );
        let ran = rehearsal.run(&flags);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let (summary, stats) = (rehearsal.summary(), rehearsal.stats());
        assert_eq!(estimate["calls"], summary["calls"], "{flags:?}");
        assert_eq!(summary["calls"], stats.all.answered);
        assert_eq!(estimate["sampled_texts"], estimate["asked_texts"]);
        let texts = stats.texts.unwrap();
        assert!(
            texts.values().all(|times| *times == 2),
            "each text twice and no more"
        );
        assert_eq!(estimate["asked_texts"], texts.len());

        let results = rehearsal.place.results("in-annexa");
        let (cost, input_tokens, output_tokens) = rows_took(&results);
        let overhead = nano(summary["overhead"]["cost_usd"].as_str().unwrap());
        let total = nano(summary["total_estimated_cost"].as_str().unwrap());
        assert_eq!(cost + overhead, total);
        assert_eq!(total, (billed(&rehearsal) + 500) / 1_000);
        assert_eq!(
            (input_tokens, output_tokens),
            (stats.all.input_tokens, stats.all.output_tokens)
        );
        let seen = check_agreements(&results);
        // The simulator's answer is a function of the text.
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["same"]);
        // The same again is paid for already, the first answers are anybody's.
        let answered = stats.all.requests;
        for more in [
            &[&flags[..], &["--again"]].concat(),
            &[&how[..], &["--out", "first"]].concat(),
        ] {
            assert_eq!(rehearsal.run(more).code, 0);
            assert_eq!(rehearsal.stats().all.requests, answered, "{more:?}");
        }
    }
}

#[test]
fn i8_killed_among_its_second_samples_a_run_goes_on_and_no_cost_is_lost_or_told_twice() {
    // Calls one after the other: 10 first ones, then 10 second ones. Killed early, in between and late.
    for killed_after in [4, 10, 13, 18] {
        let rehearsal = Rehearsal::new(Settings {
            latency: Latency::fixed(60),
            ..Settings::default()
        });
        rehearsal.place.write("in.csv", sample(20));
        let args = [
            &[
                "run",
                "in.csv",
                "--model",
                MODEL,
                "--yes",
                "--max-workers",
                "1",
            ],
            &SAMPLE[..],
        ]
        .concat();
        let mut program = rehearsal.place.program();
        program.args(&args).envs(rehearsal.variables());
        let mut running = Running::start_program(&rehearsal.place, program);
        running.wait_until("calls are answered", || {
            rehearsal.stats().all.answered >= killed_after
        });
        running.kill();
        rehearsal.change(|settings| settings.latency = Latency::fixed(0));
        let ran = rehearsal.place.annexa_with(&rehearsal.variables(), &args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let (summary, stats) = (rehearsal.summary(), rehearsal.stats());
        let results = rehearsal.place.results("in-annexa");
        let lost = stats.all.answered - summary["calls"].as_u64().unwrap();
        // What was answered and not yet stored: one call was in flight, and one answer may just have come.
        assert!(lost <= 2, "{lost} calls are lost");
        assert!(lost <= summary["possibly_twice_paid_calls"].as_u64().unwrap());
        let total = nano(summary["total_estimated_cost"].as_str().unwrap());
        let (cost, ..) = rows_took(&results);
        let overhead = nano(summary["overhead"]["cost_usd"].as_str().unwrap());
        assert_eq!(cost + overhead, total);
        let billed = (billed(&rehearsal) + 500) / 1_000;
        match lost {
            0 => assert_eq!(total, billed),
            _ => assert!(total < billed),
        }
        let texts = stats.texts.unwrap();
        let asked: u64 = texts.values().sum();
        assert!(texts.values().all(|times| *times >= 2));
        assert!(asked <= 2 * texts.len() as u64 + 2 * lost, "{asked}");
        assert!(
            results
                .column("product_problem_agreement")
                .iter()
                .all(|said| *said == "same")
        );
        // Every row reports what both its calls took, also those of before the kill.
        assert!(
            results
                .column("attempts")
                .iter()
                .all(|attempts| *attempts == "2")
        );
    }
}

#[test]
fn i10_a_second_sample_that_fails_leaves_the_row_coded_and_says_so() {
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(40));
    // The first answers are there before the service breaks.
    assert_eq!(rehearsal.run(&["--out", "first"]).code, 0);
    rehearsal.change(|settings| settings.faults = FaultRates::new([("refusal", 1.0)]).unwrap());
    let ran = rehearsal.run(&SAMPLE);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let (results, first) = (
        rehearsal.place.results("in-annexa"),
        rehearsal.place.results("first"),
    );
    for column in ["outcome", "product_problem_code", "patient_problem_code"] {
        assert_eq!(results.column(column), first.column(column));
    }
    let coded = (1..=40).filter(|row| results.get(*row, "outcome") == "coded");
    for row in coded {
        assert!(is_marked(&results, row, "no_second_opinion"), "row {row}");
        assert!(results.get(row, "error").starts_with("no_second_opinion:"));
        for prefix in PREFIXES {
            assert_eq!(results.get(row, &format!("{prefix}_second_code")), "");
        }
    }
    let summary = rehearsal.summary();
    let (cost, ..) = rows_took(&results);
    let overhead = nano(summary["overhead"]["cost_usd"].as_str().unwrap());
    let total = nano(summary["total_estimated_cost"].as_str().unwrap());
    assert_eq!(cost + overhead, total);
}

#[test]
fn with_faults_of_all_kinds_rows_and_overhead_are_the_total() {
    let rehearsal = Rehearsal::new(Settings {
        faults: FaultRates::new([(ALL, 0.01)]).unwrap(),
        ..Settings::default()
    });
    rehearsal.place.write("in.csv", sample(200));
    let ran = rehearsal.run(&[&SAMPLE[..], &["--call-timeout-s", "4"]].concat());
    assert!([0, 3].contains(&ran.code), "{}{}", ran.err, ran.out);
    let (summary, results) = (rehearsal.summary(), rehearsal.place.results("in-annexa"));
    let (cost, ..) = rows_took(&results);
    let overhead = nano(summary["overhead"]["cost_usd"].as_str().unwrap());
    let total = nano(summary["total_estimated_cost"].as_str().unwrap());
    assert_eq!(cost + overhead, total);
    check_agreements(&results);
}

#[test]
fn i9_the_cost_cap_holds_for_second_samples_too() {
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(60));
    let capped = rehearsal.run(&[&SAMPLE[..], &["--max-cost-usd", "0.15"]].concat());
    assert_eq!(capped.code, 4, "{}{}", capped.err, capped.out);
    assert!(billed(&rehearsal) <= 150_000_000_000);
    let ran = rehearsal.run(&[&SAMPLE[..], &["--max-cost-usd", "9"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let total = nano(
        rehearsal.summary()["total_estimated_cost"]
            .as_str()
            .unwrap(),
    );
    assert_eq!(
        total,
        (billed(&rehearsal) + 500) / 1_000,
        "nothing was paid twice or forgotten"
    );
}
