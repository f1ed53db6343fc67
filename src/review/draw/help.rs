//! The keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{bold, framed};

/// Each key and what it does.
const KEYS: [(&str, &str); 15] = [
    (
        "a",
        "accept the primary codes, and on to the next row without a decision",
    ),
    ("A", "accept the primary codes and those behind them"),
    (
        "c",
        "change codes: p product, t patient; search as you type",
    ),
    ("m", "mark: somebody has to come back; no gold"),
    ("n", "note, kept with the decision"),
    (
        "u",
        "take back the decision on this row, else the last one made",
    ),
    ("\u{2192} l", "next row"),
    ("\u{2190} h", "previous row"),
    ("o", "next row without a decision"),
    ("g", "go to a row by its number"),
    (
        "Tab",
        "panel that the arrows scroll: report, codes, nearest reports",
    ),
    (
        "\u{2191} \u{2193} j k",
        "scroll by a line; Space, PgUp and PgDn by more",
    ),
    ("Home End", "to the beginning, to the end"),
    ("?", "this page"),
    (
        "q Ctrl-C",
        "quit: decisions are on the disk as they are made",
    ),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect) {
    let lines = KEYS.map(|(key, what)| {
        Line::from(vec![
            Span::styled(format!(" {key:<9} "), bold()),
            Span::raw(what),
        ])
    });
    let block = framed(" keys ".into(), true);
    frame.render_widget(Paragraph::new(lines.to_vec()).block(block), area);
}
