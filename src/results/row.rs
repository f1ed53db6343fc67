//! A result row and the writer of a chunk's CSV.

use std::collections::BTreeSet;

use super::columns::ResultColumns;
use crate::core::answer::{IncidentAnswer, Suggestion};
use crate::core::identity::sha256_hex;
use crate::core::ids::RowNo;
use crate::core::money::{NanoUsd, Usage};
use crate::core::opinion::Agreement;
use crate::core::outcome::{AnsweredBy, Outcome, ReviewReason};
use crate::core::problem::Problem;
use crate::core::tally::Tally;
use crate::terms::TermTable;

/// What a second opinion says of one problem of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondCode {
    /// The problem.
    pub problem: Problem,
    /// Its primary code.
    pub code: String,
    /// Its own confidence, 0 to 1.
    pub confidence: f64,
    /// How it agrees with the first; none: the first has no code.
    pub agreement: Option<Agreement>,
}

/// Everything that a row gets besides its input columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    /// Its number.
    pub row: RowNo,
    /// What it ended as.
    pub outcome: Outcome,
    /// Why a person should look.
    pub review: BTreeSet<ReviewReason>,
    /// The answer; of a failed row what is good of it.
    pub answer: IncidentAnswer,
    /// The second opinion's primary codes, one a problem at most; empty: there is none.
    pub second: Vec<SecondCode>,
    /// The text was cut before it was sent.
    pub text_truncated: bool,
    /// Who answered; none: nobody was asked.
    pub answered_by: Option<AnsweredBy>,
    /// Calls that this row took part in.
    pub attempts: u32,
    /// Its share of their tokens.
    pub usage: Usage,
    /// Its share of their cost.
    pub cost: NanoUsd,
    /// The service's id of the call that answered.
    pub request_id: String,
    /// Why it failed, or what else has to be said of it. Begins with a kind from a fixed set and a colon, by which
    /// summaries count.
    pub error: String,
}

impl ResultRow {
    /// A row for which nothing was asked yet.
    pub fn new(row: RowNo, outcome: Outcome) -> ResultRow {
        ResultRow {
            row,
            outcome,
            review: BTreeSet::new(),
            answer: IncidentAnswer::default(),
            second: Vec::new(),
            text_truncated: false,
            answered_by: None,
            attempts: 0,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            request_id: String::new(),
            error: String::new(),
        }
    }

    /// A row that failed with an error of `kind`.
    pub fn failed(row: RowNo, kind: &str, error: impl std::fmt::Display) -> ResultRow {
        let mut result = ResultRow::new(row, Outcome::Failed);
        result.say(kind, error);
        result
    }

    /// Adds an error of `kind` before whatever was said so far.
    pub fn say(&mut self, kind: &str, error: impl std::fmt::Display) {
        let said = std::mem::take(&mut self.error);
        let separator = if said.is_empty() { "" } else { "; " };
        self.error = format!("{kind}: {error}{separator}{said}");
    }

    /// The kind of an `error` column's text.
    pub fn error_kind(error: &str) -> &str {
        error.split_once(':').map_or("other", |(kind, _)| kind)
    }
}

/// Writes the CSV of one chunk: UTF-8, comma, LF, no byte order mark, with its header.
pub struct ChunkWriter<'c> {
    columns: &'c ResultColumns,
    terms: &'c TermTable,
    model_id: &'c str,
    prompt_version: &'c str,
    is_price_known: bool,
    csv: csv::Writer<Vec<u8>>,
    tally: Tally,
}

/// The bytes of the header line.
pub fn header_bytes(columns: &ResultColumns) -> Vec<u8> {
    let mut csv = writer();
    csv.write_record(columns.names())
        .expect("a buffer in memory takes every record");
    csv.into_inner().expect("a buffer in memory can be flushed")
}

fn writer() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().from_writer(Vec::with_capacity(1 << 16))
}

