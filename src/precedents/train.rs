//! Training: from a corpus to an artifact, and the split by text that calibration and cross-validation share.

use super::artifact;
use super::corpus::{Report, fold};
use super::decision::{Calibration, Candidate, candidates};
use super::error::PrecedentsError;
use super::linear::Linear;
use super::neighbours::{self, NEAREST, NeighbourScratch, ReportLabels};
use super::number::Shuffler;
use super::vocabulary::{FeatureScratch, Vocabulary};
use crate::core::problem::Problem;
use std::collections::HashMap;

/// How many folds calibration uses.
pub const FOLDS: usize = 5;

/// So many of a report's best codes are scored, for measures and calibration.
const SCORED: usize = 8;

/// Tells whether a code may be learnt as an answer to a problem.
pub type Selectable<'a> = dyn Fn(Problem, &str) -> bool + Sync + 'a;

/// A code given to a report by a model that had not seen the report's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The code.
    pub code: String,
    /// What codes are ordered by; not a probability.
    pub score: f32,
}

/// The codes of one report, best first: product, patient.
pub type HeldOut = [Vec<Scored>; 2];

/// Which fold each report belongs to: reports with the same text (trimmed, case- and white-space-folded) share one.
pub fn folds(reports: &[Report], count: usize) -> Vec<usize> {
    let mut groups: HashMap<String, usize> = HashMap::new();
    let group_of: Vec<usize> = reports
        .iter()
        .map(|report| {
            let next = groups.len();
            *groups.entry(fold(&report.text)).or_insert(next)
        })
        .collect();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    Shuffler::seeded(1).shuffle(&mut order);
    group_of
        .into_iter()
        .map(|group| order[group] % count.max(1))
        .collect()
}

/// Trains on every report outside of fold `held` and scores the reports in it: (report, its codes).
///
/// # Errors
/// Nothing left to learn from.
pub fn score_fold(
    reports: &[Report],
    fold_of: &[usize],
    held: usize,
    selectable: &Selectable<'_>,
) -> Result<Vec<(usize, HeldOut)>, PrecedentsError> {
    let seen: Vec<&Report> = reports
        .iter()
        .zip(fold_of)
        .filter(|(_, fold)| **fold != held)
        .map(|(r, _)| r)
        .collect();
    let (vocabulary, linear) = fit(&seen, selectable)?;
    let carried = ReportLabels::new(seen.iter().map(|report| linear.labels_of(report)));
    let mut features = FeatureScratch::default();
    let mut search = NeighbourScratch::default();
    let (mut vector, mut near) = (Vec::new(), Vec::new());
    let (mut linear_scores, mut shares, mut best) = (Vec::new(), Vec::new(), Vec::new());
    let mut scored = Vec::new();
    for (index, report) in reports.iter().enumerate() {
        if fold_of[index] != held {
            continue;
        }
        vocabulary.vector(&report.text, &mut features, &mut vector);
        if vector.is_empty() {
            scored.push((index, HeldOut::default()));
            continue;
        }
        neighbours::nearest(&vocabulary, &vector, NEAREST, &mut search, &mut near);
        neighbours::votes(&near, &carried, linear.labels.len(), &mut shares);
        linear.score(&vector, &mut linear_scores);
        let codes = Problem::ALL.map(|problem| {
            candidates(
                &linear,
                problem,
                &linear_scores,
                &shares,
                &|_| true,
                SCORED,
                &mut best,
            );
            best.iter()
                .map(|candidate: &Candidate| Scored {
                    code: linear.labels[usize::from(candidate.label)].code.clone(),
                    score: candidate.score,
                })
                .collect()
        });
        scored.push((index, codes));
    }
    Ok(scored)
}

/// The map from score to confidence for `problem`, learnt from `scored`. Reports to which the reporter gave no code at all
/// for the problem say nothing about it and are left out.
pub(super) fn calibrate<'a>(
    problem: Problem,
    reports: &'a [Report],
    scored: impl Iterator<Item = &'a (usize, HeldOut)>,
) -> Calibration {
    let side = problem as usize;
    Calibration::fit(
        scored
            .filter(|(index, _)| !reports[*index].codes(problem).is_empty())
            .flat_map(|(index, codes)| {
                let gold = reports[*index].codes(problem);
                codes[side]
                    .iter()
                    .enumerate()
                    .map(move |(rank, given)| (rank, given.score, gold.contains(&given.code)))
            }),
    )
}

fn fit(
    reports: &[&Report],
    selectable: &Selectable<'_>,
) -> Result<(Vocabulary, Linear), PrecedentsError> {
    let vocabulary = Vocabulary::collect(reports.iter().map(|report| report.text.as_str()));
    if vocabulary.len() == 0 {
        return Err(PrecedentsError::Corpus {
            what: format!("no word occurs in two of its {} reports", reports.len()),
        });
    }
    let linear = Linear::train(reports, &vocabulary, selectable)?;
    Ok((vocabulary, linear))
}

/// Trains on all of `reports` and calibrates on `scored`, the held-out scores of [`score_fold`] for all folds; gives the
/// artifact's bytes.
///
/// # Errors
/// Nothing to learn from.
pub fn finish(
    reports: &[Report],
    scored: &[(usize, HeldOut)],
    selectable: &Selectable<'_>,
) -> Result<Vec<u8>, PrecedentsError> {
    let all: Vec<&Report> = reports.iter().collect();
    let (vocabulary, linear) = fit(&all, selectable)?;
    let calibrations = Problem::ALL.map(|problem| calibrate(problem, reports, scored.iter()));
    artifact::write(&all, &vocabulary, &linear, &calibrations)
}

/// All of it on one thread: folds, calibration, the final model. The same reports give the same bytes, on every machine.
///
/// # Errors
/// Nothing to learn from.
pub fn train(reports: &[Report], selectable: &Selectable<'_>) -> Result<Vec<u8>, PrecedentsError> {
    let fold_of = folds(reports, FOLDS);
    let mut scored = Vec::with_capacity(reports.len());
    for held in 0..FOLDS {
        scored.extend(score_fold(reports, &fold_of, held, selectable)?);
    }
    finish(reports, &scored, selectable)
}
