//! Whoever answers reports: a model behind a service, or the offline one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::error::PortResult;
use crate::core::money::{Price, Usage};
use crate::core::outcome::AnsweredBy;
use crate::core::problem::{Problem, ProblemType};
use crate::core::spec::JobSpec;
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// What is fixed about a model for a whole job.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Its id, for the `model` column.
    pub model_id: String,
    /// Version of the prompt, or of the offline model, for the `prompt_version` column.
    pub prompt_version: String,
    /// What its rows say in `answered_by`.
    pub answered_by: AnsweredBy,
    /// Price of its tokens; none: unknown.
    pub price: Option<Price>,
    /// Whether answers cost something, so that they are kept and calls are booked before they start (I8).
    pub is_paid: bool,
    /// The same request always gets the same answer: asking again cannot mend anything.
    pub answers_repeat: bool,
    /// What a service's model is bound by; none: it runs here.
    pub service: Option<ServiceFacts>,
}

/// What a model behind a service is bound by, and what its requests are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceFacts {
    /// The thing that has a quota: Region and model or profile, as `us-east-1/us.anthropic.claude-...`.
    pub lane: String,
    /// What an output token counts when a call is settled against the token quota.
    pub burndown: u64,
    /// Bytes of what is equal in all calls of a job: system prompt and tool.
    pub prefix_bytes: u64,
    /// SHA-256 of that, in hex: what a prompt cache knows it by.
    pub prefix_sha256: String,
    /// Bytes of English that make a token, about; corrected by use.
    pub bytes_per_token: f64,
    /// Prefixes under so many tokens are not cached; none: the model has no prompt cache.
    pub cache_minimum_tokens: Option<u64>,
    /// How long a cached prefix lasts after its last use.
    pub cache_ttl: Duration,
    /// The most output tokens that the model gives.
    pub max_output_tokens: u32,
}

/// An earlier report with the codes that its coder chose, shown beside a report that it resembles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its text, cut to what is shown of it.
    pub text: String,
    /// Its product codes, of those that may be chosen; empty unless asked.
    pub product: Vec<String>,
    /// Its patient codes, likewise.
    pub patient: Vec<String>,
}

impl Example {
    /// Its codes for `problem`.
    pub fn codes(&self, problem: Problem) -> &[String] {
        match problem {
            Problem::Product => &self.product,
            Problem::Patient => &self.patient,
        }
    }
}

/// One report in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// The text as it is sent.
    pub text: String,
    /// Coded reports that resemble it, nearest first; empty: none are shown.
    pub examples: Vec<Example>,
    /// What was wrong with the answer before, when it is asked again.
    pub fault: Option<String>,
}

/// One call. Structured, not text: how it is worded is the adapter's business.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is asked.
    pub problem_type: ProblemType,
    /// The reports; the answer's `index` counts them from 0.
    pub incidents: Vec<Incident>,
    /// The most output tokens.
    pub max_tokens: u32,
    /// A second opinion by the same model: asked so that it may come out otherwise than the first time.
    pub is_second_sample: bool,
}

/// Why a model stopped (FACTS §1; `Other` keeps the service's word).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It called the tool.
    ToolUse,
    /// It ended its turn.
    EndTurn,
    /// The output was cut at `max_tokens`.
    MaxTokens,
    /// It declined.
    Refusal,
    /// Anything else.
    Other(String),
}

/// What came back. Nothing in it is trusted before it was validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Why it stopped.
    pub stop: StopReason,
    /// The tool's input as it came; none: no tool was called.
    pub tool_input: Option<Value>,
    /// What it used.
    pub usage: Usage,
    /// How long it took.
    pub latency: Duration,
    /// The service's id of the call.
    pub request_id: String,
}

/// A model.
#[async_trait]
pub trait Model: Send + Sync {
    /// What is fixed about it.
    fn info(&self) -> &ModelInfo;

    /// Asks once; retries are the caller's. A future that is dropped may still have been paid for.
    async fn answer(&self, request: &Request) -> PortResult<Answer>;
}

/// Opens models for jobs.
pub trait Models: Send + Sync {
    /// The model that `spec` names, answering from `terms`. `coded`: the coded reports that `spec` names, which are the
    /// offline model's own, or are shown as examples; none: it names none. Errors are `PermanentJob` and say what to do.
    fn open(
        &self,
        spec: &JobSpec,
        terms: &Arc<TermTable>,
        coded: Option<&CodedReports>,
    ) -> PortResult<Arc<dyn Model>>;

    /// What the tokens of the model that `spec` names cost, by its id alone: nothing is opened or read for it. None: not known.
    fn price(&self, spec: &JobSpec) -> Option<Price>;

    /// Somebody who looks things up in `coded`, for terms of `terms`.
    fn library(&self, terms: &Arc<TermTable>, coded: &CodedReports) -> Arc<dyn Library>;
}

/// Coded reports, to be asked beside a model. Costs nothing and is the same on every machine.
#[async_trait]
pub trait Library: Send + Sync {
    /// Which of `texts` the coded reports hold themselves: what they say of these was learnt from these, and is no opinion.
    async fn holds(&self, texts: Vec<String>) -> PortResult<Vec<bool>>;

    /// What the offline model says of `texts`: a tool input as a model would give it, to be validated as every answer.
    async fn answers(&self, asked: ProblemType, texts: Vec<String>) -> PortResult<Value>;

    /// The coded reports to show beside each of `texts`, up to `count` each, nearest first.
    async fn examples(
        &self,
        asked: ProblemType,
        texts: Vec<String>,
        count: u32,
    ) -> PortResult<Vec<Vec<Example>>>;
}