impl<'c> ChunkWriter<'c> {
    /// A writer that has written the header.
    pub fn new(
        columns: &'c ResultColumns,
        terms: &'c TermTable,
        model_id: &'c str,
        prompt_version: &'c str,
    ) -> ChunkWriter<'c> {
        let mut csv = writer();
        csv.write_record(columns.names())
            .expect("a buffer in memory takes every record");
        ChunkWriter {
            columns,
            terms,
            model_id,
            prompt_version,
            is_price_known: true,
            csv,
            tally: Tally::default(),
        }
    }

    /// Leaves the cost empty where it is not known: zero would be a claim.
    pub fn with_price_known(mut self, is_price_known: bool) -> Self {
        self.is_price_known = is_price_known;
        self
    }

    /// Appends a row and counts it. `input` are the values of the input's columns.
    pub fn write(&mut self, input: &[String], result: &ResultRow) {
        debug_assert_eq!(input.len(), self.columns.input_columns());
        for value in input {
            self.field(value);
        }
        self.field(result.row.to_string());
        self.field(result.outcome.name());
        let review: Vec<&str> = result.review.iter().map(|reason| reason.name()).collect();
        self.field(review.join(";"));
        for problem in self.columns.problem_type().problems() {
            self.suggestions(result.answer.suggestions(*problem));
            if self.columns.has_second_opinion() {
                let second = result.second.iter().find(|own| own.problem == *problem);
                self.second_code(second);
            }
        }
        let was_asked = result.answered_by.is_some();
        // Said only where a model said it.
        let sufficient = match result.outcome {
            Outcome::Coded => "true",
            Outcome::Insufficient => "false",
            Outcome::Empty | Outcome::Failed => "",
        };
        self.field(sufficient);
        self.field(if result.text_truncated {
            "true"
        } else {
            "false"
        });
        self.field(result.answered_by.map_or("", AnsweredBy::name));
        self.field(if was_asked { self.model_id } else { "" });
        self.field(if was_asked { self.prompt_version } else { "" });
        self.field(result.attempts.to_string());
        self.field(result.usage.input_tokens.to_string());
        self.field(result.usage.output_tokens.to_string());
        self.field(result.usage.cache_read_tokens.to_string());
        self.field(result.usage.cache_write_tokens.to_string());
        if self.is_price_known {
            self.field(result.cost.to_string());
        } else {
            self.field("");
        }
        self.field(&result.request_id);
        self.field(&result.error);
        self.csv
            .write_record(None::<&[u8]>)
            .expect("a buffer in memory takes every record");
        self.count(result);
    }

    /// Appends a row of an earlier chunk file as it stands there, with its end of line. It is not counted here.
    pub fn keep(&mut self, line: &[u8]) {
        let written = std::mem::replace(&mut self.csv, csv::Writer::from_writer(Vec::new()));
        let mut bytes = written
            .into_inner()
            .expect("a buffer in memory can be flushed");
        bytes.extend_from_slice(line);
        self.csv = csv::WriterBuilder::new().from_writer(bytes);
    }

    fn suggestions(&mut self, list: &[Suggestion]) {
        let Some((primary, supporting)) = list.split_first() else {
            for _ in 0..7 {
                self.field("");
            }
            return;
        };
        let term = self
            .terms
            .by_code(&primary.code)
            .map_or("", |term| term.term());
        self.field(&primary.code);
        self.field(term);
        self.field(self.terms.path(&primary.code));
        self.field(confidence(primary.confidence));
        self.field(&primary.evidence);
        self.field(&primary.rationale);
        let supporting: Vec<serde_json::Value> = supporting
            .iter()
            .map(|entry| {
                serde_json::json!({
                    "code": entry.code,
                    "term": self.terms.by_code(&entry.code).map_or("", |term| term.term()),
                    "confidence": (entry.confidence * 1e4).round() / 1e4,
                    "evidence": entry.evidence,
                    "rationale": entry.rationale,
                })
            })
            .collect();
        self.field(serde_json::Value::from(supporting).to_string());
    }

    fn second_code(&mut self, second: Option<&SecondCode>) {
        let Some(second) = second else {
            for _ in 0..4 {
                self.field("");
            }
            return;
        };
        let term = self.terms.by_code(&second.code);
        self.field(&second.code);
        self.field(term.map_or("", |term| term.term()));
        self.field(confidence(second.confidence));
        self.field(second.agreement.map_or("", Agreement::name));
    }

    fn field(&mut self, value: impl AsRef<[u8]>) {
        self.csv
            .write_field(value)
            .expect("a buffer in memory takes every field");
    }

    fn count(&mut self, result: &ResultRow) {
        self.tally.count(result.outcome);
        self.tally.usage += result.usage;
        self.tally.cost += result.cost;
        self.tally.review += u64::from(!result.review.is_empty());
        self.tally.paid_answers_reused +=
            u64::from(result.answered_by == Some(AnsweredBy::PaidAnswer));
    }

    /// The CSV, its SHA-256 in hex, and what was counted.
    pub fn finish(self) -> (Vec<u8>, String, Tally) {
        let bytes = self
            .csv
            .into_inner()
            .expect("a buffer in memory can be flushed");
        let sha256 = sha256_hex(&bytes);
        (bytes, sha256, self.tally)
    }
}

