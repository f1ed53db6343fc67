//! The suggested codes with all that is known of them, and the nearest coded reports.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{Paragraphs, bold, dim, draw_lines, inner_width, of_problem};
use crate::core::problem::Problem;
use crate::review::row::{ShownAnswer, ShownCode};
use crate::review::session::{Focus, Session};
use crate::review::words::agreement;
use crate::terms::TermTable;

pub(super) fn draw_codes(frame: &mut Frame<'_>, area: Rect, session: &mut Session) {
    let mut to = Paragraphs::new(inner_width(area));
    let answers = || session.row.iter().flat_map(|row| &row.answers);
    // What a decision is about comes first and together; the grounds follow.
    for answer in answers() {
        add_primary(&mut to, answer);
    }
    for answer in answers() {
        for (place, code) in answer.codes.iter().enumerate() {
            to.gap();
            let title = match place {
                0 => format!("{} {}", code.code, code.term),
                _ => format!("{}, also: {}", answer.problem.name(), titled(code)),
            };
            to.add(0, &title, of_problem(answer.problem));
            add_grounds(&mut to, code, &session.terms);
        }
    }
    let has_focus = session.focus == Focus::Codes;
    let first = &mut session.scroll[Focus::Codes as usize];
    draw_lines(frame, area, "suggested codes", has_focus, to.lines(), first);
}

fn add_primary(to: &mut Paragraphs, answer: &ShownAnswer) {
    let style = of_problem(answer.problem).add_modifier(Modifier::UNDERLINED);
    let name = answer.problem.name();
    match answer.codes.first() {
        Some(primary) => to.add(0, &format!("{name}: {}", titled(primary)), style),
        None => to.add(0, &format!("{name}: no code was given"), style),
    }
    if let Some((code, how)) = &answer.second {
        let line = format!(
            "second opinion: {} \u{2014} {}",
            titled(code),
            agreement(how)
        );
        to.add(2, &line, bold());
    }
}

/// Code, term and confidence.
fn titled(code: &ShownCode) -> String {
    let mut title = format!("{} {}", code.code, code.term);
    if let Ok(confidence) = code.confidence.parse::<f64>() {
        title.push_str(&format!(" ({confidence:.2})"));
    }
    title
}

fn add_grounds(to: &mut Paragraphs, code: &ShownCode, terms: &TermTable) {
    let Some(term) = terms.by_code(&code.code) else {
        to.add(4, "this code is not in the table", bold());
        return;
    };
    to.add(4, term.definition(), Style::new());
    if terms.parent(term).is_some() {
        to.add(4, &format!("under {}", above(&code.code, terms)), dim());
    }
    let below = terms.children(&code.code);
    let below = below.iter().filter(|term| term.selectable()).count();
    if below > 0 {
        to.add(4, &format!("{below} codes under it say more"), Style::new());
    }
    if code.evidence.is_empty() {
        to.add(4, "no evidence was given", bold());
    } else if code.marks.is_empty() {
        let line = format!("evidence NOT in the text: \"{}\"", code.evidence);
        to.add(4, &line, bold());
    } else {
        let times = match code.marks.len() {
            1 => String::new(),
            n => format!(", {n} times"),
        };
        to.add(4, &format!("evidence is marked in the text{times}"), dim());
    }
    if !code.rationale.is_empty() {
        to.add(4, &format!("why: {}", code.rationale), dim());
    }
}

fn above(code: &str, terms: &TermTable) -> String {
    let above = terms.ancestors(code);
    let above: Vec<String> = above
        .iter()
        .map(|term| format!("{} {}", term.code(), term.term()))
        .collect();
    above.join(" > ")
}

pub(super) fn draw_near(frame: &mut Frame<'_>, area: Rect, session: &mut Session) {
    let mut to = Paragraphs::new(inner_width(area));
    for near in &session.near {
        to.gap();
        to.add(
            0,
            &format!("{:.2}  report {}", near.similarity, near.id),
            bold(),
        );
        for problem in Problem::ALL {
            for code in &near.codes[problem as usize] {
                let term = session.terms.by_code(code).map_or("", |term| term.term());
                to.add(4, &format!("{code} {term}"), of_problem(problem));
            }
        }
        to.add(4, &near.text, dim());
    }
    if session.near.is_empty() {
        to.add(0, "no coded report shares its words", dim());
    }
    let title = format!("nearest coded reports ({})", session.job.precedents);
    let has_focus = session.focus == Focus::Near;
    let first = &mut session.scroll[Focus::Near as usize];
    draw_lines(frame, area, &title, has_focus, to.lines(), first);
}
