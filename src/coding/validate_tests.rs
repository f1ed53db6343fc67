//! What is accepted and what is not, one promise a test.

use serde_json::json;

use super::*;

const TEXT: &str = "THE TIP  OF THE CATHETER BROKE & WAS LEFT.";

fn entry(code: &str) -> Value {
    json!({"code": code, "confidence": 0.5, "evidence": "tip of the catheter", "rationale": "r"})
}

fn incident(index: u32, product: Value) -> Value {
    json!({"index": index, "sufficient_information": true, "product": product})
}

fn check(incidents: Value, texts: &[&str]) -> Vec<Checked> {
    let input = json!({ "incidents": incidents });
    validate(
        Some(&input),
        texts,
        ProblemType::Product,
        &TermTable::builtin(),
    )
}

fn check_one(product: Value) -> Checked {
    check(json!([incident(0, product)]), &[TEXT]).remove(0)
}

fn fault(checked: Checked) -> String {
    match checked {
        Checked::Invalid { fault, .. } => fault,
        Checked::Valid(answer) => panic!("accepted {answer:?}"),
    }
}

fn valid(checked: Checked) -> IncidentAnswer {
    match checked {
        Checked::Valid(answer) => answer,
        Checked::Invalid { fault, .. } => panic!("refused: {fault}"),
    }
}

#[test]
fn i10_an_invented_code_is_refused() {
    let fault = fault(check_one(json!([entry("A9999")])));
    assert_eq!(
        fault,
        "product: code 'A9999' is not in the list for product"
    );
}

#[test]
fn i10_a_code_of_another_annex_is_refused() {
    assert!(fault(check_one(json!([entry("E0602")]))).contains("not in the list"));
}

#[test]
fn i10_a_heading_is_refused() {
    let terms = TermTable::builtin();
    let heading = terms
        .terms()
        .iter()
        .find(|t| t.annex() == 'A' && !t.selectable())
        .unwrap();
    assert!(fault(check_one(json!([entry(heading.code())]))).contains("not selectable"));
}

#[test]
fn i10_silence_and_prose_are_no_code() {
    let none = validate(None, &[TEXT], ProblemType::Product, &TermTable::builtin()).remove(0);
    assert_eq!(fault(none), "the tool record_codes was not called");
    assert!(fault(check_one(json!([]))).contains("empty"));
    assert!(fault(check_one(json!("A0401"))).contains("missing"));
}

#[test]
fn every_index_is_answered_once() {
    let twice = json!([
        incident(0, json!([entry("A0401")])),
        incident(0, json!([entry("A0402")]))
    ]);
    let checked = check(twice, &[TEXT, TEXT]);
    assert_eq!(
        fault(checked[0].clone()),
        "there are several entries with index 0"
    );
    assert_eq!(fault(checked[1].clone()), "there is no entry with index 1");
}

#[test]
fn answers_are_told_apart_by_index_and_not_by_place() {
    let swapped = json!([
        incident(1, json!([entry("A0402")])),
        incident(0, json!([entry("A0401")]))
    ]);
    let codes: Vec<String> = check(swapped, &[TEXT, TEXT])
        .into_iter()
        .map(|c| valid(c).product[0].code.clone())
        .collect();
    assert_eq!(codes, ["A0401", "A0402"]);
}

#[test]
fn a_term_in_place_of_a_code_is_mapped_and_says_so() {
    let answer = valid(check_one(json!([entry("Material Fragmentation")])));
    assert_eq!(answer.product[0].code, "A040103");
    assert!(answer.repaired);
    assert_eq!(
        answer.repairs,
        ["product 1: a term in the place of a code taken as A040103"]
    );
}

#[test]
fn an_exact_code_is_not_called_repaired() {
    let answer = valid(check_one(json!([entry("A0401")])));
    assert!(!answer.repaired && answer.repairs.is_empty() && !answer.evidence_not_found);
}

#[test]
fn evidence_is_found_with_case_space_and_escapes_folded_and_flagged_otherwise() {
    let with = |evidence: &str| {
        let entry =
            json!({"code": "A0401", "confidence": 1, "evidence": evidence, "rationale": ""});
        valid(check_one(json!([entry]))).evidence_not_found
    };
    assert!(!with("broke &amp; was  left"));
    assert!(with("the stent fractured"));
    assert!(with(""));
}

#[test]
fn a_bad_entry_behind_the_primary_is_dropped_and_said() {
    let answer = valid(check_one(json!([
        entry("A0401"),
        entry("A9999"),
        entry("A0401")
    ])));
    assert_eq!(answer.product.len(), 1);
    assert!(answer.repaired);
    assert_eq!(
        answer.repairs,
        [
            "product 2: dropped, code 'A9999' is not in the list for product",
            "product 3: A0401 a second time, dropped",
        ]
    );
}

#[test]
fn entries_behind_the_fourth_are_dropped_and_said() {
    let codes = ["A0401", "a 0402", "A010101", "A010102", "A0405", "A0406"];
    let answer = valid(check_one(codes.map(entry).to_vec().into()));
    assert_eq!(answer.product.len(), 4);
    assert_eq!(
        answer.repairs,
        [
            "product 2: a code with other case or spaces taken as A0402",
            "product: 2 entries behind number 4 dropped",
        ]
    );
}

#[test]
fn i10_what_a_model_writes_in_the_place_of_a_code_is_not_quoted_at_length() {
    let said = "THE PATIENT JANE DOE DIED";
    let answer = valid(check_one(json!([entry("A0401"), entry(said)])));
    assert!(!answer.repairs[0].contains("JANE"), "{:?}", answer.repairs);
}

#[test]
fn a_confidence_outside_0_to_1_is_refused() {
    for confidence in [json!(1.5), json!(-0.1), json!(null), json!("high")] {
        let entry =
            json!({"code": "A0401", "confidence": confidence, "evidence": "x", "rationale": ""});
        fault(check_one(json!([entry])));
    }
}

#[test]
fn insufficient_information_takes_no_codes_along() {
    let input = json!({"incidents": [{"index": 0, "sufficient_information": false, "product": [entry("A0401")]}]});
    let checked = validate(
        Some(&input),
        &[TEXT],
        ProblemType::Product,
        &TermTable::builtin(),
    )
    .remove(0);
    assert_eq!(valid(checked), IncidentAnswer::default());
}

#[test]
fn with_both_asked_the_good_type_is_kept() {
    let input = json!({"incidents": [{"index": 0, "product": [entry("A0401")], "patient": [entry("A0401")]}]});
    let checked = validate(
        Some(&input),
        &[TEXT],
        ProblemType::Both,
        &TermTable::builtin(),
    )
    .remove(0);
    let Checked::Invalid { fault, kept } = checked else {
        panic!("accepted")
    };
    assert!(fault.starts_with("patient: "));
    assert_eq!(kept.product[0].code, "A0401");
}
