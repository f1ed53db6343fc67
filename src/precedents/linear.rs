//! The linear model: a separator for every label of both problems, quantised and pruned, stored by feature.

use super::corpus::Report;
use super::error::PrecedentsError;
use super::svm;
use super::vocabulary::{Entry, Vocabulary};
use crate::core::problem::Problem;
use std::collections::BTreeSet;
use std::ops::Range;

/// A weight is stored in steps of 1/127 of its label's largest; what is under this many steps is dropped. Measured against
/// dropping only what rounds to nothing: no share of right codes in the cross-validation moves by more than 0.3 points, and
/// those of right primary codes do not fall.
const MIN_STEPS: f32 = 2.0;

/// A code that the model can answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    pub(super) code: String,
    pub(super) bias: f32,
    /// What one step of this label's weights is worth.
    pub(super) step: f32,
}

/// A feature's weight for one label, in that label's steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) label: u16,
    pub(super) steps: i8,
}

/// Scores of all labels for a vector.
#[derive(Debug, PartialEq)]
pub(super) struct Linear {
    /// Product labels, then patient labels, each in ascending order of code.
    pub(super) labels: Vec<Label>,
    pub(super) products: usize,
    /// Where each feature's weights start; one more entry than there are features.
    pub(super) starts: Vec<u32>,
    pub(super) weights: Vec<Weight>,
}

impl Linear {
    /// Learns every label that occurs in `reports` and is `selectable`.
    pub(super) fn train(
        reports: &[&Report],
        vocabulary: &Vocabulary,
        selectable: &dyn Fn(Problem, &str) -> bool,
    ) -> Result<Linear, PrecedentsError> {
        let mut codes: Vec<(Problem, &str)> = Vec::new();
        for problem in Problem::ALL {
            let all: BTreeSet<&str> = reports
                .iter()
                .flat_map(|report| report.codes(problem))
                .map(String::as_str)
                .filter(|code| selectable(problem, code))
                .collect();
            codes.extend(all.into_iter().map(|code| (problem, code)));
        }
        if codes.is_empty() || codes.len() > usize::from(u16::MAX) {
            return Err(PrecedentsError::Corpus {
                what: format!(
                    "{} reports carry {} different selectable codes, expected 1 to 65535",
                    reports.len(),
                    codes.len()
                ),
            });
        }
        let vectors = vocabulary.report_vectors();
        let mut by_feature: Vec<Vec<Weight>> = vec![Vec::new(); vocabulary.len()];
        let mut labels = Vec::with_capacity(codes.len());
        for (label, &(problem, code)) in codes.iter().enumerate() {
            let carries: Vec<bool> = reports
                .iter()
                .map(|report| report.codes(problem).iter().any(|c| c == code))
                .collect();
            let separator = svm::train(&vectors, &carries, vocabulary.len());
            let largest = separator
                .weights
                .iter()
                .fold(0f32, |max, weight| max.max(weight.abs()));
            let step = largest.max(1e-6) / 127.0;
            for (feature, weight) in separator.weights.iter().enumerate() {
                let steps = weight / step;
                if steps.abs() >= MIN_STEPS {
                    let steps = steps.round() as i8;
                    by_feature[feature].push(Weight {
                        label: label as u16,
                        steps,
                    });
                }
            }
            labels.push(Label {
                code: code.to_owned(),
                bias: separator.bias,
                step,
            });
        }
        let (mut starts, mut weights) = (vec![0], Vec::new());
        for list in by_feature {
            weights.extend(list);
            starts.push(weights.len() as u32);
        }
        let products = codes
            .iter()
            .filter(|(problem, _)| *problem == Problem::Product)
            .count();
        Ok(Linear {
            labels,
            products,
            starts,
            weights,
        })
    }

    /// Which labels belong to `problem`.
    pub(super) fn of(&self, problem: Problem) -> Range<usize> {
        match problem {
            Problem::Product => 0..self.products,
            Problem::Patient => self.products..self.labels.len(),
        }
    }

    /// The label of `code`, if it is one of `problem`'s.
    pub(super) fn label(&self, problem: Problem, code: &str) -> Option<u16> {
        let range = self.of(problem);
        let at = self.labels[range.clone()].binary_search_by(|label| label.code.as_str().cmp(code));
        at.ok().map(|at| (range.start + at) as u16)
    }

    /// The labels that `report` carries.
    pub(super) fn labels_of(&self, report: &Report) -> Vec<u16> {
        let of = |problem| {
            report
                .codes(problem)
                .iter()
                .filter_map(move |code| self.label(problem, code))
        };
        Problem::ALL.into_iter().flat_map(of).collect()
    }

    /// The weights of one feature, by ascending label.
    pub(super) fn weights(&self, feature: u32) -> &[Weight] {
        let feature = feature as usize;
        &self.weights[self.starts[feature] as usize..self.starts[feature + 1] as usize]
    }

    /// Every label's score for `vector` into `scores`.
    pub(super) fn score(&self, vector: &[Entry], scores: &mut Vec<f32>) {
        scores.clear();
        scores.resize(self.labels.len(), 0.0);
        for &(feature, weight) in vector {
            for w in self.weights(feature) {
                scores[usize::from(w.label)] += weight * f32::from(w.steps);
            }
        }
        for (score, label) in scores.iter_mut().zip(&self.labels) {
            *score = *score * label.step + label.bias;
        }
    }
}
