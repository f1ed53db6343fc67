//! Choosing other codes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{Paragraphs, bold, dim, framed, inner_width, of_problem};
use crate::core::problem::Problem;
use crate::review::change::{Change, Search};
use crate::review::session::{Mode, Session};
use crate::shown::safe;

/// Lines that the definition of the chosen term takes at most.
const DEFINITION_LINES: usize = 4;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, session: &Session) {
    let Mode::Change(change) = &session.mode else {
        return;
    };
    match &change.search {
        None => draw_picking(frame, area, session, change),
        Some(search) => draw_search(frame, area, session, search),
    }
}

fn draw_picking(frame: &mut Frame<'_>, area: Rect, session: &Session, change: &Change) {
    let mut to = Paragraphs::new(inner_width(area));
    for problem in session.problems() {
        let key = match problem {
            Problem::Product => 'p',
            Problem::Patient => 't',
        };
        to.gap();
        to.add(
            0,
            &format!("{key}  {} codes", problem.name()),
            of_problem(problem),
        );
        let codes = &change.codes[problem as usize];
        for code in codes {
            to.add(3, &named(session, code), Style::new());
        }
        if codes.is_empty() {
            to.add(3, "none", dim());
        }
    }
    let block = framed(" change the codes: of which problem? ".into(), true);
    frame.render_widget(Paragraph::new(to.lines()).block(block), area);
}

fn named(session: &Session, code: &str) -> String {
    let term = session.terms.by_code(code).map_or("", |term| term.term());
    format!("{code} {term}")
}

fn draw_search(frame: &mut Frame<'_>, area: Rect, session: &Session, search: &Search) {
    let title = format!(" {} codes: type words or a code ", search.problem.name());
    let block = framed(title, true);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let width = usize::from(inner.width);
    let mut definition = Paragraphs::new(width);
    if let Some(code) = search.chosen.and_then(|at| search.hits.get(at)) {
        let text = session
            .terms
            .by_code(code)
            .map_or("", |term| term.definition());
        definition.add(0, text, dim());
    }
    let mut definition = definition.lines();
    definition.truncate(DEFINITION_LINES.min(usize::from(inner.height) / 3));
    let rows = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(definition.len() as u16),
    ];
    let [taken, typed, hits, below] = Layout::vertical(rows).areas(inner);
    let names = match search.taken.is_empty() {
        true => "taken: none yet".to_string(),
        false => format!("taken: {}", search.taken.join(" ")),
    };
    frame.render_widget(Line::styled(names, of_problem(search.problem)), taken);
    let line = format!("> {}", safe(search.input.text()));
    let column = Span::raw(line.as_str()).width() as u16;
    frame.render_widget(Line::styled(line, bold()), typed);
    frame.set_cursor_position((typed.x + column.min(typed.width.saturating_sub(1)), typed.y));
    frame.render_widget(Paragraph::new(definition), below);
    frame.render_widget(Paragraph::new(hit_lines(session, search, hits)), hits);
}

/// The hits around the chosen one.
fn hit_lines(session: &Session, search: &Search, area: Rect) -> Vec<Line<'static>> {
    if search.hits.is_empty() {
        let what = match search.input.text().trim().is_empty() {
            true => "nothing was suggested: type words of a term, its definition, or a code",
            false => "no term that may be chosen has these words",
        };
        return vec![Line::styled(what, dim())];
    }
    let height = usize::from(area.height).max(1);
    let chosen = search.chosen.unwrap_or(0);
    let first = (chosen + 1).saturating_sub(height);
    let shown = search.hits.iter().enumerate().skip(first).take(height);
    shown
        .map(|(at, code)| {
            let is_chosen = search.chosen == Some(at);
            let mark = if is_chosen { "\u{25b8} " } else { "  " };
            let term = session.terms.by_code(code).map_or("", |term| term.term());
            let above = session.terms.ancestors(code);
            let above = above
                .last()
                .map_or(String::new(), |term| format!("  < {}", term.term()));
            let style = match is_chosen {
                true => Style::new().add_modifier(Modifier::REVERSED),
                false => Style::new(),
            };
            Line::from(vec![
                Span::styled(format!("{mark}{code:<9}{term}"), style),
                Span::styled(above, dim()),
            ])
        })
        .collect()
}
