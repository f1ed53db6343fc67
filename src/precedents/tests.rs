//! Tests of the model as a whole, on a few hundred real reports and on the built-in artifact.

use super::*;
use crate::core::problem::Problem;
use crate::terms::TermTable;
use std::collections::BTreeSet;

/// Real reports, enough for some codes to be learnt.
pub(super) fn small_corpus() -> Vec<Report> {
    Precedents::builtin()
        .unwrap()
        .reports()
        .iter()
        .step_by(20)
        .cloned()
        .collect()
}

fn selectable(problem: Problem, code: &str) -> bool {
    code.starts_with(problem.annexes())
}

/// The artifact learnt from [`small_corpus`], once for all tests.
pub(super) fn small_artifact() -> &'static [u8] {
    static ARTIFACT: OnceLock<Vec<u8>> = OnceLock::new();
    ARTIFACT.get_or_init(|| train(&small_corpus(), &selectable).unwrap())
}

pub(super) fn small_model() -> &'static Precedents {
    static MODEL: OnceLock<Precedents> = OnceLock::new();
    MODEL.get_or_init(|| Precedents::from_bytes(small_artifact()).unwrap())
}

pub(super) fn all(verdict: &Verdict) -> impl Iterator<Item = &Suggestion> {
    verdict.product.iter().chain(&verdict.patient)
}

#[test]
fn the_same_corpus_gives_the_same_bytes() {
    assert!(train(&small_corpus(), &selectable).unwrap() == small_artifact());
}

#[test]
fn what_is_read_is_what_was_written() {
    let content = artifact::read(small_artifact()).unwrap();
    let reports: Vec<&Report> = content.reports.iter().collect();
    let again = artifact::write(
        &reports,
        &content.vocabulary,
        &content.linear,
        &content.calibrations,
    );
    assert!(again.unwrap() == small_artifact());
    assert_eq!(content.reports, small_corpus());
}

#[test]
fn used_buffers_do_not_change_an_answer() {
    let model = small_model();
    let mut used = Scratch::default();
    for report in small_corpus().iter().take(60) {
        let with_used = model.code_with(&mut used, &report.text, ProblemType::Both, &|_| true);
        assert_eq!(
            with_used,
            model.code(&report.text, ProblemType::Both, &|_| true)
        );
        let fresh = &mut Scratch::default();
        assert_eq!(
            with_used,
            model.code_with(fresh, &report.text, ProblemType::Both, &|_| true)
        );
        // Another model's buffers, too.
        let other = Precedents::builtin().unwrap();
        other.code_with(&mut used, &report.text, ProblemType::Product, &|_| true);
    }
}

#[test]
fn only_asked_problems_and_selectable_codes_are_answered() {
    let model = Precedents::builtin().unwrap();
    let report = &small_corpus()[3];
    let first = model.code(&report.text, ProblemType::Both, &|_| true);
    let (product, patient) = (&first.product[0].code, &first.patient[0].code);
    let without = |code: &str| code != product && code != patient;
    let second = model.code(&report.text, ProblemType::Both, &without);
    assert!(!second.product.is_empty() && !second.patient.is_empty());
    assert!(all(&second).all(|given| without(&given.code)));
    assert!(
        model
            .code(&report.text, ProblemType::Product, &|_| true)
            .patient
            .is_empty()
    );
    assert!(
        model
            .code(&report.text, ProblemType::Patient, &|_| true)
            .product
            .is_empty()
    );
    assert_eq!(
        model.code(&report.text, ProblemType::Both, &|_| false),
        Verdict::default()
    );
}

#[test]
fn a_text_without_a_known_word_gets_no_code() {
    let model = Precedents::builtin().unwrap();
    for text in ["", "  \n", "xqzzk wvvjq", "¿¿¿ ...", "日本語だけの文"] {
        assert_eq!(
            model.code(text, ProblemType::Both, &|_| true),
            Verdict::default(),
            "{text}"
        );
    }
}

