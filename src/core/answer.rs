//! What a model answers for one report, and what is kept of it.

use serde::{Deserialize, Serialize};

use super::ids::{ChunkNo, JobId, RowNo};
use super::money::{NanoUsd, Usage};
use super::problem::Problem;

/// One code with its grounds. The first of a list is the primary one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// IMDRF code, in the table and selectable.
    pub code: String,
    /// The model's own confidence, 0 to 1.
    pub confidence: f64,
    /// A quotation of the report.
    pub evidence: String,
    /// Why.
    pub rationale: String,
}

/// A validated answer for one report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct IncidentAnswer {
    /// False: the model says that the text does not suffice.
    pub sufficient_information: bool,
    /// Up to four product codes; empty unless asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product: Vec<Suggestion>,
    /// Up to four patient codes; empty unless asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patient: Vec<Suggestion>,
    /// Evidence that was not found in the text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evidence_not_found: bool,
    /// Something had to be mapped or dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repaired: bool,
    /// What that was, a line each; never report text. None of an answer that was kept before this was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// Why a problem type has no valid code although the text suffices: the row fails, the other type is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl IncidentAnswer {
    /// The suggestions for `problem`.
    pub fn suggestions(&self, problem: Problem) -> &[Suggestion] {
        match problem {
            Problem::Product => &self.product,
            Problem::Patient => &self.patient,
        }
    }

    /// The suggestions for `problem`, to be filled.
    pub fn suggestions_mut(&mut self, problem: Problem) -> &mut Vec<Suggestion> {
        match problem {
            Problem::Product => &mut self.product,
            Problem::Patient => &mut self.patient,
        }
    }
}

/// The row that paid for an answer: after a crash it still reports the cost, everyone else 0 (I8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    /// Its job.
    pub job_id: JobId,
    /// When that job was made, in Unix milliseconds: the same work in another place has the same id, and is not the payer.
    pub job_created_ms: u64,
    /// Its chunk.
    pub chunk: ChunkNo,
    /// Its row.
    pub row: RowNo,
}

/// An answer as it is kept once it was paid for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaidAnswer {
    /// The answer, validated.
    pub answer: IncidentAnswer,
    /// This row's share of the call's tokens.
    pub usage: Usage,
    /// This row's share of the call's cost.
    pub cost: NanoUsd,
    /// The service's id of the call.
    pub request_id: String,
    /// Calls that it took to get this answer.
    pub attempts: u32,
    /// Who paid.
    pub payer: Payer,
}

/// SHA-256 over all that shapes an answer, and the text as sent; 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AnswerKey(pub [u8; 32]);
