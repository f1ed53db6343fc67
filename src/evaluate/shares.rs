//! How frequent each code is in the corpus: what decides a label's bucket in Macro-F1.

use super::codes::{CodeReader, close_upwards};
use crate::core::problem::Problem;
use crate::terms::TermTable;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Reports of the corpus by code, gold sets closed upwards; made by [`LabelCounter`] from the corpus (FDA MAUDE, public domain).
const BUILTIN: &[u8] = include_bytes!("../../data/corpus_label_counts.csv");

/// The row of the counts file that holds the number of reports.
const TOTAL: &str = "total";

/// A label's bucket by its share of the corpus' reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// 1 % of reports or more.
    Head,
    /// 0.1 % to less than 1 %.
    Medium,
    /// 0.01 % to less than 0.1 %.
    Tail,
    /// Less than 0.01 %, and what does not occur.
    ExtremeTail,
}

impl Bucket {
    /// All, the most frequent first.
    pub const ALL: [Bucket; 4] = [
        Bucket::Head,
        Bucket::Medium,
        Bucket::Tail,
        Bucket::ExtremeTail,
    ];
}

/// Why a counts file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("label counts, line {line}: found {found}, expected {expected}")]
pub struct SharesError {
    /// The line, from 1.
    pub line: u64,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: &'static str,
}

/// In how many reports of a corpus each code occurs, ancestors counted with their codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelShares {
    total: u64,
    reports: BTreeMap<String, u64>,
}

impl LabelShares {
    /// The counts of the corpus that comes with the program.
    ///
    /// # Panics
    /// Never in a program whose tests passed: the counts are part of the program.
    pub fn builtin() -> Arc<LabelShares> {
        static SHARES: OnceLock<Arc<LabelShares>> = OnceLock::new();
        let shares = SHARES.get_or_init(|| match LabelShares::from_csv_bytes(BUILTIN) {
            Ok(shares) => Arc::new(shares),
            Err(error) => panic!("the built-in label counts are damaged: {error}"),
        });
        Arc::clone(shares)
    }

    /// Reads `code,reports`, with a row `total` that holds the number of reports.
    ///
    /// # Errors
    /// When a line is not a code and a number, or there is no total.
    pub fn from_csv_bytes(bytes: &[u8]) -> Result<LabelShares, SharesError> {
        let expected = "code,reports: a code (or 'total') and a whole number";
        let mut total = None;
        let mut reports = BTreeMap::new();
        for record in csv::Reader::from_reader(bytes).into_records() {
            let record = record.map_err(|error| SharesError {
                line: error.position().map_or(1, csv::Position::line),
                found: "a record that cannot be read".to_owned(),
                expected,
            })?;
            let line = record.position().map_or(1, csv::Position::line);
            let number = record.get(1).and_then(|n| n.trim().parse().ok());
            match (&record[0], number) {
                (TOTAL, Some(number)) => total = Some(number),
                (code, Some(number)) if !code.is_empty() => {
                    reports.insert(code.to_owned(), number);
                }
                _ => {
                    let found = record.iter().collect::<Vec<_>>().join(",");
                    return Err(SharesError {
                        line,
                        found,
                        expected,
                    });
                }
            }
        }
        match total {
            Some(total) => Ok(LabelShares { total, reports }),
            None => Err(SharesError {
                line: 1,
                found: "no row 'total'".to_owned(),
                expected,
            }),
        }
    }

    /// The number of reports in the corpus.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// In how many of them `code` or a code below it occurs.
    pub fn reports(&self, code: &str) -> u64 {
        self.reports.get(code).copied().unwrap_or(0)
    }

    /// The bucket of `code`.
    pub fn bucket(&self, code: &str) -> Bucket {
        let reports = u128::from(self.reports(code));
        let at_least = |one_in: u128| reports > 0 && reports * one_in >= u128::from(self.total);
        match () {
            () if at_least(100) => Bucket::Head,
            () if at_least(1_000) => Bucket::Medium,
            () if at_least(10_000) => Bucket::Tail,
            () => Bucket::ExtremeTail,
        }
    }
}

/// Counts a corpus, report by report.
#[derive(Debug)]
pub struct LabelCounter {
    table: Arc<TermTable>,
    total: u64,
    reports: Vec<u64>,
    reader: CodeReader,
    scratch: Vec<u32>,
}

impl LabelCounter {
    /// Counts by the tree of `table`.
    pub fn new(table: Arc<TermTable>) -> Self {
        let reports = vec![0; table.len()];
        LabelCounter {
            table,
            total: 0,
            reports,
            reader: CodeReader::default(),
            scratch: Vec::new(),
        }
    }

    /// Counts one report with its gold codes, read as the evaluation reads them.
    pub fn add(&mut self, product: &[&str], patient: &[&str]) {
        self.total += 1;
        for (problem, codes) in [(Problem::Product, product), (Problem::Patient, patient)] {
            self.reader
                .read(&self.table, problem, codes, &mut self.scratch);
            close_upwards(&self.table, &mut self.scratch);
            for &index in &self.scratch {
                self.reports[index as usize] += 1;
            }
        }
    }

    /// The counts.
    pub fn finish(self) -> LabelShares {
        let reports = self
            .table
            .terms()
            .iter()
            .zip(&self.reports)
            .filter(|&(_, &reports)| reports > 0)
            .map(|(term, &reports)| (term.code().to_owned(), reports))
            .collect();
        LabelShares {
            total: self.total,
            reports,
        }
    }
}

impl LabelShares {
    /// The counts as a file that [`LabelShares::from_csv_bytes`] reads: `total`, then the codes in alphabetical order.
    pub fn to_csv(&self) -> String {
        let mut text = format!("code,reports\n{TOTAL},{}\n", self.total);
        for (code, reports) in &self.reports {
            text.push_str(&format!("{code},{reports}\n"));
        }
        text
    }
}
