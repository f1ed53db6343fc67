//! The coded reports as a second opinion: free, beside every answer, and a reason for review where they say something else.

use annexa::adapters::sim_bedrock::Settings;

use super::{PREFIXES, check_agreements, is_marked};
use crate::bedrock::place::Rehearsal;
use crate::cli::harness::{Place, nano, sample};

#[test]
fn a_second_opinion_of_precedents_costs_nothing_and_changes_nothing_but_its_columns_and_reviews() {
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(200));
    assert_eq!(rehearsal.run(&["--out", "plain"]).code, 0);
    let calls = rehearsal.stats().all.answered;
    let ran = rehearsal.run(&["--second-opinion", "precedents"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        rehearsal.stats().all.requests,
        calls,
        "the same answers, paid for once"
    );
    let (plain, with) = (
        rehearsal.place.results("plain"),
        rehearsal.place.results("in-annexa"),
    );
    assert_eq!(with.header.len(), plain.header.len() + 8);
    for column in ["outcome", "product_problem_code", "patient_problem_code"] {
        assert_eq!(with.column(column), plain.column(column));
    }
    assert_eq!(
        nano(
            rehearsal.summary()["total_estimated_cost"]
                .as_str()
                .unwrap()
        ),
        0
    );
    // The simulator answers as the offline model does: so every row that has an answer agrees with itself.
    let seen = check_agreements(&with);
    assert!(seen["same"] > 300, "{seen:?}");
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!((1..=200).all(|row| !is_marked(&with, row, "precedents_disagree")));
}

#[test]
fn rows_are_marked_where_coded_reports_of_the_users_own_say_something_else() {
    let rehearsal = Rehearsal::new(Settings::default());
    let place = &rehearsal.place;
    place.write("in.csv", sample(60));
    // Ten reports that know but two codes: A05 and E2006 are rare in the example.
    let mut coded = String::from("id,mdr_text,product_problem_codes,patient_problem_codes\n");
    for number in 0..10 {
        let (product, patient) = match number % 2 {
            0 => ("A0504", "E2006"),
            _ => ("A1201", "E0611"),
        };
        coded.push_str(&format!(
            "c{number},THE PATIENT WAS REPORTED TO HAVE DIED AND THE DEVICE WAS NOT RETURNED {number},{product},{patient}\n"
        ));
    }
    place.write("coded.csv", coded);
    let built = place.annexa(&["corpus", "build", "coded.csv", "--out", "coded.bin"]);
    assert_eq!(built.code, 0, "{}", built.err);
    let flags = ["--second-opinion", "precedents", "--corpus", "coded.bin"];
    let ran = rehearsal.run(&flags);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let results = place.results("in-annexa");
    let seen = check_agreements(&results);
    assert!(seen.get("different").copied().unwrap_or(0) > 20, "{seen:?}");
    let mut second_codes = std::collections::BTreeSet::new();
    for row in 1..=results.len() {
        let is_different = PREFIXES
            .iter()
            .any(|prefix| results.get(row, &format!("{prefix}_agreement")) == "different");
        assert_eq!(
            is_marked(&results, row, "precedents_disagree"),
            is_different,
            "row {row}"
        );
        let has_none = PREFIXES.iter().any(|prefix| {
            results
                .get(row, &format!("{prefix}_second_code"))
                .is_empty()
        });
        let is_coded = results.get(row, "outcome") == "coded";
        assert_eq!(
            is_marked(&results, row, "no_second_opinion"),
            is_coded && has_none,
            "row {row}"
        );
        second_codes
            .extend(PREFIXES.map(|prefix| results.get(row, &format!("{prefix}_second_code"))));
    }
    second_codes.remove("");
    let known = ["A0504", "A1201", "E0611", "E2006"];
    assert!(
        second_codes.iter().all(|code| known.contains(code)),
        "{second_codes:?}"
    );
    // Another corpus is another job: its columns would not be the same.
    let other = rehearsal.run(&flags[..2]);
    other.refused(64, &["holds another job", "corpus"]);
    // The folder says which coded reports it was made with; if they change, the job does not go on with others.
    let spec = place.json("in-annexa/job.json");
    let bytes = std::fs::read(place.path("coded.bin")).unwrap();
    assert_eq!(
        spec["spec"]["corpus_sha256"],
        crate::cli::harness::sha256(&bytes)
    );
}

