//! Evidence in a text: found with escapes undone, case and white space folded, and where it stands. The check of answers, the
//! screen of reviewers and explanations find it in the same way.

use std::ops::Range;

/// A text that evidence is looked for in, folded once.
#[derive(Debug, Clone)]
pub struct FoldedText(String);

impl FoldedText {
    /// Folds `text`.
    pub fn new(text: &str) -> FoldedText {
        FoldedText(fold(text))
    }

    /// Whether `evidence` stands in the text. No evidence is not found.
    pub fn holds(&self, evidence: &str) -> bool {
        let wanted = folded_quote(evidence);
        !wanted.is_empty() && self.0.contains(&wanted)
    }
}

/// The places (bytes) of `evidence` in `text`, in order, none over another; none: it is not in the text.
///
/// Each begins and ends with a character of the quotation, on the boundary of a character of the text.
pub fn marks(text: &str, evidence: &str) -> Vec<Range<usize>> {
    let wanted = folded_quote(evidence);
    if wanted.is_empty() {
        return Vec::new();
    }
    let (folded, places) = fold_with_places(text);
    let found = folded.match_indices(&wanted);
    found
        .map(|(at, _)| places[at].start..places[at + wanted.len() - 1].end)
        .collect()
}

/// The text folded, and for each byte of that the character of the text that it comes from.
fn fold_with_places(text: &str) -> (String, Vec<Range<usize>>) {
    let mut folded = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len());
    let mut space: Option<Range<usize>> = None;
    for (at, c) in text.char_indices() {
        let place = at..at + c.len_utf8();
        if c.is_whitespace() {
            let begin = space.map_or(place.start, |space| space.start);
            space = Some(begin..place.end);
            continue;
        }
        if let Some(space) = space.take().filter(|_| !folded.is_empty()) {
            folded.push(' ');
            places.push(space);
        }
        for lower in c.to_lowercase() {
            folded.push(lower);
            places.extend(std::iter::repeat_n(place.clone(), lower.len_utf8()));
        }
    }
    (folded, places)
}

/// Evidence as it is looked for in a folded text: escapes undone, then folded.
fn folded_quote(evidence: &str) -> String {
    fold(&unescape(evidence))
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
    use proptest::prelude::*;

    use super::*;

    fn marked<'t>(text: &'t str, evidence: &str) -> Vec<&'t str> {
        let places = marks(text, evidence);
        places.into_iter().map(|place| &text[place]).collect()
    }

    #[test]
    fn evidence_is_found_as_the_check_of_answers_finds_it() {
        let text = "THE  Tip\r\nbroke & the tip broke.";
        assert_eq!(
            marked(text, "the tip BROKE"),
            ["THE  Tip\r\nbroke", "the tip broke"]
        );
        assert_eq!(marked(text, " broke &amp;  the"), ["broke & the"]);
        assert_eq!(marked(text, "the wire broke"), [""; 0]);
        assert_eq!(marked(text, " \n"), [""; 0]);
        assert_eq!(marked("\u{a0}x y ", "X  Y"), ["x y"]);
        let text = "  THE TIP  <BROKE> &\u{a0}WAS LEFT.";
        assert_eq!(
            marked(text, "&lt;broke&gt; &amp; was"),
            ["<BROKE> &\u{a0}WAS"]
        );
    }

    #[test]
    fn a_letter_that_folds_to_two_is_marked_whole() {
        assert_eq!(marked("D\u{130}\u{15e} BROKE", "i\u{307}"), ["\u{130}"]);
        assert_eq!(marked("\u{130}", "\u{307}"), ["\u{130}"]);
    }

    proptest! {
        #[test]
        fn marks_are_exactly_the_folded_matches(text in "[a-cA-C \n\u{e4}\u{c4}\u{df}\u{4e2d}&.]{0,60}", from in 0usize..60, chars in 0usize..12) {
            let quotation: String = text.chars().skip(from).take(chars).collect();
            let evidence = quotation.to_uppercase().replace('&', "&amp;").replace(' ', "  ");
            let wanted = folded_quote(&evidence);
            let places = marks(&text, &evidence);
            // The check of answers says the same of whether it is there.
            prop_assert_eq!(!places.is_empty(), FoldedText::new(&text).holds(&evidence));
            let mut behind = 0;
            for place in places {
                prop_assert!(place.start >= behind && place.end <= text.len());
                prop_assert!(text.is_char_boundary(place.start) && text.is_char_boundary(place.end));
                prop_assert_eq!(fold(&text[place.clone()]), wanted.trim());
                prop_assert_eq!(text[place.clone()].trim(), &text[place.clone()]);
                behind = place.end;
            }
        }

        #[test]
        fn marks_of_any_text_lie_within_it(text in "\\PC{0,40}", evidence in "\\PC{0,3}") {
            let wanted = folded_quote(&evidence);
            for place in marks(&text, &evidence) {
                let piece = text.get(place);
                prop_assert!(piece.is_some_and(|piece| fold(piece).contains(&wanted)));
            }
        }
    }
}
