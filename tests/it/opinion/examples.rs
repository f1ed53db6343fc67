//! Coded reports in the prompt: behind the cached prefix, known to the simulator and to the answer key.

use annexa::adapters::sim_bedrock::Settings;
use annexa::precedents::CodedReports;

use crate::bedrock::place::{MODEL, Rehearsal};
use crate::cli::harness::{nano, sample};

#[test]
fn a_run_with_examples_keeps_one_prefix_pays_anew_and_names_them_in_every_row() {
    let rehearsal = Rehearsal::new(Settings::default());
    rehearsal.place.write("in.csv", sample(120));
    assert_eq!(rehearsal.run(&["--out", "plain"]).code, 0);
    let plain = rehearsal.stats();
    let args = [
        "estimate",
        "in.csv",
        "--model",
        MODEL,
        "--json",
        "--precedents",
        "10",
    ];
    let estimate = rehearsal.place.annexa_with(&rehearsal.variables(), &args);
    let estimate: serde_json::Value = serde_json::from_str(&estimate.out).unwrap();
    let ran = rehearsal.run(&["--precedents", "10"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let (with, summary) = (rehearsal.stats(), rehearsal.summary());
    assert_eq!(estimate["calls"], summary["calls"]);
    assert_eq!(
        estimate["asked_texts"], estimate["distinct_texts"],
        "they are other answers"
    );
    assert_eq!(with.prefixes.len(), plain.prefixes.len() + 1);
    assert!(
        with.prefixes.values().all(|prefix| prefix.writes == 1),
        "byte-identical over all calls"
    );
    // Examples are no reports: the service saw the same texts again and no others, and answered as before.
    assert_eq!(with.distinct_texts, plain.distinct_texts);
    let (plain_rows, rows) = (
        rehearsal.place.results("plain"),
        rehearsal.place.results("in-annexa"),
    );
    for column in ["outcome", "product_problem_code", "patient_problem_code"] {
        assert_eq!(rows.column(column), plain_rows.column(column));
    }
    let word = format!(
        "1+examples-10-{}+",
        CodedReports::builtin().unwrap().short()
    );
    let versions = rows.column("prompt_version");
    assert!(
        versions.iter().all(|version| version.starts_with(&word)),
        "{}",
        versions[0]
    );
    assert!(
        plain_rows
            .column("prompt_version")
            .iter()
            .all(|version| !version.contains("examples"))
    );
    // The estimate's rule includes them: it is nearer to the truth than without.
    let tokens = |input: &serde_json::Value| input["tokens"]["input"].as_u64().unwrap() as f64;
    let taken = summary["total_input_tokens"].as_u64().unwrap() as f64;
    let off = tokens(&estimate) / taken;
    assert!((0.7..1.4).contains(&off), "{off}");
    let total = nano(summary["total_estimated_cost"].as_str().unwrap());
    assert!(total > 0);
}

#[test]
fn both_second_opinions_go_with_examples() {
    for kind in ["precedents", "sample"] {
        let rehearsal = Rehearsal::new(Settings::default());
        rehearsal.place.write("in.csv", sample(30));
        let ran = rehearsal.run(&["--precedents", "3", "--second-opinion", kind]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let results = rehearsal.place.results("in-annexa");
        let seen = super::check_agreements(&results);
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["same"], "{kind}");
        let times = if kind == "sample" { 2 } else { 1 };
        let texts = rehearsal.stats().texts.unwrap();
        assert!(texts.values().all(|asked| *asked == times));
    }
}
