//! `annexa evaluate` on files.

use super::*;
use clap::Parser;
use serde_json::Value;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: EvaluateArgs,
}

const RESULTS: &str = "id,event_type,row,outcome,product_problem_code,product_problem_confidence,product_problem_supporting,patient_problem_code,patient_problem_confidence,patient_problem_supporting\n";
const GOLD: &str = "id,product_problem_codes,patient_problem_codes\n";

/// Files for one evaluation, in a folder that goes with them.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(results: &str, gold: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("results.csv"), results).unwrap();
        std::fs::write(folder.path().join("gold.csv"), gold).unwrap();
        Files { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, more: &[&str]) -> anyhow::Result<String> {
        let files = [
            "evaluate".to_owned(),
            self.path("results.csv"),
            self.path("gold.csv"),
        ];
        let more = more.iter().map(|&arg| arg.to_owned());
        let cli = Cli::try_parse_from(files.into_iter().chain(more))?;
        let mut out = Vec::new();
        assert_eq!(run(&cli.args, &mut out)?, 0);
        Ok(String::from_utf8(out)?)
    }

    fn json(&self, more: &[&str]) -> Value {
        let more: Vec<&str> = more.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.run(&more).unwrap()).unwrap()
    }
}

fn three_rows() -> Files {
    Files::new(
        &format!(
            "{RESULTS}1,Death,1,coded,A040103,0.9,[],E1707,0.8,\"[{{\"\"code\"\":\"\"E2301\"\",\"\"confidence\"\":0.4}}]\"\n\
             2,Injury,2,failed,A24,0.9,[],,,\n\
             9,Injury,3,coded,A24,0.9,[],E2403,0.8,[]\n"
        ),
        &format!("{GOLD}1,A040103,E1707\n2,A24,E2403\n3,A0203,E2403\n"),
    )
}

#[test]
fn json_has_its_fields_and_failed_and_missing_rows_count_as_wrong() {
    let json = three_rows().json(&[]);
    let rows = &json["rows"];
    assert_eq!(
        [
            "gold",
            "results",
            "matched",
            "gold_without_result",
            "results_without_gold"
        ]
        .map(|name| rows[name].as_u64()),
        [3, 3, 2, 1, 1].map(Some)
    );
    assert_eq!(
        rows["outcomes"],
        serde_json::json!({"coded": 1, "failed": 1})
    );
    let product = &json["product"]["overall"];
    assert_eq!(product["primary"]["rows"], 1);
    assert_eq!(
        (&product["rows"], &product["rows_with_gold"]),
        (&3.into(), &3.into())
    );
    // Right, failed (nothing of A24), and a dropped gold code with nothing predicted: an empty union.
    assert_eq!(product["jaccard"], 2.0 / 3.0);
    assert_eq!(json["patient"]["overall"]["jaccard"], (2.0 / 3.0) / 3.0);
    assert_eq!(json["product"]["by_event_type"]["Injury"]["rows"], 1);
    assert_eq!(
        json["product_gold_codes"]["dropped_codes"][0]["code"],
        "A0203"
    );
    assert_eq!(json["threshold"], 0.3);
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "rows",
            "threshold",
            "terms_release",
            "terms_sha256",
            "product",
            "patient",
            "combined",
            "product_gold_codes",
            "patient_gold_codes",
            "predicted_codes_unknown"
        ]
    );
    let names: Vec<&String> = product.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "rows",
            "rows_with_gold",
            "primary",
            "first_four",
            "primary_level1",
            "first_four_level1",
            "jaccard",
            "macro_f1",
            "macro_f1_by_bucket",
            "predicted_only"
        ]
    );
}

