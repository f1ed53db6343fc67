//! A user's own coded reports: from a file or from a review to an artifact that a run takes as its offline model.

use crate::cli::harness::{Place, sample};

const TEN: &str = "\
id,mdr_text,product_problem_codes,patient_problem_codes
1,THE INSULIN PUMP STOPPED DELIVERING AND THE PATIENT HAD HIGH GLUCOSE,A1201,E1205
2,THE INSULIN PUMP STOPPED AND ALARMED,A1201,
3,PUMP STOPPED DELIVERING INSULIN. PATIENT WAS HOSPITALIZED,A1201;A0904,E1205;F08
4,THE CATHETER TIP BROKE OFF INSIDE THE VESSEL,A0401,E0101
5,CATHETER TIP BROKE DURING REMOVAL,A0401,
6,A PIECE OF THE CATHETER BROKE OFF AND WAS LEFT IN THE VESSEL,A0401,
7,THE SCREEN OF THE PUMP WAS BLANK,A0902,
8,BLANK SCREEN ON THE PUMP,A0902,
9,,A0902,
10,NO CODES HERE,,
";

fn first_codes(place: &Place, text: &str, flags: &[&str]) -> (String, String, String) {
    place.write("in.csv", format!("id,mdr_text\nx,{text}\n"));
    let args = [&["run", "in.csv", "--corpus", "own.bin"], flags].concat();
    let ran = place.annexa(&args);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let results = place.results("in-annexa");
    let get = |column: &str| results.get(1, column).to_string();
    (
        get("product_problem_code"),
        get("prompt_version"),
        get("product_problem_rationale"),
    )
}

#[test]
fn ten_reports_of_ones_own_are_an_offline_model() {
    let place = Place::new();
    place.write("coded.csv", TEN);
    let built = place.annexa(&["corpus", "build", "coded.csv", "--out", "own.bin"]);
    assert_eq!(built.code, 0, "{}", built.err);
    assert!(
        built
            .out
            .contains("8 reports; left out: 2 without text or codes, 0 codes"),
        "{}",
        built.out
    );
    let (code, version, _) = first_codes(
        &place,
        "THE TIP OF THE CATHETER BROKE OFF IN THE VESSEL",
        &[],
    );
    assert_eq!(code, "A0401");
    assert!(version.starts_with("precedents-"), "{version}");
    let (code, other, _) = first_codes(&place, "THE PUMP SCREEN WAS BLANK", &["--again"]);
    assert_eq!((code.as_str(), other), ("A0902", version));
    // The rest of the contract holds for it: a damaged artifact ends with a reason, before any work.
    let mut bytes = std::fs::read(place.path("own.bin")).unwrap();
    bytes[60] ^= 1;
    place.write("own.bin", bytes);
    let args = ["run", "in.csv", "--corpus", "own.bin", "--out", "other"];
    place
        .annexa(&args)
        .refused(64, &["--corpus own.bin", "damaged at byte"]);
}

