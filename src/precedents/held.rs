//! Which texts the coded reports hold. Who asks them about such a text gets back what they were told about it: that is no
//! opinion, and measures nothing.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::corpus::{Report, fold};

/// From so many bytes on a text that begins like another counts as the same: one of them was cut.
const SAME_FROM: usize = 200;

/// Whether two folded texts are of one report: equal, or one is the beginning of the other.
pub fn is_same(one: &str, other: &str) -> bool {
    let (short, long) = match one.len() <= other.len() {
        true => (one, other),
        false => (other, one),
    };
    short == long || short.len() >= SAME_FROM && long.starts_with(short)
}

/// Reports by how their folded texts begin.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<[u8; 16], Vec<u32>>);

impl Held {
    pub(super) fn new(reports: &[Report]) -> Held {
        let mut held = Held::default();
        for (place, report) in (0..).zip(reports) {
            let beginning = beginning(&report.folded_text());
            held.0.entry(beginning).or_default().push(place);
        }
        held
    }

    /// Whether one of `reports`, which this was made of, has this text.
    pub(super) fn has(&self, reports: &[Report], text: &str) -> bool {
        let folded = fold(text);
        let alike = self.0.get(&beginning(&folded));
        alike
            .into_iter()
            .flatten()
            .any(|place| is_same(&folded, &reports[*place as usize].folded_text()))
    }
}

/// What is equal for all texts that are the same by [`is_same`].
fn beginning(folded: &str) -> [u8; 16] {
    let bytes = folded.as_bytes();
    let digest = Sha256::digest(&bytes[..bytes.len().min(SAME_FROM)]);
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precedents::Precedents;

    #[test]
    fn short_texts_that_begin_alike_are_not_the_same_report() {
        assert!(is_same("device broke", "device broke"));
        assert!(!is_same("device broke", "device broke. patient died"));
        let long = "a b ".repeat(100);
        assert!(is_same(&long, &format!("{long}and on")));
    }

    #[test]
    fn a_text_is_held_however_it_is_cut_or_spaced_and_another_is_not() {
        let precedents = Precedents::builtin().unwrap();
        for report in precedents.reports().iter().step_by(97) {
            let spaced = format!("  {}\n", report.text.to_uppercase().replace(' ', "  "));
            assert!(precedents.holds(&report.text) && precedents.holds(&spaced));
            assert!(precedents.holds(&format!("{} ", report.text)));
            let cut: String = report.text.chars().take(400).collect();
            assert!(precedents.holds(&cut));
            assert!(!precedents.holds(&format!("zzz {}", report.text)));
        }
        assert!(!precedents.holds("a text that nobody ever wrote"));
    }
}
