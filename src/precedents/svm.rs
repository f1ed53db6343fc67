//! The trainer of one label's linear separator: dual coordinate descent for the squared hinge loss (Hsieh et al., ICML 2008,
//! as in LIBLINEAR), with shrinking.

use super::number::Shuffler;
use super::vocabulary::Entry;

/// Cost of a margin violation. By cross-validation 0.25, 0.5 and 1 do worse; 4 does as well and takes longer.
const COST: f32 = 2.0;
/// Rounds over the reports at most, and the spread of projected gradients at which to stop before.
const MAX_ROUNDS: usize = 30;
const TOLERANCE: f32 = 0.1;

/// Weights (by feature) and bias.
#[derive(Debug)]
pub(super) struct Separator {
    pub(super) weights: Vec<f32>,
    pub(super) bias: f32,
}

/// Separates the reports that carry a label (`carries`) from the others.
pub(super) fn train(vectors: &[Vec<Entry>], carries: &[bool], features: usize) -> Separator {
    let diagonal = 0.5 / COST;
    let mut weights = vec![0f32; features];
    let mut bias = 0f32;
    let mut alpha = vec![0f32; vectors.len()];
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    let mut shuffler = Shuffler::seeded(42);
    let mut active = order.len();
    let mut bound = f32::INFINITY;
    for _ in 0..MAX_ROUNDS {
        shuffler.shuffle(&mut order[..active]);
        let (mut largest, mut smallest) = (f32::NEG_INFINITY, f32::INFINITY);
        let mut at = 0;
        while at < active {
            let report = order[at];
            let sign = if carries[report] { 1f32 } else { -1.0 };
            let vector = &vectors[report];
            let score = bias + dot(&weights, vector);
            let gradient = sign * score - 1.0 + diagonal * alpha[report];
            let projected = if alpha[report] > 0.0 {
                gradient
            } else if gradient > bound {
                // Far on the right side: leave it out until the others have settled.
                active -= 1;
                order.swap(at, active);
                continue;
            } else {
                gradient.min(0.0)
            };
            largest = largest.max(projected);
            smallest = smallest.min(projected);
            if projected.abs() > 1e-9 {
                // Vectors have length 1 and the bias is a feature of weight 1; a vector without features has the bias alone.
                let square = if vector.is_empty() { 1.0 } else { 2.0 };
                let old = alpha[report];
                alpha[report] = (old - gradient / (square + diagonal)).max(0.0);
                let delta = (alpha[report] - old) * sign;
                for &(feature, weight) in vector {
                    weights[feature as usize] += delta * weight;
                }
                bias += delta;
            }
            at += 1;
        }
        if largest - smallest <= TOLERANCE {
            if active == order.len() {
                break;
            }
            active = order.len();
            bound = f32::INFINITY;
        } else {
            bound = if largest <= 0.0 {
                f32::INFINITY
            } else {
                largest
            };
        }
    }
    Separator { weights, bias }
}

fn dot(weights: &[f32], vector: &[Entry]) -> f32 {
    vector
        .iter()
        .map(|&(feature, weight)| weights[feature as usize] * weight)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separable_reports_are_separated() {
        let vectors: Vec<Vec<Entry>> = (0..40)
            .map(|i| vec![(i % 2, 0.6), (2 + i % 5, 0.8)])
            .collect();
        let carries: Vec<bool> = (0..40).map(|i| i % 2 == 1).collect();
        let separator = train(&vectors, &carries, 7);
        for (vector, carries) in vectors.iter().zip(carries) {
            assert_eq!(
                separator.bias + dot(&separator.weights, vector) > 0.0,
                carries
            );
        }
    }
}
