//! The vocabulary: which features are known, in which reports each occurs, and how much each weighs.
//!
//! Features lie in ascending order of hash. A feature's weight in a text is `(1 + ln count) * idf`, texts are scaled to
//! length 1; idf and lengths are derived from the postings, so that training and inference cannot differ in them.

use super::features::{FeatureHash, features};
use super::number::ln;
use std::collections::BTreeMap;

/// Features that occur in fewer reports teach nothing that carries over.
const MIN_REPORTS: usize = 2;

/// A feature that occurs in more than one in so many reports does not take part in the search for neighbours: it costs the
/// most time and says the least.
const COMMON: usize = 5;

/// A feature's place in the vocabulary, and its weight in one text.
pub(super) type Entry = (u32, f32);

/// One occurrence list's item: the report, and how often the feature occurs in it (255 stands for more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) report: u32,
    pub(super) count: u8,
}

/// Known features and their postings.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) hashes: Vec<FeatureHash>,
    /// Where each feature's postings start; one more entry than there are features.
    pub(super) starts: Vec<u32>,
    pub(super) postings: Vec<Posting>,
    pub(super) reports: usize,
    idf: Vec<f32>,
    /// 1 / length of each report's unscaled vector.
    scale: Vec<f32>,
    /// The same over the features that are not common.
    rare_scale: Vec<f32>,
    /// More reports than this make a feature common.
    common: usize,
    /// Open addressing from hash to index + 1; 0 is free.
    table: Vec<u32>,
    /// `1 + ln count` for counts of 0 to 255.
    damped: Vec<f32>,
}

/// Buffers that featurising a text needs; kept between texts.
#[derive(Debug, Default)]
pub(super) struct FeatureScratch {
    counts: Vec<u8>,
    seen: Vec<u32>,
    /// Each known feature of the last text, repeats included, with the byte just after it.
    pub(super) occurrences: Vec<(u32, u32)>,
}

