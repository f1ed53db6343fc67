//! A model in memory: its answer is a function of the text, and its second sample another one, so results can be foretold; it keeps a log of what it was
//! paid for, and misbehaves on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::chaos::Chaos;
use crate::core::money::{Price, Usage};
use crate::core::outcome::AnsweredBy;
use crate::core::problem::{Problem, ProblemType};
use crate::core::spec::JobSpec;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::model::{Answer, ModelInfo, Request, StopReason};
use crate::ports::{Library, Model, Models};
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// What a model was paid for: calls by text.
pub type PaidLog = Arc<Mutex<BTreeMap<String, u64>>>;

/// A text with this word gets the answer that the information does not suffice.
pub const INSUFFICIENT: &str = "UNCLEAR";

/// A model in memory.
pub struct MemoryModel {
    info: ModelInfo,
    terms: Arc<TermTable>,
    chaos: Arc<Chaos>,
    paid: PaidLog,
    calls: Mutex<u64>,
}

impl MemoryModel {
    /// A paid model that answers from `terms` and logs to `paid`.
    pub fn new(
        model_id: &str,
        terms: Arc<TermTable>,
        chaos: Arc<Chaos>,
        paid: PaidLog,
    ) -> MemoryModel {
        let price = Price {
            input_pico_usd: 1_000_000,
            output_pico_usd: 5_000_000,
            ..Price::default()
        };
        let info = ModelInfo {
            model_id: model_id.to_string(),
            prompt_version: "1".to_string(),
            answered_by: AnsweredBy::Model,
            price: Some(price),
            is_paid: true,
            answers_repeat: false,
            service: None,
        };
        MemoryModel {
            info,
            terms,
            chaos,
            paid,
            calls: Mutex::default(),
        }
    }

    /// What a second sample of `text` is asked and paid as: a text of its own.
    pub fn sampled(text: &str) -> String {
        format!("{text} (once more)")
    }

    /// The code that `text` gets for `problem`.
    pub fn code_for(terms: &TermTable, problem: Problem, text: &str) -> String {
        let digest = Sha256::digest(format!("{}:{text}", problem.name()));
        let number = u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"));
        let count = terms.selectable(problem).count() as u64;
        let term = terms
            .selectable(problem)
            .nth((number % count.max(1)) as usize);
        term.map_or(String::new(), |term| term.code().to_string())
    }

    fn tool_input(&self, problem_type: ProblemType, request: &Request) -> Value {
        let rates = self.chaos.rates();
        let incident = |(index, incident): (usize, &crate::ports::model::Incident)| {
            let asked = match request.is_second_sample {
                true => MemoryModel::sampled(&incident.text),
                false => incident.text.clone(),
            };
            let text = &incident.text;
            let mut answer =
                json!({"index": index, "sufficient_information": !text.contains(INSUFFICIENT)});
            for problem in problem_type.problems() {
                let evidence: String = text.chars().take(20).collect();
                let mut code = MemoryModel::code_for(&self.terms, *problem, &asked);
                if self.chaos.happens("invented_code", rates.bad_answer) {
                    code = "A999999".to_string();
                }
                answer[problem.name()] = json!([{"code": code, "confidence": 0.75, "evidence": evidence, "rationale": "r"}]);
            }
            answer
        };
        let mut incidents: Vec<Value> =
            request.incidents.iter().enumerate().map(incident).collect();
        if self.chaos.happens("missing_incident", rates.bad_answer) {
            incidents.pop();
        }
        if self.chaos.happens("doubled_incident", rates.bad_answer)
            && let Some(first) = incidents.first().cloned()
        {
            incidents.push(first);
        }
        incidents.reverse();
        json!({ "incidents": incidents })
    }
}

#[async_trait]
impl Model for MemoryModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        self.chaos.before("answer").await?;
        let rates = self.chaos.rates();
        if self.chaos.happens("throttle", rates.throttle) {
            return Err(PortError::new(
                ErrorClass::Throttled,
                "too many tokens, please wait",
            ));
        }
        {
            let mut paid = self.paid.lock().expect("no panic while held");
            for incident in &request.incidents {
                let text = match request.is_second_sample {
                    true => MemoryModel::sampled(&incident.text),
                    false => incident.text.clone(),
                };
                *paid.entry(text).or_default() += 1;
            }
        }
        let call = {
            let mut calls = self.calls.lock().expect("no panic while held");
            *calls += 1;
            *calls
        };
        let refused = self.chaos.happens("refusal", rates.bad_answer);
        let prose = self.chaos.happens("prose", rates.bad_answer);
        let sent: usize = request
            .incidents
            .iter()
            .map(|incident| incident.text.len())
            .sum();
        let answer = Answer {
            stop: if refused {
                StopReason::Refusal
            } else {
                StopReason::ToolUse
            },
            tool_input: (!prose && !refused)
                .then(|| self.tool_input(request.problem_type, request)),
            usage: Usage {
                input_tokens: sent as u64,
                output_tokens: 100 * request.incidents.len() as u64 + 1,
                ..Usage::default()
            },
            latency: Duration::from_millis(1),
            request_id: format!("call-{call}"),
        };
        // A connection that breaks after the answer was made: it was paid for, and nobody has it.
        self.chaos.after("answer", Ok(answer))
    }
}

/// Gives every job the same model.
pub struct OneModel(pub Arc<dyn Model>);

impl Models for OneModel {
    fn open(
        &self,
        _: &JobSpec,
        _: &Arc<TermTable>,
        _: Option<&CodedReports>,
    ) -> PortResult<Arc<dyn Model>> {
        Ok(self.0.clone())
    }

    fn price(&self, _: &JobSpec) -> Option<Price> {
        self.0.info().price
    }

    fn library(&self, terms: &Arc<TermTable>, coded: &CodedReports) -> Arc<dyn Library> {
        crate::adapters::models::library(terms, coded)
    }
}
