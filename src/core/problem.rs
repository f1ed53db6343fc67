//! What a report is coded for: the device's problem, the patient's, or both.

use serde::{Deserialize, Serialize};

/// One of the two problem types that a report can be coded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Problem {
    /// Device problem: IMDRF Annex A.
    Product,
    /// Patient problem: IMDRF Annexes E (clinical signs) and F (health impact).
    Patient,
}

impl Problem {
    /// Both, in the order in which they stand in every output.
    pub const ALL: [Problem; 2] = [Problem::Product, Problem::Patient];

    /// The name in the tool schema and in settings: `product` or `patient`.
    pub fn name(self) -> &'static str {
        match self {
            Problem::Product => "product",
            Problem::Patient => "patient",
        }
    }

    /// The prefix of this problem's result columns: `product_problem` or `patient_problem`.
    pub fn column_prefix(self) -> &'static str {
        match self {
            Problem::Product => "product_problem",
            Problem::Patient => "patient_problem",
        }
    }

    /// The letters of the annexes whose codes may answer it.
    pub fn annexes(self) -> &'static [char] {
        match self {
            Problem::Product => &['A'],
            Problem::Patient => &['E', 'F'],
        }
    }
}

/// What a job asks for (the spec's `problem_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemType {
    /// Device problems alone.
    Product,
    /// Patient problems alone.
    Patient,
    /// Both in one call.
    Both,
}

impl ProblemType {
    /// The problems that are asked for, in output order.
    pub fn problems(self) -> &'static [Problem] {
        match self {
            ProblemType::Product => &[Problem::Product],
            ProblemType::Patient => &[Problem::Patient],
            ProblemType::Both => &Problem::ALL,
        }
    }

    /// Whether `problem` is asked for.
    pub fn asks(self, problem: Problem) -> bool {
        self.problems().contains(&problem)
    }
}

impl std::str::FromStr for ProblemType {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "product" => Ok(ProblemType::Product),
            "patient" => Ok(ProblemType::Patient),
            "both" => Ok(ProblemType::Both),
            other => Err(format!(
                "problem type '{other}' is not known: use product, patient or both"
            )),
        }
    }
}

impl std::fmt::Display for ProblemType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ProblemType::Product => "product",
            ProblemType::Patient => "patient",
            ProblemType::Both => "both",
        })
    }
}
