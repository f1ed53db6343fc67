//! How good held-out answers are: shares of right codes by kind of report, and how far confidence can be believed.

use super::corpus::Report;
use super::decision::{Calibration, MAX_CODES, MIN_CONFIDENCE, any_specific, is_generic};
use super::train::{HeldOut, Scored, calibrate};
use crate::core::problem::Problem;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// How many equal parts of 0..=1 the calibration table has.
const BINS: usize = 10;

/// What a cross-validation shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// Reports that were coded.
    pub reports: usize,
    /// Texts that differ in more than case and white space.
    pub texts: usize,
    /// Parts that the texts were split into.
    pub folds: usize,
    /// Product codes.
    pub product: ProblemMeasures,
    /// Patient codes.
    pub patient: ProblemMeasures,
}

/// Figures for one problem type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProblemMeasures {
    /// All reports to which the reporter gave a code for the problem.
    pub all: Shares,
    /// Of these, the reports with at least one code that says something (not A24 to A27, not E2401 to E2403).
    pub specific: Shares,
    /// Of these, the reports of which no code is such a one of A24 to A27 or E2401 to E2403.
    pub only_specific: Shares,
    /// All and specific, each text counted once; in the figures above a text counts as often as reports repeat it.
    pub each_text_once: [Shares; 2],
    /// All and specific by event type; the empty name stands for none given.
    pub by_event_type: BTreeMap<String, [Shares; 2]>,
    /// The primary codes' confidence.
    pub primary_confidence: Reliability,
    /// All given codes' confidence.
    pub confidence: Reliability,
}

/// How often the answer is right.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Shares {
    /// Reports.
    pub rows: usize,
    /// Of these, those whose first code is among the reporter's.
    pub primary: usize,
    /// Of these, those of whose (up to four) codes one is among the reporter's.
    pub any_of_four: usize,
}

impl Shares {
    fn add(&mut self, hits: &[bool]) {
        self.rows += 1;
        self.primary += usize::from(hits.first() == Some(&true));
        self.any_of_four += usize::from(hits.contains(&true));
    }

    /// Primary right, 0 to 1; 0 without rows.
    pub fn primary_share(&self) -> f64 {
        self.primary as f64 / self.rows.max(1) as f64
    }

    /// One of four right, 0 to 1; 0 without rows.
    pub fn any_of_four_share(&self) -> f64 {
        self.any_of_four as f64 / self.rows.max(1) as f64
    }
}

/// Confidence against truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Expected calibration error: the mean distance between confidence and truth over ten bins, weighed by their sizes.
    pub expected_error: f64,
    /// Ten equal parts of 0..=1, lowest first.
    pub bins: Vec<Bin>,
}

/// The codes whose confidence lies in one part of 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Bin {
    /// How many.
    pub codes: usize,
    /// Their mean confidence.
    pub mean_confidence: f64,
    /// The share of them that is among the reporter's codes.
    pub right: f64,
}

/// Measures `scored`, the held-out codes of all `reports`. Confidences are those of a map learnt from the other folds.
pub fn measure(
    reports: &[Report],
    fold_of: &[usize],
    folds: usize,
    scored: &[(usize, HeldOut)],
) -> Measures {
    let mut texts: HashMap<String, usize> = HashMap::new();
    let mut text_of = Vec::with_capacity(reports.len());
    for report in reports {
        let next = texts.len();
        text_of.push(*texts.entry(report.folded_text()).or_insert(next));
    }
    let of = |problem| {
        let mut tally = Tally::default();
        let mut seen = vec![false; texts.len()];
        for held in 0..folds {
            let others = scored.iter().filter(|(index, _)| fold_of[*index] != held);
            let map = calibrate(problem, reports, others);
            for (index, answer) in scored.iter().filter(|(index, _)| fold_of[*index] == held) {
                let report = &reports[*index];
                if report.codes(problem).is_empty() {
                    continue;
                }
                let first = !std::mem::replace(&mut seen[text_of[*index]], true);
                tally.add(problem, report, &answer[problem as usize], &map, first);
            }
        }
        tally.finish()
    };
    Measures {
        reports: reports.len(),
        texts: texts.len(),
        folds,
        product: of(Problem::Product),
        patient: of(Problem::Patient),
    }
}

