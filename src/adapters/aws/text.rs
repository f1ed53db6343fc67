//! What others say, made fit for an error of ours: on one line, capped, without report text.

use std::error::Error;

/// The most characters of a foreign message that are shown.
const MAX_CHARS: usize = 400;

/// Report text is recognised by this many equal characters in a row.
const QUOTE_CHARS: usize = 20;
/// A whole text of so many letters and digits is a quotation too.
const SHORT_CHARS: usize = 8;

/// `message` on one line, control characters gone, at most 400 characters of it.
pub(super) fn clean(message: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    let words: Vec<&str> = message
        .split(is_gap)
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// An error and all its causes.
pub(super) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error with its causes, each said once, cleaned.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let said = cause.to_string();
        // Many errors repeat their cause in their own words.
        if !said.is_empty() && !parts.iter().any(|part| part.contains(&said)) {
            parts.push(said);
        }
    }
    clean(&parts.join(": "))
}

/// Whether `message` repeats a piece of one of `texts`, white space, case and escapes aside (I10). Services have no
/// reason to, but a stand-in or a proxy may echo what it was sent.
pub(super) fn quotes(message: &str, texts: &[&str]) -> bool {
    let message = fold(message);
    let texts: Vec<String> = texts.iter().map(|text| fold(text)).collect();
    let is_whole = |text: &String| text.chars().count() >= SHORT_CHARS && message.contains(text);
    if texts.iter().any(is_whole) {
        return true;
    }
    let starts: Vec<usize> = message.char_indices().map(|(at, _)| at).collect();
    let ends = starts
        .iter()
        .copied()
        .chain([message.len()])
        .skip(QUOTE_CHARS);
    starts.iter().zip(ends).any(|(start, end)| {
        let piece = &message[*start..end];
        texts.iter().any(|text| text.contains(piece))
    })
}

/// Letters and digits alone, in lower case: line breaks, quotation marks and their escapes do not hide a quotation.
fn fold(text: &str) -> String {
    let unescaped = text
        .replace("\\n", "")
        .replace("\\r", "")
        .replace("\\t", "");
    let kept = unescaped.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_message_is_one_capped_line() {
        assert_eq!(clean("  a\r\n\u{1b}[31mb\t c\0"), "a [31mb c");
        let long = clean(&"\u{e9} ".repeat(1_000));
        assert_eq!(long.chars().count(), MAX_CHARS + 3);
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Said(&'static str, #[source] Option<Box<Said>>);
        let error = Said(
            "top: middle",
            Some(Box::new(Said(
                "middle",
                Some(Box::new(Said("bottom", None))),
            ))),
        );
        assert_eq!(chain(&error), "top: middle: bottom");
    }

    #[test]
    fn i10_what_the_sdk_says_at_trace_level_is_not_compiled_in() {
        // There it shows the bodies of requests, reports and all.
        assert!(
            tracing::level_filters::STATIC_MAX_LEVEL <= tracing::level_filters::LevelFilter::DEBUG
        );
    }

    #[test]
    fn i10_a_quotation_of_a_report_is_recognised_whatever_its_escapes() {
        let texts = ["THE TIP OF THE \"CATHETER\"\nBROKE OFF IN THE PATIENT."];
        let echo = r#"invalid body {"text":"the tip of the \"CATHETER\"\nBROKE off ..."}"#;
        assert!(quotes(echo, &texts));
        assert!(!quotes(
            "Too many tokens, please wait before trying again.",
            &texts
        ));
        assert!(!quotes("broke", &texts));
    }
}
