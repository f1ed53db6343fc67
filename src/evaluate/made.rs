//! Predictions as MADE's scorer reads them: one JSON object a line.

use super::codes::close_upwards;
use super::evaluator::Prediction;
use crate::core::problem::Problem;
use crate::terms::TermTable;
use serde::Serialize;
use std::collections::BTreeMap;

/// One report, in MADE's names.
#[derive(Serialize)]
struct Line<'a> {
    idx: &'a str,
    predictions: Vec<&'a str>,
    scores: BTreeMap<&'a str, f64>,
    uncertainty: f64,
}

/// One report's predictions as a line of MADE's JSON Lines, without the line's end.
///
/// `predictions` are the predicted codes of annexes A and E, closed upwards as MADE's labels are: the primary ones, and the
/// others from `threshold` on. `scores` has all codes that were named, and their ancestors, each with the highest confidence
/// of what is at or below it. `uncertainty` is 1 minus the primary code's confidence, the larger of the two where both
/// problems have one, and 1 where there is no answer.
///
/// # Errors
/// Never for codes and finite numbers; the serializer's signature has one.
pub fn made_line(
    table: &TermTable,
    id: &str,
    predicted: [&[Prediction<'_>]; 2],
    threshold: f64,
) -> Result<String, serde_json::Error> {
    let mut chosen = Vec::new();
    let mut scores = BTreeMap::new();
    let mut uncertainty: Option<f64> = None;
    for (problem, predicted) in Problem::ALL.into_iter().zip(predicted) {
        for (at, prediction) in predicted.iter().enumerate() {
            if at == 0 {
                // To nine places: 1 - 0.059 is not to read 0.9410000000000001.
                let own = ((1.0 - prediction.confidence) * 1e9).round() / 1e9;
                uncertainty = Some(uncertainty.map_or(own, |known| known.max(own)));
            }
            let term = table
                .by_code(prediction.code)
                .filter(|term| problem.annexes().contains(&term.annex()));
            let Some(term) = term.filter(|term| matches!(term.annex(), 'A' | 'E')) else {
                continue;
            };
            for above in table.lineage(term) {
                let score = scores.entry(above.code()).or_insert(prediction.confidence);
                *score = score.max(prediction.confidence);
            }
            let index = term.index() as u32;
            if (at == 0 || prediction.confidence >= threshold) && !chosen.contains(&index) {
                chosen.push(index);
            }
        }
    }
    close_upwards(table, &mut chosen);
    chosen.sort_unstable();
    let predictions = chosen
        .iter()
        .map(|&index| table.terms()[index as usize].code())
        .collect();
    serde_json::to_string(&Line {
        idx: id,
        predictions,
        scores,
        uncertainty: uncertainty.unwrap_or(1.0),
    })
}