#[test]
fn coded_reports_give_no_opinion_on_a_text_that_they_hold() {
    let rehearsal = Rehearsal::new(Settings::default());
    let place = &rehearsal.place;
    place.write("in.csv", sample(12));
    // The first six reports of the file, as somebody coded them, one of them cut; and others.
    let input = place.read("in.csv");
    let mut reader = csv::Reader::from_reader(input.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut coded = csv::Writer::from_writer(Vec::new());
    let header = [
        "id",
        "mdr_text",
        "product_problem_codes",
        "patient_problem_codes",
    ];
    coded.write_record(header).unwrap();
    let mut learnt = |id: usize, text: &str| {
        let codes = [("A0504", "E2006"), ("A1201", "E0611")][id % 2];
        coded
            .write_record([&id.to_string(), text, codes.0, codes.1])
            .unwrap();
    };
    let long = records[5][1].len() > 400;
    for (at, record) in records[..6].iter().enumerate() {
        let text = record[1].to_lowercase();
        match at == 5 && long {
            true => learnt(at, &text.chars().take(300).collect::<String>()),
            false => learnt(at, &text),
        }
    }
    for other in 6..20 {
        learnt(
            other,
            &format!("THE DEVICE WAS NOT RETURNED AND THE PATIENT DIED {other}"),
        );
    }
    place.write("coded.csv", coded.into_inner().unwrap());
    let built = place.annexa(&["corpus", "build", "coded.csv", "--out", "coded.bin"]);
    assert_eq!(built.code, 0, "{}", built.err);
    let ran = rehearsal.run(&["--second-opinion", "precedents", "--corpus", "coded.bin"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let results = place.results("in-annexa");
    let mut has_some = 0;
    for row in 1..=12 {
        let is_held = records[..6].iter().any(|own| own[1] == records[row - 1][1]);
        let is_coded = results.get(row, "outcome") == "coded";
        let seconds = PREFIXES.map(|prefix| results.get(row, &format!("{prefix}_second_code")));
        if is_held {
            assert_eq!(seconds, [""; 2], "row {row}");
            assert_eq!(
                is_marked(&results, row, "no_second_opinion"),
                is_coded,
                "row {row}"
            );
            let error = results.get(row, "error");
            assert_eq!(
                error.contains("hold this very text"),
                is_coded,
                "row {row}: {error}"
            );
        } else {
            has_some += usize::from(seconds.iter().any(|code| !code.is_empty()));
        }
    }
    assert!(has_some >= 4, "{has_some}");
}

#[test]
fn what_would_be_no_second_opinion_is_refused_at_once_and_all_together() {
    let place = Place::new();
    place.write("in.csv", sample(3));
    place.write("damaged.bin", "no artifact");
    let offline = place.annexa(&["run", "in.csv", "--second-opinion", "precedents"]);
    offline.refused(
        64,
        &["--second-opinion precedents", "its own opinion again"],
    );
    let repeats = [
        "run",
        "in.csv",
        "--second-opinion",
        "sample",
        "--precedents",
        "21",
        "--batch-size",
        "99",
    ];
    place.annexa(&repeats).refused(
        64,
        &[
            "same answer every time",
            "--precedents is 21",
            "reads no examples",
            "--batch-size is 99",
        ],
    );
    let rehearsed = [
        "run",
        "in.csv",
        "--model",
        "rehearsal",
        "--second-opinion",
        "sample",
    ];
    place
        .annexa(&rehearsed)
        .refused(64, &["same answer every time"]);
    let damaged = ["run", "in.csv", "--corpus", "damaged.bin"];
    place
        .annexa(&damaged)
        .refused(64, &["--corpus damaged.bin", "annexa corpus build"]);
    assert!(!place.path("in-annexa").exists(), "nothing was begun");
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(3));
    rehearsal.place.write(
        "coded.bin",
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/precedents.bin")).unwrap(),
    );
    rehearsal
        .run(&["--corpus", "coded.bin"])
        .refused(64, &["--corpus: nothing uses the coded reports"]);
}
