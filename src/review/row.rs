//! What is shown of a row.

use std::ops::Range;

use anyhow::Context;
use serde::Deserialize;

use crate::coding::evidence::marks;
use crate::coding::text::prepare;
use crate::core::ids::RowNo;
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;
use crate::core::spec::JobSpec;
use crate::outputs::StoredRow;

/// A code that was suggested, with its grounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShownCode {
    /// The code.
    pub code: String,
    /// Its term, as the results have it.
    pub term: String,
    /// How sure, as the results have it; empty: not said.
    pub confidence: String,
    /// A quotation of the report; empty: none.
    pub evidence: String,
    /// Why; empty: not said.
    pub rationale: String,
    /// Where the quotation stands in the row's text.
    pub marks: Vec<Range<usize>>,
}

/// What was answered for one problem.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownAnswer {
    /// The problem.
    pub problem: Problem,
    /// The primary code and the others; empty: none was given.
    pub codes: Vec<ShownCode>,
    /// A second opinion's code (without grounds) and how it agrees; none: there is none.
    pub second: Option<(ShownCode, String)>,
}

/// A coded report that resembles the row's.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// Its key.
    pub id: String,
    /// 0 to 1.
    pub similarity: f32,
    /// Its reporter's codes by problem.
    pub codes: [Vec<String>; 2],
    /// How its text begins.
    pub text: String,
}

/// A row as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownRow {
    /// Its number.
    pub row: RowNo,
    /// Its id.
    pub id: String,
    /// What it ended as; none: the file says none.
    pub outcome: Option<Outcome>,
    /// Why it should be read.
    pub reasons: Vec<String>,
    /// The report's text, whole.
    pub text: String,
    /// The part of it that was sent.
    pub sent: Range<usize>,
    /// What was answered for each problem that was asked.
    pub answers: Vec<ShownAnswer>,
    /// What the row's error says; empty: nothing.
    pub error: String,
}

/// One entry of `P_supporting`.
#[derive(Deserialize)]
struct Supporting {
    code: String,
    #[serde(default)]
    term: String,
    confidence: Option<f64>,
    #[serde(default)]
    evidence: String,
    #[serde(default)]
    rationale: String,
}

impl ShownRow {
    /// Takes a row over.
    ///
    /// # Errors
    /// A list of further codes is none.
    pub fn new(stored: &StoredRow<'_>, spec: &JobSpec) -> anyhow::Result<ShownRow> {
        let text = stored.text();
        let sent = prepare(text, spec.max_text_chars).text;
        // A part of the text: the distance of their beginnings is where it begins.
        let from = sent.as_ptr().addr() - text.as_ptr().addr();
        let row = stored.row().unwrap_or_default();
        let mut answers = Vec::new();
        for &problem in spec.problem_type.problems() {
            let answer = answer(stored, problem, sent, from);
            answers.push(answer.with_context(|| {
                format!("row {row}, column {}_supporting", problem.column_prefix())
            })?);
        }
        Ok(ShownRow {
            row,
            id: stored.id().to_string(),
            outcome: stored.outcome(),
            reasons: stored.review().map(str::to_string).collect(),
            text: text.to_string(),
            sent: from..from + sent.len(),
            answers,
            error: stored.own("error").to_string(),
        })
    }

    /// The primary code for `problem`; empty: none was given.
    pub fn primary(&self, problem: Problem) -> &str {
        let codes = self.codes(problem);
        codes.first().map_or("", |code| &code.code)
    }

    /// All codes that were suggested for `problem`, the primary first.
    pub fn codes(&self, problem: Problem) -> &[ShownCode] {
        let mut answers = self.answers.iter();
        let answer = answers.find(|answer| answer.problem == problem);
        answer.map_or(&[], |answer| &answer.codes)
    }
}

fn answer(
    stored: &StoredRow<'_>,
    problem: Problem,
    sent: &str,
    from: usize,
) -> anyhow::Result<ShownAnswer> {
    let of = |field: &str| stored.of_problem(problem, field).to_string();
    let marked = |evidence: &str| {
        let places = marks(sent, evidence).into_iter();
        places
            .map(|place| place.start + from..place.end + from)
            .collect()
    };
    let mut codes = Vec::new();
    let primary = of("code");
    if !primary.is_empty() {
        let evidence = of("evidence");
        codes.push(ShownCode {
            code: primary,
            term: of("term"),
            confidence: of("confidence"),
            marks: marked(&evidence),
            evidence,
            rationale: of("rationale"),
        });
    }
    let supporting = of("supporting");
    if !supporting.is_empty() {
        // The error of the reader could quote the list, which quotes the report.
        let entries: Vec<Supporting> = serde_json::from_str(&supporting).map_err(|error| {
            anyhow::anyhow!("no list of codes (at character {})", error.column())
        })?;
        codes.extend(entries.into_iter().map(|entry| {
            ShownCode {
                marks: marked(&entry.evidence),
                code: entry.code,
                term: entry.term,
                confidence: entry
                    .confidence
                    .map_or(String::new(), |c| format!("{c:.4}")),
                evidence: entry.evidence,
                rationale: entry.rationale,
            }
        }));
    }
    let second = of("second_code");
    let second = (!second.is_empty()).then(|| {
        let code = ShownCode {
            code: second,
            term: of("second_term"),
            confidence: of("second_confidence"),
            ..ShownCode::default()
        };
        (code, of("agreement"))
    });
    Ok(ShownAnswer {
        problem,
        codes,
        second,
    })
}
