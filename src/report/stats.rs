//! What the finisher's pass over the rows finds: distributions that no fixed-size counter can hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::findings::{Findings, FindingsReader};
use super::throughput::{Throughput, ThroughputReader};
use crate::core::chunk::ChunkRecord;
use crate::core::ids::RowNo;
use crate::core::job::JobRecord;
use crate::core::outcome::Outcome;
use crate::core::problem::{Problem, ProblemType};
use crate::core::spec::JobSpec;
use crate::core::tally::Tally;
use crate::results::{ResultColumns, ResultRow};

/// Rows that are named for each kind of error.
const FIRST_ROWS: usize = 10;

/// Failed rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ErrorCount {
    /// How many.
    pub count: u64,
    /// The first of them, by row number.
    pub first_rows: Vec<RowNo>,
    /// What the first of them says.
    pub first_error: String,
}

/// What was found in the rows.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Rows by outcome; the pass's own count, to be compared with the ledger's.
    pub tally: Tally,
    /// Rows by review reason.
    pub review: BTreeMap<String, u64>,
    /// Failed rows by kind of error.
    pub errors: BTreeMap<String, ErrorCount>,
    /// Rows by primary code, for each problem type.
    pub codes: BTreeMap<Problem, BTreeMap<String, u64>>,
    /// Rows by who answered.
    pub answered_by: BTreeMap<String, u64>,
    /// Rows over time.
    pub throughput: Throughput,
    /// What only the page shows; none: nobody asked for it.
    pub findings: Option<Findings>,
}

/// Reads rows of one job by the positions of their columns.
pub struct StatsReader {
    row: usize,
    outcome: usize,
    review: usize,
    error: usize,
    answered_by: usize,
    codes: Vec<(Problem, usize)>,
    stats: Stats,
    findings: Option<FindingsReader>,
    throughput: ThroughputReader,
}

impl StatsReader {
    /// For rows with these columns, of which the page is made, too; `no_text`: nothing of a report is kept for it.
    pub fn for_page(columns: &ResultColumns, spec: &JobSpec, no_text: bool) -> StatsReader {
        StatsReader {
            findings: Some(FindingsReader::new(columns, spec, no_text)),
            ..StatsReader::new(columns)
        }
    }

    /// For rows with these columns.
    pub fn new(columns: &ResultColumns) -> StatsReader {
        let own = |name| columns.own(name).expect("every result has this column");
        let problem_type: ProblemType = columns.problem_type();
        let code = |problem: &Problem| {
            (
                *problem,
                columns
                    .of_problem(*problem, "code")
                    .expect("an asked problem has a code column"),
            )
        };
        StatsReader {
            row: own("row"),
            outcome: own("outcome"),
            review: own("review"),
            error: own("error"),
            answered_by: own("answered_by"),
            codes: problem_type.problems().iter().map(code).collect(),
            stats: Stats::default(),
            findings: None,
            throughput: ThroughputReader::default(),
        }
    }

    /// Counts a chunk, for the rows over time.
    pub fn chunk(&mut self, job: &JobRecord, chunk: &ChunkRecord) {
        self.throughput.chunk(job, chunk);
    }

    /// Counts one row; true: it failed.
    pub fn count(&mut self, record: &csv::ByteRecord) -> bool {
        let text =
            |at: usize| std::str::from_utf8(record.get(at).unwrap_or_default()).unwrap_or_default();
        let stats = &mut self.stats;
        let outcome = Outcome::ALL
            .into_iter()
            .find(|o| o.name() == text(self.outcome));
        let outcome = outcome.unwrap_or(Outcome::Failed);
        if let Some(findings) = &mut self.findings {
            findings.count(record, outcome);
        }
        stats.tally.count(outcome);
        stats.tally.review += u64::from(!text(self.review).is_empty());
        for reason in text(self.review)
            .split(';')
            .filter(|reason| !reason.is_empty())
        {
            bump(&mut stats.review, reason);
        }
        for (problem, at) in &self.codes {
            let code = text(*at);
            // The good half of a failed row is kept in its columns, but it is no finding of the job.
            if !code.is_empty() && outcome == Outcome::Coded {
                bump(stats.codes.entry(*problem).or_default(), code);
            }
        }
        if !text(self.answered_by).is_empty() {
            bump(&mut stats.answered_by, text(self.answered_by));
        }
        let failed = outcome == Outcome::Failed;
        if failed {
            let error = text(self.error);
            let kind = ResultRow::error_kind(error);
            if !stats.errors.contains_key(kind) {
                let new = ErrorCount {
                    first_error: error.to_string(),
                    ..ErrorCount::default()
                };
                stats.errors.insert(kind.to_string(), new);
            }
            let known = stats
                .errors
                .get_mut(kind)
                .expect("it was just looked up or put in");
            known.count += 1;
            if known.first_rows.len() < FIRST_ROWS {
                known
                    .first_rows
                    .push(text(self.row).parse().unwrap_or_default());
            }
        }
        failed
    }

    /// What was found.
    pub fn finish(self) -> Stats {
        Stats {
            throughput: self.throughput.finish(),
            findings: self.findings.map(FindingsReader::finish),
            ..self.stats
        }
    }
}

fn bump(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_string(), 1);
        }
    }
}
