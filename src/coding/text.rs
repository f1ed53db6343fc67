//! The text as it is sent: trimmed, and cut at a sentence when it is too long.

/// A text that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared<'t> {
    /// What is sent; empty: there is no text.
    pub text: &'t str,
    /// It was cut.
    pub truncated: bool,
}

/// Prepares `text` for sending, at most `max_chars` characters of it.
pub fn prepare(text: &str, max_chars: u32) -> Prepared<'_> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let Some((limit, _)) = text.char_indices().nth(max_chars as usize) else {
        return Prepared {
            text,
            truncated: false,
        };
    };
    let head = &text[..limit];
    // The end of a sentence in the last quarter; else of a word; else the limit itself.
    let earliest = limit - limit / 4;
    let sentence = head
        .rmatch_indices(['.', '!', '?', '\n'])
        .map(|(at, mark)| at + mark.len());
    let word = head.rmatch_indices(char::is_whitespace).map(|(at, _)| at);
    let cut = sentence
        .take_while(|at| *at >= earliest)
        .find(|at| head[*at..].chars().next().is_none_or(char::is_whitespace))
        .or_else(|| word.take_while(|at| *at >= earliest).next())
        .unwrap_or(limit);
    Prepared {
        text: head[..cut].trim_end(),
        truncated: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_text_is_cut_at_a_sentence_then_a_word_then_anywhere() {
        let cut = |text, max| prepare(text, max).text;
        assert_eq!(cut("THE TIP BROKE. IT WAS LEFT", 18), "THE TIP BROKE.");
        assert_eq!(cut("DOSE OF 1.5 ML WAS GIVEN", 20), "DOSE OF 1.5 ML WAS");
        assert_eq!(cut("AAAAAAAAAAAAAAAAAAAAAAA", 5), "AAAAA");
        assert_eq!(
            prepare("short.", 6),
            Prepared {
                text: "short.",
                truncated: false
            }
        );
        assert_eq!(
            prepare(" \n\0 ", 6),
            Prepared {
                text: "",
                truncated: false
            }
        );
    }

    proptest! {
        #[test]
        fn what_is_sent_is_a_part_of_the_text_within_the_limit(text in "\\PC{0,80}", max in 1u32..60) {
            let prepared = prepare(&text, max);
            prop_assert!(text.contains(prepared.text));
            prop_assert!(prepared.text.chars().count() <= max as usize);
            prop_assert!(prepared.truncated || prepared.text == text.trim());
        }
    }
}
