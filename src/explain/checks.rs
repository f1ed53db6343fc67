//! The checks of an answer, said again one by one: those of [`crate::coding::validate`], by its own functions.

use serde::Serialize;

use crate::coding::evidence::marks;
use crate::coding::validate::{check_code, check_confidence, mapped};
use crate::core::answer::Suggestion;
use crate::core::problem::Problem;
use crate::terms::TermTable;

/// The checks of one problem type's list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProblemChecks {
    /// product or patient.
    pub problem: &'static str,
    /// Its entries, the primary one first; none: the answer gives no code.
    pub entries: Vec<EntryChecks>,
}

/// The checks of one entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntryChecks {
    /// The code.
    pub code: String,
    /// Its term; empty: it is not in the table.
    pub term: String,
    /// The model's own confidence.
    pub confidence: f64,
    /// The quotation; none: hidden.
    pub evidence: Option<String>,
    /// The reason; none: hidden.
    pub rationale: Option<String>,
    /// Each check, in the order in which they were made.
    pub steps: Vec<Step>,
}

/// A check and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Whether it is good.
    pub is_good: bool,
    /// What was checked, and what was found.
    pub what: String,
}

fn good(what: String) -> Step {
    Step {
        is_good: true,
        what,
    }
}

fn bad(what: String) -> Step {
    Step {
        is_good: false,
        what,
    }
}

/// Checks `list` for `problem` against `terms` and the text as it was sent.
pub fn of_problem(
    list: &[Suggestion],
    problem: Problem,
    text: &str,
    terms: &TermTable,
    hides_text: bool,
) -> ProblemChecks {
    let entries = list
        .iter()
        .map(|entry| of_entry(entry, problem, text, terms, hides_text));
    ProblemChecks {
        problem: problem.name(),
        entries: entries.collect(),
    }
}

fn of_entry(
    entry: &Suggestion,
    problem: Problem,
    text: &str,
    terms: &TermTable,
    hides_text: bool,
) -> EntryChecks {
    let mut steps = Vec::new();
    match check_code(&entry.code, problem, terms) {
        Ok((term, how)) => {
            let found = match mapped(how) {
                None => "as it stands".to_string(),
                Some(what) => format!("by {what}"),
            };
            steps.push(good(format!(
                "the code is in the table ({}), found {found}",
                terms.release()
            )));
            steps.push(good(format!(
                "it is of annex {}, as {} problems are, and may be chosen",
                term.annex(),
                problem.name()
            )));
        }
        Err(fault) => steps.push(bad(fault)),
    }
    steps.push(match check_confidence(entry.confidence) {
        Ok(()) => good("the confidence is between 0 and 1".to_string()),
        Err(fault) => bad(fault),
    });
    steps.push(match marks(text, &entry.evidence).into_iter().next() {
        Some(place) => {
            let before = text[..place.start].chars().count() + 1;
            let last = before + text[place].chars().count() - 1;
            good(format!(
                "the evidence stands in the text, characters {before} to {last}"
            ))
        }
        None if entry.evidence.trim().is_empty() => bad("there is no evidence".to_string()),
        None => bad("the evidence does not stand in the text".to_string()),
    });
    EntryChecks {
        code: entry.code.clone(),
        term: terms
            .by_code(&entry.code)
            .map_or("", |term| term.term())
            .to_string(),
        confidence: entry.confidence,
        evidence: (!hides_text).then(|| entry.evidence.clone()),
        rationale: (!hides_text).then(|| entry.rationale.clone()),
        steps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_says_what_was_found() {
        let entry = |code: &str, evidence: &str| Suggestion {
            code: code.to_string(),
            confidence: 0.5,
            evidence: evidence.to_string(),
            rationale: "r".to_string(),
        };
        let terms = TermTable::builtin();
        let list = [entry("A0401", "tip  broke"), entry("E2401", "")];
        let checks = of_problem(&list, Problem::Product, "THE TIP BROKE.", &terms, true);
        let said: Vec<Vec<(bool, &str)>> = checks
            .entries
            .iter()
            .map(|entry| {
                entry
                    .steps
                    .iter()
                    .map(|step| (step.is_good, step.what.as_str()))
                    .collect()
            })
            .collect();
        assert_eq!(
            said[0],
            [
                (true, "the code is in the table (2025), found as it stands"),
                (
                    true,
                    "it is of annex A, as product problems are, and may be chosen"
                ),
                (true, "the confidence is between 0 and 1"),
                (true, "the evidence stands in the text, characters 5 to 13"),
            ]
        );
        assert_eq!(
            said[1][0],
            (false, "code 'E2401' is not in the list for product")
        );
        assert_eq!(said[1][2], (false, "there is no evidence"));
        assert_eq!(checks.entries[0].evidence, None, "hidden");
    }
}
