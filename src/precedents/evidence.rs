//! Evidence: the sentence of a text that speaks most for a code.

use super::linear::Linear;
use super::vocabulary::Entry;
use std::ops::Range;

/// No evidence is longer than this.
pub(super) const MAX_EVIDENCE_CHARS: usize = 300;

/// Buffers of the search for evidence; kept between texts.
#[derive(Debug, Default)]
pub(super) struct EvidenceScratch {
    /// By feature: what one occurrence of it adds to the label's score.
    gains: Vec<f32>,
}

/// Cuts `text` into sentences, and sentences that are too long at white space: byte ranges without white space at either
/// end, in order, none empty, none over [`MAX_EVIDENCE_CHARS`].
pub(super) fn sentences(text: &str, into: &mut Vec<Range<usize>>) {
    into.clear();
    let mut start = 0;
    let mut ended = false;
    for (at, ch) in text.char_indices() {
        if ch == '\n' || ch == '\r' || (ended && ch.is_whitespace()) {
            cut(text, start..at, into);
            start = at;
            ended = false;
        } else {
            // A closing bracket or quote after the full stop still belongs to the sentence.
            ended =
                matches!(ch, '.' | '!' | '?') || (ended && matches!(ch, ')' | '"' | '\'' | ']'));
        }
    }
    cut(text, start..text.len(), into);
}

/// Adds `range`, trimmed and cut into parts that are short enough.
fn cut(text: &str, range: Range<usize>, into: &mut Vec<Range<usize>>) {
    let mut start = range.start;
    loop {
        let rest = &text[start..range.end];
        start += rest.len() - rest.trim_start().len();
        let rest = text[start..range.end].trim_end();
        if rest.is_empty() {
            return;
        }
        // Bytes bound characters, so most sentences need no counting.
        let limit = if rest.len() <= MAX_EVIDENCE_CHARS {
            None
        } else {
            rest.char_indices()
                .nth(MAX_EVIDENCE_CHARS)
                .map(|(at, _)| at)
        };
        let Some(limit) = limit else {
            into.push(start..start + rest.len());
            return;
        };
        // Cut at the last white space up to the limit; a word longer than the limit is cut within.
        let end = if rest[limit..].starts_with(char::is_whitespace) {
            rest[..limit].trim_end().len()
        } else {
            rest[..limit]
                .rfind(char::is_whitespace)
                .map_or(limit, |at| rest[..at].trim_end().len())
        };
        into.push(start..start + end);
        start += end;
    }
}

/// Which of `sentences` contributes most to `label`'s linear score (the first among equals); only sentences with a known
/// feature. `None` if there is none.
pub(super) fn strongest(
    model: &Linear,
    label: u16,
    vector: &[Entry],
    occurrences: &[(u32, u32)],
    sentences: &[Range<usize>],
    scratch: &mut EvidenceScratch,
) -> Option<usize> {
    let gains = &mut scratch.gains;
    for &(feature, weight) in vector {
        let feature_at = feature as usize;
        if gains.len() <= feature_at {
            gains.resize(feature_at + 1, 0.0);
        }
        let weights = model.weights(feature);
        gains[feature_at] = match weights.binary_search_by_key(&label, |w| w.label) {
            Ok(at) => weight * f32::from(weights[at].steps),
            Err(_) => 0.0,
        };
    }
    let mut best: Option<(usize, f32)> = None;
    let mut at = 0;
    for (index, sentence) in sentences.iter().enumerate() {
        let (mut sum, mut any) = (0f32, false);
        while let Some(&(feature, end)) = occurrences.get(at) {
            if end as usize > sentence.end {
                break;
            }
            sum += gains[feature as usize];
            any = true;
            at += 1;
        }
        if any && best.is_none_or(|(_, most)| sum > most) {
            best = Some((index, sum));
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_up(text: &str) -> Vec<&str> {
        let mut ranges = Vec::new();
        sentences(text, &mut ranges);
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn sentences_end_at_full_stops_and_line_ends() {
        assert_eq!(
            cut_up("PUMP FAILED. NO HARM (SEE B.5.) \r\n VALUE 1.5 ML!  "),
            ["PUMP FAILED.", "NO HARM (SEE B.5.)", "VALUE 1.5 ML!"]
        );
    }

    #[test]
    fn long_sentences_are_cut_at_words() {
        let text = "word ".repeat(200);
        let parts = cut_up(&text);
        assert!(
            parts
                .iter()
                .all(|part| part.len() <= MAX_EVIDENCE_CHARS && part.ends_with("word"))
        );
        assert_eq!(parts.join(" "), text.trim());
    }

    #[test]
    fn a_word_without_end_is_cut_between_characters() {
        let parts = cut_up(&"ü".repeat(700))
            .iter()
            .map(|p| p.chars().count())
            .collect::<Vec<_>>();
        assert_eq!(parts, [300, 300, 100]);
    }
}
