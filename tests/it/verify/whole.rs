//! Folders as jobs leave them.

use annexa::adapters::sim_bedrock::Settings;

use super::{failed, fix_manifest, verdicts};
use crate::cli::harness::{Place, TEXT, nano, sample, sample_with};
use crate::cli::process::Rehearsal;

#[test]
fn an_untouched_folder_passes_every_check() {
    let place = Place::new();
    place.coded(sample(30), &["--chunk-rows", "7", "--format", "jsonl"]);
    let ran = place.annexa(&["verify", "in-annexa"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let is_told = |line: &str| line.starts_with("ok ");
    assert_eq!(
        ran.out.lines().filter(|line| is_told(line)).count(),
        18,
        "{}",
        ran.out
    );
    for part in [
        "30 rows, 1 to 30, each once",
        "7 columns of 30 rows",
        "results.jsonl hold",
    ] {
        assert!(ran.out.contains(part), "'{part}' in: {}", ran.out);
    }
    assert!(
        ran.out.ends_with("in-annexa: all that was checked holds\n"),
        "{}",
        ran.out
    );
}

#[test]
fn odd_inputs_pass_every_check_too() {
    for (input, flags) in [
        // Broken, ragged, repeated, empty, packed in other dialects.
        (
            format!(
                "id,mdr_text\n1,{TEXT}\n2\n3,\n,{TEXT},more\nid,mdr_text\n\"6,{TEXT}\n7,{TEXT}\n"
            ),
            &["--chunk-rows", "2"][..],
        ),
        (
            format!("\u{feff}id;mdr_text;row\r\n1;\"{TEXT}\r\n\"\"a\"\"\";x\r\n"),
            &["--problem", "product"],
        ),
        (
            "id,mdr_text\n".to_string(),
            &["--format", "parquet,jsonl,spreadsheet"],
        ),
    ] {
        let place = Place::new();
        place.coded(&input, flags);
        let (code, checks) = verdicts(&place, &["in-annexa"]);
        assert_eq!(code, 0, "{input}: {:?} {checks:#?}", failed(&checks));
        assert_eq!(checks["input_columns"]["verdict"], "ok", "{input}");
    }
}

#[test]
fn what_a_person_put_into_the_folder_is_no_finding_and_is_said() {
    let place = Place::new();
    place.coded(sample(3), &[]);
    place.write("in-annexa/notes.txt", "mine");
    for name in ["reviewed.csv", "reviewed.history.csv", "reviewed.json"] {
        place.write(&format!("in-annexa/{name}"), "row\n");
    }
    for args in [
        &["report", "in-annexa"][..],
        &["report", "in-annexa", "--no-text"],
    ] {
        assert_eq!(place.annexa(args).code, 0);
    }
    assert_eq!(
        place
            .annexa(&["export", "in-annexa", "--format", "parquet"])
            .code,
        0
    );
    let (code, checks) = verdicts(&place, &["in-annexa"]);
    assert_eq!(code, 0, "{checks:#?}");
    let said = checks["nothing_else"]["said"].as_str().unwrap();
    assert!(said.starts_with("1 files that are no output"), "{said}");
    // An export is compared with the results, though no manifest names it.
    assert!(
        checks["forms"]["said"]
            .as_str()
            .unwrap()
            .contains("results.parquet")
    );
}

#[test]
fn an_input_that_is_not_there_any_more_is_said_and_no_finding() {
    let place = Place::new();
    place.coded(sample(3), &[]);
    std::fs::rename(place.path("in.csv"), place.path("moved.csv")).unwrap();
    let (code, checks) = verdicts(&place, &["in-annexa"]);
    assert_eq!(code, 0);
    assert_eq!(checks["input"]["verdict"], "not_checked");
    assert_eq!(checks["input_columns"]["verdict"], "not_checked");
    let ran = place.annexa(&["verify", "in-annexa"]);
    let last = "in-annexa: all that was checked holds; 2 of 18 checks were not made\n";
    assert!(ran.out.ends_with(last), "{}", ran.out);
    let ran = place.annexa(&["verify", "in-annexa", "--strict"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(
        ran.out.contains("NOT all could be checked; 2 of 18"),
        "{}",
        ran.out
    );
    let ran = place.annexa(&["verify", "in-annexa", "--strict", "--input", "moved.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let (code, checks) = verdicts(&place, &["in-annexa", "--input", "moved.csv"]);
    assert_eq!((code, &checks["input"]["verdict"]), (0, &"ok".into()));
    place.write("in.csv", "id,mdr_text\n");
    let (code, checks) = verdicts(&place, &["in-annexa"]);
    assert_eq!(
        (code, &checks["input"]["verdict"]),
        (0, &"not_checked".into())
    );
    let (code, checks) = verdicts(&place, &["in-annexa", "--input", "in.csv"]);
    assert_eq!(
        code, 1,
        "a file that is named has to be the one: {checks:#?}"
    );
}

#[test]
fn a_jobs_own_terms_are_asked_for() {
    let place = Place::new();
    let builtin = annexa::terms::TermTable::builtin();
    let mut terms = String::from("code,term\n");
    for term in builtin
        .terms()
        .iter()
        .filter(|term| ['A', 'E', 'F'].contains(&term.annex()))
    {
        terms.push_str(&format!(
            "{},\"{}\"\n",
            term.code(),
            term.term().replace('"', "\"\"")
        ));
    }
    place.write("terms.csv", terms);
    place.coded(sample(3), &["--terms", "terms.csv"]);
    let (code, checks) = verdicts(&place, &["in-annexa"]);
    assert_eq!(
        (code, &checks["codes"]["verdict"]),
        (0, &"not_checked".into())
    );
    let (code, checks) = verdicts(&place, &["in-annexa", "--terms", "terms.csv"]);
    assert_eq!(
        (code, &checks["codes"]["verdict"]),
        (0, &"ok".into()),
        "{checks:#?}"
    );
}

#[test]
fn where_there_is_nothing_to_check_the_exit_code_is_64() {
    let place = Place::new();
    place.write("in.csv", "id,mdr_text\n");
    place
        .annexa(&["verify", "none"])
        .refused(64, &["is no folder"]);
    place
        .annexa(&["verify", "."])
        .refused(64, &["holds no outputs"]);
    place
        .annexa(&["verify", "s3:///x"])
        .refused(64, &["s3://BUCKET/PREFIX/ expected"]);
    place.coded(sample(2), &[]);
    for name in ["manifest.json", "summary.json"] {
        std::fs::remove_file(place.path("in-annexa").join(name)).unwrap();
    }
    place
        .annexa(&["verify", "in-annexa"])
        .refused(64, &["has not ended"]);
    place
        .annexa(&["verify", "in-annexa", "--input", "no.csv"])
        .refused(64, &["--input no.csv"]);
}

#[test]
fn ten_problems_of_a_kind_are_told_and_the_rest_counted() {
    let place = Place::new();
    place.coded(sample(30), &[]);
    super::edit_rows(&place, "results.csv", |results| {
        let at = results
            .header
            .iter()
            .position(|name| name == "text_truncated")
            .unwrap();
        results
            .rows
            .iter_mut()
            .for_each(|row| row[at] = "perhaps".into());
    });
    fix_manifest(&place);
    let (_, checks) = verdicts(&place, &["in-annexa"]);
    let outcomes = &checks["outcomes"];
    assert_eq!(outcomes["problems"].as_array().unwrap().len(), 10);
    assert_eq!(outcomes["problem_count"], 30);
    let ran = place.annexa(&["verify", "in-annexa"]);
    assert!(ran.out.contains("and 20 more"), "{}", ran.out);
}

#[test]
fn answers_that_were_paid_once_and_used_again_add_up() {
    let place = Place::new();
    // Every text three times.
    place.write(
        "in.csv",
        sample_with(24, |number, fields| {
            fields[1] = format!("{TEXT} {}", number % 8)
        }),
    );
    let model = Rehearsal {
        latency_ms: 0,
        log: "log",
    };
    let ran = model.run(
        &place,
        &["in.csv", "--chunk-rows", "5", "--format", "parquet"],
    );
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let summary = place.json("in-annexa/summary.json");
    assert!(
        summary["paid_answers_reused"].as_u64().unwrap() > 0,
        "{summary}"
    );
    let (code, checks) = verdicts(&place, &["in-annexa"]);
    assert_eq!(code, 0, "{checks:#?}");
    super::edit_json(&place, "summary.json", |summary| {
        summary["paid_answers_reused"] = 0.into()
    });
    fix_manifest(&place);
    let (_, checks) = verdicts(&place, &["in-annexa"]);
    assert_eq!(failed(&checks), ["counts"]);
}

#[test]
fn what_a_paid_job_cost_adds_up_to_the_nano_dollar() {
    let rehearsal = crate::bedrock::place::Rehearsal::new(Settings::default());
    let place = &rehearsal.place;
    place.write("in.csv", sample(40));
    let ran = rehearsal.run(&["--chunk-rows", "9"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let cost = rehearsal.summary()["total_estimated_cost"].clone();
    assert_ne!(cost, "0.000000000");
    let (code, checks) = verdicts(place, &["in-annexa"]);
    assert_eq!(code, 0, "{checks:#?}");
    let said = checks["cost"]["said"].as_str().unwrap();
    assert!(said.starts_with(cost.as_str().unwrap()), "{said}");
    // One nano-dollar from one row to nobody.
    let results = place.results("in-annexa");
    let row = (1..=9)
        .find(|row| nano(results.get(*row, "cost_usd")) > 0)
        .unwrap();
    let less = nano(results.get(row, "cost_usd")) - 1;
    let less = format!("{}.{:09}", less / 1_000_000_000, less % 1_000_000_000);
    super::set_cell(place, row, 0, "cost_usd", &less);
    fix_manifest(place);
    let (_, checks) = verdicts(place, &["in-annexa"]);
    assert_eq!(failed(&checks), ["cost"]);
}

#[test]
fn of_a_stopped_job_what_holds_of_its_partial_files_is_checked() {
    let place = Place::new();
    place.write("in.csv", sample(60));
    let model = Rehearsal {
        latency_ms: 100,
        log: "log",
    };
    let args = [
        "in.csv",
        "--chunk-rows",
        "2",
        "--batch-size",
        "1",
        "--max-workers",
        "2",
        "--format",
        "parquet,jsonl,spreadsheet",
    ];
    let mut running = model.start(&place, &args);
    running.wait_until("a committed chunk", || model.asked(&place).len() > 15);
    std::fs::rename(place.path("in.csv"), place.path("gone.csv")).unwrap();
    let ran = running.end();
    assert_eq!(ran.code, 1, "{}{}", ran.err, ran.out);
    for form in ["parquet", "jsonl", "spreadsheet.csv"] {
        assert!(
            place
                .path("in-annexa")
                .join(format!("results.partial.{form}"))
                .exists()
        );
        assert!(
            !place
                .path("in-annexa")
                .join(format!("results.{form}"))
                .exists()
        );
    }
    std::fs::rename(place.path("gone.csv"), place.path("in.csv")).unwrap();
    let args = ["in-annexa", "--input", "in.csv"];
    let (code, checks) = verdicts(&place, &args);
    assert_eq!(code, 0, "{checks:#?}");
    for check in ["row_order", "chunk_rows", "codes", "forms", "outputs"] {
        assert_eq!(checks[check]["verdict"], "ok", "{checks:#?}");
    }
    let ran = place.annexa(&["verify", "in-annexa"]);
    assert!(ran.out.contains("of a job that was stopped"), "{}", ran.out);
    super::edit_rows(&place, "results.partial.csv", |results| {
        results.rows.swap(0, 1)
    });
    fix_manifest(&place);
    let (code, checks) = verdicts(&place, &args);
    assert_eq!(code, 1);
    assert!(failed(&checks).contains(&"row_order"), "{checks:#?}");
}