#[test]
fn the_text_says_what_was_left_out_dropped_and_assumed() {
    let text = three_rows().run(&[]).unwrap();
    for part in [
        "3 gold rows, 2 with a result, 1 coded, 1 failed",
        "1 gold rows have no result row: they count as wrong",
        "1 result rows have no gold row: they are left out",
        "others with a confidence of at least 0.3",
        "Product problems (Annex A)",
        "Annexes A and E together",
        "event Death",
        "retired A0203 ×1",
        "1 rows lost all and count as wrong",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn the_threshold_decides_what_else_is_predicted() {
    let files = three_rows();
    let strict = files.json(&["--threshold", "0.5"]);
    assert_eq!(strict["patient"]["overall"]["jaccard"], 1.0 / 3.0);
    assert!(files.run(&["--threshold", "2"]).is_err());
}

#[test]
fn repeated_ids_meet_by_row_when_the_files_are_as_long_and_else_in_order() {
    let row = |row: u32, code: &str| format!("1,,{row},coded,{code},0.9,[],,,\n");
    let gold = format!("{GOLD}1,A24,\n1,A25,\n");
    let backwards = Files::new(
        &format!("{RESULTS}{}{}", row(2, "A25"), row(1, "A24")),
        &gold,
    );
    let json = backwards.json(&[]);
    assert_eq!(
        (
            &json["product"]["overall"]["primary"]["rows"],
            &json["rows"]["by_row"]
        ),
        (&2.into(), &true.into())
    );
    let longer = Files::new(
        &format!(
            "{RESULTS}{}{}{}",
            row(2, "A25"),
            row(1, "A24"),
            row(3, "A26")
        ),
        &gold,
    );
    let json = longer.json(&[]);
    assert_eq!(
        (
            &json["product"]["overall"]["primary"]["rows"],
            &json["rows"]["by_row"]
        ),
        (&0.into(), &false.into())
    );
    assert_eq!(json["rows"]["results_without_gold"], 1);
}

#[test]
fn made_lines_are_written_for_every_gold_row() {
    let files = three_rows();
    let made = files.path("made.jsonl");
    files.run(&["--made-out", &made]).unwrap();
    let lines: Vec<Value> = std::fs::read_to_string(&made)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<&str> = lines
        .iter()
        .map(|line| line["idx"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(
        lines[0]["predictions"],
        serde_json::json!(["A04", "A0401", "A040103", "E1707", "E23", "E2301"])
    );
    assert_eq!(
        (&lines[1]["predictions"], &lines[1]["uncertainty"]),
        (&serde_json::json!([]), &1.0.into())
    );
}

#[test]
fn made_out_never_overwrites_what_is_read() {
    let files = three_rows();
    let gold = files.path("gold.csv");
    let error = files.run(&["--made-out", &gold]).unwrap_err().to_string();
    assert!(error.contains("one of the files that are read"), "{error}");
    assert!(std::fs::read_to_string(gold).unwrap().starts_with(GOLD));
}

#[test]
fn results_for_one_problem_give_one_block() {
    let files = Files::new(
        "key,product_problem_code\n1,A24\n",
        "key,product_problem_codes,patient_problem_codes\n1,A24,E2403\n",
    );
    let json = files.json(&["--id-column", "key"]);
    assert_eq!(json["product"]["overall"]["primary"]["share"], 1.0);
    assert_eq!(
        (
            &json["patient"],
            &json["combined"],
            &json["patient_gold_codes"]
        ),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

#[test]
fn own_terms_measure_by_their_own_tree() {
    let files = three_rows();
    let terms = files.path("terms.csv");
    std::fs::write(
        &terms,
        "code,term,parent_code\nA04,x,\nA040103,y,A04\nE23,z,\nE1707,w,E23\n",
    )
    .unwrap();
    let json = files.json(&["--terms", &terms]);
    assert_eq!(json["terms_release"], "terms.csv");
    assert_eq!(json["product"]["overall"]["macro_f1"]["labels"], 2);
    std::fs::write(&terms, "code,name\n").unwrap();
    let cli = Cli::try_parse_from([
        "evaluate",
        &files.path("results.csv"),
        &files.path("gold.csv"),
        "--terms",
        &terms,
    ])
    .unwrap();
    let mut out = Vec::new();
    assert_eq!(run(&cli.args, &mut out).unwrap(), 64);
    assert!(String::from_utf8(out).unwrap().contains("column 'term'"));
}

#[test]
fn files_that_do_not_fit_are_named() {
    let files = Files::new(
        "id,patient_problem_code\n1,E2403\n",
        "id,product_problem_codes\n1,A24\n",
    );
    assert!(
        files
            .run(&[])
            .unwrap_err()
            .to_string()
            .contains("nothing to compare")
    );
    let files = Files::new("id,text\n1,x\n", GOLD);
    let error = format!("{:#}", files.run(&[]).unwrap_err());
    assert!(
        error.contains("results.csv") && error.contains("'product_problem_code' or"),
        "{error}"
    );
}

#[test]
fn what_people_decided_is_gold_and_what_they_marked_is_left_out_and_said() {
    let files = Files::new(
        &format!(
            "{RESULTS}x,Injury,1,coded,A0401,0.9,[],E0506,0.9,[]\nx,Injury,2,coded,A24,0.9,[],E0506,0.9,[]\nx,Injury,3,coded,A24,0.9,[],E0506,0.9,[]\n"
        ),
        "row,id,decision,product_problem_codes,patient_problem_codes,note,reviewer,reviewed_at,product_problem_was,patient_problem_was\n\
         1,x,marked,,,why,eva,2026-01-01T00:00:00Z,A0401,E0506\n\
         2,x,accepted,A24,E0506,,eva,2026-01-01T00:00:00Z,A24,E0506\n\
         3,x,changed,A0401;A24,E0602,,eva,2026-01-01T00:00:00Z,A24,E0506\n",
    );
    let json = files.json(&[]);
    let rows = &json["rows"];
    assert_eq!(
        ["gold", "gold_marked", "matched", "results_without_gold"].map(|name| rows[name].as_u64()),
        [2, 1, 2, 1].map(Some)
    );
    let primary = |problem: &str| json[problem]["overall"]["primary"]["share"].as_f64();
    assert_eq!(
        [primary("product"), primary("patient")],
        [Some(1.0), Some(0.5)]
    );
    let text = files.run(&[]).unwrap();
    assert!(
        text.contains("1 marked rows wait for a person: they are left out"),
        "{text}"
    );
    assert!(
        text.contains("ids repeat: their rows are matched by row number"),
        "{text}"
    );
}
