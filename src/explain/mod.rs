//! How a row came to its codes, for an auditor: who answered, the request as it was sent, the stored answer, what was checked
//! and repaired, and what it cost.
//!
//! Nothing is guessed: what is not kept, or cannot be known from what is kept, is said to be so.

pub mod assemble;
mod batch;
mod checks;
mod cost;
pub mod render;
pub mod request;
mod rows;
mod said;
mod why;

pub use rows::{Chunk, RowName, find};

use serde::Serialize;
use serde_json::Value;

use crate::core::answer::PaidAnswer;
use crate::core::ids::RowNo;

/// What is known of a row. The JSON form is stable: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Its job.
    pub job_id: String,
    /// Its number.
    pub row: RowNo,
    /// Its id.
    pub id: String,
    /// What it ended as.
    pub outcome: String,
    /// Why a person should read it, each word with what it means.
    pub review: Vec<Reason>,
    /// What the row says of itself, for a row that failed.
    pub error: String,
    /// Who answered.
    pub answered: Answered,
    /// The request that was sent; none: nobody was asked over a network.
    pub request: Option<Request>,
    /// What is kept of the answer.
    pub stored: Stored,
    /// The checks on it, one by one.
    pub checks: Vec<checks::ProblemChecks>,
    /// What was mapped or dropped; none: nothing, or it was not kept.
    pub repairs: Vec<String>,
    /// Said where repairs are not known although there were some.
    pub repairs_note: Option<String>,
    /// What the row cost.
    pub cost: cost::CostShown,
}

/// A word of the `review` column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The word.
    pub reason: String,
    /// What it means.
    pub means: &'static str,
}

/// Who answered a row, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// model, paid_answer, precedents; empty: nobody was asked.
    pub by: String,
    /// In a sentence.
    pub how: String,
    /// The model's id; empty: nobody was asked.
    pub model: String,
    /// Version of the prompt, or of the offline model.
    pub prompt_version: String,
    /// Calls that the row took part in, and paid for.
    pub attempts: String,
    /// The service's id of the call that answered.
    pub request_id: String,
    /// SHA-256 of the terms that were asked for.
    pub terms_sha256: String,
    /// A second opinion, problem by problem, where one was asked for.
    pub second_opinion: Vec<SecondShown>,
}

/// A second opinion on one problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SecondShown {
    pub problem: &'static str,
    pub code: String,
    pub term: String,
    pub confidence: String,
    pub agreement: String,
}

/// A request, built again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Request {
    /// Whether it is, but for what `notes` says, byte for byte what was sent.
    pub is_exact: bool,
    /// Why it is not, and what is not known.
    pub notes: Vec<String>,
    /// Rows whose texts stand in it, in its order.
    pub rows: Vec<RowNo>,
    /// Length of the system prompt in bytes.
    pub system_bytes: usize,
    /// SHA-256 of the system prompt.
    pub system_sha256: String,
    /// SHA-256 of all that is equal in all calls of the job: system prompt, cache point and tool.
    pub prefix_sha256: String,
    /// The system prompt ends with a cache point.
    pub has_cache_point: bool,
    /// The user message; report texts are left out where that was asked for.
    pub message: String,
    /// The body as JSON: the parameters, and with `--full` all of it.
    pub body: Value,
    /// SHA-256 of the whole body; of an inexact one it says nothing.
    pub body_sha256: String,
    /// The whole body, as bytes on the wire; none: not asked for.
    pub exact_body: Option<String>,
}

/// What is kept of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kept")]
pub enum Stored {
    /// It is in the store of paid answers.
    Found {
        /// Where.
        place: String,
        /// Its key there, in hex.
        key: String,
        /// It.
        answer: Box<PaidAnswer>,
        /// Whether the row has the codes of this answer.
        is_the_rows: bool,
    },
    /// It is not there.
    NotFound {
        /// Where it was looked for.
        place: String,
        /// Under which key, in hex.
        key: String,
    },
    /// There is none, or nobody looked.
    No {
        /// Why.
        why: String,
    },
}
