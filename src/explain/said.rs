//! What a row says of itself.

use super::{Answered, SecondShown};
use crate::core::answer::{IncidentAnswer, Suggestion};
use crate::core::outcome::Outcome;
use crate::outputs::{Outputs, StoredRow};

/// The answer as the row has it.
pub(super) fn answer(row: &StoredRow<'_>, outputs: &Outputs) -> IncidentAnswer {
    let mut answer = IncidentAnswer {
        sufficient_information: row.own("sufficient_information") != "false",
        ..IncidentAnswer::default()
    };
    for problem in outputs.owner().spec.problem_type.problems() {
        let field = |name: &str| row.of_problem(*problem, name).to_string();
        if field("code").is_empty() {
            continue;
        }
        let list = answer.suggestions_mut(*problem);
        list.push(Suggestion {
            code: field("code"),
            confidence: field("confidence").parse().unwrap_or(f64::NAN),
            evidence: field("evidence"),
            rationale: field("rationale"),
        });
        // Written by this program; what somebody has changed there is not shown as if it were an answer.
        let supporting: Vec<Suggestion> =
            serde_json::from_str(&field("supporting")).unwrap_or_default();
        list.extend(supporting);
    }
    answer
}

/// Who answered it, and by what.
pub(super) fn answered(row: &StoredRow<'_>, outputs: &Outputs) -> Answered {
    let spec = &outputs.owner().spec;
    let by = row.own("answered_by");
    let outcome = row.outcome();
    let how = match (by, outcome) {
        ("model", Some(Outcome::Failed)) => "the model was asked, and no valid answer came",
        ("model", _) => "the model answered, and this row paid for it",
        ("paid_answer", _) => {
            "an answer to the same text was there: another row or job paid for it"
        }
        ("precedents", _) => {
            "the offline model answered, from the nearest coded reports and a linear classifier; nothing was sent"
        }
        (_, Some(Outcome::Empty)) => "nobody was asked: the row has no text",
        (_, Some(Outcome::Failed)) => "nobody was asked: the row failed before, and says why",
        _ => "nobody was asked",
    };
    let field = |name: &str| row.own(name).to_string();
    let second = spec.problem_type.problems().iter().filter_map(|problem| {
        let of = |name: &str| row.of_problem(*problem, name).to_string();
        let shown = SecondShown {
            problem: problem.name(),
            code: of("second_code"),
            term: of("second_term"),
            confidence: of("second_confidence"),
            agreement: of("agreement"),
        };
        (!shown.code.is_empty()).then_some(shown)
    });
    Answered {
        by: by.to_string(),
        how: how.to_string(),
        model: field("model"),
        prompt_version: field("prompt_version"),
        attempts: field("attempts"),
        request_id: field("request_id"),
        terms_sha256: spec.terms_sha256.clone(),
        second_opinion: second.collect(),
    }
}
