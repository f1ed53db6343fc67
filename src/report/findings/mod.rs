//! What the page shows beyond the summary, gathered in the same pass over the rows: pairs of codes, codes by period and by the
//! values of columns, confidence, agreement, first rows of each kind. Memory has a bound that does not grow with the rows: every
//! table here has a cap, and what it cuts is counted.

pub mod codes;
pub mod dates;
mod months;
pub mod periods;
mod samples;
pub mod values;

pub use samples::{Sample, SampledCode};

use std::collections::BTreeMap;

use self::codes::{CodeId, Codes, Pairs};
use self::periods::Dates;
use self::samples::Samples;
use self::values::{LeftOut, Values};
use crate::core::opinion::Agreement;
use crate::core::outcome::{Outcome, ReviewReason};
use crate::core::problem::Problem;
use crate::core::spec::JobSpec;
use crate::results::{ResultColumns, ResultRow};

/// Columns of the input that are looked at.
pub const MAX_COLUMNS: usize = 40;
/// Steps of confidence that are told apart.
pub const CONFIDENCE_STEPS: usize = 20;
/// Different pairs of codes that are told apart.
const MAX_CODE_PAIRS: usize = 200_000;
/// Kinds of errors of records that cannot be read: their fields may stand in other columns than they belong to.
const UNREADABLE: [&str; 4] = [
    "quote_not_closed",
    "record_too_long",
    "id_or_text_missing",
    "extra_fields",
];
/// Reasons that say the same of records that can.
const SHIFTED: [ReviewReason; 3] = [
    ReviewReason::RaggedShort,
    ReviewReason::RaggedLong,
    ReviewReason::RepeatedHeader,
];

/// What the rows say of one problem type.
#[derive(Debug, Clone)]
pub struct OfProblem {
    /// Coded rows by confidence of the primary code, in equal steps from 0 to 1.
    pub confidence: [u64; CONFIDENCE_STEPS],
    /// Coded rows whose primary code has no confidence.
    pub without_confidence: u64,
    /// Coded rows by agreement with the second opinion; none: there is no second opinion.
    pub agreement: Option<BTreeMap<Agreement, u64>>,
    /// Of two opinions that differ, the first one's code and the second one's.
    pub differing: Pairs<CodeId>,
}

/// One of the input's columns.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Rows by its values.
    pub values: Values,
    dates: Dates,
}

/// What the pass found.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The page quotes no report.
    pub no_text: bool,
    /// The codes behind the numbers that are used here.
    pub codes: Codes,
    /// By problem type.
    pub problems: BTreeMap<Problem, OfProblem>,
    /// Coded rows by product code and patient code.
    pub pairs: Pairs<CodeId>,
    /// The input's columns.
    pub columns: Vec<Column>,
    /// Rows that are in no count by column, since their record does not fit the header.
    pub unfit_rows: u64,
    /// The first rows of each reason for review.
    pub review: BTreeMap<String, Vec<Sample>>,
    /// The first rows of each kind of error.
    pub failed: BTreeMap<String, Vec<Sample>>,
}

impl Findings {
    /// The column whose dates rows are shown by: of those that hold dates the one with the most of them, the first of equals.
    pub fn dates(&self) -> Option<(&str, &Dates)> {
        let mut best: Option<&Column> = None;
        for column in self.columns.iter().filter(|c| c.dates.is_date_column()) {
            if best.is_none_or(|best| column.dates.readable() > best.dates.readable()) {
                best = Some(column);
            }
        }
        best.map(|column| (column.name.as_str(), &column.dates))
    }

    /// Names of the columns whose dates cannot be read: month and day may stand in either order.
    pub fn ambiguous_dates(&self) -> impl Iterator<Item = &str> {
        let dates = self.columns.iter().filter(|c| c.dates.is_ambiguous());
        dates.map(|column| column.name.as_str())
    }

    /// Names of the columns that hold dates.
    pub fn date_columns(&self) -> impl Iterator<Item = &str> {
        let dates = self.columns.iter().filter(|c| c.dates.is_date_column());
        dates.map(|column| column.name.as_str())
    }
}

/// Where the columns stand.
struct Positions {
    row: usize,
    review: usize,
    error: usize,
    id: Option<usize>,
    problems: Vec<OfProblemAt>,
}

struct OfProblemAt {
    problem: Problem,
    code: usize,
    confidence: usize,
    evidence: usize,
    agreement: Option<usize>,
    second_code: Option<usize>,
}

/// Gathers findings row by row.
pub struct FindingsReader {
    at: Positions,
    review: Samples,
    failed: Samples,
    findings: Findings,
}

