//! Nothing a model says is believed before it is checked here: each report answered once, codes in the table and
//! selectable and of the right annex, confidence within 0 and 1, evidence really in the text (I10).

use serde::Deserialize;
use serde_json::Value;

use super::evidence::FoldedText;
use crate::core::answer::{IncidentAnswer, Suggestion};
use crate::core::problem::{Problem, ProblemType};
use crate::terms::{Matched, Term, TermTable};

/// The most codes for one problem type.
pub const MAX_SUGGESTIONS: usize = 4;

/// An answer that was checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Checked {
    /// Good for every asked problem type (or: the text does not suffice).
    Valid(IncidentAnswer),
    /// Not good; `kept` holds what is, for the problem types that are.
    Invalid {
        /// What was wrong, worded so that it can be told to the model; never report text.
        fault: String,
        /// The good part.
        kept: IncidentAnswer,
    },
}

/// One entry as a model writes it; anything may be missing.
#[derive(Debug, Deserialize)]
struct RawSuggestion {
    code: Option<String>,
    confidence: Option<f64>,
    #[serde(default)]
    evidence: String,
    #[serde(default)]
    rationale: String,
}

/// Checks the tool input of a call over `texts`, in their order.
pub fn validate(
    tool_input: Option<&Value>,
    texts: &[&str],
    problem_type: ProblemType,
    terms: &TermTable,
) -> Vec<Checked> {
    let Some(input) = tool_input else {
        return all_invalid(texts, "the tool record_codes was not called");
    };
    let Some(incidents) = input.get("incidents").and_then(Value::as_array) else {
        return all_invalid(texts, "the tool input has no list 'incidents'");
    };
    let index_of = |incident: &Value| incident.get("index").and_then(Value::as_u64);
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let mut mine = incidents
                .iter()
                .filter(|i| index_of(i) == Some(index as u64));
            match (mine.next(), mine.next()) {
                (None, _) => invalid(format!("there is no entry with index {index}")),
                // Two answers for one report: neither can be trusted to be its own.
                (Some(_), Some(_)) => {
                    invalid(format!("there are several entries with index {index}"))
                }
                (Some(incident), None) => check_incident(incident, text, problem_type, terms),
            }
        })
        .collect()
}

fn all_invalid(texts: &[&str], fault: &str) -> Vec<Checked> {
    texts.iter().map(|_| invalid(fault.to_string())).collect()
}

fn invalid(fault: String) -> Checked {
    Checked::Invalid {
        fault,
        kept: IncidentAnswer::default(),
    }
}

fn check_incident(incident: &Value, text: &str, asked: ProblemType, terms: &TermTable) -> Checked {
    let sufficient = incident
        .get("sufficient_information")
        .and_then(Value::as_bool);
    let mut answer = IncidentAnswer {
        sufficient_information: sufficient.unwrap_or(true),
        ..Default::default()
    };
    if sufficient == Some(false) {
        return Checked::Valid(answer);
    }
    let folded = FoldedText::new(text);
    let mut faults = Vec::new();
    for problem in asked.problems() {
        match check_list(incident.get(problem.name()), *problem, terms) {
            Ok((list, repairs)) => {
                answer.repaired |= !repairs.is_empty();
                answer.repairs.extend(repairs);
                answer.evidence_not_found |=
                    list.iter().any(|entry| !folded.holds(&entry.evidence));
                *answer.suggestions_mut(*problem) = list;
            }
            Err(fault) => faults.push(format!("{}: {fault}", problem.name())),
        }
    }
    if faults.is_empty() {
        return Checked::Valid(answer);
    }
    let fault = faults.join("; ");
    Checked::Invalid {
        kept: IncidentAnswer { faults, ..answer },
        fault,
    }
}

/// The good entries of a list, and what had to be mapped or dropped. The primary entry must be good; a bad one behind it is
/// dropped.
fn check_list(
    list: Option<&Value>,
    problem: Problem,
    terms: &TermTable,
) -> Result<(Vec<Suggestion>, Vec<String>), String> {
    let Some(entries) = list.and_then(Value::as_array) else {
        return Err("the list is missing".to_string());
    };
    let mut good: Vec<Suggestion> = Vec::new();
    let mut repairs = Vec::new();
    let name = problem.name();
    for (entry, number) in entries.iter().take(MAX_SUGGESTIONS).zip(1..) {
        match check_entry(entry, problem, terms) {
            Ok((entry, _)) if good.iter().any(|known| known.code == entry.code) => {
                repairs.push(format!(
                    "{name} {number}: {} a second time, dropped",
                    entry.code
                ));
            }
            Ok((entry, how)) => {
                let mapped = mapped(how);
                repairs.extend(
                    mapped.map(|what| format!("{name} {number}: {what} taken as {}", entry.code)),
                );
                good.push(entry);
            }
            Err(fault) if number == 1 => return Err(fault),
            Err(fault) => repairs.push(format!("{name} {number}: dropped, {fault}")),
        }
    }
    let surplus = entries.len().saturating_sub(MAX_SUGGESTIONS);
    if surplus > 0 {
        repairs.push(format!(
            "{name}: {surplus} entries behind number {MAX_SUGGESTIONS} dropped"
        ));
    }
    if good.is_empty() {
        return Err("the list is empty although the information suffices".to_string());
    }
    Ok((good, repairs))
}

/// What stood in the place of a code; none: the code itself.
pub fn mapped(how: Matched) -> Option<&'static str> {
    match how {
        Matched::Code => None,
        Matched::CodeFolded => Some("a code with other case or spaces"),
        Matched::Term => Some("a term in the place of a code"),
        Matched::Alias => Some("an older wording in the place of a code"),
    }
}

fn check_entry(
    entry: &Value,
    problem: Problem,
    terms: &TermTable,
) -> Result<(Suggestion, Matched), String> {
    let raw = RawSuggestion::deserialize(entry)
        .map_err(|_| "an entry is not of the schema's form".to_string())?;
    let given = raw.code.ok_or("an entry has no code")?;
    let (term, how) = check_code(&given, problem, terms)?;
    let confidence = raw.confidence.ok_or("an entry has no confidence")?;
    check_confidence(confidence)?;
    let suggestion = Suggestion {
        code: term.code().to_string(),
        confidence,
        evidence: raw.evidence,
        rationale: raw.rationale,
    };
    Ok((suggestion, how))
}

/// The term that `given` stands for in the list for `problem`, and by what it was recognised.
///
/// # Errors
/// It stands for none, or for one that may not be chosen.
pub fn check_code<'t>(
    given: &str,
    problem: Problem,
    terms: &'t TermTable,
) -> Result<(&'t Term, Matched), String> {
    // What a model invents is not quoted back at length: it could be report text.
    let shown: String = given
        .chars()
        .take(12)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let Some(found) = terms.resolve(given, problem) else {
        return Err(format!(
            "code '{shown}' is not in the list for {}",
            problem.name()
        ));
    };
    if !found.term.selectable() {
        return Err(format!("code '{}' is not selectable", found.term.code()));
    }
    Ok((found.term, found.how))
}

/// Whether a confidence is one.
///
/// # Errors
/// It is not between 0 and 1.
pub fn check_confidence(confidence: f64) -> Result<(), String> {
    match (0.0..=1.0).contains(&confidence) {
        true => Ok(()),
        false => Err("a confidence is not between 0 and 1".to_string()),
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
