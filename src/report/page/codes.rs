//! Which codes came how often: a Pareto chart and its table at each level of the hierarchy, then all codes.

use maud::{Markup, html};

use super::parts::{
    at, behind, chart, figure, head, head_number, number, percent, searchable, share, table,
};
use super::rollup::{self, Level};
use super::{Page, Section};
use crate::core::problem::Problem;

/// Codes of a level that a chart shows.
const SHOWN: usize = 12;

pub(super) fn section(page: Page<'_>, problem: Problem) -> Section {
    let counts = &page.summary.code_distribution[problem.name()];
    let levels = rollup::levels(counts, page.terms);
    let coded: u64 = counts.iter().map(|count| count.rows).sum();
    let (id, title) = match problem {
        Problem::Product => ("product", "Device problems (Annex A)"),
        Problem::Patient => ("patient", "Patient problems (Annexes E and F)"),
    };
    let path = |code: &str| format!("code_distribution/{}/{code}/rows", problem.name());
    let all = html! {
        @for count in counts {
            tr {
                td class="code" { code { (count.code) } }
                (term(page, &count.code, &count.term))
                td class="wide" { (page.terms.path(&count.code)) }
                td class="n" { (figure(&path(&count.code), count.rows)) }
                td class="n" { (percent(count.rows, coded)) }
            }
        }
    };
    let heads = html! {
        (head("Code")) (head("Term and definition")) (head("From the top")) (head_number("Rows")) (head_number("Share"))
    };
    let body = html! {
        @if counts.is_empty() {
            p { "No row is coded." }
        } @else {
            p { "Primary codes of coded rows. At each level a row counts for the code at or above its own." }
            @for level in &levels { (one_level(page, problem, level, coded)) }
            h3 { "All codes that were given" }
            (behind(
                &format!("{} codes with definitions", counts.len()),
                searchable(&format!("Primary codes, {}", problem.name()), heads, all),
            ))
        }
    };
    Section {
        id,
        title: title.to_string(),
        body,
    }
}

fn one_level(page: Page<'_>, problem: Problem, level: &Level, coded: u64) -> Markup {
    let shown = &level.codes[..level.codes.len().min(SHOWN)];
    let others: u64 = level.codes[shown.len()..]
        .iter()
        .map(|(_, rows)| rows)
        .sum();
    let mut sum = 0;
    let rows = html! {
        @for (code, rows) in shown {
            @let so_far = { sum += rows; sum };
            tr {
                td class="code" { code { (code) } }
                (term(page, code, page.term(code)))
                (number(*rows))
                td class="n" { (percent(*rows, coded)) }
                td class="n" { (percent(so_far, coded)) }
            }
        }
        @if others > 0 {
            tr class="sum" {
                td {} td { (level.codes.len() - shown.len()) " more codes" } (number(others))
                td class="n" { (percent(others, coded)) } td class="n" { (percent(level.rows(), coded)) }
            }
        }
        @if level.above > 0 {
            tr class="sum" {
                td {} td { "coded above this level" } (number(level.above))
                td class="n" { (percent(level.above, coded)) } td class="n" {}
            }
        }
    };
    let heads = html! {
        (head("Code")) (head("Term and definition")) (head_number("Rows")) (head_number("Share")) (head_number("Sum"))
    };
    let name = format!("{} problems, level {}", problem.name(), level.depth);
    html! {
        h3 { "Level " (level.depth) }
        div class="beside" {
            (pareto(&name, shown, coded, page))
            (table(&format!("Most frequent codes: {name}"), heads, rows))
        }
    }
}

/// Bars for shares, a line for their sum.
fn pareto(name: &str, codes: &[(String, u64)], coded: u64, page: Page<'_>) -> Markup {
    const LEFT: f64 = 40.0;
    const TOP: f64 = 12.0;
    const WIDTH: f64 = 350.0;
    const HEIGHT: f64 = 170.0;
    let step = WIDTH / codes.len().max(4) as f64;
    let x = |place: usize| LEFT + step * (place as f64 + 0.5);
    let y = |share: f64| TOP + HEIGHT * (1.0 - share);
    let mut sum = 0;
    let points: Vec<(f64, f64)> = codes
        .iter()
        .enumerate()
        .map(|(place, (_, rows))| {
            sum += rows;
            (x(place), y(share(sum, coded)))
        })
        .collect();
    let line: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let content = html! {
        @for mark in [0.0, 0.25, 0.5, 0.75, 1.0] {
            line class="axis" x1=(at(LEFT)) x2=(at(LEFT + WIDTH)) y1=(at(y(mark))) y2=(at(y(mark))) {}
            text class="faint" x=(at(LEFT - 5.0)) y=(at(y(mark) + 4.0)) text-anchor="end" { (format!("{:.0} %", mark * 100.0)) }
        }
        @for (place, (code, rows)) in codes.iter().enumerate() {
            @let top = y(share(*rows, coded));
            rect class="fill" x=(at(x(place) - step * 0.36)) width=(at(step * 0.72)) y=(at(top)) height=(at(TOP + HEIGHT - top)) {
                title { (code) " " (page.term(code)) ": " (rows) " rows, " (percent(*rows, coded)) }
            }
            text x=(at(x(place) + 4.0)) y=(at(TOP + HEIGHT + 12.0)) text-anchor="end"
                transform=(format!("rotate(-50 {:.1} {:.1})", x(place) + 4.0, TOP + HEIGHT + 12.0)) { (code) }
        }
        polyline class="sum" points=(line.join(" ")) {}
        @for (x, y) in &points { circle class="dot" cx=(at(*x)) cy=(at(*y)) r="3" {} }
    };
    let first = codes.first().map_or(String::new(), |(code, rows)| {
        format!("Most frequent: {code}, {}.", percent(*rows, coded))
    });
    chart(
        "pareto",
        &format!("Share of coded rows (bars) and their sum (line): {name}"),
        &first,
        (400, 240),
        content,
    )
}

/// A cell with a term and its definition.
fn term(page: Page<'_>, code: &str, wording: &str) -> Markup {
    let definition = page
        .terms
        .by_code(code)
        .map_or("", |term| term.definition());
    html! {
        td class="wide" {
            (wording)
            @if !definition.is_empty() && definition != wording { span class="definition" { (definition) } }
        }
    }
}
