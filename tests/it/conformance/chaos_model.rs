//! The model in memory: what it answers can be foretold, what it was paid for is on record, and it breaks the contract
//! in each way when it is asked to (I8, I10).

use std::sync::Arc;

use annexa::adapters::memory::chaos::{Chaos, Rates};
use annexa::adapters::memory::model::{INSUFFICIENT, MemoryModel, PaidLog};
use annexa::coding::validate::{Checked, validate};
use annexa::core::problem::{Problem, ProblemType};
use annexa::ports::model::{Answer, Incident, Request, StopReason};
use annexa::ports::{ErrorClass, Model};
use annexa::terms::TermTable;

use super::chaos::{SURE, seen, trouble};

const TEXTS: [&str; 3] = [
    "THE PUMP STOPPED",
    "UNCLEAR WHAT HAPPENED",
    "THE LEAD BROKE",
];

struct Bench {
    model: MemoryModel,
    chaos: Arc<Chaos>,
    terms: Arc<TermTable>,
    paid: PaidLog,
}

fn bench(seed: u64) -> Bench {
    let (_, chaos) = trouble(seed, Rates::default());
    let (terms, paid) = (TermTable::builtin(), PaidLog::default());
    let model = MemoryModel::new("test-model", terms.clone(), chaos.clone(), paid.clone());
    Bench {
        model,
        chaos,
        terms,
        paid,
    }
}

impl Bench {
    async fn ask(&self) -> annexa::ports::error::PortResult<Answer> {
        let incident = |text: &&str| Incident {
            text: (*text).to_string(),
            examples: Vec::new(),
            fault: None,
        };
        let request = Request {
            problem_type: ProblemType::Both,
            incidents: TEXTS.iter().map(incident).collect(),
            max_tokens: 1_000,
            is_second_sample: false,
        };
        self.model.answer(&request).await
    }

    fn check(&self, answer: &Answer) -> Vec<Checked> {
        validate(
            answer.tool_input.as_ref(),
            &TEXTS,
            ProblemType::Both,
            &self.terms,
        )
    }

    fn paid_for(&self, text: &str) -> u64 {
        self.paid.lock().unwrap().get(text).copied().unwrap_or(0)
    }
}

#[tokio::test(start_paused = true)]
async fn its_answers_can_be_foretold() {
    let bench = bench(1);
    let answer = bench.ask().await.unwrap();
    for (text, checked) in TEXTS.iter().zip(bench.check(&answer)) {
        let Checked::Valid(incident) = checked else {
            panic!("{checked:?}");
        };
        assert_eq!(
            incident.sufficient_information,
            !text.contains(INSUFFICIENT)
        );
        if incident.sufficient_information {
            for problem in [Problem::Product, Problem::Patient] {
                let code = MemoryModel::code_for(&bench.terms, problem, text);
                assert_eq!(incident.suggestions(problem)[0].code, code);
            }
        }
    }
    assert!(bench.chaos.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn i8_what_it_was_paid_for_is_on_record() {
    let bench = bench(2);
    bench.ask().await.unwrap();
    assert_eq!(TEXTS.map(|text| bench.paid_for(text)), [1, 1, 1]);
    bench.chaos.set_rates(Rates {
        lose_answer: SURE,
        ..Rates::default()
    });
    assert!(bench.ask().await.unwrap_err().unknown_outcome);
    assert_eq!(
        bench.paid_for(TEXTS[0]),
        2,
        "the connection broke after it was paid"
    );
    for free in [
        Rates {
            fail_before: SURE,
            ..Rates::default()
        },
        Rates {
            throttle: SURE,
            ..Rates::default()
        },
    ] {
        bench.chaos.set_rates(free);
        assert!(!bench.ask().await.unwrap_err().unknown_outcome);
    }
    assert_eq!(
        bench.paid_for(TEXTS[0]),
        2,
        "what never began costs nothing"
    );
    assert_eq!(seen(&bench.chaos, "throttle"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_quota_refuses_as_a_quota() {
    let bench = bench(3);
    bench.chaos.set_rates(Rates {
        throttle: SURE,
        ..Rates::default()
    });
    assert_eq!(bench.ask().await.unwrap_err().class, ErrorClass::Throttled);
}

#[tokio::test(start_paused = true)]
async fn i10_it_breaks_the_contract_in_each_way_and_is_never_believed() {
    let bench = bench(4);
    bench.chaos.set_rates(Rates {
        bad_answer: 300,
        ..Rates::default()
    });
    let before = |kind| seen(&bench.chaos, kind);
    for _ in 0..200 {
        let kinds = [
            "refusal",
            "prose",
            "invented_code",
            "missing_incident",
            "doubled_incident",
        ];
        let counts = kinds.map(before);
        let answer = bench.ask().await.unwrap();
        let [refused, prose, invented, missing, doubled] =
            std::array::from_fn(|kind| before(kinds[kind]) > counts[kind]);
        assert_eq!(answer.stop == StopReason::Refusal, refused);
        assert_eq!(answer.tool_input.is_none(), refused || prose);
        let checked = bench.check(&answer);
        let invalid = checked
            .iter()
            .filter(|c| matches!(c, Checked::Invalid { .. }))
            .count();
        if refused || prose {
            assert_eq!(invalid, TEXTS.len());
        } else if !(invented || missing || doubled) {
            assert_eq!(invalid, 0);
        } else if missing != doubled {
            assert!(invalid > 0);
        }
    }
    for kind in [
        "refusal",
        "prose",
        "invented_code",
        "missing_incident",
        "doubled_incident",
    ] {
        assert!(
            before(kind) > 0,
            "{kind} was never seen: {:?}",
            bench.chaos.seen()
        );
    }
}
