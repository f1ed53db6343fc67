//! The offline model behind the port: nearest coded reports and a linear classifier, on threads for blocking work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::core::identity::sha256_hex;
use crate::core::money::{Price, Usage};
use crate::core::outcome::AnsweredBy;
use crate::core::problem::ProblemType;
use crate::ports::Model;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::{Answer, ModelInfo, Request, StopReason};
use crate::precedents::Precedents;
use crate::terms::TermTable;

/// The model's id, in specs and on the command line.
pub const MODEL_ID: &str = "precedents";

/// The offline model, answering from one table of terms.
pub struct PrecedentsModel {
    info: ModelInfo,
    precedents: Arc<Precedents>,
    terms: Arc<TermTable>,
    /// One for each core: more threads would only hold more memory.
    cores: tokio::sync::Semaphore,
}

impl PrecedentsModel {
    /// Loads the built-in corpus.
    pub fn open(terms: Arc<TermTable>) -> PortResult<PrecedentsModel> {
        let precedents = Precedents::builtin()
            .map_err(|error| PortError::permanent_job(format!("the offline model: {error}")))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(PrecedentsModel {
            info: info(),
            precedents,
            terms,
            cores: tokio::sync::Semaphore::new(cores),
        })
    }
}

/// What is fixed about the offline model.
pub fn info() -> ModelInfo {
    ModelInfo {
        model_id: MODEL_ID.to_string(),
        prompt_version: format!(
            "precedents-{}",
            &sha256_hex(Precedents::builtin_bytes())[..8]
        ),
        answered_by: AnsweredBy::Precedents,
        price: Some(Price::default()),
        is_paid: false,
        answers_repeat: true,
        service: None,
    }
}

/// Codes `texts` and words the answer as the tool input of the contract.
pub fn tool_input(
    precedents: &Precedents,
    terms: &TermTable,
    problem_type: ProblemType,
    texts: &[String],
) -> Value {
    let selectable = |code: &str| terms.by_code(code).is_some_and(|term| term.selectable());
    let incidents: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let verdict = precedents.code(text, problem_type, &selectable);
            let knows_nothing = problem_type
                .problems()
                .iter()
                .all(|p| verdict.of(*p).is_empty());
            let mut incident = json!({ "index": index, "sufficient_information": !knows_nothing });
            for problem in problem_type.problems() {
                let entries: Vec<Value> = verdict
                    .of(*problem)
                    .iter()
                    .map(|entry| {
                        json!({
                            "code": entry.code,
                            "confidence": entry.confidence,
                            "evidence": entry.evidence,
                            "rationale": entry.rationale,
                        })
                    })
                    .collect();
                incident[problem.name()] = Value::from(entries);
            }
            incident
        })
        .collect();
    json!({ "incidents": incidents })
}

#[async_trait]
impl Model for PrecedentsModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        let _core = self.cores.acquire().await;
        let (precedents, terms) = (self.precedents.clone(), self.terms.clone());
        let problem_type = request.problem_type;
        let texts: Vec<String> = request.incidents.iter().map(|i| i.text.clone()).collect();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the adapter for blocking work; it is awaited"
        )]
        let coded = tokio::task::spawn_blocking(move || {
            tool_input(&precedents, &terms, problem_type, &texts)
        })
        .await;
        let tool_input =
            coded.map_err(|_| PortError::bug("the offline model failed on a report (a panic)"))?;
        Ok(Answer {
            stop: StopReason::ToolUse,
            tool_input: Some(tool_input),
            usage: Usage::default(),
            latency: Duration::ZERO,
            request_id: String::new(),
        })
    }
}
