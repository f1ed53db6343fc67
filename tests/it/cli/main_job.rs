//! The main job on a small file: the outputs are those of DESIGN §6, and every file is what the manifest says.

use super::harness::{Place, Results, TEXT, sample, sha256};

/// Ours, in the contract's order, for both problem types.
const OURS: &str = "row,outcome,review,\
    product_problem_code,product_problem_term,product_problem_path,product_problem_confidence,\
    product_problem_evidence,product_problem_rationale,product_problem_supporting,\
    patient_problem_code,patient_problem_term,patient_problem_path,patient_problem_confidence,\
    patient_problem_evidence,patient_problem_rationale,patient_problem_supporting,\
    sufficient_information,text_truncated,answered_by,model,prompt_version,attempts,input_tokens,output_tokens,\
    cache_read_tokens,cache_write_tokens,cost_usd,request_id,error";

#[test]
fn i1_every_row_comes_out_in_order_with_its_own_columns_unchanged() {
    let place = Place::new();
    let input = sample(45);
    let (ran, results) = place.coded(&input, &["--chunk-rows", "7", "--model", "precedents"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut reader = csv::Reader::from_reader(input.as_bytes());
    let header = reader.headers().unwrap().clone();
    assert_eq!(
        &results.header[..header.len()],
        header.iter().collect::<Vec<_>>()
    );
    assert_eq!(results.header[header.len()..].join(","), OURS);
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(results.len(), records.len());
    for (number, record) in records.iter().enumerate() {
        assert_eq!(
            &results.rows[number][..header.len()],
            record.iter().collect::<Vec<_>>()
        );
        assert_eq!(results.get(number + 1, "row"), (number + 1).to_string());
        assert_eq!(results.get(number + 1, "answered_by"), "precedents");
    }
}

#[test]
fn coded_rows_have_code_term_path_confidence_and_evidence_of_their_own_text() {
    let place = Place::new();
    let (_, results) = place.coded(sample(30), &[]);
    for row in 1..=results.len() {
        assert_eq!(results.get(row, "outcome"), "coded");
        let text = results.get(row, "mdr_text");
        for (problem, annexes) in [("product", "A"), ("patient", "EF")] {
            let get = |field: &str| results.get(row, &format!("{problem}_problem_{field}"));
            assert!(
                get("code").starts_with(|c| annexes.contains(c)),
                "{}",
                get("code")
            );
            assert!(get("path").ends_with(get("term")) && !get("term").is_empty());
            assert!((0.0..=1.0).contains(&get("confidence").parse::<f64>().unwrap()));
            assert!(
                text.contains(get("evidence")) && !get("evidence").is_empty(),
                "row {row}"
            );
            assert!(!get("rationale").is_empty());
            let supporting: Vec<serde_json::Value> =
                serde_json::from_str(get("supporting")).unwrap();
            assert!(
                supporting.len() <= 3,
                "at most four entries, the first is primary"
            );
            assert!(supporting.iter().all(|entry| entry["code"] != get("code")));
        }
    }
}

#[test]
fn only_the_asked_problem_type_has_columns() {
    for (asked, other) in [
        ("product", "patient_problem_"),
        ("patient", "product_problem_"),
    ] {
        let place = Place::new();
        let (ran, results) = place.coded(sample(3), &["--problem", asked]);
        assert_eq!(ran.code, 0);
        assert!(!results.header.iter().any(|name| name.starts_with(other)));
        assert!(!results.get(1, &format!("{asked}_problem_code")).is_empty());
    }
}

#[test]
fn the_summary_balances_and_counts_what_the_rows_say() {
    let place = Place::new();
    let (ran, results) = place.coded(format!("id,mdr_text\n1,{TEXT}\n2,\n3\n4,{TEXT}\n"), &[]);
    assert_eq!(ran.code, 3);
    let summary = place.json("in-annexa/summary.json");
    assert_eq!(summary["status"], "COMPLETED_WITH_ERRORS");
    assert_eq!(summary["total_records"], 4);
    for (outcome, rows) in [
        ("coded", 2),
        ("insufficient", 0),
        ("empty", 1),
        ("failed", 1),
    ] {
        assert_eq!(summary["outcomes"][outcome], rows, "{outcome}");
        let found = results
            .column("outcome")
            .iter()
            .filter(|o| **o == outcome)
            .count();
        assert_eq!(found, rows);
    }
    let balance = &summary["balance"];
    assert_eq!(
        (&balance["rows_in"], &balance["rows_out"]),
        (&4.into(), &4.into())
    );
    assert_eq!(balance["balances"], true);
    assert_eq!(summary["partial"], false);
    assert_eq!(
        summary["errors"]["id_or_text_missing"]["first_rows"],
        serde_json::json!([3])
    );
    assert_eq!(summary["code_distribution"]["patient"][0]["rows"], 2);
}

#[test]
fn the_manifest_has_the_digest_of_every_file_and_nothing_else_is_there() {
    let place = Place::new();
    let input = sample(25);
    place.coded(&input, &["--chunk-rows", "10"]);
    let manifest = place.json("in-annexa/manifest.json");
    assert_eq!(manifest["input"]["sha256"], sha256(input.as_bytes()));
    assert_eq!(manifest["input"]["bytes"], input.len());
    let mut files = place.files("in-annexa");
    for entry in ["outputs", "chunks"]
        .iter()
        .flat_map(|list| manifest[list].as_array().unwrap())
    {
        let name = entry["name"].as_str().unwrap();
        let digest = files
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(entry["sha256"], digest, "{name}");
        assert_eq!(
            entry["bytes"],
            place.read(&format!("in-annexa/{name}")).len(),
            "{name}"
        );
    }
    files.retain(|name, _| !name.starts_with("_annexa/"));
    assert_eq!(
        files.into_keys().collect::<Vec<_>>(),
        ["job.json", "manifest.json"]
    );
    assert!(
        !place.path("in-annexa/_work").exists(),
        "workers' files are removed, and their folder with them"
    );
}

#[test]
fn the_chunk_files_together_are_the_results() {
    let place = Place::new();
    let (_, results) = place.coded(sample(25), &["--chunk-rows", "10"]);
    let mut rows = Vec::new();
    for chunk in 0..3 {
        let chunk = Results::read(&place.path(&format!("in-annexa/chunks/{chunk:08}.csv")));
        assert_eq!(chunk.header, results.header);
        rows.extend(chunk.rows);
    }
    assert_eq!(rows, results.rows);
}

#[test]
fn failures_csv_has_exactly_the_failed_rows() {
    let place = Place::new();
    let (_, results) = place.coded(format!("id,mdr_text\n1,{TEXT}\n2\n3,{TEXT}\n4\n"), &[]);
    let failures = Results::read(&place.path("in-annexa/failures.csv"));
    assert_eq!(failures.header, results.header);
    assert_eq!(
        failures.rows,
        [results.rows[1].clone(), results.rows[3].clone()]
    );
}

#[test]
fn outputs_are_utf8_with_commas_and_line_feeds_and_without_byte_order_mark() {
    let place = Place::new();
    let input = "\u{feff}id;mdr_text;r\u{e9}sum\u{e9}\r\n1;\"M\u{fc}ller, A \"\"B\"\"\r\nSTROKE\";x\r\n2;STROKE;y\r\n";
    let (_, results) = place.coded(input, &[]);
    let bytes = std::fs::read(place.path("in-annexa/results.csv")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.starts_with("id,mdr_text,r\u{e9}sum\u{e9},row,outcome"),
        "no mark, commas"
    );
    // The line ending inside the quoted field is the report's own and stays as it is.
    assert_eq!(text.matches('\r').count(), 1);
    assert!(text.ends_with('\n'));
    assert_eq!(results.get(1, "mdr_text"), "M\u{fc}ller, A \"B\"\r\nSTROKE");
}

#[test]
fn the_report_escapes_what_comes_from_the_input() {
    let place = Place::new();
    let markup = "<script>alert(1)</script>";
    // In a text, in an id, in a failed row, in a column's name that a message repeats, and in the file's name.
    place.write(
        "<b>.csv",
        format!("id,mdr_text,\"{markup}\"\n1,{markup} STROKE,n\n{markup}\n"),
    );
    let ran = place.annexa(&["run", "<b>.csv", "--out", "out"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let report = place.read("out/report.html").to_lowercase();
    let markup_in = |page: &str| page.matches("<script").count() != 1 || page.contains("<b>");
    assert!(
        !markup_in(&report) && !report.contains(markup),
        "only the page's own script is one: {report}"
    );
    assert!(report.contains("&lt;b&gt;.csv"));
    assert!(
        !report.contains("http://") && !report.contains("https://"),
        "the page needs no network"
    );
}

#[test]
fn the_same_file_gives_the_same_bytes_however_it_is_cut_and_however_many_work() {
    let place = Place::new();
    place.write("in.csv", sample(40));
    let one = place.annexa(&[
        "run",
        "in.csv",
        "--out",
        "one",
        "--chunk-rows",
        "3",
        "--max-workers",
        "1",
    ]);
    let other = place.annexa(&[
        "run",
        "in.csv",
        "--out",
        "other",
        "--chunk-rows",
        "100",
        "--batch-size",
        "10",
    ]);
    assert_eq!((one.code, other.code), (0, 0));
    place.results("one").assert_equal(&place.results("other"));
}

#[test]
fn json_prints_the_summary_and_nothing_else_on_stdout() {
    let place = Place::new();
    place.write("in.csv", sample(5));
    for _ in 0..2 {
        let ran = place.annexa(&["run", "in.csv", "--json"]);
        assert_eq!(ran.code, 0);
        assert_eq!(ran.out, place.read("in-annexa/summary.json"));
    }
}

#[test]
fn the_closing_table_counts_outcomes_and_names_files_that_are_there() {
    let place = Place::new();
    let (ran, _) = place.coded(format!("id,mdr_text\n1,{TEXT}\n2,\n3\n"), &[]);
    for line in [
        "1  coded",
        "0  insufficient",
        "1  empty",
        "1  failed",
        "3  all",
        "0.000000000  US dollars",
    ] {
        assert!(ran.out.contains(line), "'{line}' in: {}", ran.out);
    }
    assert!(
        ran.out.contains("E0133 Stroke/CVA") && ran.out.contains(TEXT),
        "rows are shown: {}",
        ran.out
    );
    for name in ["results.csv", "failures.csv", "summary.json", "report.html"] {
        let named = ran
            .out
            .lines()
            .find(|line| line.contains(name))
            .expect(name);
        let file = named.split_whitespace().last().unwrap();
        assert!(place.path(file).exists(), "{named}");
    }
}

#[test]
fn rows_are_shown_also_where_the_input_has_columns_of_our_names() {
    let place = Place::new();
    let (ran, _) = place.coded(format!("id,mdr_text,outcome,row\n1,{TEXT},fatal,77\n"), &[]);
    assert!(
        ran.out.contains("row 1\n") && ran.out.contains("E0133 Stroke/CVA"),
        "{}",
        ran.out
    );
}
