//! Codes over time, by the column of the input that holds the most dates.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::parts::{at, behind, chart, grouped, head, head_number, number, share, table};
use super::{Page, Section};
use crate::core::problem::Problem;
use crate::report::findings::Findings;
use crate::report::findings::periods::{Dates, Period, Series};

/// Codes of each problem that have a chart.
const CODES: usize = 6;

pub(super) fn section(page: Page<'_>) -> Option<Section> {
    let findings = page.findings?;
    let title = "Codes over time".to_string();
    let Some((column, dates)) = findings.dates() else {
        let body = html! {
            p { "No column of the input holds dates (YYYY-MM-DD, YYYYMMDD or MM/DD/YYYY) that can be read in most of its rows, so there is nothing to show by time." }
            (ambiguous(findings))
        };
        return Some(Section {
            id: "time",
            title,
            body,
        });
    };
    let series = dates.series();
    let codes = |problem: Problem| most_frequent(page, findings, problem, &series);
    let all: Vec<&str> = page.problems().flat_map(codes).collect();
    let heads = html! {
        (head(series.unit())) (head_number("Rows"))
        @for code in &all { (head_number(code)) }
    };
    let rows = html! {
        @for (month, period) in &series.periods {
            tr {
                th scope="row" { (series.name(*month)) } (number(period.rows))
                @for code in &all { (number(of_code(page, period, code))) }
            }
        }
    };
    let others: Vec<&str> = findings
        .date_columns()
        .filter(|own| *own != column)
        .collect();
    let body = html! {
            p { (said(column, dates, &series)) }
            @if findings.unfit_rows > 0 {
                p { (grouped(findings.unfit_rows)) " rows whose records do not fit the header are left out." }
            }
            (ambiguous(findings))
            @if !others.is_empty() {
                p { "Other columns with dates: " @for (n, name) in others.iter().enumerate() { @if n > 0 { ", " } bdi { (name) } } "." }
            }
    div class="small-multiples" { (bars("All rows", None, &series, |period| period.rows)) }
            @for problem in page.problems() {
                h3 { "Most frequent " (problem.name()) " problems" }
                div class="small-multiples" {
                    @for code in codes(problem) {
                        (bars(code, Some(page.term(code)), &series, |period| of_code(page, period, code)))
                    }
                }
            }
            (behind("The charts as a table", table(&format!("Rows by {}", series.unit()), heads, rows)))
        };
    Some(Section {
        id: "time",
        title,
        body,
    })
}

/// The codes that have a chart: the most frequent ones of rows with a date.
fn most_frequent<'p>(
    page: Page<'p>,
    findings: &'p Findings,
    problem: Problem,
    series: &Series,
) -> Vec<&'p str> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (code, rows) in series.periods.values().flat_map(|period| &period.codes) {
        *sums.entry(findings.codes.name(*code)).or_default() += rows;
    }
    let mut sums: Vec<(&str, u64)> = sums.into_iter().collect();
    sums.retain(|(code, _)| page.problem_of(code) == problem);
    // Stable: equals stay in the order of codes.
    sums.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    sums.into_iter().take(CODES).map(|(code, _)| code).collect()
}

/// Columns with dates that may be read in two ways.
fn ambiguous(findings: &Findings) -> Markup {
    let columns: Vec<&str> = findings.ambiguous_dates().collect();
    html! {
        @if !columns.is_empty() {
            p {
                "Dates with slashes that were not read, because nothing says whether the month or the day stands first: "
                @for (n, name) in columns.iter().enumerate() { @if n > 0 { ", " } bdi { (name) } } "."
            }
        }
    }
}

/// By what, how it was read, and what is not in the charts.
fn said(column: &str, dates: &Dates, series: &Series) -> Markup {
    html! {
        "By " (series.unit()) " of the column " strong { bdi { (column) } } ": "
        (grouped(dates.readable())) " rows with a date ("
        @for (n, (form, rows)) in dates.forms().enumerate() {
            @if n > 0 { ", " } (grouped(rows)) " as " (form.name())
        }
        "), " (grouped(dates.empty)) " without a value, " (grouped(dates.unreadable())) " with no readable date."
        @if series.before > 0 { " " (grouped(series.before)) " rows lie before the first period shown." }
        @if series.behind > 0 { " " (grouped(series.behind)) " rows lie behind the last one." }
    }
}

fn of_code(page: Page<'_>, period: &Period, code: &str) -> u64 {
    let name = |id| page.findings.map_or("", |findings| findings.codes.name(id));
    let mut own = period.codes.iter().filter(|(id, _)| name(**id) == code);
    own.next().map_or(0, |(_, rows)| *rows)
}

fn bars(code: &str, term: Option<&str>, series: &Series, of: impl Fn(&Period) -> u64) -> Markup {
    const LEFT: f64 = 34.0;
    const TOP: f64 = 10.0;
    const WIDTH: f64 = 260.0;
    const HEIGHT: f64 = 56.0;
    let counts: Vec<(i32, u64)> = series.periods.iter().map(|(m, p)| (*m, of(p))).collect();
    let most = counts.iter().map(|(_, rows)| *rows).max().unwrap_or(0);
    let step = WIDTH / counts.len().max(1) as f64;
    let x = |place: usize| LEFT + step * place as f64;
    let y = |rows: u64| TOP + HEIGHT * (1.0 - share(rows, most));
    let base = TOP + HEIGHT;
    let content = html! {
        line class="axis" x1=(at(LEFT)) x2=(at(LEFT + WIDTH)) y1=(at(base)) y2=(at(base)) {}
        line class="axis" x1=(at(LEFT)) x2=(at(LEFT + WIDTH)) y1=(at(TOP)) y2=(at(TOP)) {}
        text class="faint" x=(at(LEFT - 4.0)) y=(at(TOP + 4.0)) text-anchor="end" { (super::parts::short(most)) }
        text class="faint" x=(at(LEFT - 4.0)) y=(at(base + 4.0)) text-anchor="end" { "0" }
        @for (place, (month, rows)) in counts.iter().enumerate() {
            rect class="fill" x=(at(x(place) + step * 0.1)) width=(at(step * 0.8)) y=(at(y(*rows))) height=(at(base - y(*rows))) {
                title { (series.name(*month)) ": " (grouped(*rows)) " rows" }
            }
        }
        @if let Some((month, _)) = counts.first() {
            text class="faint" x=(at(LEFT)) y=(at(base + 14.0)) { (series.name(*month)) }
        }
        @if counts.len() > 1 {
            text class="faint" x=(at(LEFT + WIDTH)) y=(at(base + 14.0)) text-anchor="end" { (series.name(counts[counts.len() - 1].0)) }
        }
    };
    let title = match term {
        Some(term) => format!("{code} {term}"),
        None => code.to_string(),
    };
    let says = format!("At most {} rows in a {}", grouped(most), series.unit());
    chart("time", &title, &says, (300, 86), content)
}
