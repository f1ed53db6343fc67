//! How a review looks. Colours are the terminal's own sixteen, and no ground is painted, so that light and dark ones both work.

mod change;
mod help;
mod panels;
mod paragraphs;
mod text;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use super::decision::{Decision, Verdict};
use super::session::{Focus, Mode, Session};
use super::words::reason;
use super::wrap::wrap;
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;
use crate::shown::safe;
use paragraphs::Paragraphs;

/// From this size on, panels stand side by side.
const WIDE: (u16, u16) = (120, 30);
/// Lines of reasons, and of a decision, at most.
const HEAD_LINES: usize = 2;

/// What stands at the foot while reading.
const KEYS: &str =
    "a accept  c change  m mark  n note  u undo  \u{2190}\u{2192} rows  Tab panel  ? keys  q quit";

/// How what belongs to a problem is set off.
fn of_problem(problem: Problem) -> Style {
    let colour = match problem {
        Problem::Product => Color::Magenta,
        Problem::Patient => Color::Green,
    };
    Style::new().fg(colour).add_modifier(Modifier::BOLD)
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Draws the session as it stands.
pub fn draw(frame: &mut Frame<'_>, session: &mut Session) {
    let area = frame.area();
    let head = head(session, usize::from(area.width));
    let rows = [
        Constraint::Length(head.len() as u16),
        Constraint::Min(3),
        Constraint::Length(2),
    ];
    let [top, body, foot] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(head), top);
    draw_foot(frame, foot, session);
    if session.mode == Mode::Help {
        help::draw(frame, body);
        return;
    }
    let wide = area.width >= WIDE.0 && area.height >= WIDE.1;
    if wide {
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(50), Constraint::Min(40)]).areas(body);
        text::draw(frame, left, session);
        if let Mode::Change(_) = session.mode {
            change::draw(frame, right, session);
            return;
        }
        let [codes, near] =
            Layout::vertical([Constraint::Percentage(62), Constraint::Min(6)]).areas(right);
        panels::draw_codes(frame, codes, session);
        panels::draw_near(frame, near, session);
        return;
    }
    // The report takes what it needs, up to a share.
    let share = match (&session.mode, session.focus) {
        (Mode::Change(_), _) => 45,
        (_, Focus::Text) => 50,
        _ => 35,
    };
    let needs = session
        .row
        .as_ref()
        .map_or(0, |row| wrap(&row.text, inner_width(body)).len() + 2);
    let most = (u32::from(body.height) * share / 100).max(3) as usize;
    let upper = Constraint::Length(needs.clamp(3, most) as u16);
    let share = [upper, Constraint::Min(5)];
    let [upper, lower] = Layout::vertical(share).areas(body);
    text::draw(frame, upper, session);
    match (&session.mode, session.focus) {
        (Mode::Change(_), _) => change::draw(frame, lower, session),
        (_, Focus::Near) => panels::draw_near(frame, lower, session),
        _ => panels::draw_codes(frame, lower, session),
    }
}

/// Where one is, why the row is here, and what was decided of it.
fn head(session: &Session, width: usize) -> Vec<Line<'static>> {
    let of = session.walk.stops().len();
    let mut place = String::new();
    if let Some(row) = &session.row {
        place = format!("row {}  id {}", row.row, safe(&row.id));
    }
    let progress = format!(
        "{} of {of}, {} decided  {}",
        session.at + 1,
        session.decided,
        session.job.id
    );
    let place_width = Span::raw(place.as_str()).width();
    let gap = width
        .saturating_sub(place_width + progress.chars().count())
        .max(2);
    let first = Line::from(vec![
        Span::styled(place, bold()),
        Span::raw(" ".repeat(gap)),
        Span::raw(progress),
    ]);
    let mut lines = vec![first];
    let Some(row) = &session.row else {
        return lines;
    };
    let mut why: Vec<&str> = row.reasons.iter().map(|name| reason(name)).collect();
    let error = format!("failed: {}", row.error);
    match row.outcome {
        Some(Outcome::Failed) => why.insert(0, &error),
        Some(Outcome::Empty) => why.insert(0, "the report has no text"),
        _ => {}
    }
    let why = match why.is_empty() {
        true => "why: nothing marks this row for review".to_string(),
        false => format!("why: {}", why.join("; ")),
    };
    lines.extend(shortened(&why, width, Style::new()));
    if let Some(decision) = &session.decision {
        lines.extend(shortened(&said_of(decision), width, bold()));
    }
    lines
}

