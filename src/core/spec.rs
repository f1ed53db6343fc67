//! A job's spec, resolved and frozen at creation: a later change of defaults does not make a second job of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::format::Format;
use super::money::NanoUsd;
use super::opinion::{SecondOpinion, uses_coded_reports};
use super::problem::ProblemType;

/// An object in a bucket. Locally a bucket is a folder that the composition names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    /// The bucket.
    pub bucket: String,
    /// The key in it.
    pub key: String,
}

impl BlobRef {
    /// What the two name, where both are said.
    pub fn of(bucket: Option<&String>, key: Option<&String>) -> Option<BlobRef> {
        Some(BlobRef::new(bucket?, key?))
    }

    /// Names `key` in `bucket`.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> BlobRef {
        BlobRef {
            bucket: bucket.into(),
            key: key.into(),
        }
    }
}

impl std::fmt::Display for BlobRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

/// Everything that was asked for, with all defaults filled in.
///
/// Field names are the contract's (DESIGN §6, Job spec).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Where the input lies.
    pub input_bucket: String,
    /// The input's key.
    pub input_key: String,
    /// The input's version: locally `sha256:` and the hex digest of the file.
    pub input_version: String,
    /// Where results go.
    pub output_bucket: String,
    /// Under which prefix; empty, or ends with `/`.
    pub output_prefix: String,
    /// Who answers.
    pub model_id: String,
    /// What is asked.
    pub problem_type: ProblemType,
    /// Reports a call.
    pub batch_size: u32,
    /// Calls in flight per worker process.
    pub max_workers: u32,
    /// Calls a second; none: the lane's quota alone.
    pub rate_limit: Option<f64>,
    /// The lane's tokens per minute; none: not told, the lane finds its rate.
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
    /// The lane's requests per minute; none: not told.
    #[serde(default)]
    pub requests_per_minute: Option<u64>,
    /// No call starts past this; none: no cap.
    #[serde(default, with = "usd")]
    pub max_cost_usd: Option<NanoUsd>,
    /// Bucket of the user's own terms; none: the built-in release.
    pub imdrf_bucket: Option<String>,
    /// Key of the user's own terms.
    pub imdrf_key: Option<String>,
    /// Version of the user's own terms, as the store names it; none: whatever is there must have the digest below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imdrf_version: Option<String>,
    /// SHA-256 of the terms' content.
    pub terms_sha256: String,
    /// Version of prompt, or of the offline model: what shapes answers besides model and terms.
    pub prompt_version: String,
    /// Rows a chunk.
    pub chunk_rows: u32,
    /// Column of the ids; none: `id`.
    pub id_column: Option<String>,
    /// Column of the texts; none: `mdr_text`.
    pub text_column: Option<String>,
    /// Encoding of the input; none: UTF-8.
    pub encoding: Option<String>,
    /// A longer text is cut at a sentence and flagged.
    pub max_text_chars: u32,
    /// A longer record fails.
    pub max_record_bytes: u64,
    /// Primary codes under this confidence are marked for review.
    pub review_below: Option<f64>,
    /// Set when the same work is done anew on purpose (`--again`).
    pub again: Option<String>,
    /// Answers paid for before this job are not used (`--fresh`).
    #[serde(default)]
    pub fresh: bool,
    /// Who is asked besides the model; none: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_opinion: Option<SecondOpinion>,
    /// Nearest coded reports that are shown to the model with each report, as examples; 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub precedents: u32,
    /// Bucket of the user's own coded reports (an artifact of `annexa corpus build`); none: those that come with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_bucket: Option<String>,
    /// Key of the user's own coded reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_key: Option<String>,
    /// Version of the user's own coded reports, as the store names it; none: whatever is there must have the digest below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_version: Option<String>,
    /// SHA-256 of the artifact of coded reports in hex; none: no coded reports are used, or the built-in ones are the model
    /// itself, whose version names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_sha256: Option<String>,
    /// Forms in which results are written besides CSV. They shape no answer.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub formats: BTreeSet<Format>,
    /// report.html quotes no report. It shapes no answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_text: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What may change about a job when it is gone on with: none of it shapes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Calls in flight per worker process.
    pub max_workers: u32,
    /// Calls a second.
    pub rate_limit: Option<f64>,
    /// The lane's tokens per minute.
    pub tokens_per_minute: Option<u64>,
    /// The lane's requests per minute.
    pub requests_per_minute: Option<u64>,
    /// The cost cap.
    pub max_cost: Option<NanoUsd>,
}

