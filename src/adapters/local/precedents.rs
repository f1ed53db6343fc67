//! The offline model behind the port: nearest coded reports and a linear classifier, on threads for blocking work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::coding::examples;
use crate::core::money::{Price, Usage};
use crate::core::outcome::AnsweredBy;
use crate::core::problem::ProblemType;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::{Answer, Example, ModelInfo, Request, StopReason};
use crate::ports::{Library, Model};
use crate::precedents::{CodedReports, Precedents};
use crate::terms::TermTable;

/// The model's id, in specs and on the command line.
pub const MODEL_ID: &str = "precedents";

/// What its tokens cost: nothing.
pub const PRICE: Price = Price {
    input_pico_usd: 0,
    output_pico_usd: 0,
    cache_read_pico_usd: 0,
    cache_write_pico_usd: 0,
    long_prompt: None,
};

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
        Ok(PrecedentsModel::of(terms, &builtin()?))
    }

    /// Answers from `coded`.
    pub fn of(terms: Arc<TermTable>, coded: &CodedReports) -> PrecedentsModel {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        PrecedentsModel {
            info: info(coded),
            precedents: coded.precedents().clone(),
            terms,
            cores: tokio::sync::Semaphore::new(cores),
        }
    }

    /// Runs `work` on a thread for blocking work.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Precedents, &TermTable) -> T + Send + 'static,
    ) -> PortResult<T> {
        let _core = self.cores.acquire().await;
        let (precedents, terms) = (self.precedents.clone(), self.terms.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the adapter for blocking work; it is awaited"
        )]
        let done = tokio::task::spawn_blocking(move || work(&precedents, &terms)).await;
        done.map_err(|_| PortError::bug("the offline model failed on a report (a panic)"))
    }
}

/// The coded reports that come with the program.
///
/// # Errors
/// `PermanentJob`: the program was built with an artifact of another format.
pub fn builtin() -> PortResult<CodedReports> {
    CodedReports::builtin()
        .map_err(|error| PortError::permanent_job(format!("the offline model: {error}")))
}

/// What is fixed about the offline model that answers from `coded`.
pub fn info(coded: &CodedReports) -> ModelInfo {
    ModelInfo {
        model_id: MODEL_ID.to_string(),
        prompt_version: format!("precedents-{}", coded.short()),
        answered_by: AnsweredBy::Precedents,
        price: Some(PRICE),
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
        let texts: Vec<String> = request.incidents.iter().map(|i| i.text.clone()).collect();
        let tool_input = self.answers(request.problem_type, texts).await?;
        Ok(Answer {
            stop: StopReason::ToolUse,
            tool_input: Some(tool_input),
            usage: Usage::default(),
            latency: Duration::ZERO,
            request_id: String::new(),
        })
    }
}

#[async_trait]
impl Library for PrecedentsModel {
    async fn holds(&self, texts: Vec<String>) -> PortResult<Vec<bool>> {
        self.blocking(move |precedents, _| {
            texts.iter().map(|text| precedents.holds(text)).collect()
        })
        .await
    }

    async fn answers(&self, asked: ProblemType, texts: Vec<String>) -> PortResult<Value> {
        self.blocking(move |precedents, terms| tool_input(precedents, terms, asked, &texts))
            .await
    }

    async fn examples(
        &self,
        asked: ProblemType,
        texts: Vec<String>,
        count: u32,
    ) -> PortResult<Vec<Vec<Example>>> {
        self.blocking(move |precedents, terms| {
            let of = |text: &String| examples::choose(precedents, terms, asked, text, count);
            texts.iter().map(of).collect()
        })
        .await
    }
}