/// A decision in a line.
fn said_of(decision: &Decision) -> String {
    let codes = decision.codes.iter().filter(|codes| !codes.is_empty());
    let codes: Vec<String> = codes.map(|codes| codes.join(" ")).collect();
    let mut said = format!(
        "{} by {}, {}",
        decision.verdict.name(),
        decision.reviewer,
        decision.reviewed_at
    );
    if decision.verdict != Verdict::Marked {
        let codes = if codes.is_empty() {
            "no code".into()
        } else {
            codes.join(" | ")
        };
        said.push_str(&format!(": {codes}"));
    }
    if !decision.note.is_empty() {
        said.push_str(&format!(" \u{2014} {}", decision.note));
    }
    said
}

/// The first lines of a text; what does not fit ends in dots.
fn shortened(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    let lines = wrap(text, width);
    let cut = lines.len() > HEAD_LINES;
    let shown = lines.into_iter().take(HEAD_LINES).enumerate();
    shown
        .map(|(at, range)| {
            let mut line = safe(&text[range]);
            if cut && at + 1 == HEAD_LINES {
                let keep = line.char_indices().nth(width.saturating_sub(1));
                line.truncate(keep.map_or(line.len(), |(at, _)| at));
                line.push('\u{2026}');
            }
            Line::styled(line, style)
        })
        .collect()
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, session: &Session) {
    let keys = match &session.mode {
        Mode::Read => KEYS,
        Mode::Help => "any key goes back",
        Mode::Note { marks: true, .. } => "Enter marks the row  Esc back",
        Mode::Note { marks: false, .. } => "Enter keeps the note  Esc back",
        Mode::Jump(_) => "Enter goes there  Esc back",
        Mode::Change(change) if change.search.is_some() => {
            "\u{2191}\u{2193} choose  Enter take  Tab take, and one more  Backspace take off  Esc back"
        }
        Mode::Change(_) => "p product  t patient  Enter keep  Esc leave all as it was",
    };
    let typed = match &session.mode {
        Mode::Note { input, marks: true } => Some(("why come back (may be empty): ", input)),
        Mode::Note { input, .. } => Some(("note: ", input)),
        Mode::Jump(input) => Some(("go to row: ", input)),
        _ => None,
    };
    let (said, style) = match typed {
        Some((prompt, input)) => {
            // Of a long line its end is shown, where the cursor stands.
            let room = usize::from(area.width).saturating_sub(prompt.len() + 1);
            let typed = safe(input.text());
            let mut from = 0;
            while Span::raw(&typed[from..]).width() > room {
                from += typed[from..].chars().next().map_or(1, char::len_utf8);
            }
            let line = format!("{prompt}{}", &typed[from..]);
            let column = Span::raw(line.as_str()).width() as u16;
            frame.set_cursor_position((area.x + column.min(area.width.saturating_sub(1)), area.y));
            (line, Style::new())
        }
        None => {
            let pending = match session.pending.is_empty() || !session.said.is_empty() {
                true => session.said.clone(),
                false => format!("note to go with your decision: {}", session.pending),
            };
            (safe(&pending), bold())
        }
    };
    let lines = vec![Line::styled(said, style), Line::styled(keys, dim())];
    frame.render_widget(Paragraph::new(lines), area);
}

/// A frame with a title; the one that the arrows scroll is set off.
fn framed(title: String, has_focus: bool) -> Block<'static> {
    let block = Block::bordered().title(title);
    match has_focus {
        true => block.border_style(bold()),
        false => block.border_style(dim()),
    }
}

/// Draws lines in a frame from `first` on, holds that within the lines, and says how much there is.
fn draw_lines(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    has_focus: bool,
    lines: Vec<Line<'_>>,
    first: &mut usize,
) {
    let height = usize::from(area.height.saturating_sub(2));
    *first = (*first).min(lines.len().saturating_sub(height));
    let more = match lines.len() > height {
        true => format!(" {}-{} of {} ", *first + 1, *first + height, lines.len()),
        false => String::new(),
    };
    let block = framed(format!(" {title} "), has_focus);
    let block = block.title_bottom(Line::from(more).right_aligned());
    let shown: Vec<Line<'_>> = lines.into_iter().skip(*first).take(height).collect();
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

/// Columns within a frame.
fn inner_width(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(2)).max(1)
}
