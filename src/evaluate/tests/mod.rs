//! Measures and joins on cases small enough to work out by hand.

mod files;
mod groups;
mod measures;
mod shares;

use super::*;
use crate::core::problem::ProblemType;
use crate::terms::TermTable;

/// Codes with confidences, the primary first.
fn predictions<'a>(codes: &[(&'a str, f64)]) -> Vec<Prediction<'a>> {
    codes
        .iter()
        .map(|&(code, confidence)| Prediction { code, confidence })
        .collect()
}

/// Label shares such that A04 is head, A0401 and A040103 medium, A040101 tail and all else extreme tail.
const SHARES: &[u8] = b"code,reports\ntotal,10000\nA04,100\nA0401,99\nA040103,10\nA040101,1\n";

fn evaluator(asked: ProblemType) -> Evaluator {
    let shares = LabelShares::from_csv_bytes(SHARES).unwrap();
    Evaluator::new(
        TermTable::builtin(),
        shares.into(),
        DEFAULT_THRESHOLD,
        asked,
    )
}

/// One report: gold codes, and predicted codes with their confidences.
type GoldAndPredicted<'a> = (&'a [&'a str], &'a [(&'a str, f64)]);

/// The product figures of reports given as gold codes and predictions.
fn product(rows: &[GoldAndPredicted<'_>]) -> Report {
    let mut evaluator = evaluator(ProblemType::Product);
    for (gold, predicted) in rows {
        let predicted = predictions(predicted);
        evaluator.add(&Row {
            product: Side {
                gold,
                predicted: &predicted,
            },
            ..Row::default()
        });
    }
    evaluator.finish()
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.expect("a figure");
    assert!(
        (found - expected).abs() < 1e-12,
        "found {found}, expected {expected}"
    );
}
