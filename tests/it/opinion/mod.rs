//! Second opinions, examples and a user's own coded reports, by the program over real HTTP against the simulator of Bedrock.

mod corpus;
mod examples;
mod fleet;
mod precedents;
mod sample;

use annexa::terms::TermTable;

use crate::cli::harness::{Results, nano};

/// Both problems' column prefixes.
const PREFIXES: [&str; 2] = ["product_problem", "patient_problem"];

/// The sum of what rows cost, and of their tokens in and out.
fn rows_took(results: &Results) -> (u64, u64, u64) {
    let number = |column: &str| -> u64 {
        let values = results.column(column);
        values
            .iter()
            .map(|value| value.parse::<u64>().unwrap())
            .sum()
    };
    let costs = results.column("cost_usd");
    (
        costs.iter().map(|cost| nano(cost)).sum(),
        number("input_tokens"),
        number("output_tokens"),
    )
}

/// Every agreement is what codes and the tree of terms say of the row, and every second code is one that may be chosen.
/// Returns how often each word stood there.
fn check_agreements(results: &Results) -> std::collections::BTreeMap<String, usize> {
    let terms = TermTable::builtin();
    let mut seen = std::collections::BTreeMap::new();
    for row in 1..=results.len() {
        for prefix in PREFIXES {
            let get = |field: &str| results.get(row, &format!("{prefix}_{field}"));
            let (first, second) = (get("code"), get("second_code"));
            let said = get("agreement");
            if second.is_empty() {
                assert_eq!((said, get("second_confidence")), ("", ""), "row {row}");
                continue;
            }
            let term = terms.by_code(second).unwrap();
            assert!(term.selectable(), "row {row}: {second}");
            assert_eq!(get("second_term"), term.term());
            let above = |code: &str| -> Vec<String> {
                let ancestors = terms.ancestors(code);
                ancestors
                    .iter()
                    .map(|term| term.code().to_string())
                    .collect()
            };
            let is_related = above(first).contains(&second.to_string())
                || above(second).contains(&first.to_string());
            match said {
                "" => assert_eq!(results.get(row, "outcome"), "insufficient", "row {row}"),
                "same" => assert_eq!(first, second, "row {row}"),
                "related" => assert!(is_related && first != second, "row {row}"),
                "different" => assert!(!is_related && first != second, "row {row}"),
                // Which of the two lists it is in is not in the row.
                "listed" => assert_ne!(first, second, "row {row}"),
                other => panic!("row {row}: agreement '{other}'"),
            }
            *seen.entry(said.to_string()).or_default() += 1;
        }
    }
    seen
}

/// Whether row `row` is marked for review for `reason`.
fn is_marked(results: &Results, row: usize, reason: &str) -> bool {
    results
        .get(row, "review")
        .split(';')
        .any(|own| own == reason)
}
