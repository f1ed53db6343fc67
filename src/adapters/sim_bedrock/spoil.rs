//! Answers that are wrong in the ways in which models' answers are.

use serde_json::{Value, json};

use super::faults::Fault;
use super::listing::Listing;
use crate::core::problem::{Problem, ProblemType};
use crate::terms::TermTable;

/// Spoils the entry at `victim` as `fault` says. Faults that are not in the entries change nothing here.
pub(super) fn spoil(
    fault: Fault,
    entries: &mut Vec<Value>,
    victim: usize,
    problem_type: ProblemType,
    listing: &Listing,
) {
    let count = entries.len();
    let Some(entry) = entries.get_mut(victim) else {
        return;
    };
    let problem = problem_type.problems()[0];
    match fault {
        Fault::MissingIncident => drop(entries.remove(victim)),
        Fault::DoubledIncident => {
            let double = entry.clone();
            entries.push(double);
        }
        Fault::WrongIndex => entry["index"] = Value::from(count + 90),
        Fault::Cut => entries.truncate(count / 2),
        Fault::InventedCode => {
            // Nine levels below anything.
            let code = format!("{}99999999", problem.annexes()[0]);
            primary(entry, problem)["code"] = Value::from(code);
        }
        Fault::HeadingCode => {
            // Annex A has no headings, only retired codes: the patient's list is the better victim.
            let asked = problem_type.problems()[problem_type.problems().len() - 1];
            let first = primary(entry, asked);
            let code = heading(first["code"].as_str().unwrap_or_default(), asked, listing);
            first["code"] = Value::from(code);
        }
        Fault::TermForCode => {
            let first = primary(entry, problem);
            let known = first["code"]
                .as_str()
                .and_then(|code| listing.terms.by_code(code));
            if let Some(term) = known {
                first["code"] = Value::from(term.term());
            }
        }
        Fault::SwappedAnnex => {
            let asked = problem_type.problems()[problem_type.problems().len() - 1];
            let other = match asked {
                Problem::Product => Problem::Patient,
                Problem::Patient => Problem::Product,
            };
            primary(entry, asked)["code"] = Value::from(any_code(listing, other));
        }
        Fault::BadConfidence => primary(entry, problem)["confidence"] = Value::from(1.7),
        Fault::EvidenceNotInText => {
            primary(entry, problem)["evidence"] =
                Value::from("The simulator quotes what no report says.");
        }
        _ => {}
    }
}

/// The first code of an entry. An entry without one, because the text does not suffice, gets a generic one first.
fn primary(entry: &mut Value, problem: Problem) -> &mut Value {
    let list = &mut entry[problem.name()];
    if list.as_array().is_none_or(Vec::is_empty) {
        let code = match problem {
            Problem::Product => "A26",
            Problem::Patient => "E2402",
        };
        *list = json!([{"code": code, "confidence": 0.5, "evidence": "", "rationale": ""}]);
        entry["sufficient_information"] = Value::from(true);
    }
    &mut entry[problem.name()][0]
}

/// A heading above `code`, or any heading, or a retired code, that the built-in table has and the request does not list.
fn heading(code: &str, problem: Problem, listing: &Listing) -> String {
    let table = TermTable::builtin();
    let above = table.ancestors(code);
    let same_annex = || {
        let terms = table.terms().iter();
        terms.filter(|term| problem.annexes().contains(&term.annex()))
    };
    let headings = same_annex().filter(|term| !term.is_retired());
    let retired = same_annex().filter(|term| term.is_retired());
    above
        .into_iter()
        .chain(headings)
        .chain(retired)
        .find(|term| !term.selectable() && listing.terms.by_code(term.code()).is_none())
        .map_or_else(
            || format!("{}00", problem.annexes()[0]),
            |term| term.code().to_string(),
        )
}

/// A code for `problem`: of the request if it lists one, else of the built-in table.
fn any_code(listing: &Listing, problem: Problem) -> String {
    let table = TermTable::builtin();
    let listed = listing.terms.selectable(problem).next();
    listed
        .or_else(|| table.selectable(problem).next())
        .map_or(String::new(), |term| term.code().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::sim_bedrock::faults::FAULTS;
    use crate::adapters::sim_bedrock::listing::Listings;
    use crate::coding::validate::{Checked, validate};

    const TEXT: &str = "THE LEAD BROKE AND THE PATIENT FELT PAIN";

    fn entry(index: u64) -> Value {
        let codes = |code| json!([{"code": code, "confidence": 0.9, "evidence": "THE LEAD BROKE", "rationale": "r"}]);
        json!({"index": index, "sufficient_information": true, "product": codes("A0401"), "patient": codes("E2330")})
    }

    fn checked(fault: Fault, problem_type: ProblemType) -> Vec<Checked> {
        let table = TermTable::builtin();
        let lines: String = Problem::ALL
            .iter()
            .flat_map(|problem| table.selectable(*problem))
            .map(|term| {
                format!(
                    "{} | {} | {}\n",
                    term.code(),
                    term.term(),
                    term.definition()
                )
            })
            .collect();
        let listing = Listings::default().of(&lines).unwrap();
        let mut entries = vec![entry(0), entry(1)];
        spoil(fault, &mut entries, 1, problem_type, &listing);
        let input = json!({ "incidents": entries });
        validate(Some(&input), &[TEXT, TEXT], problem_type, &table)
    }

    #[test]
    fn what_is_spoilt_does_not_pass_and_the_other_report_does() {
        let repaired = [Fault::TermForCode, Fault::EvidenceNotInText];
        for problem_type in [
            ProblemType::Both,
            ProblemType::Product,
            ProblemType::Patient,
        ] {
            for row in FAULTS.iter().filter(|row| row.fault >= Fault::Cut) {
                let checked = checked(row.fault, problem_type);
                assert!(matches!(checked[0], Checked::Valid(_)), "{}", row.name);
                match &checked[1] {
                    Checked::Invalid { .. } => assert!(!repaired.contains(&row.fault)),
                    Checked::Valid(answer) => {
                        assert!(repaired.contains(&row.fault), "{}", row.name);
                        let is_seen = match row.fault {
                            Fault::TermForCode => answer.repaired,
                            _ => answer.evidence_not_found,
                        };
                        assert!(is_seen, "{}", row.name);
                    }
                }
            }
        }
    }

    #[test]
    fn an_entry_without_codes_can_be_spoilt_too() {
        let listing = Listings::default().of("A0401 | Break | x").unwrap();
        let mut entries = vec![json!({"index": 0, "sufficient_information": false, "product": []})];
        spoil(
            Fault::BadConfidence,
            &mut entries,
            0,
            ProblemType::Product,
            &listing,
        );
        assert_eq!(entries[0]["sufficient_information"], true);
        assert_eq!(entries[0]["product"][0]["confidence"], 1.7);
    }
}
