//! Paragraphs of one style each, as lines of a width.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::review::wrap::wrap;
use crate::shown::safe;

/// Lines that are put together.
pub(super) struct Paragraphs {
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Paragraphs {
    pub(super) fn new(width: usize) -> Paragraphs {
        Paragraphs {
            width,
            lines: Vec::new(),
        }
    }

    /// Adds a text, `indent` columns from the left.
    pub(super) fn add(&mut self, indent: usize, text: &str, style: Style) {
        let room = self.width.saturating_sub(indent).max(1);
        for range in wrap(text, room) {
            let line = vec![
                Span::raw(" ".repeat(indent)),
                Span::styled(safe(&text[range]), style),
            ];
            self.lines.push(Line::from(line));
        }
    }

    /// Adds an empty line, unless nothing stands there yet.
    pub(super) fn gap(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    pub(super) fn lines(self) -> Vec<Line<'static>> {
        self.lines
    }
}