/// Four decimals: what is behind them says nothing.
fn confidence(value: f64) -> String {
    format!("{value:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::identity::tests::spec;
    use crate::core::opinion::SecondOpinion;

    fn written(has_second_opinion: bool) -> Vec<Vec<String>> {
        let mut spec = spec();
        spec.second_opinion = has_second_opinion.then_some(SecondOpinion::Precedents);
        let columns = ResultColumns::of_job(&["id".to_string()], &spec);
        let terms = TermTable::builtin();
        let mut row = ResultRow::new(1, Outcome::Coded);
        row.second = vec![SecondCode {
            problem: Problem::Patient,
            code: "E2401".to_string(),
            confidence: 0.25,
            agreement: Some(Agreement::Different),
        }];
        let mut writer = ChunkWriter::new(&columns, &terms, "m", "1");
        writer.write(&["r".to_string()], &row);
        writer.write(&["s".to_string()], &ResultRow::failed(2, "refused", "no"));
        let (bytes, _, _) = writer.finish();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&bytes[..]);
        let records = reader.records().map(|record| {
            let record = record.expect("every line has as many fields as the header");
            record.iter().map(str::to_string).collect()
        });
        records.collect()
    }

    #[test]
    fn a_second_opinion_is_written_behind_its_problem_and_only_where_it_was_asked_for() {
        let (with, without) = (written(true), written(false));
        let terms = TermTable::builtin();
        let term = terms.by_code("E2401").unwrap().term();
        let is_second = |name: &String| name.contains("_second_") || name.ends_with("_agreement");
        let second: Vec<(&str, &str)> = with[0]
            .iter()
            .zip(&with[1])
            .filter(|(name, _)| is_second(name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let expected = [
            ("product_problem_second_code", ""),
            ("product_problem_second_term", ""),
            ("product_problem_second_confidence", ""),
            ("product_problem_agreement", ""),
            ("patient_problem_second_code", "E2401"),
            ("patient_problem_second_term", term),
            ("patient_problem_second_confidence", "0.2500"),
            ("patient_problem_agreement", "different"),
        ];
        assert_eq!(second, expected);
        for (with_it, without_it) in with.iter().zip(&without) {
            let rest: Vec<&String> = with[0]
                .iter()
                .zip(with_it)
                .filter(|(name, _)| !is_second(name))
                .map(|(_, value)| value)
                .collect();
            assert_eq!(rest, without_it.iter().collect::<Vec<_>>());
        }
    }
}
