//! Text as a terminal shows it: nothing in a report, an id or a quotation steers the terminal, and lines are cut by the
//! columns that they take. For what people read; JSON has the text as it is.

use ratatui::text::Span;

/// Stands for characters that would steer the terminal.
const UNSHOWN: char = '\u{b7}';

/// What is shown for a text in one line: white space is a space, line ends too.
pub fn safe(text: &str) -> String {
    text.chars().map(safe_char).collect()
}

/// What is shown for a text in its lines: as [`safe`], but LF stays.
pub fn safe_lines(text: &str) -> String {
    let shown = |c| if c == '\n' { c } else { safe_char(c) };
    text.chars().map(shown).collect()
}

/// What is shown for a character.
pub fn safe_char(c: char) -> char {
    match c {
        c if c.is_whitespace() => ' ',
        // Marks that turn the direction of writing could make a text read as another.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            UNSHOWN
        }
        c if c.is_control() => UNSHOWN,
        c => c,
    }
}

/// Columns that a character takes when it is shown.
pub fn columns(c: char) -> usize {
    let shown = safe_char(c);
    match shown.is_ascii() {
        true => 1,
        false => Span::raw(shown.encode_utf8(&mut [0; 4]) as &str).width(),
    }
}

/// The beginning of `text` that fits so many columns.
pub fn cut(text: &str, room: usize) -> &str {
    let mut used = 0;
    let too_much = |c: char| {
        used += columns(c);
        used > room
    };
    let end = text.find(too_much);
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i10_nothing_in_a_text_steers_the_terminal() {
        let steering = "a\u{1b}[2Jb\tc\u{202e}\u{85}\u{9b}31m\u{61c}\u{2067}\r\nd\u{7f}";
        assert_eq!(
            safe(steering),
            "a\u{b7}[2Jb c\u{b7} \u{b7}31m\u{b7}\u{b7}  d\u{b7}"
        );
        assert_eq!(safe_lines("a\r\n\u{1b}b"), "a \n\u{b7}b");
    }

    #[test]
    fn a_line_is_cut_by_the_columns_that_it_takes() {
        assert_eq!(cut("\u{4e2d}\u{6587}ab", 4), "\u{4e2d}\u{6587}");
        assert_eq!(cut("\u{4e2d}\u{6587}ab", 3), "\u{4e2d}");
        assert_eq!(cut("e\u{301}ab", 2), "e\u{301}a");
        assert_eq!(cut("ab", 80), "ab");
    }
}
