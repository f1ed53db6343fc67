//! What a run says of its cost before it begins, the cap that holds, and answers that are paid once.

use super::harness::{Place, Ran, nano, sample, sample_with};

const PAID: [&str; 3] = ["--model", "rehearsal", "--yes"];

fn run(place: &Place, flags: &[&str]) -> Ran {
    place.annexa(&[&["run", "in.csv"], &PAID[..], flags].concat())
}

fn summary(place: &Place) -> serde_json::Value {
    place.json("in-annexa/summary.json")
}

fn cost(place: &Place) -> u64 {
    nano(summary(place)["total_estimated_cost"].as_str().unwrap())
}

fn estimate(place: &Place, flags: &[&str]) -> serde_json::Value {
    let args = [&["estimate", "in.csv", "--json"], &PAID[..2], flags].concat();
    let ran = place.annexa(&args);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn an_estimate_counts_the_calls_that_an_undisturbed_run_makes() {
    // Texts that repeat within a chunk and over chunks, empty ones, and chunks whose last call is not full.
    for (rows, chunk_rows, batch_size) in [(230, "7", "2"), (230, "100", "3"), (61, "10", "1")] {
        let place = Place::new();
        place.write(
            "in.csv",
            sample_with(rows, |number, fields| match number % 9 {
                4 => fields[1] = format!("THE TIP BROKE OFF AND WAS LEFT, CASE {}", number / 27),
                7 => fields[1].clear(),
                _ => {}
            }),
        );
        let flags = ["--chunk-rows", chunk_rows, "--batch-size", batch_size];
        let estimate = estimate(&place, &flags);
        let ran = run(&place, &flags);
        assert!([0, 3].contains(&ran.code), "{}", ran.err);
        let summary = summary(&place);
        assert_eq!(estimate["calls"], summary["calls"], "{flags:?}");
        assert_eq!(estimate["rows"], summary["total_records"]);
        assert_eq!(estimate["empty_rows"], summary["outcomes"]["empty"]);
        let asked = place.results("in-annexa").column("answered_by").len() as u64
            - summary["paid_answers_reused"].as_u64().unwrap()
            - summary["outcomes"]["empty"].as_u64().unwrap();
        assert_eq!(estimate["asked_texts"], asked);
    }
}

#[test]
fn an_estimate_calls_nobody_and_leaves_nothing() {
    let place = Place::new();
    place.write("in.csv", sample(20));
    let before = place.files("");
    assert!(estimate(&place, &[])["cost_usd"].is_string());
    assert_eq!(place.files(""), before);
    let offline = place.annexa(&["estimate", "in.csv"]);
    assert_eq!(offline.code, 0);
    assert!(offline.out.contains("costs nothing"), "{}", offline.out);
}

#[test]
fn an_estimate_knows_what_was_paid_for_before() {
    let place = Place::new();
    place.write("in.csv", sample(20));
    run(&place, &[]);
    let estimate = |flags: &[&str]| estimate(&place, flags);
    let again = estimate(&[]);
    assert_eq!(
        (&again["calls"], &again["asked_texts"]),
        (&0.into(), &0.into())
    );
    assert_eq!(again["paid_texts"], again["distinct_texts"]);
    let fresh = estimate(&["--fresh"]);
    assert_eq!(fresh["asked_texts"], fresh["distinct_texts"]);
}

#[test]
fn above_one_dollar_nothing_is_spent_unasked() {
    let place = Place::new();
    // 3,000 characters a text, at 1 dollar per million tokens and 300 output tokens at 5: some 2,300 micro-dollars each.
    place.write(
        "in.csv",
        sample_with(600, |number, fields| {
            fields[1] = format!("{number} {}", "X".repeat(3_000))
        }),
    );
    let ran = place.annexa(&["run", "in.csv", "--model", "rehearsal"]);
    ran.refused(64, &["may cost about 1.", "--yes", "--max-cost-usd"]);
    assert!(!place.path("in-annexa").exists(), "nothing was begun");
    // A cap says how much may be spent.
    let ran = place.annexa(&[
        "run",
        "in.csv",
        "--model",
        "rehearsal",
        "--max-cost-usd",
        "0.01",
    ]);
    ran.refused(4, &["cost cap of 0.0100 USD is reached"]);
}

#[test]
fn i9_the_cost_cap_holds_all_is_kept_and_a_higher_cap_goes_on() {
    let place = Place::new();
    place.write("in.csv", sample(200));
    let whole = Place::new();
    whole.write("in.csv", sample(200));
    let ran = run(&whole, &[]);
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
    let full = cost(&whole);
    let dollars = |nano: u64| annexa::core::money::NanoUsd(nano).to_string();
    let log = place.path("asked");
    let variables = [("ANNEXA_REHEARSAL_LOG", log.to_str().unwrap())];
    let capped = |cap: u64| {
        let cap = dollars(cap);
        let args = [
            &["run", "in.csv"],
            &PAID[..],
            &["--max-cost-usd", cap.as_str()],
        ]
        .concat();
        place.annexa_with(&variables, &args)
    };
    capped(full / 3).refused(4, &["is reached", "a higher --max-cost-usd goes on"]);
    let asked_first = place.read("asked").lines().count();
    assert!(
        asked_first > 10,
        "it did what the cap allowed: {asked_first}"
    );
    // The same cap again: there may be room for a call that is smaller than the one that did not fit.
    capped(full / 3).refused(4, &["is reached"]);
    let asked_again = place.read("asked").lines().count() - asked_first;
    assert!(asked_again < 10, "{asked_again} texts");
    let ran = capped(10 * full);
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
    assert_eq!(cost(&place), full, "nothing was paid twice or forgotten");
    let results = place.results("in-annexa");
    let ids: std::collections::BTreeSet<&str> = results.column("request_id").into_iter().collect();
    assert_eq!(
        summary(&place)["calls"],
        ids.len(),
        "calls of both runs are counted"
    );
    place
        .results("in-annexa")
        .assert_equal(&whole.results("in-annexa"));
    let lines = place.read("asked");
    let distinct: std::collections::BTreeSet<&str> = lines.lines().collect();
    assert_eq!(
        distinct.len(),
        lines.lines().count(),
        "no text was asked twice"
    );
}

#[test]
fn i9_whatever_the_cap_it_is_never_passed() {
    // One call of two reports may cost some 15 million nano-dollars.
    for cap_nano in [60_000_000, 33_000_000, 20_000_000, 3_000_000] {
        let place = Place::new();
        place.write("in.csv", sample(400));
        let cap = format!("0.{cap_nano:09}");
        run(&place, &["--max-cost-usd", &cap]);
        let db = rusqlite::Connection::open(place.path("in-annexa/_annexa/job.sqlite")).unwrap();
        let record: String = db
            .query_row("SELECT record FROM jobs", [], |row| row.get(0))
            .unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        let budget = &record["counters"]["budget"];
        let used = budget["spent"].as_u64().unwrap() + budget["reserved"].as_u64().unwrap();
        assert!(used <= cap_nano, "{used} of {cap_nano}");
        assert!(used > 0 || cap_nano < 10_000_000, "something was done");
    }
}

#[test]
fn i8_fresh_pays_anew_and_what_it_paid_for_is_its_own() {
    let place = Place::new();
    place.write("in.csv", sample(30));
    run(&place, &[]);
    let first = summary(&place);
    assert!(first["calls"].as_u64().unwrap() > 5);
    // The same job in another folder costs nothing.
    run(&place, &["--out", "second"]);
    let second = place.json("second/summary.json");
    assert_eq!(second["calls"], 0);
    assert_eq!(second["total_estimated_cost"], "0.000000000");
    // --again does the work anew with the answers that are there, --fresh without.
    run(&place, &["--again"]);
    assert_eq!(summary(&place)["calls"], 0);
    let ran = run(&place, &["--fresh"]);
    assert!([0, 3].contains(&ran.code), "{}", ran.err);
    assert_eq!(summary(&place)["calls"], first["calls"]);
    assert_eq!(
        summary(&place)["total_estimated_cost"],
        first["total_estimated_cost"]
    );

    // What it paid for serves others, who find nothing older.
    let place = Place::new();
    place.write("in.csv", sample(30));
    run(&place, &["--fresh"]);
    run(&place, &["--out", "second"]);
    assert_eq!(place.json("second/summary.json")["calls"], 0);
}

#[test]
fn limits_that_could_never_work_are_refused_at_once() {
    let place = Place::new();
    place.write("in.csv", sample(2));
    let flags = [
        "--tokens-per-minute",
        "0",
        "--requests-per-minute",
        "0",
        "--max-text-chars",
        "0",
        "--call-timeout-s",
        "0",
    ];
    run(&place, &flags).refused(
        64,
        &[
            "--tokens-per-minute",
            "--requests-per-minute",
            "--max-text-chars",
            "--call-timeout-s",
        ],
    );
    run(&place, &["--max-cost-usd=-1"]).refused(64, &["--max-cost-usd"]);
    run(&place, &["--max-cost-usd", "1e3"]).refused(64, &["expected US dollars"]);
}
