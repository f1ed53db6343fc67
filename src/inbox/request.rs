//! The spec of a job as a user writes it: every field may be missing, and what is there is checked at once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::Fields;
use crate::coding::examples::MAX_EXAMPLES;
use crate::core::format::Format;
use crate::core::money::NanoUsd;
use crate::core::opinion::SecondOpinion;
use crate::core::problem::ProblemType;
use crate::core::spec::{BlobRef, JobSpec, Limits};

/// The names that a spec may hold (DESIGN §6, Job spec).
pub(super) const FIELDS: [&str; 26] = [
    "input_bucket",
    "input_key",
    "output_bucket",
    "output_prefix",
    "model_id",
    "problem_type",
    "batch_size",
    "max_workers",
    "rate_limit",
    "imdrf_bucket",
    "imdrf_key",
    "tokens_per_minute",
    "requests_per_minute",
    "chunk_rows",
    "id_column",
    "text_column",
    "encoding",
    "max_text_chars",
    "max_cost_usd",
    "review_below",
    "second_opinion",
    "precedents",
    "corpus_bucket",
    "corpus_key",
    "formats",
    "no_text",
];

/// What a user asks for. None: not said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobRequest {
    /// Where the input lies.
    pub input_bucket: Option<String>,
    /// The input's key.
    pub input_key: Option<String>,
    /// Where results go.
    pub output_bucket: Option<String>,
    /// Under which prefix; ends with `/`.
    pub output_prefix: Option<String>,
    /// Who answers.
    pub model_id: Option<String>,
    /// What is asked.
    pub problem_type: Option<ProblemType>,
    /// Reports a call.
    pub batch_size: Option<u32>,
    /// Calls in flight per worker process.
    pub max_workers: Option<u32>,
    /// Calls a second, fleet-wide.
    pub rate_limit: Option<f64>,
    /// Bucket of the user's own terms.
    pub imdrf_bucket: Option<String>,
    /// Key of the user's own terms.
    pub imdrf_key: Option<String>,
    /// The lane's tokens per minute.
    pub tokens_per_minute: Option<u64>,
    /// The lane's requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Rows a chunk.
    pub chunk_rows: Option<u32>,
    /// Column of the ids.
    pub id_column: Option<String>,
    /// Column of the texts.
    pub text_column: Option<String>,
    /// Encoding of the input.
    pub encoding: Option<String>,
    /// A longer text is cut at a sentence and flagged.
    pub max_text_chars: Option<u32>,
    /// No call starts past this.
    pub max_cost_usd: Option<NanoUsd>,
    /// Primary codes under this confidence are marked for review.
    pub review_below: Option<f64>,
    /// Who is asked besides the model.
    pub second_opinion: Option<SecondOpinion>,
    /// Nearest coded reports that are shown to the model with each report.
    pub precedents: Option<u32>,
    /// Bucket of the user's own coded reports.
    pub corpus_bucket: Option<String>,
    /// Key of the user's own coded reports.
    pub corpus_key: Option<String>,
    /// Forms in which results are written besides CSV.
    pub formats: Option<BTreeSet<Format>>,
    /// The report quotes no report text.
    pub no_text: Option<bool>,
    /// Makes another job of the same work; no field of a spec, only `annexa submit --again` sets it.
    pub again: Option<String>,
    /// Answers paid for before are not used; no field of a spec, only `annexa submit --fresh` sets it.
    pub fresh: bool,
}

impl JobRequest {
    /// Reads a spec: what of it can be read, and all that is wrong with the rest, each with what to do.
    pub fn parse(text: &[u8]) -> (JobRequest, Vec<String>) {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let nothing = |problem: String| (JobRequest::default(), vec![problem]);
        match serde_json::from_slice::<Value>(text) {
            Ok(Value::Object(object)) => JobRequest::from_object(object),
            Ok(_) => nothing("the spec is no JSON object".to_string()),
            Err(error) => nothing(format!(
                "the spec is not JSON (line {}, column {}): correct it there",
                error.line(),
                error.column()
            )),
        }
    }