#[test]
fn codes_that_are_not_in_the_terms_are_all_named_by_row_or_dropped() {
    let place = Place::new();
    let coded = "id,text,product_codes\n\
        1,THE PUMP STOPPED,A0401;XX1\n2,THE PUMP STOPPED AGAIN,E2006\n3,THE PUMP BROKE,a0401\n";
    place.write("coded.csv", coded);
    let build = ["corpus", "build", "coded.csv", "--out", "own.bin"];
    let refused = place.annexa(&build);
    assert_ne!(refused.code, 0);
    for said in [
        "row 1: product code 'XX1' is not in the terms",
        "row 2: product code 'E2006' is of another annex",
        "--drop-unknown",
    ] {
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    assert!(!place.path("own.bin").exists());
    let built = place.annexa(&[&build[..], &["--drop-unknown"]].concat());
    assert_eq!(built.code, 0, "{}", built.err);
    assert!(
        built
            .out
            .contains("2 reports; left out: 1 without text or codes, 2 codes"),
        "{}",
        built.out
    );
    let (code, version, rationale) =
        first_codes(&place, "A PUMP THAT STOPPED", &["--problem", "product"]);
    assert_eq!(code, "A0401");
    let bytes = std::fs::read(place.path("own.bin")).unwrap();
    let digest = crate::cli::harness::sha256(&bytes);
    assert_eq!(version, format!("precedents-{}", &digest[..8]));
    assert!(rationale.contains("nearest coded reports"), "{rationale}");
    let both = place.annexa(&["run", "in.csv", "--corpus", "own.bin", "--out", "both"]);
    both.refused(64, &["--corpus: the coded reports have no patient code"]);
}

const REVIEWED: &str = "row,id,decision,product_problem_codes,patient_problem_codes,note,reviewer,reviewed_at,product_problem_was,patient_problem_was\n";
const LEARN: [&str; 8] = [
    "corpus",
    "build",
    "--reports",
    "in-annexa/results.csv",
    "--gold",
    "reviewed.csv",
    "--out",
    "own.bin",
];

fn decision(row: usize, id: &str, decision: &str, codes: &str) -> String {
    format!("{row},{id},{decision},{codes},,me,2026-01-01T00:00:00Z,A01,E2403\n")
}

#[test]
fn what_a_reviewer_accepted_or_changed_is_learnt_and_what_he_marked_is_not() {
    let place = Place::new();
    place.write("in.csv", sample(40));
    assert_eq!(place.annexa(&["run", "in.csv"]).code, 0);
    let results = place.results("in-annexa");
    let mut reviewed = String::from(REVIEWED);
    for row in 1..=20 {
        let (verdict, codes) = match row {
            1..=9 => ("accepted", "A0401,E2006"),
            10..=15 => ("changed", "A1201;A0401,F02"),
            _ => ("marked", ","),
        };
        reviewed.push_str(&decision(row, results.get(row, "id"), verdict, codes));
    }
    place.write("reviewed.csv", &reviewed);
    let built = place.annexa(&LEARN);
    assert_eq!(built.code, 0, "{}", built.err);
    assert!(built.out.contains("artifact  15 reports"), "{}", built.out);
    std::fs::remove_file(place.path("own.bin")).unwrap();
    // A decision about a row that the results do not have, or that is of another report there: the wrong file was given.
    for (row, id) in [(41, results.get(1, "id")), (21, results.get(22, "id"))] {
        let wrong = format!("{reviewed}{}", decision(row, id, "accepted", "A0401,"));
        place.write("reviewed.csv", wrong);
        let refused = place.annexa(&LEARN);
        assert_ne!(refused.code, 0);
        let said = format!("about row {row}, and in-annexa/results.csv has no such row");
        assert!(refused.err.contains(&said), "{}", refused.err);
    }
    // What is no decision is no gold.
    let unknown = decision(21, results.get(21, "id"), "declined", "A0401,");
    place.write("reviewed.csv", format!("{reviewed}{unknown}"));
    for args in [&LEARN[..], &["evaluate", LEARN[3], "reviewed.csv"]] {
        let refused = place.annexa(args);
        assert_ne!(refused.code, 0);
        assert!(
            refused.err.contains("row 21, column 'decision'"),
            "{}",
            refused.err
        );
    }
    assert!(!place.path("own.bin").exists());
}

#[test]
fn decisions_are_learnt_of_the_rows_and_the_results_that_they_are_about() {
    let place = Place::new();
    // A column of the input that is called as ours would be.
    let input = sample(12).replacen("mdr_text", "mdr_text,annexa_row", 1);
    let mut with_column = String::new();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(input.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (number, record) in reader.records().enumerate() {
        let mut fields: Vec<String> = record.unwrap().iter().map(str::to_string).collect();
        if number > 0 {
            // Of another row.
            fields.insert(2, (13 - number).to_string());
        }
        writer.write_record(&fields).unwrap();
    }
    with_column.push_str(&String::from_utf8(writer.into_inner().unwrap()).unwrap());
    place.write("in.csv", with_column);
    assert_eq!(place.annexa(&["run", "in.csv"]).code, 0);
    let results = place.results("in-annexa");
    let rows = 1..=5;
    let decisions =
        rows.map(|row| decision(row, results.get(row, "id"), "accepted", "A0401,E2006"));
    place.write(
        "reviewed.csv",
        format!("{REVIEWED}{}", decisions.collect::<String>()),
    );
    let built = place.annexa(&LEARN);
    assert_eq!(built.code, 0, "{}", built.err);
    assert!(built.out.contains("artifact  5 reports"), "{}", built.out);
    let of_folder = std::fs::read(place.path("own.bin")).unwrap();
    // The same from a copy that lies beside nothing.
    place.write("copy.csv", place.read("in-annexa/results.csv"));
    let mut of_copy = LEARN;
    of_copy[3] = "copy.csv";
    assert_eq!(place.annexa(&of_copy).code, 0);
    assert!(std::fs::read(place.path("own.bin")).unwrap() == of_folder);
    // Decisions that were noted of other results.
    let pin = serde_json::json!({
        "schema_version": 1, "job_id": "job-of-others", "results": "results.csv", "results_sha256": "00",
    });
    place.write("reviewed.json", pin.to_string());
    let refused = place.annexa(&LEARN);
    assert_ne!(refused.code, 0);
    assert!(
        refused.err.contains("are about other results"),
        "{}",
        refused.err
    );
}

#[test]
fn i10_the_first_report_of_a_file_without_a_header_is_not_shown() {
    let place = Place::new();
    place.write(
        "coded.csv",
        "1,The patient Jane Roe died. The pump had stopped.,A0401\n2,The pump of Jane Roe broke.,A0401\n",
    );
    place.write(
        "gold.csv",
        "id,product_problem_codes,patient_problem_codes\n1,A0401,\n",
    );
    for args in [
        &["coded.csv"][..],
        &["--reports", "coded.csv", "--gold", "gold.csv"],
        &["--reports", "coded.csv", "--gold", "coded.csv"],
        &["--corpus", "coded.csv"],
    ] {
        let refused = place.annexa(&[&["corpus", "build", "--out", "own.bin"], args].concat());
        assert_ne!(refused.code, 0);
        assert!(!refused.err.contains("Jane"), "{}", refused.err);
        assert!(
            refused.err.contains("3 values that look like data"),
            "{}",
            refused.err
        );
    }
}
