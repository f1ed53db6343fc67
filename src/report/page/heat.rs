//! Device problems against patient problems: which come together.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::parts::{at, behind, chart, grouped, head, head_number, share, short, table};
use super::{Page, Section};
use crate::core::problem::Problem;

/// Codes on each side; all others are put together.
const SIDE: usize = 10;

/// Counts by place: the most frequent codes of each side, then the others.
struct Grid<'p> {
    product: Vec<&'p str>,
    patient: Vec<&'p str>,
    counts: Vec<Vec<u64>>,
    uncounted: u64,
}

impl<'p> Grid<'p> {
    /// None: not both problems were asked for, or nothing is coded.
    fn of(page: Page<'p>) -> Option<Grid<'p>> {
        let findings = page.findings?;
        let side = |problem: Problem| -> Option<Vec<&'p str>> {
            let counts = page.summary.code_distribution.get(problem.name())?;
            Some(counts.iter().take(SIDE).map(|c| c.code.as_str()).collect())
        };
        let (product, patient) = (side(Problem::Product)?, side(Problem::Patient)?);
        let place = |codes: &[&'p str]| -> BTreeMap<&'p str, usize> {
            codes
                .iter()
                .enumerate()
                .map(|(n, code)| (*code, n))
                .collect()
        };
        let (rows, columns) = (place(&product), place(&patient));
        let mut counts = vec![vec![0; patient.len() + 1]; product.len() + 1];
        for (one, other, count) in findings.pairs.all() {
            let row = rows.get(findings.codes.name(one)).copied();
            let column = columns.get(findings.codes.name(other)).copied();
            counts[row.unwrap_or(product.len())][column.unwrap_or(patient.len())] += count;
        }
        let grid = Grid {
            product,
            patient,
            counts,
            uncounted: findings.pairs.uncounted(),
        };
        (grid.most() > 0).then_some(grid)
    }

    fn most(&self) -> u64 {
        self.counts.iter().flatten().copied().max().unwrap_or(0)
    }
}

fn name<'c>(codes: &[&'c str], place: usize) -> &'c str {
    codes.get(place).copied().unwrap_or("others")
}

pub(super) fn section(page: Page<'_>) -> Option<Section> {
    let grid = Grid::of(page)?;
    let legend = |title: &str, codes: &[&str]| {
        let rows = html! { @for code in codes { tr { td class="code" { code { (code) } } td { (page.term(code)) } } } };
        table(title, html! { (head("Code")) (head("Term")) }, rows)
    };
    let heads = html! {
        (head("Device problem"))
        @for place in 0..=grid.patient.len() { (head_number(name(&grid.patient, place))) }
    };
    let rows = html! {
        @for (place, counts) in grid.counts.iter().enumerate() {
            tr {
                th scope="row" { code { (name(&grid.product, place)) } }
                @for count in counts { td class="n" { (grouped(*count)) } }
            }
        }
    };
    let body = html! {
        p {
            "Coded rows by both primary codes, the " (SIDE) " most frequent of each side. The stronger a field, the more rows; the number says how many."
        }
        div class="beside" {
            (map(&grid, page))
            div {
                (legend("Device problems (rows of the map)", &grid.product))
                (legend("Patient problems (columns of the map)", &grid.patient))
            }
        }
        (behind("The map as a table", table("Rows by device problem and patient problem", heads, rows)))
        @if grid.uncounted > 0 {
            p { (grouped(grid.uncounted)) " rows have rare pairs that are not in the map." }
        }
    };
    Some(Section {
        id: "together",
        title: "Device against patient problems".to_string(),
        body,
    })
}

fn map(grid: &Grid<'_>, page: Page<'_>) -> Markup {
    const LEFT: f64 = 66.0;
    const TOP: f64 = 58.0;
    const CELL: f64 = 31.0;
    let most = grid.most();
    let place = |from: f64, n: usize| from + CELL * n as f64;
    let content = html! {
        @for column in 0..=grid.patient.len() {
            @let (x, y) = (place(LEFT, column) + CELL * 0.6, TOP - 6.0);
            text x=(at(x)) y=(at(y)) transform=(format!("rotate(-50 {x:.1} {y:.1})")) { (name(&grid.patient, column)) }
        }
        @for (row, counts) in grid.counts.iter().enumerate() {
            text x=(at(LEFT - 6.0)) y=(at(place(TOP, row) + CELL * 0.62)) text-anchor="end" { (name(&grid.product, row)) }
            @for (column, count) in counts.iter().enumerate() {
                @let (x, y) = (place(LEFT, column), place(TOP, row));
                // Not past a half, so that the number on it stays readable in both themes.
                @let heat = share(*count, most).sqrt() * 0.5;
                rect class="hot" x=(at(x)) y=(at(y)) width=(CELL) height=(CELL) fill-opacity=(format!("{heat:.3}")) {
                    title { (tell(grid, page, row, column)) }
                }
                rect class="cell" x=(at(x)) y=(at(y)) width=(CELL) height=(CELL) pointer-events="none" {}
                @if *count > 0 {
                    text x=(at(x + CELL / 2.0)) y=(at(y + CELL * 0.62)) text-anchor="middle" pointer-events="none" { (short(*count)) }
                }
            }
        }
    };
    let (row, column) = (0..grid.counts.len())
        .flat_map(|row| (0..grid.counts[row].len()).map(move |column| (row, column)))
        .find(|(row, column)| grid.counts[*row][*column] == most)
        .unwrap_or_default();
    let says = format!("Most rows: {}", tell(grid, page, row, column));
    let size = |codes: usize| (codes as f64 + 1.0) * CELL + 20.0;
    chart(
        "heat",
        "Rows by device problem and patient problem",
        &says,
        (
            (LEFT + size(grid.patient.len())) as u32,
            (TOP + size(grid.product.len())) as u32,
        ),
        content,
    )
}

fn tell(grid: &Grid<'_>, page: Page<'_>, row: usize, column: usize) -> String {
    let side = |code: &str| format!("{code} {}", page.term(code)).trim_end().to_string();
    format!(
        "{} and {}: {} rows",
        side(name(&grid.product, row)),
        side(name(&grid.patient, column)),
        grouped(grid.counts[row][column])
    )
}
