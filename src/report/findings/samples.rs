//! The first rows of each reason, so that a reader has examples and knows where to begin.

use std::collections::BTreeMap;

use crate::core::ids::RowNo;
use crate::core::problem::Problem;

/// Rows of each reason.
const MAX_ROWS: usize = 10;
/// Reasons. There are fewer; whatever a file holds, it does not get more.
const MAX_REASONS: usize = 64;
/// Characters of an id.
const ID_CHARS: usize = 60;
/// Characters of a quotation.
const EVIDENCE_CHARS: usize = 240;

/// A row as an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its number.
    pub row: RowNo,
    /// Its id; empty: it has none, or none that can be told from text.
    pub id: String,
    /// Its primary codes.
    pub codes: Vec<SampledCode>,
}

/// A primary code of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledCode {
    /// Of which problem.
    pub problem: Problem,
    /// The code.
    pub code: String,
    /// Its confidence as the results have it.
    pub confidence: String,
    /// What it quotes of the report; empty where texts are left out.
    pub evidence: String,
}

/// Gathers examples.
#[derive(Debug, Clone)]
pub(super) struct Samples {
    no_text: bool,
    by_reason: BTreeMap<String, Vec<Sample>>,
}

impl Samples {
    pub(super) fn new(no_text: bool) -> Samples {
        Samples {
            no_text,
            by_reason: BTreeMap::new(),
        }
    }

    /// Keeps a row for `reason` if it is one of the first.
    pub(super) fn add(&mut self, reason: &str, sample: impl FnOnce() -> Sample) {
        match self.by_reason.get(reason) {
            Some(rows) if rows.len() >= MAX_ROWS => return,
            None if self.by_reason.len() >= MAX_REASONS => return,
            _ => {}
        }
        let mut sample = sample();
        sample.id = cut(&sample.id, ID_CHARS);
        for code in &mut sample.codes {
            code.evidence = match self.no_text {
                true => String::new(),
                false => cut(&code.evidence, EVIDENCE_CHARS),
            };
        }
        self.by_reason
            .entry(reason.to_string())
            .or_default()
            .push(sample);
    }

    pub(super) fn finish(self) -> BTreeMap<String, Vec<Sample>> {
        self.by_reason
    }
}

/// The first `chars` characters, with three dots where there are more.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_string(),
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
    }
}