/// What is counted for one problem.
#[derive(Default)]
struct Tally {
    all: Shares,
    specific: Shares,
    only_specific: Shares,
    each_text_once: [Shares; 2],
    by_event_type: BTreeMap<String, [Shares; 2]>,
    primaries: Vec<(f32, bool)>,
    codes: Vec<(f32, bool)>,
}

impl Tally {
    fn add(
        &mut self,
        problem: Problem,
        report: &Report,
        answer: &[Scored],
        map: &Calibration,
        first_of_text: bool,
    ) {
        let gold = report.codes(problem);
        let mut hits = Vec::with_capacity(MAX_CODES);
        let confidences = map.confidences(answer.iter().map(|given| given.score));
        for (given, confidence) in answer.iter().zip(confidences).take(MAX_CODES) {
            if !hits.is_empty() && confidence < MIN_CONFIDENCE {
                break;
            }
            let hit = gold.contains(&given.code);
            self.codes.push((confidence, hit));
            if hits.is_empty() {
                self.primaries.push((confidence, hit));
            }
            hits.push(hit);
        }
        let specific = any_specific(gold);
        self.all.add(&hits);
        let event = self
            .by_event_type
            .entry(report.event_type.clone())
            .or_default();
        event[0].add(&hits);
        if first_of_text {
            self.each_text_once[0].add(&hits);
        }
        if specific {
            self.specific.add(&hits);
            event[1].add(&hits);
            if first_of_text {
                self.each_text_once[1].add(&hits);
            }
        }
        if !gold.iter().any(|code| is_generic(code)) {
            self.only_specific.add(&hits);
        }
    }

    fn finish(self) -> ProblemMeasures {
        ProblemMeasures {
            all: self.all,
            specific: self.specific,
            only_specific: self.only_specific,
            each_text_once: self.each_text_once,
            by_event_type: self.by_event_type,
            primary_confidence: reliability(&self.primaries),
            confidence: reliability(&self.codes),
        }
    }
}

fn reliability(observed: &[(f32, bool)]) -> Reliability {
    let mut bins = vec![Bin::default(); BINS];
    for &(confidence, hit) in observed {
        let bin = &mut bins[((confidence * BINS as f32) as usize).min(BINS - 1)];
        bin.codes += 1;
        bin.mean_confidence += f64::from(confidence);
        bin.right += f64::from(u8::from(hit));
    }
    let mut expected_error = 0.0;
    for bin in &mut bins {
        let codes = bin.codes.max(1) as f64;
        expected_error += (bin.mean_confidence - bin.right).abs() / observed.len().max(1) as f64;
        bin.mean_confidence /= codes;
        bin.right /= codes;
    }
    Reliability {
        expected_error,
        bins,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calibration_error_is_the_mean_distance_from_the_truth() {
        let honest: Vec<(f32, bool)> = (0..100).map(|i| (0.75, i % 4 != 0)).collect();
        assert!(reliability(&honest).expected_error < 1e-9);
        let proud: Vec<(f32, bool)> = (0..100).map(|i| (0.95, i % 2 == 0)).collect();
        assert!((reliability(&proud).expected_error - 0.45).abs() < 1e-6);
    }

    #[test]
    fn codes_that_were_not_given_do_not_count_as_right() {
        let report = Report {
            id: "1".into(),
            text: "pump leak".into(),
            product: vec!["A0504".into()],
            patient: Vec::new(),
            event_type: "Injury".into(),
        };
        let nothing = measure(
            std::slice::from_ref(&report),
            &[0],
            1,
            &[(0, HeldOut::default())],
        );
        assert_eq!(
            nothing.product.all,
            Shares {
                rows: 1,
                primary: 0,
                any_of_four: 0
            }
        );
        assert_eq!(nothing.product.specific.rows, 1);
        assert_eq!(nothing.patient.all.rows, 0);
        assert_eq!(nothing.product.by_event_type["Injury"][0].rows, 1);
    }
}
