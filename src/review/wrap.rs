//! A text as lines of a width.

use std::ops::Range;

use crate::shown::columns;

/// The lines (bytes of `text`) that it takes at `width` columns: broken at white space where there is some, else within a word.
/// White space at a break belongs to no line.
pub fn wrap(text: &str, width: usize) -> Vec<Range<usize>> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut at = 0;
    for paragraph in text.split_inclusive('\n') {
        let shown = paragraph.trim_end();
        wrap_paragraph(text, at..at + shown.len(), width, &mut lines);
        at += paragraph.len();
    }
    lines
}

fn wrap_paragraph(text: &str, range: Range<usize>, width: usize, lines: &mut Vec<Range<usize>>) {
    let (mut start, mut used) = (range.start, 0);
    // The last white space of this line: where it begins and ends.
    let mut gap: Option<Range<usize>> = None;
    for (offset, c) in text[range.clone()].char_indices() {
        let at = range.start + offset;
        let wide = columns(c);
        if c.is_whitespace() {
            gap = match gap {
                Some(gap) if gap.end == at => Some(gap.start..at + c.len_utf8()),
                _ => Some(at..at + c.len_utf8()),
            };
        } else if used + wide > width && at > start {
            match gap.take().filter(|gap| gap.start > start) {
                Some(gap) => {
                    lines.push(start..gap.start);
                    start = gap.end;
                }
                None => {
                    lines.push(start..at);
                    start = at;
                }
            }
            used = text[start..at].chars().map(columns).sum();
        }
        used += wide;
    }
    lines.push(start..range.end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str, width: usize) -> Vec<&str> {
        let ranges = wrap(text, width);
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn lines_break_at_white_space_and_long_words_within() {
        assert_eq!(
            lines("the tip  broke off\r\n\nand abcdefghij", 8),
            ["the tip", "broke", "off", "", "and", "abcdefgh", "ij"]
        );
        assert_eq!(
            lines("\u{4e2d}\u{4e2d}\u{4e2d}", 4),
            ["\u{4e2d}\u{4e2d}", "\u{4e2d}"]
        );
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_is_too_long(text in "[a-d \n\u{e4}\u{4e2d}]{0,80}", width in 2usize..12) {
            let ranges = wrap(&text, width);
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            let kept: String = ranges.iter().map(|range| bare(&text[range.clone()])).collect();
            prop_assert_eq!(kept, bare(&text));
            for range in ranges {
                let wide: usize = text[range.clone()].trim_end().chars().map(columns).sum();
                prop_assert!(wide <= width, "'{}' takes {}", &text[range], wide);
            }
        }
    }
}