#[test]
fn the_builtin_model_codes_obvious_reports() {
    let model = Precedents::builtin().unwrap();
    let text = "IT WAS REPORTED THAT DURING THE ABLATION PROCEDURE THE PATIENT SUFFERED A CARDIAC TAMPONADE. \
                PERICARDIOCENTESIS WAS PERFORMED AND THE PATIENT DIED. THE DEVICE WILL NOT BE RETURNED.";
    let verdict = model.code(text, ProblemType::Both, &|_| true);
    assert_eq!(verdict.product[0].code, "A24");
    let tamponade = verdict
        .patient
        .iter()
        .find(|given| given.code == "E0605")
        .unwrap();
    assert!(
        tamponade.evidence.contains("TAMPONADE"),
        "{}",
        tamponade.evidence
    );

    let text =
        "THE INFUSION PUMP WAS FOUND TO BE LEAKING FLUID AT THE TUBING CONNECTOR. NO PATIENT HARM.";
    let verdict = model.code(text, ProblemType::Both, &|_| true);
    assert!(
        verdict
            .product
            .iter()
            .any(|given| given.code.starts_with("A0504")),
        "{verdict:?}"
    );
    assert!(is_generic(&verdict.patient[0].code), "{verdict:?}");
}

#[test]
fn the_nearest_report_to_a_coded_report_is_itself() {
    let model = Precedents::builtin().unwrap();
    for report in model.reports().iter().step_by(977) {
        let nearest = model.nearest(&report.text, 3);
        assert_eq!(nearest[0].report.folded_text(), report.folded_text());
        assert!(nearest[0].similarity > 0.999, "{}", nearest[0].similarity);
        assert!(
            nearest
                .windows(2)
                .all(|pair| pair[0].similarity >= pair[1].similarity)
        );
    }
}

#[test]
fn a_rationale_names_only_reports_that_carry_the_code() {
    let model = small_model();
    let mut named = 0;
    for report in small_corpus() {
        for given in all(&model.code(&report.text, ProblemType::Both, &|_| true)) {
            let Some(rest) = given.rationale.strip_prefix("nearest coded reports: ") else {
                assert!(
                    given.rationale.starts_with("none of the "),
                    "{}",
                    given.rationale
                );
                continue;
            };
            let (list, code) = rest.split_once(" carry ").unwrap();
            assert!(code.starts_with(&format!("{};", given.code)));
            for id in list
                .split(", ")
                .map(|item| item.split_once(" (").unwrap().0)
            {
                let precedent = model.reports().iter().find(|r| r.id == id).unwrap();
                let carried = precedent.product.iter().chain(&precedent.patient);
                assert!(carried.clone().any(|carried| *carried == given.code));
                named += 1;
            }
        }
    }
    assert!(named > 500, "{named}");
}

#[test]
fn the_builtin_model_answers_only_codes_of_the_builtin_table() {
    let (model, terms) = (Precedents::builtin().unwrap(), TermTable::builtin());
    for problem in Problem::ALL {
        let allowed: BTreeSet<&str> = terms.selectable(problem).map(|term| term.code()).collect();
        assert!(model.codes(problem).count() > 200);
        assert!(model.codes(problem).all(|code| allowed.contains(code)));
    }
}

#[test]
fn no_example_report_is_in_the_corpus() {
    let model = Precedents::builtin().unwrap();
    let known: BTreeSet<String> = model.reports().iter().map(Report::folded_text).collect();
    let sample: &[u8] = include_bytes!("../../examples/maude_sample.csv");
    let examples = corpus::texts(sample).unwrap();
    assert_eq!(examples.len(), 500);
    assert!(examples.is_disjoint(&known));
}

#[test]
fn reports_with_the_same_text_share_a_fold() {
    let mut reports = small_corpus();
    let mut twin = reports[0].clone();
    twin.text = format!("  {}\n", reports[0].text.to_lowercase().replace(' ', "  "));
    reports.push(twin);
    let fold_of = folds(&reports, 5);
    assert_eq!(fold_of[0], fold_of[reports.len() - 1]);
    assert!((0..5).all(|fold| fold_of.iter().filter(|f| **f == fold).count() > 20));
}

#[test]
fn other_formats_and_other_files_are_told_apart() {
    let error = Precedents::from_bytes(b"id,mdr_text\n").unwrap_err();
    assert!(
        matches!(error, PrecedentsError::NotAnArtifact { .. }),
        "{error}"
    );
    assert!(matches!(
        Precedents::from_bytes(b""),
        Err(PrecedentsError::NotAnArtifact { .. })
    ));
    let mut newer = small_artifact().to_vec();
    newer[4] = 99;
    let error = Precedents::from_bytes(&newer).unwrap_err().to_string();
    assert!(
        error.contains("format 99") && error.contains("corpus build"),
        "{error}"
    );
}

#[test]
fn a_corpus_without_anything_to_learn_is_an_error() {
    assert!(matches!(
        train(&[], &selectable),
        Err(PrecedentsError::Corpus { .. })
    ));
    let error = train(&small_corpus(), &|_, _| false);
    assert!(matches!(error, Err(PrecedentsError::Corpus { .. })));
}
