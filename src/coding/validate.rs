//! Nothing a model says is believed before it is checked here: each report answered once, codes in the table and
//! selectable and of the right annex, confidence within 0 and 1, evidence really in the text (I10).

use serde::Deserialize;
use serde_json::Value;

use crate::core::answer::{IncidentAnswer, Suggestion};
use crate::core::problem::{Problem, ProblemType};
use crate::terms::{Matched, TermTable};

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
    let folded_text = fold(text);
    let mut faults = Vec::new();
    for problem in asked.problems() {
        match check_list(incident.get(problem.name()), *problem, terms) {
            Ok((list, repaired)) => {
                answer.repaired |= repaired;
                answer.evidence_not_found |= list
                    .iter()
                    .any(|entry| !is_quoted(&entry.evidence, &folded_text));
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

/// The good entries of a list and whether something had to be mapped or dropped. The primary entry must be good;
/// a bad one behind it is dropped.
fn check_list(
    list: Option<&Value>,
    problem: Problem,
    terms: &TermTable,
) -> Result<(Vec<Suggestion>, bool), String> {
    let Some(entries) = list.and_then(Value::as_array) else {
        return Err("the list is missing".to_string());
    };
    let mut repaired = entries.len() > MAX_SUGGESTIONS;
    let mut good: Vec<Suggestion> = Vec::new();
    for (position, entry) in entries.iter().take(MAX_SUGGESTIONS).enumerate() {
        match check_entry(entry, problem, terms) {
            Ok((entry, _)) if good.iter().any(|known| known.code == entry.code) => repaired = true,
            Ok((entry, mapped)) => {
                repaired |= mapped;
                good.push(entry);
            }
            Err(fault) if position == 0 => return Err(fault),
            Err(_) => repaired = true,
        }
    }
    if good.is_empty() {
        return Err("the list is empty although the information suffices".to_string());
    }
    Ok((good, repaired))
}

fn check_entry(
    entry: &Value,
    problem: Problem,
    terms: &TermTable,
) -> Result<(Suggestion, bool), String> {
    let raw = RawSuggestion::deserialize(entry)
        .map_err(|_| "an entry is not of the schema's form".to_string())?;
    let given = raw.code.ok_or("an entry has no code")?;
    // What a model invents is not quoted back at length: it could be report text.
    let shown: String = given
        .chars()
        .take(12)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let Some(found) = terms.resolve(&given, problem) else {
        return Err(format!(
            "code '{shown}' is not in the list for {}",
            problem.name()
        ));
    };
    if !found.term.selectable() {
        return Err(format!("code '{}' is not selectable", found.term.code()));
    }
    let confidence = raw.confidence.ok_or("an entry has no confidence")?;
    if !(0.0..=1.0).contains(&confidence) {
        return Err("a confidence is not between 0 and 1".to_string());
    }
    let suggestion = Suggestion {
        code: found.term.code().to_string(),
        confidence,
        evidence: raw.evidence,
        rationale: raw.rationale,
    };
    Ok((suggestion, found.how != Matched::Code))
}

/// Whether `evidence` stands in the text, escapes undone, case and white space folded. No evidence is not found.
fn is_quoted(evidence: &str, folded_text: &str) -> bool {
    let wanted = fold(&unescape(evidence));
    !wanted.is_empty() && folded_text.contains(&wanted)
}

/// The five entities that text gets when it is put into XML.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        // Last, so that an escaped escape is undone once.
        .replace("&amp;", "&")
}

/// Lower case, each run of white space one space.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
