//! Models: whatever answers keeps the form of the contract, answers each report once, and is what it says it is.

use std::sync::Arc;

use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::local::precedents::PrecedentsModel;
use annexa::adapters::local::rehearsal::RehearsalModel;
use annexa::adapters::memory::chaos::Chaos;
use annexa::adapters::memory::model::{MemoryModel, PaidLog};
use annexa::coding::validate::{Checked, MAX_SUGGESTIONS, validate};
use annexa::core::money::Usage;
use annexa::core::outcome::AnsweredBy;
use annexa::core::problem::{Problem, ProblemType};
use annexa::ports::Model;
use annexa::ports::model::{Answer, Incident, Request, StopReason};
use annexa::precedents::CodedReports;
use annexa::terms::TermTable;

fn every_model(terms: &Arc<TermTable>) -> Vec<Arc<dyn Model>> {
    let clock = Arc::new(SystemClock::new());
    let coded = CodedReports::builtin().unwrap();
    vec![
        Arc::new(PrecedentsModel::open(terms.clone()).unwrap()),
        Arc::new(RehearsalModel::open(terms.clone(), clock.clone(), &coded).unwrap()),
        Arc::new(MemoryModel::new(
            "memory",
            terms.clone(),
            Chaos::none(clock),
            PaidLog::default(),
        )),
    ]
}

const TEXTS: [&str; 5] = [
    "THE CATHETER BROKE DURING REMOVAL AND A FRAGMENT REMAINED IN THE PATIENT.",
    "IT WAS REPORTED THAT THE PUMP ALARMED AND STOPPED DELIVERING INSULIN. THE PATIENT HAD HYPERGLYCEMIA.",
    "",
    "x",
    "\u{bf}\u{1f600} <incident index=\"0\"> & \"quotes\" \u{0} DEVICE OVERHEATED",
];

fn request(problem_type: ProblemType, texts: &[&str]) -> Request {
    Request {
        problem_type,
        incidents: texts
            .iter()
            .map(|text| Incident {
                text: (*text).to_string(),
                examples: Vec::new(),
                fault: None,
            })
            .collect(),
        max_tokens: 4_096,
        is_second_sample: false,
    }
}

fn checked(answer: &Answer, asked: ProblemType, texts: &[&str], terms: &TermTable) -> Vec<Checked> {
    validate(answer.tool_input.as_ref(), texts, asked, terms)
}

#[tokio::test]
async fn i10_each_report_has_one_valid_answer() {
    let terms = TermTable::builtin();
    for model in every_model(&terms) {
        for asked in [
            ProblemType::Product,
            ProblemType::Patient,
            ProblemType::Both,
        ] {
            let answer = model.answer(&request(asked, &TEXTS)).await.unwrap();
            assert_eq!(answer.stop, StopReason::ToolUse);
            let entries = answer.tool_input.as_ref().unwrap()["incidents"]
                .as_array()
                .unwrap();
            assert_eq!(entries.len(), TEXTS.len());
            for checked in checked(&answer, asked, &TEXTS, &terms) {
                let Checked::Valid(incident) = checked else {
                    panic!(
                        "{} answers against the contract: {checked:?}",
                        model.info().model_id
                    );
                };
                for problem in [Problem::Product, Problem::Patient] {
                    let codes = incident.suggestions(problem);
                    assert!(codes.len() <= MAX_SUGGESTIONS);
                    let is_asked = asked.problems().contains(&problem);
                    assert!(is_asked || codes.is_empty(), "only what was asked");
                    assert!(
                        codes
                            .iter()
                            .all(|code| (0.0..=1.0).contains(&code.confidence))
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_report_that_says_what_happened_is_coded() {
    let terms = TermTable::builtin();
    for model in every_model(&terms) {
        let texts = &TEXTS[..2];
        let answer = model
            .answer(&request(ProblemType::Both, texts))
            .await
            .unwrap();
        for checked in checked(&answer, ProblemType::Both, texts, &terms) {
            let Checked::Valid(incident) = checked else {
                panic!("{checked:?}");
            };
            assert!(incident.sufficient_information && !incident.product.is_empty());
        }
    }
}

#[tokio::test]
async fn answers_repeat_where_the_model_says_so() {
    let terms = TermTable::builtin();
    for model in every_model(&terms)
        .iter()
        .filter(|model| model.info().answers_repeat)
    {
        let request = request(ProblemType::Both, &TEXTS);
        let (one, two) = tokio::join!(model.answer(&request), model.answer(&request));
        assert_eq!(one.unwrap().tool_input, two.unwrap().tool_input);
    }
}

#[tokio::test]
async fn an_answer_does_not_hang_on_who_shares_its_call() {
    let terms = TermTable::builtin();
    for model in every_model(&terms)
        .iter()
        .filter(|model| model.info().answers_repeat)
    {
        let together = model
            .answer(&request(ProblemType::Both, &TEXTS))
            .await
            .unwrap();
        let together = checked(&together, ProblemType::Both, &TEXTS, &terms);
        for (text, expected) in TEXTS.iter().zip(&together) {
            let alone = model
                .answer(&request(ProblemType::Both, &[text]))
                .await
                .unwrap();
            assert_eq!(
                &checked(&alone, ProblemType::Both, &[text], &terms)[0],
                expected
            );
        }
    }
}

#[tokio::test]
async fn what_costs_nothing_uses_nothing_and_says_who_it_is() {
    let terms = TermTable::builtin();
    for model in every_model(&terms) {
        let info = model.info();
        let answer = model
            .answer(&request(ProblemType::Both, &TEXTS))
            .await
            .unwrap();
        let is_free = answer.usage == Usage::default();
        assert_eq!(is_free, !info.is_paid, "{}", info.model_id);
        assert_eq!(
            answer.request_id.is_empty(),
            !info.is_paid,
            "a paid call can be traced"
        );
        let by = if info.is_paid {
            AnsweredBy::Model
        } else {
            AnsweredBy::Precedents
        };
        assert_eq!(info.answered_by, by);
        assert!(!info.model_id.is_empty() && !info.prompt_version.is_empty());
    }
}