    /// As [`JobRequest::parse`], of a spec that is JSON already.
    pub fn from_object(object: Map<String, Value>) -> (JobRequest, Vec<String>) {
        let mut fields = Fields::new(object, &FIELDS);
        // As specs of earlier versions say that they want neither.
        for name in ["second_opinion", "precedents"] {
            fields.not_if_false(name);
        }
        let request = JobRequest {
            input_bucket: bucket(&mut fields, "input_bucket"),
            input_key: key(&mut fields, "input_key"),
            output_bucket: bucket(&mut fields, "output_bucket"),
            output_prefix: said(&mut fields, "output_prefix").map(as_prefix),
            model_id: fields.text("model_id"),
            problem_type: fields.parsed("problem_type", "product, patient or both", |text| {
                text.to_ascii_lowercase().parse().ok()
            }),
            batch_size: narrow(fields.whole("batch_size", 1, 10, "reports a call")),
            max_workers: narrow(fields.whole("max_workers", 1, 10_000, "calls in flight")),
            rate_limit: fields.number(
                "rate_limit",
                "a positive number of calls a second",
                |rate| rate > 0.0,
            ),
            imdrf_bucket: bucket(&mut fields, "imdrf_bucket"),
            imdrf_key: key(&mut fields, "imdrf_key"),
            tokens_per_minute: fields.whole(
                "tokens_per_minute",
                1,
                1_000_000_000_000,
                "tokens a minute",
            ),
            requests_per_minute: fields.whole(
                "requests_per_minute",
                1,
                1_000_000_000,
                "requests a minute",
            ),
            chunk_rows: narrow(fields.whole("chunk_rows", 1, 10_000, "rows a chunk")),
            id_column: said(&mut fields, "id_column"),
            text_column: said(&mut fields, "text_column"),
            encoding: fields.parsed(
                "encoding",
                "a label such as utf-8 or windows-1252",
                |text| {
                    let is_known = encoding_rs::Encoding::for_label(text.as_bytes()).is_some();
                    is_known.then(|| text.to_string())
                },
            ),
            max_text_chars: narrow(fields.whole("max_text_chars", 1, 10_000_000, "characters")),
            max_cost_usd: fields.parsed("max_cost_usd", "US dollars, such as 12.50", |text| {
                text.parse().ok()
            }),
            review_below: fields.number("review_below", "a confidence from 0 to 1", |below| {
                (0.0..=1.0).contains(&below)
            }),
            second_opinion: fields.parsed("second_opinion", "precedents or sample", |text| {
                text.to_ascii_lowercase().parse().ok()
            }),
            precedents: narrow(fields.whole(
                "precedents",
                0,
                MAX_EXAMPLES.into(),
                "examples a report",
            )),
            corpus_bucket: bucket(&mut fields, "corpus_bucket"),
            corpus_key: key(&mut fields, "corpus_key"),
            formats: fields.words("formats", "parquet, jsonl or spreadsheet", |word| {
                word.to_ascii_lowercase().parse().ok()
            }),
            no_text: fields.flag("no_text"),
            again: None,
            fresh: false,
        };
        if request.corpus_bucket.is_some() != request.corpus_key.is_some() {
            fields.problem(
                "corpus_bucket and corpus_key belong together: give both or neither".to_string(),
            );
        }
        if request.imdrf_bucket.is_some() != request.imdrf_key.is_some() {
            fields.problem(
                "imdrf_bucket and imdrf_key belong together: give both or neither".to_string(),
            );
        }
        (request, fields.problems())
    }

    /// The input, if the request names it.
    pub fn input(&self) -> Option<BlobRef> {
        BlobRef::of(self.input_bucket.as_ref(), self.input_key.as_ref())
    }

    /// The user's own terms, if the request names them.
    pub fn terms(&self) -> Option<BlobRef> {
        BlobRef::of(self.imdrf_bucket.as_ref(), self.imdrf_key.as_ref())
    }

    /// The user's own coded reports, if the request names them.
    pub fn corpus(&self) -> Option<BlobRef> {
        BlobRef::of(self.corpus_bucket.as_ref(), self.corpus_key.as_ref())
    }

    /// What a job goes on under when it is asked for again: what is said here, and what it had else.
    pub(super) fn limits_over(&self, limits: Limits) -> Limits {
        Limits {
            max_workers: self.max_workers.unwrap_or(limits.max_workers),
            rate_limit: self.rate_limit.or(limits.rate_limit),
            tokens_per_minute: self.tokens_per_minute.or(limits.tokens_per_minute),
            requests_per_minute: self.requests_per_minute.or(limits.requests_per_minute),
            max_cost: self.max_cost_usd.or(limits.max_cost),
        }
    }

    /// Whether it asks for another output place than `spec` has.
    pub(super) fn wants_elsewhere(&self, spec: &JobSpec) -> bool {
        let differs =
            |said: &Option<String>, has: &String| said.as_ref().is_some_and(|said| said != has);
        differs(&self.output_bucket, &spec.output_bucket)
            || differs(&self.output_prefix, &spec.output_prefix)
    }
}

/// A text, taken as it is, of which an empty one is as none.
fn said(fields: &mut Fields, name: &str) -> Option<String> {
    fields.verbatim(name).filter(|text| !text.is_empty())
}

fn narrow(number: Option<u64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

/// The bucket of `name`: its name alone, no address.
fn bucket(fields: &mut Fields, name: &str) -> Option<String> {
    let bucket = fields.text(name)?;
    if bucket.contains('/') {
        fields.problem(format!(
            "{name} is an address or a path: the bucket's name alone is expected"
        ));
        return None;
    }
    Some(bucket)
}

/// The key of `name`: from the bucket on, no address.
fn key(fields: &mut Fields, name: &str) -> Option<String> {
    let key = said(fields, name)?;
    if key.starts_with("s3://") {
        fields.problem(format!(
            "{name} is an address: the key in the bucket is expected, without s3:// and the bucket's name"
        ));
        return None;
    }
    Some(key)
}

/// Scripts write `results` where they mean `results/`.
fn as_prefix(mut prefix: String) -> String {
    if !prefix.ends_with('/') {
        prefix.push('/');
    }
    prefix
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
