//! From scores to answers: which labels a text gets, in which order, with what confidence.

use super::linear::Linear;
use crate::core::problem::Problem;

/// At most this many codes are given for one problem.
pub(super) const MAX_CODES: usize = 4;

/// A code after the first is given from this confidence on.
pub(super) const MIN_CONFIDENCE: f32 = 0.05;

/// What the neighbours' share of votes adds to the linear score. It only decides between codes that score alike: up to 0.2
/// the share of right primary codes stays the same, with more it falls.
const VOTE_WEIGHT: f32 = 0.05;

/// What is taken off the codes that say "nothing to code" (A24 to A27, E2401 to E2403). They are so frequent that a linear
/// score alone leans to them. From 0.1 to 0.3 as many primary codes are right on the whole as without, and more of those of
/// reports with a specific code (2.5 points for either problem at 0.3), while a right code among four gets rarer.
const GENERIC_PENALTY: f32 = 0.25;

/// Whether `code` says that there is nothing specific to code: no problem, no information, no suitable term.
pub fn is_generic(code: &str) -> bool {
    matches!(
        code,
        "A24" | "A25" | "A26" | "A27" | "E2401" | "E2402" | "E2403"
    )
}

/// Whether any of `codes` is not generic.
pub fn any_specific(codes: &[String]) -> bool {
    codes.iter().any(|code| !is_generic(code))
}

/// A label that a text may get.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) label: u16,
    /// What labels are ordered by.
    pub(super) score: f32,
    /// The linear model's part.
    pub(super) linear: f32,
}

/// The best `limit` labels of `problem` that `selectable` lets through, best first (then by code).
pub(super) fn candidates(
    model: &Linear,
    problem: Problem,
    linear: &[f32],
    shares: &[f32],
    selectable: &dyn Fn(&str) -> bool,
    limit: usize,
    into: &mut Vec<Candidate>,
) {
    into.clear();
    for label in model.of(problem) {
        let code = model.labels[label].code.as_str();
        let penalty = if is_generic(code) {
            GENERIC_PENALTY
        } else {
            0.0
        };
        let score = linear[label] + VOTE_WEIGHT * shares[label] - penalty;
        if into.len() == limit && into[limit - 1].score >= score {
            continue;
        }
        if !selectable(code) {
            continue;
        }
        let place = into.partition_point(|c| c.score >= score);
        into.insert(
            place,
            Candidate {
                label: label as u16,
                score,
                linear: linear[label],
            },
        );
        into.truncate(limit);
    }
}

/// Isotonic maps from score to confidence: one for a report's first code, one for the codes after it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    pub(super) first: Isotonic,
    pub(super) later: Isotonic,
}

impl Calibration {
    /// Learns from codes that were given to reports which the model had not seen: rank (0 is the first), score, and
    /// whether the reporter had chosen the code.
    pub(super) fn fit(observed: impl Iterator<Item = (usize, f32, bool)>) -> Calibration {
        let (mut first, mut later) = (Vec::new(), Vec::new());
        for (rank, score, hit) in observed {
            if rank == 0 { &mut first } else { &mut later }.push((score, hit));
        }
        Calibration {
            first: Isotonic::fit(first),
            later: Isotonic::fit(later),
        }
    }

    /// The confidences of codes with these scores, best first: never rising, each in 0..=1.
    pub(super) fn confidences(
        &self,
        scores: impl Iterator<Item = f32>,
    ) -> impl Iterator<Item = f32> {
        let mut ceiling = 1f32;
        scores.enumerate().map(move |(rank, score)| {
            let map = if rank == 0 { &self.first } else { &self.later };
            ceiling = ceiling.min(map.at(score));
            ceiling
        })
    }
}

/// A rising map given by points, linear between them and level outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Isotonic {
    /// (score, probability), both rising.
    pub(super) points: Vec<(f32, f32)>,
}

impl Isotonic {
    /// The least-squares rising map (pool adjacent violators), each pool drawn to the overall mean by two observations so
    /// that no pool claims certainty.
    fn fit(mut observed: Vec<(f32, bool)>) -> Isotonic {
        const PRIOR: f64 = 2.0;
        observed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let hits = observed.iter().filter(|(_, hit)| *hit).count() as f64;
        let mean = if observed.is_empty() {
            0.0
        } else {
            hits / observed.len() as f64
        };
        // Pools of (hits, count, sum of scores).
        let mut pools: Vec<(f64, f64, f64)> = Vec::new();
        for (score, hit) in observed {
            let mut pool = (f64::from(u8::from(hit)), 1.0, f64::from(score));
            while let Some(last) = pools.last() {
                if last.0 / last.1 < pool.0 / pool.1 {
                    break;
                }
                pool = (pool.0 + last.0, pool.1 + last.1, pool.2 + last.2);
                pools.pop();
            }
            pools.push(pool);
        }
        let mut points: Vec<(f32, f32)> = Vec::with_capacity(pools.len());
        for (hits, count, scores) in pools {
            let probability = ((hits + PRIOR * mean) / (count + PRIOR)) as f32;
            let floor = points.last().map_or(0.0, |last| last.1);
            points.push(((scores / count) as f32, probability.clamp(floor, 1.0)));
        }
        Isotonic { points }
    }

    fn at(&self, score: f32) -> f32 {
        let next = self.points.partition_point(|point| point.0 <= score);
        match (
            next.checked_sub(1).map(|i| self.points[i]),
            self.points.get(next),
        ) {
            (None, None) => 0.0,
            (None, Some(&(_, probability))) | (Some((_, probability)), None) => probability,
            (Some((x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * ((score - x0) / (x1 - x0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibration_map_never_falls_and_stays_between_0_and_1() {
        let observed: Vec<(f32, bool)> = (0..200)
            .map(|i| (i as f32 / 100.0 - 1.0, (i * 7919) % 200 < i))
            .collect();
        let map = Isotonic::fit(observed);
        let values: Vec<f32> = (-150..150).map(|i| map.at(i as f32 / 100.0)).collect();
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(values[20] < 0.3 && values[280] > 0.7, "{values:?}");
    }

    #[test]
    fn nothing_observed_is_no_confidence() {
        assert_eq!(Isotonic::fit(Vec::new()).at(0.4), 0.0);
    }
}
