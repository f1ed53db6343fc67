//! Coding one text: scores, the codes that are good enough, and for each its confidence, evidence and rationale.

use super::Precedents;
use super::decision::{Candidate, MAX_CODES, MIN_CONFIDENCE, candidates};
use super::evidence::{self, EvidenceScratch};
use super::neighbours::{self, NEAREST, Neighbour, NeighbourScratch};
use super::vocabulary::{Entry, FeatureScratch};
use crate::core::answer::Suggestion;
use crate::core::problem::{Problem, ProblemType};
use std::fmt::Write;
use std::ops::Range;

/// No rationale names more reports than this.
const MAX_NAMED: usize = 3;

/// What the offline model says about a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// Product codes, the primary first, at most 4, by falling confidence.
    pub product: Vec<Suggestion>,
    /// Patient codes, likewise.
    pub patient: Vec<Suggestion>,
}

impl Verdict {
    /// The codes for `problem`.
    pub fn of(&self, problem: Problem) -> &[Suggestion] {
        match problem {
            Problem::Product => &self.product,
            Problem::Patient => &self.patient,
        }
    }
}

/// Buffers of one thread's coding, kept between texts: memory stays at the size of the longest.
#[derive(Debug, Default)]
pub struct Scratch {
    features: FeatureScratch,
    search: NeighbourScratch,
    evidence: EvidenceScratch,
    vector: Vec<Entry>,
    pub(super) near: Vec<Neighbour>,
    shares: Vec<f32>,
    scores: Vec<f32>,
    best: Vec<Candidate>,
    sentences: Vec<Range<usize>>,
}

impl Precedents {
    /// [`Precedents::code`] with the caller's buffers.
    pub fn code_with(
        &self,
        scratch: &mut Scratch,
        text: &str,
        problems: ProblemType,
        selectable: &dyn Fn(&str) -> bool,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        self.search(scratch, text, NEAREST);
        if scratch.vector.is_empty() {
            return verdict;
        }
        let linear = &self.content.linear;
        neighbours::votes(
            &scratch.near,
            &self.carried,
            linear.labels.len(),
            &mut scratch.shares,
        );
        linear.score(&scratch.vector, &mut scratch.scores);
        evidence::sentences(text, &mut scratch.sentences);
        for &problem in problems.problems() {
            let (scores, shares) = (&scratch.scores, &scratch.shares);
            let best = &mut scratch.best;
            candidates(linear, problem, scores, shares, selectable, MAX_CODES, best);
            let into = match problem {
                Problem::Product => &mut verdict.product,
                Problem::Patient => &mut verdict.patient,
            };
            let maps = &self.content.calibrations[problem as usize];
            let confidences = maps.confidences(scratch.best.iter().map(|c| c.score));
            for (rank, (candidate, confidence)) in scratch.best.iter().zip(confidences).enumerate()
            {
                if rank > 0 && confidence < MIN_CONFIDENCE {
                    break;
                }
                let strongest = evidence::strongest(
                    linear,
                    candidate.label,
                    &scratch.vector,
                    &scratch.features.occurrences,
                    &scratch.sentences,
                    &mut scratch.evidence,
                );
                let evidence = strongest.map_or("", |at| &text[scratch.sentences[at].clone()]);
                let code = &linear.labels[usize::from(candidate.label)].code;
                into.push(Suggestion {
                    code: code.clone(),
                    confidence: (f64::from(confidence) * 1000.0).round() / 1000.0,
                    evidence: evidence.to_owned(),
                    rationale: self.rationale(code, candidate, &scratch.near),
                });
            }
        }
        verdict
    }

    /// The text's vector and its `most` nearest reports, into `scratch`.
    pub(super) fn search(&self, scratch: &mut Scratch, text: &str, most: usize) {
        let vocabulary = &self.content.vocabulary;
        vocabulary.vector(text, &mut scratch.features, &mut scratch.vector);
        neighbours::nearest(
            vocabulary,
            &scratch.vector,
            most,
            &mut scratch.search,
            &mut scratch.near,
        );
    }

    fn rationale(&self, code: &str, candidate: &Candidate, near: &[Neighbour]) -> String {
        let mut text = String::with_capacity(96);
        let carriers = near
            .iter()
            .filter(|n| self.carried.of(n.report).contains(&candidate.label));
        for (named, neighbour) in carriers.take(MAX_NAMED).enumerate() {
            let id = &self.content.reports[neighbour.report as usize].id;
            text.push_str(if named == 0 {
                "nearest coded reports: "
            } else {
                ", "
            });
            // Writing to a string does not fail.
            let _ = write!(text, "{id} ({:.2})", neighbour.similarity);
        }
        let _ = if text.is_empty() {
            write!(
                text,
                "none of the {} nearest coded reports carries {code}",
                near.len()
            )
        } else {
            write!(text, " carry {code}")
        };
        let _ = write!(text, "; linear score {:.2}", candidate.linear);
        text
    }
}
