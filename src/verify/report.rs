//! What is checked, and what came of it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Problems of one check that are told; the rest is counted.
const TOLD: usize = 10;

/// One thing that an auditor would recompute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// job.json: its id is the identity of its spec.
    Job,
    /// manifest.json is of this job, and names all its outputs.
    Manifest,
    /// Every output has the length and the digest of the manifest.
    Outputs,
    /// Every chunk file has the length and the digest of the manifest.
    Chunks,
    /// No file of a job's kind is there that the manifest does not name.
    NothingElse,
    /// The input is the one that the job read.
    Input,
    /// results.csv has the columns of the spec.
    Columns,
    /// Rows 1 to N, each once, in order (I1).
    RowOrder,
    /// The input's columns are unchanged (I1).
    InputColumns,
    /// The results are the rows of the chunk files, and of chunks that were given up (I6).
    ChunkRows,
    /// Outcome, codes and error of each row fit together (I10).
    Outcomes,
    /// Codes are in the terms, may be chosen, and are of the right annex; terms and paths are theirs.
    Codes,
    /// Reasons for review are from the fixed set.
    Reviews,
    /// The failures are the failed rows.
    Failures,
    /// summary.json is of this job, and balances.
    Summary,
    /// The summary's counts are those of the rows.
    Counts,
    /// Rows and overhead together are the summary's tokens and cost, to the nano-dollar.
    Cost,
    /// Parquet, JSON Lines and the copy for spreadsheets hold what results.csv holds.
    Forms,
}

impl Check {
    /// All of them, in the order in which they are told.
    pub const ALL: [Check; 18] = [
        Check::Job,
        Check::Manifest,
        Check::Outputs,
        Check::Chunks,
        Check::NothingElse,
        Check::Input,
        Check::Columns,
        Check::RowOrder,
        Check::InputColumns,
        Check::ChunkRows,
        Check::Outcomes,
        Check::Codes,
        Check::Reviews,
        Check::Failures,
        Check::Summary,
        Check::Counts,
        Check::Cost,
        Check::Forms,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Check::Job => "job",
            Check::Manifest => "manifest",
            Check::Outputs => "outputs",
            Check::Chunks => "chunks",
            Check::NothingElse => "nothing_else",
            Check::Input => "input",
            Check::Columns => "columns",
            Check::RowOrder => "row_order",
            Check::InputColumns => "input_columns",
            Check::ChunkRows => "chunk_rows",
            Check::Outcomes => "outcomes",
            Check::Codes => "codes",
            Check::Reviews => "reviews",
            Check::Failures => "failures",
            Check::Summary => "summary",
            Check::Counts => "counts",
            Check::Cost => "cost",
            Check::Forms => "forms",
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Ok,
    /// It does not.
    Failed,
    /// It could not be looked at.
    NotChecked,
}

/// A check and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// Which.
    pub check: Check,
    /// What came of it.
    pub verdict: Verdict,
    /// What was looked at, or why it was not.
    pub said: String,
    /// What is wrong, the first ten.
    pub problems: Vec<String>,
    /// How much is wrong in all.
    pub problem_count: u64,
}

/// What came of all checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where the outputs lie.
    pub place: String,
    /// Whose they are; empty: not known.
    pub job_id: String,
    /// The job was stopped: its files hold only the rows that were done.
    pub partial: bool,
    /// Whether nothing that was checked is broken.
    pub ok: bool,
    /// All checks, in order.
    pub checks: Vec<CheckResult>,
}

impl Report {
    /// Checks that were not made.
    pub fn not_checked(&self) -> usize {
        let checks = self.checks.iter();
        checks
            .filter(|check| check.verdict == Verdict::NotChecked)
            .count()
    }
}

/// Gathers what is found.
#[derive(Debug, Default)]
pub(super) struct Notes {
    found: BTreeMap<Check, (Vec<String>, u64)>,
    good: BTreeMap<Check, String>,
    skipped: BTreeMap<Check, String>,
}

impl Notes {
    /// Something is wrong.
    pub(super) fn problem(&mut self, check: Check, problem: impl Into<String>) {
        let (told, count) = self.found.entry(check).or_default();
        *count += 1;
        if told.len() < TOLD {
            told.push(problem.into());
        }
    }

    /// Something is wrong unless `holds`.
    pub(super) fn expect(&mut self, check: Check, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problem(check, problem());
        }
    }

    /// It was looked at; it is well unless there were problems.
    pub(super) fn looked(&mut self, check: Check, said: impl Into<String>) {
        self.good.insert(check, said.into());
    }

    /// It cannot be looked at.
    pub(super) fn skip(&mut self, check: Check, why: impl Into<String>) {
        self.skipped.insert(check, why.into());
    }

    pub(super) fn report(mut self, place: &str, job_id: &str, partial: bool) -> Report {
        let result = |check: Check| {
            let (problems, problem_count) = self.found.remove(&check).unwrap_or_default();
            let good = self.good.remove(&check);
            let (verdict, said) = match (problem_count, good, self.skipped.remove(&check)) {
                (0, Some(said), None) => (Verdict::Ok, said),
                (0, _, Some(why)) => (Verdict::NotChecked, why),
                (0, None, None) => (
                    Verdict::NotChecked,
                    "what it goes by cannot be read".to_string(),
                ),
                (_, good, _) => (Verdict::Failed, good.unwrap_or_default()),
            };
            CheckResult {
                check,
                verdict,
                said,
                problems,
                problem_count,
            }
        };
        let checks: Vec<CheckResult> = Check::ALL.into_iter().map(result).collect();
        Report {
            place: place.to_string(),
            job_id: job_id.to_string(),
            partial,
            ok: checks.iter().all(|check| check.verdict != Verdict::Failed),
            checks,
        }
    }
}
