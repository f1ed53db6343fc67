//! Nearest coded reports: an inverted index over the vocabulary's postings, cosine similarity, votes.

use super::vocabulary::{Entry, Vocabulary};

/// How many nearest reports vote and may be named in a rationale.
pub(super) const NEAREST: usize = 15;

/// A coded report that resembles the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbour {
    pub(super) report: u32,
    /// Cosine over the features that are not common, in 0..=1: 1 for the same words in the same numbers.
    pub(super) similarity: f32,
}

/// Buffers of one search; kept between texts.
#[derive(Debug, Default)]
pub(super) struct NeighbourScratch {
    sums: Vec<f32>,
}

/// The `most` reports nearest to `vector`, nearest first (then by place in the corpus); only reports that share a feature.
pub(super) fn nearest(
    vocabulary: &Vocabulary,
    vector: &[Entry],
    most: usize,
    scratch: &mut NeighbourScratch,
    into: &mut Vec<Neighbour>,
) {
    let sums = &mut scratch.sums;
    sums.clear();
    sums.resize(vocabulary.reports, 0.0);
    let mut squares = 0f32;
    for &(feature, weight) in vector {
        if vocabulary.is_common(feature) {
            continue;
        }
        squares += weight * weight;
        let weight = weight * vocabulary.idf(feature);
        for posting in vocabulary.postings(feature) {
            sums[posting.report as usize] += weight * vocabulary.damped(posting.count);
        }
    }
    let length = if squares > 0.0 {
        1.0 / squares.sqrt()
    } else {
        0.0
    };
    into.clear();
    let mut least = 0f32;
    for (report, (&sum, &scale)) in sums.iter().zip(vocabulary.rare_scale()).enumerate() {
        let similarity = sum * scale * length;
        if similarity <= least {
            continue;
        }
        let place = into.partition_point(|n| n.similarity >= similarity);
        into.insert(
            place,
            Neighbour {
                report: report as u32,
                similarity: similarity.min(1.0),
            },
        );
        if into.len() > most {
            into.pop();
        }
        if into.len() == most {
            least = into.last().map_or(f32::MAX, |last| last.similarity);
        }
    }
}

/// Which labels each report of the corpus carries.
#[derive(Debug, Default)]
pub(super) struct ReportLabels {
    starts: Vec<u32>,
    labels: Vec<u16>,
}

impl ReportLabels {
    /// One list for each report, in the corpus's order.
    pub(super) fn new(lists: impl Iterator<Item = Vec<u16>>) -> ReportLabels {
        let mut all = ReportLabels {
            starts: vec![0],
            labels: Vec::new(),
        };
        for list in lists {
            all.labels.extend(list);
            all.starts.push(all.labels.len() as u32);
        }
        all
    }

    /// The labels of one report.
    pub(super) fn of(&self, report: u32) -> &[u16] {
        let report = report as usize;
        &self.labels[self.starts[report] as usize..self.starts[report + 1] as usize]
    }
}

/// Each label's share of the neighbours' votes into `shares` (0 to 1 each). A vote weighs the square of the similarity.
pub(super) fn votes(
    neighbours: &[Neighbour],
    carried: &ReportLabels,
    labels: usize,
    shares: &mut Vec<f32>,
) {
    shares.clear();
    shares.resize(labels, 0.0);
    let total: f32 = neighbours.iter().map(|n| n.similarity * n.similarity).sum();
    if total <= 0.0 {
        return;
    }
    for neighbour in neighbours {
        let vote = neighbour.similarity * neighbour.similarity / total;
        for &label in carried.of(neighbour.report) {
            shares[usize::from(label)] += vote;
        }
    }
}
