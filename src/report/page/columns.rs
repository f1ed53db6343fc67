//! Rows and codes by the values of the input's columns: those with few values are offered, of the others it is said why not.

use maud::{Markup, html};

use super::parts::{
    bar, behind, grouped, head, head_bar, head_number, number, percent, sortable, table,
};
use super::{Page, Section};
use crate::core::problem::Problem;
use crate::report::findings::codes::CodeId;
use crate::report::findings::values::ValueCount;
use crate::report::findings::{Column, Findings};

/// Values of a column that are shown; all others are put together.
const VALUES: usize = 15;
/// Codes of each problem that stand beside a value, the first one with its term.
const CODES: usize = 4;

pub(super) fn section(page: Page<'_>) -> Option<Section> {
    let findings = page.findings?;
    let shown = findings.columns.iter().enumerate();
    let mut offered = Vec::new();
    let mut left_out = Vec::new();
    for (place, column) in shown {
        match column.values.shown(VALUES) {
            Ok(values) => offered.push((place, column, values)),
            Err(why) => left_out.push((&column.name, why)),
        }
    }
    let rows = html! {
        @for (name, why) in &left_out { tr { td { bdi { (name) } } td class="wide" { (why.say()) } } }
    };
    let body = html! {
        @if offered.is_empty() { p { "No column of the input has few enough values." } }
        @if findings.unfit_rows > 0 {
            p { (grouped(findings.unfit_rows)) " rows whose records do not fit the header are left out." }
        }
        @for (place, column, values) in &offered {
            h3 id={ "column-" (place) } { bdi { (column.name) } }
            (by_value(page, findings, column, values))
        }
        @if !left_out.is_empty() {
            (behind(
                &format!("Columns that are not offered: {}", left_out.len()),
                table("Why not", html! { (head("Column")) (head("It holds")) }, rows),
            ))
        }
    };
    Some(Section {
        id: "columns",
        title: "By the input's columns".to_string(),
        body,
    })
}

fn by_value(
    page: Page<'_>,
    findings: &Findings,
    column: &Column,
    values: &[(&ValueCount, Vec<(CodeId, u64)>)],
) -> Markup {
    let sum = |of: fn(&ValueCount) -> u64| {
        let all: u64 = column.values.all().map(of).sum();
        let shown: u64 = values.iter().map(|(value, _)| of(value)).sum();
        (all, all - shown)
    };
    let (all, other_rows) = sum(|value| value.rows);
    let different = column.values.all().count();
    let most = values.first().map_or(0, |(value, _)| value.rows);
    let heads = html! {
        (head("Value")) (head_number("Rows")) (head_number("Share")) (head_bar())
        (head_number("Coded")) (head_number("Failed")) (head_number("To read"))
        @for problem in page.problems() { (head(&format!("Most frequent {} problems", problem.name()))) }
    };
    let rows = html! {
        @for (value, codes) in values {
            tr {
                th scope="row" { @if value.value.is_empty() { span class="soft" { "(empty)" } } @else { bdi { (value.value) } } }
                (number(value.rows))
                td class="n" { (percent(value.rows, all)) }
                (bar(value.rows, most))
                (number(value.coded)) (number(value.failed)) (number(value.review))
                @for problem in page.problems() { (most_frequent(page, findings, problem, codes)) }
            }
        }
        @if different > values.len() {
            tr class="sum" {
                td { (grouped((different - values.len()) as u64)) " more values" } (number(other_rows))
                td class="n" { (percent(other_rows, all)) } td class="bar" {}
                (number(sum(|value| value.coded).1)) (number(sum(|value| value.failed).1)) (number(sum(|value| value.review).1))
                @for _ in page.problems() { td {} }
            }
        }
    };
    html! {
        (sortable(&format!("Rows by {}", column.name), heads, rows))
        @if column.values.uncounted() > 0 {
            p { "The codes of " (grouped(column.values.uncounted())) " rows with rare values are not in this table." }
        }
    }
}

fn most_frequent(
    page: Page<'_>,
    findings: &Findings,
    problem: Problem,
    codes: &[(CodeId, u64)],
) -> Markup {
    let own = codes
        .iter()
        .map(|(id, rows)| (findings.codes.name(*id), *rows))
        .filter(|(code, _)| page.problem_of(code) == problem);
    html! {
        td class="wide" {
            @for (n, (code, rows)) in own.take(CODES).enumerate() {
                @match n {
                    0 => { code { (code) } " " (page.term(code)) " (" (grouped(rows)) ")" }
                    _ => { @if n == 1 { br; } @else { ", " } code title=(page.term(code)) { (code) } " (" (grouped(rows)) ")" }
                }
            }
        }
    }
}
