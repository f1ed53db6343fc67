//! The columns of a results file that an evaluation needs, and one row's answer.

use super::evaluator::Prediction;
use super::names;
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;
use crate::results::own_column;
use csv::StringRecord;
use serde::Deserialize;

/// Why a results file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResultsError {
    /// A column is not there.
    #[error(
        "results file: found no column {wanted} among {found}, expected a results.csv with id and product_problem_code or patient_problem_code: see --id-column"
    )]
    NoColumn {
        /// The column.
        wanted: String,
        /// The header's names, or their number where they look like data.
        found: String,
    },
    /// A field does not hold what it should.
    #[error("results file, row {row}, column '{column}': found {found}, expected {expected}")]
    Field {
        /// The data row, from 1.
        row: u64,
        /// The column.
        column: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
}

/// Where a results file has what is needed.
#[derive(Debug)]
pub struct ResultColumns {
    id: usize,
    row: Option<usize>,
    outcome: Option<usize>,
    event_type: Option<usize>,
    problems: [Option<ProblemColumns>; 2],
}

#[derive(Debug)]
struct ProblemColumns {
    code: usize,
    confidence: Option<usize>,
    supporting: Option<usize>,
}

/// One of the other entries of an answer, as `P_supporting` lists them.
#[derive(Debug, Deserialize)]
struct Supporting {
    code: String,
    #[serde(default)]
    confidence: f64,
}

/// One row's answer, to be filled again and again.
#[derive(Debug, Default)]
pub struct Answer {
    outcome: Option<Outcome>,
    predicted: [Vec<(String, f64)>; 2],
}

impl ResultColumns {
    /// Finds the columns. Needed are the id and a code column; without an `outcome` column (results that another program
    /// wrote) a row with a code is coded and one without is empty. Ours stand behind the input's, which are left
    /// alone, whatever they are called.
    ///
    /// # Errors
    /// When a needed column is not there.
    pub fn find(header: &StringRecord, id_column: &str) -> Result<Self, ResultsError> {
        let plain = |name: &str| header.iter().position(|field| field.trim() == name);
        let ours = |name: &str| own_column(header.iter(), name);
        let missing = |wanted: String| ResultsError::NoColumn {
            wanted,
            found: names(header.iter()),
        };
        let problems = Problem::ALL.map(|problem| {
            let prefix = problem.column_prefix();
            Some(ProblemColumns {
                code: ours(&format!("{prefix}_code"))?,
                confidence: ours(&format!("{prefix}_confidence")),
                supporting: ours(&format!("{prefix}_supporting")),
            })
        });
        if problems.iter().all(Option::is_none) {
            return Err(missing(
                "'product_problem_code' or 'patient_problem_code'".to_owned(),
            ));
        }
        Ok(ResultColumns {
            id: plain(id_column).ok_or_else(|| missing(format!("'{id_column}'")))?,
            row: ours("row"),
            outcome: ours("outcome"),
            event_type: plain("event_type"),
            problems,
        })
    }

    /// Whether there are columns of product codes, of patient codes.
    pub fn has(&self) -> [bool; 2] {
        [self.problems[0].is_some(), self.problems[1].is_some()]
    }

    /// A row's id.
    pub fn id<'r>(&self, record: &'r StringRecord) -> &'r str {
        record.get(self.id).unwrap_or_default()
    }

    /// A row's event type, where there is such a column.
    pub fn event_type<'r>(&self, record: &'r StringRecord) -> Option<&'r str> {
        record.get(self.event_type?)
    }

    /// The row's own number, else `position`, its place in the file from 1.
    pub fn row(&self, record: &StringRecord, position: u64) -> u64 {
        self.row
            .and_then(|at| record.get(at)?.trim().parse().ok())
            .unwrap_or(position)
    }

    /// Reads a row's answer into `answer`. Codes of a row that is not coded are left out.
    ///
    /// # Errors
    /// When an outcome, a confidence or a list of supporting codes is not what it should be.
    pub fn read(
        &self,
        record: &StringRecord,
        position: u64,
        answer: &mut Answer,
    ) -> Result<(), ResultsError> {
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).map_or("", str::trim);
        let wrong = |column: String, found: String, expected| ResultsError::Field {
            row: position,
            column,
            found,
            expected,
        };
        for predicted in &mut answer.predicted {
            predicted.clear();
        }
        let has_code = self
            .problems
            .iter()
            .flatten()
            .any(|columns| !field(Some(columns.code)).is_empty());
        answer.outcome = Some(match field(self.outcome) {
            "coded" => Outcome::Coded,
            "insufficient" => Outcome::Insufficient,
            "empty" => Outcome::Empty,
            "failed" => Outcome::Failed,
            "" if self.outcome.is_none() => {
                if has_code {
                    Outcome::Coded
                } else {
                    Outcome::Empty
                }
            }
            other => {
                let found = format!("'{}'", other.chars().take(20).collect::<String>());
                return Err(wrong(
                    "outcome".to_owned(),
                    found,
                    "coded, insufficient, empty or failed",
                ));
            }
        });
        if answer.outcome != Some(Outcome::Coded) {
            return Ok(());
        }
        for (problem, predicted) in Problem::ALL.into_iter().zip(&mut answer.predicted) {
            let Some(columns) = &self.problems[problem as usize] else {
                continue;
            };
            let column = |name: &str| format!("{}_{name}", problem.column_prefix());
            let code = field(Some(columns.code));
            if code.is_empty() {
                continue;
            }
            let confidence = match field(columns.confidence) {
                "" => 0.0,
                text => text
                    .parse()
                    .ok()
                    .filter(|c| (0.0..=1.0).contains(c))
                    .ok_or_else(|| {
                        let found = format!("'{}'", text.chars().take(20).collect::<String>());
                        wrong(column("confidence"), found, "a number from 0 to 1")
                    })?,
            };
            predicted.push((code.to_owned(), confidence));
            let supporting = field(columns.supporting);
            if supporting.is_empty() {
                continue;
            }
            let entries: Vec<Supporting> = serde_json::from_str(supporting).map_err(|error| {
                // The error's own text can quote the field, which can hold words of the report.
                let found = format!(
                    "text that is no such list (at character {})",
                    error.column()
                );
                wrong(
                    column("supporting"),
                    found,
                    "a JSON list of objects with code and confidence",
                )
            })?;
            predicted.extend(
                entries
                    .into_iter()
                    .map(|entry| (entry.code, entry.confidence)),
            );
        }
        Ok(())
    }
}

impl Answer {
    /// What the row got; coded until one is read.
    pub fn outcome(&self) -> Outcome {
        self.outcome.unwrap_or(Outcome::Coded)
    }

    /// The codes predicted for `problem`, the primary first; none unless the row is coded.
    pub fn predicted(&self, problem: Problem) -> impl Iterator<Item = Prediction<'_>> {
        self.predicted[problem as usize]
            .iter()
            .map(|(code, confidence)| Prediction {
                code,
                confidence: *confidence,
            })
    }
}
