//! Counting over one group of reports, and what the counts come to.

use super::report::{Bucketed, F1, Hits, Measures, OnlyPredicted};
use super::shares::{Bucket, LabelShares};
use crate::terms::TermTable;

/// One report of one block as it is counted: indexes of terms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted<'a> {
    /// Whether there are gold codes, dropped ones counted.
    pub(super) has_gold: bool,
    /// The four hits: primary, first four, the same at level 1. `None` where they are not defined.
    pub(super) hits: Option<[bool; 4]>,
    /// The gold set, closed upwards.
    pub(super) gold: &'a [u32],
    /// The predicted set, closed upwards.
    pub(super) predicted: &'a [u32],
    /// Predicted codes that the table does not have: in the union, never in the intersection.
    pub(super) unknown: u64,
}

/// How often a label is in gold, predicted, and both.
#[derive(Debug, Clone, Copy, Default)]
struct Label {
    gold: u64,
    predicted: u64,
    both: u64,
}

impl Label {
    /// F1; 0 where precision + recall is 0. (2 × both / (gold + predicted) is the harmonic mean, without the division by 0.)
    fn f1(self) -> f64 {
        2.0 * self.both as f64 / (self.gold + self.predicted) as f64
    }
}

/// The counts of one group of reports. Its size goes with the table, not with the reports.
#[derive(Debug)]
pub(super) struct Tally {
    rows: u64,
    rows_with_gold: u64,
    hits: Option<[u64; 4]>,
    jaccard_sum: f64,
    labels: Vec<Label>,
}

impl Tally {
    /// Nothing counted yet. `hits` says whether the group has them.
    pub(super) fn new(terms: usize, hits: bool) -> Self {
        Tally {
            rows: 0,
            rows_with_gold: 0,
            hits: hits.then_some([0; 4]),
            jaccard_sum: 0.0,
            labels: vec![Label::default(); terms],
        }
    }

    /// Counts one report.
    pub(super) fn add(&mut self, row: &Counted<'_>) {
        self.rows += 1;
        self.rows_with_gold += u64::from(row.has_gold);
        if row.has_gold
            && let (Some(sums), Some(hits)) = (&mut self.hits, row.hits)
        {
            for (sum, hit) in sums.iter_mut().zip(hits) {
                *sum += u64::from(hit);
            }
        }
        let mut both = 0_u64;
        for &index in row.gold {
            self.labels[index as usize].gold += 1;
        }
        for &index in row.predicted {
            let label = &mut self.labels[index as usize];
            label.predicted += 1;
            if row.gold.contains(&index) {
                label.both += 1;
                both += 1;
            }
        }
        let union = (row.gold.len() + row.predicted.len()) as u64 + row.unknown - both;
        self.jaccard_sum += if union == 0 {
            1.0
        } else {
            both as f64 / union as f64
        };
    }

    /// What the counts come to.
    pub(super) fn measures(&self, table: &TermTable, shares: &LabelShares) -> Measures {
        let hits = |at: usize| {
            self.hits.map(|hits| Hits {
                rows: hits[at],
                share: ratio(hits[at] as f64, self.rows_with_gold),
            })
        };
        let mut all = Mean::default();
        let mut buckets = [Mean::default(); Bucket::ALL.len()];
        let mut predicted_only = OnlyPredicted::default();
        for (term, label) in table.terms().iter().zip(&self.labels) {
            if label.gold > 0 {
                all.add(label.f1());
                buckets[shares.bucket(term.code()) as usize].add(label.f1());
            } else if label.predicted > 0 {
                predicted_only.labels += 1;
                predicted_only.times += label.predicted;
            }
        }
        let [head, medium, tail, extreme_tail] = buckets.map(Mean::f1);
        Measures {
            rows: self.rows,
            rows_with_gold: self.rows_with_gold,
            primary: hits(0),
            first_four: hits(1),
            primary_level1: hits(2),
            first_four_level1: hits(3),
            jaccard: ratio(self.jaccard_sum, self.rows),
            macro_f1: all.f1(),
            macro_f1_by_bucket: Bucketed {
                head,
                medium,
                tail,
                extreme_tail,
            },
            predicted_only,
        }
    }
}

fn ratio(part: f64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part / whole as f64)
}

/// A mean over labels.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    labels: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.labels += 1;
    }

    fn f1(self) -> F1 {
        F1 {
            labels: self.labels,
            f1: ratio(self.sum, self.labels),
        }
    }
}
