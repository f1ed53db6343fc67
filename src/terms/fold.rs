//! Folding: what counts as the same code, or the same wording, when people and models write it.

/// Upper case without any white space: `" a 0401"` becomes `"A0401"`.
pub(super) fn code(given: &str) -> String {
    given
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_uppercase)
        .collect()
}

/// Lower case, white space run together, and none around a slash, because the releases themselves write
/// `Term/Code` and `Term / Code` for the same thing.
pub(super) fn wording(given: &str) -> String {
    let mut out = String::with_capacity(given.len());
    for word in given.split_whitespace() {
        if !out.is_empty() && !out.ends_with('/') && !word.starts_with('/') {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// One line of text: white space and control characters run together to one space.
///
/// A term or definition that spans lines would break the one line a code that the model's prompt is made of.
pub(super) fn one_line(given: &str) -> String {
    let mut out = String::with_capacity(given.len());
    for word in given.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The words of a text, lower case: runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fold_case_and_space() {
        assert_eq!(code(" a 04\t01 "), "A0401");
    }

    #[test]
    fn wordings_fold_case_space_and_slashes() {
        assert_eq!(
            wording("  Low Blood  Pressure/ Hypotension "),
            "low blood pressure/hypotension"
        );
        assert_eq!(wording("Term / Code"), wording("term/code"));
    }

    #[test]
    fn a_text_over_lines_becomes_one_line() {
        assert_eq!(one_line(" a\r\n b\u{0}c \u{2028}d"), "a b c d");
    }
}
