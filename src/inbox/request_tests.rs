use serde_json::json;

use super::*;

fn read(value: Value) -> (JobRequest, Vec<String>) {
    JobRequest::parse(value.to_string().as_bytes())
}

#[test]
fn the_guides_payload_is_read_as_it_is() {
    let payload = include_bytes!("../../tests/data/guide_payload.json");
    let (request, problems) = JobRequest::parse(payload);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(request.input_bucket.as_deref(), Some("fda-reports"));
    assert_eq!(
        request.input_key.as_deref(),
        Some("incoming/maude_2024_q1.csv")
    );
    assert_eq!(request.output_bucket.as_deref(), Some("fda-results"));
    assert_eq!(request.output_prefix.as_deref(), Some("imdrf/2024_q1/"));
    assert_eq!(
        request.model_id.as_deref(),
        Some("anthropic.claude-3-5-sonnet-20240620-v1:0")
    );
    assert_eq!(request.problem_type, Some(ProblemType::Product));
    assert_eq!(
        (request.batch_size, request.max_workers),
        (Some(1), Some(5))
    );
    assert_eq!(request.rate_limit, Some(5.0));
    assert_eq!(
        request.terms(),
        Some(BlobRef::new("fda-reports", "terms/imdrf_terms.csv"))
    );
}

#[test]
fn numbers_may_stand_as_texts_and_null_says_nothing() {
    let (request, problems) = read(json!({
        "batch_size": "4", "max_workers": 8.0, "rate_limit": "2.5", "max_cost_usd": 12.5, "problem_type": "Both",
        "output_prefix": "", "tokens_per_minute": null, "second_opinion": null, "precedents": false,
    }));
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        (request.batch_size, request.max_workers),
        (Some(4), Some(8))
    );
    assert_eq!(request.rate_limit, Some(2.5));
    assert_eq!(request.max_cost_usd, Some(NanoUsd(12_500_000_000)));
    assert_eq!(request.problem_type, Some(ProblemType::Both));
    assert_eq!(request.output_prefix, None);
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_what_is_right_is_kept() {
    let (request, problems) = read(json!({
        "input_bucket": "s3://reports/", "input_key": "a.csv", "batchsize": 2, "problem_type": "device",
        "batch_size": 11, "max_workers": 0, "rate_limit": -1, "max_cost_usd": "lots", "review_below": 2,
        "encoding": "klingon", "imdrf_key": "terms.csv", "second_opinion": true, "precedents": {"k": 3},
        "output_bucket": ["b"], "chunk_rows": 1.5,
    }));
    assert_eq!(request.input_key.as_deref(), Some("a.csv"));
    let expected = [
        "unknown field 'batchsize': 'batch_size' may be meant",
        "input_bucket is an address or a path: the bucket's name alone is expected",
        "output_bucket is a list: a text expected",
        "problem_type is 'device': product, patient or both expected",
        "batch_size is 11: 1 to 10 reports a call expected",
        "max_workers is 0: 1 to 10000 calls in flight expected",
        "rate_limit is -1: a positive number of calls a second expected",
        "chunk_rows is 1.5: 1 to 10000 rows a chunk expected",
        "encoding is 'klingon': a label such as utf-8 or windows-1252 expected",
        "max_cost_usd is 'lots': US dollars, such as 12.50 expected",
        "review_below is 2: a confidence from 0 to 1 expected",
        "second_opinion is true: precedents or sample expected",
        "precedents is an object: 0 to 20 examples a report expected",
        "imdrf_bucket and imdrf_key belong together: give both or neither",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn i10_what_was_sent_by_mistake_is_not_quoted_at_length() {
    let report = "PATIENT JANE DOE ".repeat(20);
    let (_, problems) =
        read(json!({ "input_key": [report], "encoding": report, "mdr_text": report }));
    let said = problems.join("\n");
    assert_eq!(problems.len(), 3, "{said}");
    assert!(!said.contains(&report[..80]), "{said}");
    let (_, problems) = JobRequest::parse(format!("{{\"a\": {report}").as_bytes());
    assert_eq!(
        problems,
        ["the spec is not JSON (line 1, column 7): correct it there"]
    );
}

#[test]
fn a_spec_has_every_field_of_the_contract_and_no_other() {
    let design = [
        "input_bucket",
        "input_key",
        "output_bucket",
        "output_prefix",
        "model_id",
        "problem_type",
        "batch_size",
        "max_workers",
        "rate_limit",
        "imdrf_bucket",
        "imdrf_key",
        "tokens_per_minute",
        "chunk_rows",
        "id_column",
        "text_column",
        "encoding",
        "max_text_chars",
        "max_cost_usd",
        "review_below",
        "second_opinion",
        "precedents",
    ];
    for name in design {
        assert!(FIELDS.contains(&name), "{name}");
        // Each is read, not only known: nothing of the wrong kind passes.
        let (_, problems) = read(json!({ name: [1] }));
        assert!(
            problems.iter().any(|p| p.starts_with(name)),
            "{name}: {problems:?}"
        );
    }
    let others: Vec<&&str> = FIELDS
        .iter()
        .filter(|name| !design.contains(name))
        .collect();
    assert_eq!(
        others,
        [
            &"requests_per_minute",
            &"corpus_bucket",
            &"corpus_key",
            &"formats",
            &"no_text"
        ]
    );
}

#[test]
fn second_opinions_examples_and_coded_reports_are_read() {
    let (request, problems) = read(json!({
        "second_opinion": "Sample", "precedents": "10", "corpus_bucket": "ours", "corpus_key": "coded.bin",
    }));
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(request.second_opinion, Some(SecondOpinion::Sample));
    assert_eq!(request.precedents, Some(10));
    assert_eq!(request.corpus(), Some(BlobRef::new("ours", "coded.bin")));
    let (_, problems) =
        read(json!({ "second_opinion": "both", "precedents": 21, "corpus_key": "coded.bin" }));
    let expected = [
        "second_opinion is 'both': precedents or sample expected",
        "precedents is 21: 0 to 20 examples a report expected",
        "corpus_bucket and corpus_key belong together: give both or neither",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn formats_are_a_list_or_one_text_and_what_is_none_is_named() {
    use crate::core::format::Format;
    let both = std::collections::BTreeSet::from([Format::Parquet, Format::Jsonl]);
    for said in [
        json!(["jsonl", "Parquet", "jsonl"]),
        json!("parquet, jsonl,"),
    ] {
        let (request, problems) = read(json!({ "formats": said }));
        assert_eq!(
            (request.formats, problems),
            (Some(both.clone()), Vec::new())
        );
    }
    let (request, problems) = read(json!({ "formats": ["parquet", "xlsx"] }));
    let due = "formats is 'xlsx': parquet, jsonl or spreadsheet expected";
    assert_eq!((request.formats, problems), (None, vec![due.to_string()]));
    let (_, problems) = read(json!({ "formats": 7 }));
    assert_eq!(
        problems,
        ["formats is 7: a list of parquet, jsonl or spreadsheet expected"]
    );
}
