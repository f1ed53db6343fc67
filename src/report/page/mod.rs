//! report.html: one self-contained page. It reads without network and without script, on screen and on paper; a little script
//! sorts and filters tables. All that comes from a job is escaped by the template, and the page's own policy lets nothing run
//! and nothing load but what is written here.

mod codes;
mod columns;
mod confidence;
mod cost;
mod heat;
mod made;
mod over_time;
mod parts;
mod review;
mod rollup;
mod totals;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::findings::Findings;
use super::summary::Summary;
use crate::core::problem::Problem;
use crate::terms::TermTable;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What the page is made of.
#[derive(Clone, Copy)]
struct Page<'p> {
    summary: &'p Summary,
    findings: Option<&'p Findings>,
    terms: &'p TermTable,
}

impl<'p> Page<'p> {
    /// The problem types that were asked for.
    fn problems(self) -> impl Iterator<Item = Problem> + use<'p> {
        let asked = &self.summary.code_distribution;
        Problem::ALL
            .into_iter()
            .filter(|problem| asked.contains_key(problem.name()))
    }

    /// A field of the spec as text; empty: it is not said.
    fn spec(self, field: &str) -> String {
        match self.summary.spec.get(field) {
            None | Some(serde_json::Value::Null) => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// Whether the page holds no report text.
    fn no_text(self) -> bool {
        self.findings.is_none_or(|findings| findings.no_text)
    }

    /// A code's term; empty: the table does not have it.
    fn term(self, code: &str) -> &'p str {
        self.terms.by_code(code).map_or("", |term| term.term())
    }

    /// The problem that a code answers.
    fn problem_of(self, code: &str) -> Problem {
        let by_letter = || code.chars().next().unwrap_or('A');
        let annex = self
            .terms
            .by_code(code)
            .map_or_else(by_letter, |t| t.annex());
        match Problem::Product.annexes().contains(&annex) {
            true => Problem::Product,
            false => Problem::Patient,
        }
    }
}

/// The page of a job; `findings`: what one pass over its rows found, none where there were no rows to look at.
pub fn render(summary: &Summary, findings: Option<&Findings>, terms: &TermTable) -> String {
    let page = Page {
        summary,
        findings,
        terms,
    };
    frame(page).into_string()
}

/// A part of the page: its anchor, its heading, what stands in it.
struct Section {
    id: &'static str,
    title: String,
    body: Markup,
}

fn sections(page: Page<'_>) -> Vec<Section> {
    let mut sections = vec![totals::section(page)];
    sections.extend(page.problems().map(|problem| codes::section(page, problem)));
    sections.extend(heat::section(page));
    sections.extend(over_time::section(page));
    sections.extend(columns::section(page));
    sections.extend(confidence::section(page));
    sections.extend(confidence::second_opinion(page));
    sections.push(review::section(page));
    sections.push(review::failures(page));
    sections.push(cost::section(page));
    sections.push(cost::throughput(page));
    sections.push(made::section(page));
    sections
}

/// Nothing loads, and only this page's own style and script count: markup that slipped through would do nothing.
fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn frame(page: Page<'_>) -> Markup {
    let sections = sections(page);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { "Annexa report " (page.summary.job_id) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (totals::top(page)) }
                nav aria-label="Sections" {
                    ul { @for section in &sections { li { a href={ "#" (section.id) } { (section.title) } } } }
                }
                main {
                    @for section in &sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                            h2 id={ (section.id) "-title" } { (section.title) }
                            (section.body)
                        }
                    }
                }
                footer { p { "Made by Annexa " (page.summary.annexa_version) " from summary.json and the rows of the results." } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
