//! The report, with the evidence of the suggestions marked.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{dim, draw_lines, inner_width, of_problem};
use crate::review::row::ShownRow;
use crate::review::session::{Focus, Session};
use crate::review::wrap::wrap;
use crate::shown::safe;

/// Lines above the first mark when a row comes up.
const ABOVE: usize = 2;

/// A part of the text, and how it is set off.
struct Part {
    range: Range<usize>,
    style: Style,
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, session: &mut Session) {
    let Some(row) = &session.row else {
        return;
    };
    let lines = wrap(&row.text, inner_width(area));
    let parts = parts(row);
    let first = &mut session.scroll[Focus::Text as usize];
    let height = usize::from(area.height.saturating_sub(2));
    if *first == usize::MAX {
        // The row has just come up: its evidence is in sight.
        let primary = row.answers.iter().filter_map(|answer| answer.codes.first());
        let mark = primary
            .flat_map(|code| &code.marks)
            .map(|mark| mark.start)
            .min();
        let line = mark.map_or(0, |mark| {
            lines.iter().take_while(|line| line.end <= mark).count()
        });
        *first = match line < height {
            true => 0,
            false => line.saturating_sub(ABOVE),
        };
    }
    *first = (*first).min(lines.len().saturating_sub(height));
    let mut shown = vec![Line::default(); lines.len()];
    let in_sight = lines.iter().enumerate().skip(*first).take(height);
    for (at, range) in in_sight {
        shown[at] = line(&row.text, range.clone(), &parts);
    }
    let title = match (
        row.text.trim().is_empty(),
        row.sent.len() < row.text.trim().len(),
    ) {
        (true, _) => "report: no text",
        (_, true) => "report (what is dim was not sent)",
        _ => "report",
    };
    draw_lines(
        frame,
        area,
        title,
        session.focus == Focus::Text,
        shown,
        first,
    );
}

/// What is set off in the text: evidence by problem, of primary codes underlined, and what was not sent.
fn parts(row: &ShownRow) -> Vec<Part> {
    let mut parts = vec![
        Part {
            range: 0..row.sent.start,
            style: dim(),
        },
        Part {
            range: row.sent.end..row.text.len(),
            style: dim(),
        },
    ];
    for answer in &row.answers {
        for (place, code) in answer.codes.iter().enumerate() {
            let mut style = of_problem(answer.problem);
            if place == 0 {
                style = style.add_modifier(Modifier::UNDERLINED);
            }
            let marks = code.marks.iter().cloned();
            parts.extend(marks.map(|range| Part { range, style }));
        }
    }
    // Where several lie over one another, primary codes come last and show.
    parts.sort_by_key(|part| part.style.add_modifier.contains(Modifier::UNDERLINED));
    parts
}

/// A line in its pieces.
fn line(text: &str, range: Range<usize>, parts: &[Part]) -> Line<'static> {
    let over: Vec<&Part> = parts
        .iter()
        .filter(|part| part.range.start < range.end && part.range.end > range.start)
        .collect();
    let ends = over
        .iter()
        .flat_map(|part| [part.range.start, part.range.end]);
    let mut cuts: Vec<usize> = ends.filter(|at| range.contains(at)).collect();
    cuts.extend([range.start, range.end]);
    cuts.sort_unstable();
    cuts.dedup();
    let pieces = cuts.windows(2).map(|pair| {
        let covers = |part: &&&Part| part.range.start <= pair[0] && part.range.end >= pair[1];
        let style = over
            .iter()
            .filter(covers)
            .fold(Style::new(), |style, part| style.patch(part.style));
        Span::styled(safe(&text[pair[0]..pair[1]]), style)
    });
    Line::from(pieces.collect::<Vec<_>>())
}
