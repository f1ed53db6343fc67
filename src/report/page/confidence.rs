//! How sure the answers say they are, and how they agree with a second opinion.

use maud::{Markup, html};

use super::parts::{
    at, bar, behind, chart, grouped, head, head_bar, head_number, number, percent, share, table,
};
use super::{Page, Section};
use crate::core::opinion::{Agreement, SecondOpinion};
use crate::core::problem::Problem;
use crate::report::findings::{CONFIDENCE_STEPS, Findings, OfProblem};

/// Pairs of differing codes that are shown.
const PAIRS: usize = 15;

pub(super) fn section(page: Page<'_>) -> Option<Section> {
    let findings = page.findings?;
    let below = page
        .summary
        .spec
        .get("review_below")
        .and_then(|below| below.as_f64());
    let body = html! {
        p {
            "Coded rows by the confidence of their primary code."
            @if let Some(below) = below { " Under " (below) " (the broken line) a row is marked for review." }
            " What a model says of its own confidence is a poor guide to its errors; the offline model's is measured."
        }
        div class="even" { @for (problem, own) in &findings.problems { (histogram(*problem, own, below)) } }
    };
    Some(Section {
        id: "confidence",
        title: "Confidence".to_string(),
        body,
    })
}

fn histogram(problem: Problem, own: &OfProblem, below: Option<f64>) -> Markup {
    const LEFT: f64 = 36.0;
    const TOP: f64 = 10.0;
    const WIDTH: f64 = 350.0;
    const HEIGHT: f64 = 120.0;
    let counts = &own.confidence;
    let all: u64 = counts.iter().sum::<u64>() + own.without_confidence;
    let most = counts.iter().copied().max().unwrap_or(0);
    let step = WIDTH / CONFIDENCE_STEPS as f64;
    let y = |rows: u64| TOP + HEIGHT * (1.0 - share(rows, most));
    let base = TOP + HEIGHT;
    let edge = |place: usize| place as f64 / CONFIDENCE_STEPS as f64;
    let content = html! {
        line class="axis" x1=(at(LEFT)) x2=(at(LEFT + WIDTH)) y1=(at(base)) y2=(at(base)) {}
        line class="axis" x1=(at(LEFT)) x2=(at(LEFT + WIDTH)) y1=(at(TOP)) y2=(at(TOP)) {}
        text class="faint" x=(at(LEFT - 4.0)) y=(at(TOP + 4.0)) text-anchor="end" { (super::parts::short(most)) }
        text class="faint" x=(at(LEFT - 4.0)) y=(at(base + 4.0)) text-anchor="end" { "0" }
        @for (place, rows) in counts.iter().enumerate() {
            rect class="fill" x=(at(LEFT + step * (place as f64 + 0.08))) width=(at(step * 0.84)) y=(at(y(*rows))) height=(at(base - y(*rows))) {
                title { (format!("{:.2} to {:.2}", edge(place), edge(place + 1))) ": " (grouped(*rows)) " rows" }
            }
        }
        @for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            text class="faint" x=(at(LEFT + WIDTH * tick)) y=(at(base + 14.0)) text-anchor="middle" { (tick) }
        }
        @if let Some(below) = below.filter(|below| (0.0..=1.0).contains(below)) {
            line class="mark" x1=(at(LEFT + WIDTH * below)) x2=(at(LEFT + WIDTH * below)) y1=(at(TOP)) y2=(at(base)) {}
        }
    };
    let rows = html! {
        @for (place, rows) in counts.iter().enumerate() {
            tr { td { (format!("{:.2} to {:.2}", edge(place), edge(place + 1))) } (number(*rows)) td class="n" { (percent(*rows, all)) } }
        }
        @if own.without_confidence > 0 {
            tr class="sum" { td { "without" } (number(own.without_confidence)) td class="n" { (percent(own.without_confidence, all)) } }
        }
    };
    let heads = html! { (head("Confidence")) (head_number("Rows")) (head_number("Share")) };
    let title = format!("Confidence, {} problems", problem.name());
    html! {
        div {
            (chart("confidence", &title, &format!("{} rows", grouped(all)), (400, 156), content))
            (behind(&format!("{title}, as a table"), table(&title, heads, rows)))
        }
    }
}

/// None: nobody else was asked.
pub(super) fn second_opinion(page: Page<'_>) -> Option<Section> {
    let findings = page.findings?;
    let asked: Vec<_> = findings
        .problems
        .iter()
        .filter(|(_, own)| own.agreement.is_some())
        .collect();
    if asked.is_empty() {
        return None;
    }
    let by = match page.spec("second_opinion").parse() {
        Ok(SecondOpinion::Precedents) => "the nearest coded reports (the offline model)",
        Ok(SecondOpinion::Sample) => "the same model, asked once more",
        Err(_) => "somebody else",
    };
    let body = html! {
        p { "Second opinion by " (by) ". Where the two primary codes differ, at most one of them is the one that a reporter would have chosen: these rows are the first to read. That they agree does not make them right." }
        @for (problem, own) in asked { (agreement(page, findings, *problem, own)) }
    };
    Some(Section {
        id: "second-opinion",
        title: "Second opinion".to_string(),
        body,
    })
}

fn agreement(page: Page<'_>, findings: &Findings, problem: Problem, own: &OfProblem) -> Markup {
    let of = |kind: Agreement| {
        own.agreement
            .as_ref()
            .and_then(|all| all.get(&kind))
            .copied()
            .unwrap_or(0)
    };
    let coded: u64 = own.confidence.iter().sum::<u64>() + own.without_confidence;
    let there: u64 = Agreement::ALL.into_iter().map(of).sum();
    let mut pairs: Vec<(&str, &str, u64)> = own
        .differing
        .all()
        .map(|(one, other, rows)| (findings.codes.name(one), findings.codes.name(other), rows))
        .collect();
    pairs.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (a.0, a.1).cmp(&(b.0, b.1))));
    let rows = html! {
        @for kind in Agreement::ALL {
            tr { th scope="row" { (kind.name()) } (number(of(kind))) td class="n" { (percent(of(kind), coded)) } (bar(of(kind), coded)) td class="wide" { (meaning(kind)) } }
        }
        tr class="sum" { td { "no second code" } (number(coded - there)) td class="n" { (percent(coded - there, coded)) } td class="bar" {} td {} }
    };
    let heads = html! { (head("Agreement")) (head_number("Rows")) (head_number("Share")) (head_bar()) (head("Meaning")) };
    let differing = html! {
        @for (one, other, rows) in pairs.iter().take(PAIRS) {
            tr {
                td class="wide" { code { (one) } " " (page.term(one)) }
                td class="wide" { code { (other) } " " (page.term(other)) }
                (number(*rows))
            }
        }
    };
    html! {
        h3 { "Agreement on " (problem.name()) " problems" }
        (table(&format!("Coded rows by agreement, {}", problem.name()), heads, rows))
        @if !pairs.is_empty() {
            (behind(
                &format!("Codes that differ most often, {}", problem.name()),
                table("Differing primary codes", html! { (head("First opinion")) (head("Second opinion")) (head_number("Rows")) }, differing),
            ))
        }
    }
}

fn meaning(kind: Agreement) -> &'static str {
    match kind {
        Agreement::Same => "both have the same primary code",
        Agreement::Listed => "one's primary code is among the other's codes",
        Agreement::Related => "one's primary code is above the other's in the hierarchy",
        Agreement::Different => "none of these",
    }
}