/// Dollars in a spec: a string with all decimals, so that no reader rounds them.
mod usd {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::core::money::NanoUsd;

    pub(super) fn serialize<S: Serializer>(
        amount: &Option<NanoUsd>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        amount
            .map(|amount| amount.to_string())
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NanoUsd>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let amount = text.map(|text| text.parse::<NanoUsd>());
        amount.transpose().map_err(serde::de::Error::custom)
    }
}

impl JobSpec {
    /// What may change about it.
    pub fn limits(&self) -> Limits {
        Limits {
            max_workers: self.max_workers,
            rate_limit: self.rate_limit,
            tokens_per_minute: self.tokens_per_minute,
            requests_per_minute: self.requests_per_minute,
            max_cost: self.max_cost_usd,
        }
    }

    /// Changes what may change.
    pub fn set_limits(&mut self, limits: &Limits) {
        let Limits {
            max_workers,
            rate_limit,
            tokens_per_minute,
            requests_per_minute,
            max_cost,
        } = *limits;
        self.max_workers = max_workers;
        self.rate_limit = rate_limit;
        self.tokens_per_minute = tokens_per_minute;
        self.requests_per_minute = requests_per_minute;
        self.max_cost_usd = max_cost;
    }

    /// Name of the column of the ids.
    pub fn id_column(&self) -> &str {
        self.id_column.as_deref().unwrap_or(defaults::ID_COLUMN)
    }

    /// Name of the column of the texts.
    pub fn text_column(&self) -> &str {
        self.text_column.as_deref().unwrap_or(defaults::TEXT_COLUMN)
    }

    /// The input.
    pub fn input(&self) -> BlobRef {
        BlobRef::new(&self.input_bucket, &self.input_key)
    }

    /// `name` under the output prefix.
    pub fn output(&self, name: &str) -> BlobRef {
        BlobRef::new(&self.output_bucket, format!("{}{name}", self.output_prefix))
    }

    /// The user's own terms, if any.
    pub fn terms(&self) -> Option<BlobRef> {
        BlobRef::of(self.imdrf_bucket.as_ref(), self.imdrf_key.as_ref())
    }

    /// The user's own coded reports, if any.
    pub fn corpus(&self) -> Option<BlobRef> {
        BlobRef::of(self.corpus_bucket.as_ref(), self.corpus_key.as_ref())
    }

    /// Whether coded reports are used beside the model.
    pub fn uses_coded_reports(&self) -> bool {
        uses_coded_reports(self.second_opinion, self.precedents)
    }
}

/// What the contract gives where a spec is silent.
pub mod defaults {
    /// Column of the ids.
    pub const ID_COLUMN: &str = "id";
    /// Column of the texts.
    pub const TEXT_COLUMN: &str = "mdr_text";
    /// Reports a call.
    pub const BATCH_SIZE: u32 = 2;
    /// Calls in flight per worker process.
    pub const MAX_WORKERS: u32 = 32;
    /// Rows a chunk.
    pub const CHUNK_ROWS: u32 = 100;
    /// Characters of a text that are sent.
    pub const MAX_TEXT_CHARS: u32 = 24_000;
    /// Bytes of a record.
    pub const MAX_RECORD_BYTES: u64 = 1 << 20;
    /// Under this confidence the offline model's answers are marked for review: its confidence is calibrated, and under
    /// this it is more often wrong than right.
    pub const PRECEDENTS_REVIEW_BELOW: f64 = 0.4;
    /// Chunks of a job that are outstanding in the queue (DESIGN §2, window).
    pub const WINDOW_CHUNKS: u32 = 200;
}
