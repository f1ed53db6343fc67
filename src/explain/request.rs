//! The request of a row's call, built again from terms, prompt and texts.

use serde_json::Value;

use super::{Request, batch};
use crate::coding::examples::choose;
use crate::coding::text::prepare;
use crate::coding::tokens::TokenBook;
use crate::core::identity::sha256_hex;
use crate::core::problem::ProblemType;
use crate::core::spec::JobSpec;
use crate::outputs::{Outputs, StoredRow};
use crate::ports::model::{self, Example, Incident};
use crate::precedents::CodedReports;
use crate::terms::TermTable;

use super::Chunk;

/// How requests are worded by this program.
pub trait Words {
    /// Version of the wording.
    fn prompt_version(&self) -> &str;
    /// SHA-256 of what is equal in all calls.
    fn prefix_sha256(&self) -> &str;
    /// The bytes that are sent for a request.
    fn body(&self, request: &model::Request) -> String;
}

/// The coded reports that are shown beside each report.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'e> {
    /// How many; 0: none.
    pub count: u32,
    /// What they are chosen from; none: it is not at hand.
    pub coded: Option<&'e CodedReports>,
    /// Codes that may be shown.
    pub terms: &'e TermTable,
}

impl Examples<'_> {
    fn of(&self, asked: ProblemType, text: &str) -> Vec<Example> {
        match self.coded.filter(|_| self.count > 0) {
            Some(coded) => choose(coded.precedents(), self.terms, asked, text, self.count),
            None => Vec::new(),
        }
    }
}

/// The text of a row as it is sent; empty: nobody was asked for it.
pub(super) fn sent_text<'r>(row: &StoredRow<'r>, spec: &JobSpec) -> &'r str {
    match row.own("answered_by") {
        "" => "",
        _ => prepare(row.text(), spec.max_text_chars).text,
    }
}

/// What rows of a chunk say of their calls.
pub(super) fn asked<'c>(outputs: &'c Outputs, chunk: &'c Chunk) -> Vec<batch::Asked<'c>> {
    let spec = &outputs.owner().spec;
    let asked = chunk.rows(outputs).map(|row| batch::Asked {
        row: row.row().unwrap_or_default(),
        text: sent_text(&row, spec),
        attempts: row.own("attempts").parse().unwrap_or_default(),
        request_id: row.own("request_id"),
    });
    asked.collect()
}

/// Version of a prompt without the name of a stand-in for the service, which does not change what is asked.
pub(super) fn plain_version(prompt_version: &str) -> &str {
    prompt_version
        .split("+stand-in-")
        .next()
        .unwrap_or(prompt_version)
}

/// What is to be shown of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// The whole body, and all of the system prompt.
    pub is_full: bool,
    /// No report text.
    pub hides_text: bool,
}

/// Builds the request of `batch` again. `differs`: what of this program, or of what it was given, differs from the row's.
pub(super) fn rebuild(
    rows: &[batch::Asked<'_>],
    batch: &batch::Batch,
    problem_type: ProblemType,
    words: &dyn Words,
    examples: &Examples<'_>,
    differs: &[String],
    shown: Shown,
) -> Request {
    let build = |hides_text: bool| {
        let incidents = batch.rows.iter().map(|at| Incident {
            text: match hides_text {
                false => rows[*at].text.to_string(),
                true => format!("[{} bytes of text, not shown]", rows[*at].text.len()),
            },
            examples: match hides_text {
                false => examples.of(problem_type, rows[*at].text),
                true => Vec::new(),
            },
            fault: None,
        });
        let incidents: Vec<Incident> = incidents.collect();
        let problems = problem_type.problems().len();
        let first = TokenBook::new(None, problems).forecast(incidents.len(), 0);
        words.body(&model::Request {
            problem_type,
            incidents,
            max_tokens: first.max_tokens,
            is_second_sample: false,
        })
    };
    let (sent, visible) = (build(false), build(shown.hides_text));
    let mut body: Value = serde_json::from_str(&visible).unwrap_or_default();
    let system = body["system"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    let has_cache_point = body["system"][1].get("cachePoint").is_some();
    let message = body["messages"][0]["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    if !shown.is_full {
        body["system"][0]["text"] = format!("[{} bytes, --full shows them]", system.len()).into();
        body["messages"][0]["content"][0]["text"] = "[the message above]".into();
    }
    let mut notes: Vec<String> = differs.to_vec();
    if shown.hides_text && examples.count > 0 {
        notes.push("the examples are report texts, and are not shown".to_string());
    }
    notes.extend(batch.doubt.clone());
    let max_tokens = body["inferenceConfig"]["maxTokens"].clone();
    notes.push(format!(
        "maxTokens is not kept: {max_tokens} is what a job's first calls of {} reports ask for; later ones ask for what answers \
         before them took",
        batch.rows.len()
    ));
    Request {
        is_exact: differs.is_empty() && batch.doubt.is_none(),
        notes,
        rows: batch.rows.iter().map(|at| rows[*at].row).collect(),
        system_bytes: system.len(),
        system_sha256: sha256_hex(system.as_bytes()),
        prefix_sha256: words.prefix_sha256().to_string(),
        has_cache_point,
        message,
        body,
        body_sha256: sha256_hex(sent.as_bytes()),
        exact_body: shown.is_full.then_some(visible),
    }
}