impl Vocabulary {
    /// Collects the features of `texts` that occur in two of them at least.
    pub(super) fn collect<'a>(texts: impl Iterator<Item = &'a str>) -> Vocabulary {
        let mut found: BTreeMap<FeatureHash, Vec<Posting>> = BTreeMap::new();
        let mut reports = 0u32;
        for text in texts {
            features(text, |hash, _| {
                let list = found.entry(hash).or_default();
                match list.last_mut() {
                    Some(last) if last.report == reports => {
                        last.count = last.count.saturating_add(1)
                    }
                    _ => list.push(Posting {
                        report: reports,
                        count: 1,
                    }),
                }
            });
            reports += 1;
        }
        let (mut hashes, mut starts, mut postings) = (Vec::new(), vec![0], Vec::new());
        for (hash, list) in found {
            if list.len() >= MIN_REPORTS {
                hashes.push(hash);
                postings.extend(list);
                starts.push(postings.len() as u32);
            }
        }
        Vocabulary::new(hashes, starts, postings, reports as usize)
    }

    /// Derives the rest. `hashes` ascend, `starts` ascend from 0 to the number of postings, reports are below `reports`.
    pub(super) fn new(
        hashes: Vec<FeatureHash>,
        starts: Vec<u32>,
        postings: Vec<Posting>,
        reports: usize,
    ) -> Vocabulary {
        let damped: Vec<f32> = (0..=255u32)
            .map(|count| (1.0 + ln(f64::from(count.max(1)))) as f32)
            .collect();
        let idf: Vec<f32> = starts
            .windows(2)
            .map(|ends| {
                let share = (1.0 + reports as f64) / (1.0 + f64::from(ends[1] - ends[0]));
                (ln(share) + 1.0) as f32
            })
            .collect();
        // The floor keeps a corpus of a few reports searchable.
        let common = (reports / COMMON).max(20);
        let (mut squares, mut rare) = (vec![0f32; reports], vec![0f32; reports]);
        for (feature, ends) in starts.windows(2).enumerate() {
            let list = &postings[ends[0] as usize..ends[1] as usize];
            for posting in list {
                let weight = damped[usize::from(posting.count)] * idf[feature];
                squares[posting.report as usize] += weight * weight;
                if list.len() <= common {
                    rare[posting.report as usize] += weight * weight;
                }
            }
        }
        let inverse = |sums: Vec<f32>| -> Vec<f32> {
            sums.iter()
                .map(|&sum| if sum > 0.0 { 1.0 / sum.sqrt() } else { 0.0 })
                .collect()
        };
        let (scale, rare_scale) = (inverse(squares), inverse(rare));
        let mut table = vec![0u32; (hashes.len() * 2).next_power_of_two().max(2)];
        let mask = table.len() - 1;
        for (feature, &hash) in hashes.iter().enumerate() {
            let mut slot = hash as usize & mask;
            while table[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            table[slot] = feature as u32 + 1;
        }
        Vocabulary {
            hashes,
            starts,
            postings,
            reports,
            idf,
            scale,
            rare_scale,
            common,
            table,
            damped,
        }
    }

    /// How many features are known.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    fn find(&self, hash: FeatureHash) -> Option<u32> {
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.table[slot] {
                0 => return None,
                entry if self.hashes[entry as usize - 1] == hash => return Some(entry - 1),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// The known features of `text` into `into`, ascending, scaled to length 1; empty if none is known.
    pub(super) fn vector(&self, text: &str, scratch: &mut FeatureScratch, into: &mut Vec<Entry>) {
        scratch.counts.resize(self.len(), 0);
        scratch.seen.clear();
        scratch.occurrences.clear();
        features(text, |hash, end| {
            if let Some(feature) = self.find(hash) {
                let count = &mut scratch.counts[feature as usize];
                if *count == 0 {
                    scratch.seen.push(feature);
                }
                *count = count.saturating_add(1);
                scratch.occurrences.push((feature, end as u32));
            }
        });
        scratch.seen.sort_unstable();
        into.clear();
        let mut squares = 0f32;
        for &feature in &scratch.seen {
            let count = std::mem::take(&mut scratch.counts[feature as usize]);
            let weight = self.damped[usize::from(count)] * self.idf[feature as usize];
            squares += weight * weight;
            into.push((feature, weight));
        }
        if squares > 0.0 {
            let scale = 1.0 / squares.sqrt();
            into.iter_mut().for_each(|(_, weight)| *weight *= scale);
        }
    }

    /// The vectors of the reports themselves, in their order.
    pub(super) fn report_vectors(&self) -> Vec<Vec<Entry>> {
        let mut vectors = vec![Vec::new(); self.reports];
        for feature in 0..self.len() {
            for posting in self.postings(feature as u32) {
                let weight = self.weight(feature as u32, *posting);
                vectors[posting.report as usize].push((feature as u32, weight));
            }
        }
        vectors
    }

    /// Where `feature` occurs.
    pub(super) fn postings(&self, feature: u32) -> &[Posting] {
        let feature = feature as usize;
        &self.postings[self.starts[feature] as usize..self.starts[feature + 1] as usize]
    }

    /// The weight of `feature` in the report of one of its postings.
    pub(super) fn weight(&self, feature: u32, posting: Posting) -> f32 {
        self.damped[usize::from(posting.count)]
            * self.idf[feature as usize]
            * self.scale[posting.report as usize]
    }

    /// The part of [`Vocabulary::weight`] that depends on the feature alone.
    pub(super) fn idf(&self, feature: u32) -> f32 {
        self.idf[feature as usize]
    }

    /// Whether `feature` occurs in too many reports to tell them apart.
    pub(super) fn is_common(&self, feature: u32) -> bool {
        self.postings(feature).len() > self.common
    }

    /// 1 / length of each report's vector over the features that are not common.
    pub(super) fn rare_scale(&self) -> &[f32] {
        &self.rare_scale
    }

    /// `1 + ln count`.
    pub(super) fn damped(&self, count: u8) -> f32 {
        self.damped[usize::from(count)]
    }
}