impl FindingsReader {
    /// For rows with these columns of a job with this spec; `no_text`: nothing of a report is kept.
    pub fn new(columns: &ResultColumns, spec: &JobSpec, no_text: bool) -> FindingsReader {
        let own = |name: &str| columns.own(name).expect("every result has this column");
        let input = &columns.names()[..columns.input_columns()];
        let place = |name: &str| input.iter().position(|own| own == name);
        let (id, text) = (place(spec.id_column()), place(spec.text_column()));
        let of_problem = |problem: &Problem| {
            let own = |field| columns.of_problem(*problem, field);
            let field = |name| own(name).expect("an asked problem has this column");
            OfProblemAt {
                problem: *problem,
                code: field("code"),
                confidence: field("confidence"),
                evidence: field("evidence"),
                agreement: own("agreement"),
                second_code: own("second_code"),
            }
        };
        let problems: Vec<OfProblemAt> = spec
            .problem_type
            .problems()
            .iter()
            .map(of_problem)
            .collect();
        let empty = |at: &OfProblemAt| OfProblem {
            confidence: [0; CONFIDENCE_STEPS],
            without_confidence: 0,
            agreement: at.agreement.map(|_| BTreeMap::new()),
            differing: Pairs::new(MAX_CODE_PAIRS),
        };
        let column = |(at, name): (usize, &String)| Column {
            name: name.clone(),
            values: match () {
                () if [id, text].contains(&Some(at)) => Values::without(LeftOut::IdOrText),
                () if at >= MAX_COLUMNS => Values::without(LeftOut::Behind),
                () => Values::new(),
            },
            dates: Dates::default(),
        };
        FindingsReader {
            review: Samples::new(no_text),
            failed: Samples::new(no_text),
            findings: Findings {
                no_text,
                codes: Codes::default(),
                problems: problems.iter().map(|at| (at.problem, empty(at))).collect(),
                pairs: Pairs::new(MAX_CODE_PAIRS),
                columns: input.iter().enumerate().map(column).collect(),
                unfit_rows: 0,
                review: BTreeMap::new(),
                failed: BTreeMap::new(),
            },
            at: Positions {
                row: own("row"),
                review: own("review"),
                error: own("error"),
                id,
                problems,
            },
        }
    }

    /// Counts one row.
    pub fn count(&mut self, record: &csv::ByteRecord, outcome: Outcome) {
        let field = |at: usize| -> &str {
            std::str::from_utf8(record.get(at).unwrap_or_default()).unwrap_or_default()
        };
        let review = field(self.at.review);
        let kind = ResultRow::error_kind(field(self.at.error));
        let reasons = || review.split(';').filter(|reason| !reason.is_empty());
        let is_unfit = UNREADABLE.contains(&kind)
            || reasons().any(|reason| SHIFTED.iter().any(|own| own.name() == reason));
        let findings = &mut self.findings;
        // The good half of a failed row is no finding of the job.
        let is_coded = outcome == Outcome::Coded;
        let mut codes = Vec::new();
        for at in self.at.problems.iter().filter(|_| is_coded) {
            let Some(code) = findings.codes.id(field(at.code)) else {
                continue;
            };
            codes.push(code);
            let own = findings.problems.entry(at.problem);
            own.and_modify(|own| {
                match field(at.confidence).parse::<f64>() {
                    Ok(confidence) => own.confidence[step(confidence)] += 1,
                    Err(_) => own.without_confidence += 1,
                }
                let said = field(at.agreement.unwrap_or(usize::MAX));
                let agreement = Agreement::ALL.into_iter().find(|own| own.name() == said);
                if let (Some(counts), Some(agreement)) = (&mut own.agreement, agreement) {
                    *counts.entry(agreement).or_default() += 1;
                }
                let second = field(at.second_code.unwrap_or(usize::MAX));
                if agreement == Some(Agreement::Different)
                    && let Some(second) = findings.codes.id(second)
                {
                    own.differing.count(code, second);
                }
            });
        }
        if let [product, patient] = codes[..] {
            findings.pairs.count(product, patient);
        }
        if is_unfit {
            findings.unfit_rows += 1;
        } else {
            for (at, column) in findings.columns.iter_mut().enumerate().take(MAX_COLUMNS) {
                column
                    .values
                    .count(field(at), outcome, !review.is_empty(), &codes);
                if Some(at) != self.at.id {
                    column.dates.count(field(at), &codes);
                }
            }
        }
        if review.is_empty() && outcome != Outcome::Failed {
            return;
        }
        let sample = || Sample {
            row: field(self.at.row).parse().unwrap_or_default(),
            // An id that may be a piece of a text is one.
            id: match self.at.id {
                Some(at) if !(is_unfit && findings.no_text) => field(at).to_string(),
                _ => String::new(),
            },
            codes: self
                .at
                .problems
                .iter()
                .filter(|at| !field(at.code).is_empty())
                .map(|at| SampledCode {
                    problem: at.problem,
                    code: field(at.code).to_string(),
                    confidence: field(at.confidence).to_string(),
                    evidence: field(at.evidence).to_string(),
                })
                .collect(),
        };
        for reason in reasons() {
            self.review.add(reason, sample);
        }
        if outcome == Outcome::Failed {
            self.failed.add(kind, sample);
        }
    }

    /// What was found.
    pub fn finish(self) -> Findings {
        let mut findings = self.findings;
        for column in &mut findings.columns {
            if column.dates.is_date_column() || column.dates.is_ambiguous() {
                column.values.leave_out(LeftOut::Dates);
            }
        }
        Findings {
            review: self.review.finish(),
            failed: self.failed.finish(),
            ..findings
        }
    }
}

/// The step that a confidence lies in, from 0.
fn step(confidence: f64) -> usize {
    let step = (confidence * CONFIDENCE_STEPS as f64).floor();
    // Numbers below 0 and those that are none become 0.
    (step as usize).min(CONFIDENCE_STEPS - 1)
}

#[cfg(test)]
mod tests;
