//! Evidence in a text: found with escapes undone, case and white space folded, and where it stands.

use std::ops::Range;

/// A text that evidence is looked for in, folded once.
#[derive(Debug, Clone)]
pub struct FoldedText<'t> {
    text: &'t str,
    folded: String,
}

impl<'t> FoldedText<'t> {
    /// Folds `text`.
    pub fn new(text: &'t str) -> FoldedText<'t> {
        FoldedText {
            text,
            folded: fold(text),
        }
    }

    /// Whether `evidence` stands in the text. No evidence is not found.
    pub fn holds(&self, evidence: &str) -> bool {
        let wanted = fold(&unescape(evidence));
        !wanted.is_empty() && self.folded.contains(&wanted)
    }

    /// Where `evidence` stands first: bytes of the text, from the first to behind the last of its characters.
    pub fn find(&self, evidence: &str) -> Option<Range<usize>> {
        let wanted = fold(&unescape(evidence));
        let first = self.folded.find(&wanted).filter(|_| !wanted.is_empty())?;
        let end = first + wanted.len();
        // The same walk as folding, with places of both sides beside each other.
        let (mut at, mut begins, mut is_gap) = (0, None, false);
        for (place, c) in self.text.char_indices() {
            if c.is_whitespace() {
                is_gap = at > 0;
                continue;
            }
            at += usize::from(std::mem::take(&mut is_gap));
            at += c.to_lowercase().map(char::len_utf8).sum::<usize>();
            if at > first {
                begins.get_or_insert(place);
            }
            if at >= end {
                return Some(begins?..place + c.len_utf8());
            }
        }
        None
    }
}

/// The five entities that text gets when it is put into XML.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        // Last, so that an escaped escape is undone once.
        .replace("&amp;", "&")
}

/// Lower case, each run of white space one space.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn evidence_is_found_where_it_stands() {
        let text = "  THE TIP  OF\nTHE CATHETER <BROKE> &\u{a0}WAS LEFT.";
        let found = |evidence: &str| {
            let place = FoldedText::new(text).find(evidence)?;
            Some(&text[place])
        };
        assert_eq!(found("tip of the"), Some("TIP  OF\nTHE"));
        assert_eq!(found("&lt;broke&gt; &amp; was"), Some("<BROKE> &\u{a0}WAS"));
        assert_eq!(found("the tip"), Some("THE TIP"));
        assert_eq!(found("left."), Some("LEFT."));
        assert_eq!(found("the stent"), None);
        assert_eq!(found(" "), None);
    }

    proptest! {
        #[test]
        fn what_is_held_has_a_place_that_folds_to_it(text in "[a-cA-C \\n\u{130}\u{df}&<]{0,30}", from in 0usize..30, len in 1usize..12) {
            let folded = FoldedText::new(&text);
            let part: String = text.chars().skip(from).take(len).collect();
            let place = folded.find(&part);
            prop_assert_eq!(place.is_some(), folded.holds(&part));
            if let Some(place) = place {
                prop_assert!(fold(&text[place]).contains(&fold(&part)));
            }
        }
    }
}
