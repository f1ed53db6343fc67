//! report.html: one self-contained page, no network, no script. Everything from the job is escaped by the template.

use maud::{DOCTYPE, Markup, html};

use super::summary::{CodeCount, Summary};

/// Codes that are shown for each problem type.
const SHOWN_CODES: usize = 25;

const STYLE: &str = "
:root { color-scheme: light dark; --bar: #4477aa; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.bar { width: 30%; } .bar svg { display: block; width: 100%; height: .9rem; }
.partial { border: 2px solid #bb4444; padding: .6rem 1rem; }
code { overflow-wrap: anywhere; }
";

/// The page for a job.
pub fn render(summary: &Summary) -> String {
    page(summary).into_string()
}

fn page(summary: &Summary) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Annexa report " (summary.job_id) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Annexa report" }
                p { "Job " code { (summary.job_id) } ", " strong { (summary.status) } "." }
                @if summary.partial {
                    p class="partial" {
                        "This job was stopped. Its files are partial: they hold only the rows that were done. "
                        @if let Some(reason) = &summary.reason { "Reason: " (reason) }
                    }
                }
                h2 { "Rows" }
                (outcomes(summary))
                @for (problem, codes) in &summary.code_distribution { (distribution(problem, codes)) }
                @if !summary.review.is_empty() {
                    h2 { "For a person to read" }
                    p { (summary.review_rows) " rows have at least one reason." }
                    (pairs("Reason", summary.review.iter()))
                }
                @if !summary.errors.is_empty() { (failures(summary)) }
                h2 { "Who answered, and what it took" }
                (pairs("Answered by", summary.answered_by.iter()))
                (facts(summary))
            }
        }
    }
}

fn outcomes(summary: &Summary) -> Markup {
    html! {
        table {
            tr { th { "Outcome" } th class="n" { "Rows" } th {} }
            @for (outcome, rows) in &summary.outcomes {
                tr { td { (outcome) } td class="n" { (rows) } (bar(*rows, summary.total_records)) }
            }
            tr { td { strong { "all" } } td class="n" { (summary.total_records) } td {} }
        }
        p {
            @if summary.balance.balances { "Rows in and rows out balance." }
            @else { (summary.balance.rows_out) " of " (summary.balance.rows_in) " rows are in the results." }
        }
    }
}

fn distribution(problem: &str, codes: &[CodeCount]) -> Markup {
    let total: u64 = codes.iter().map(|code| code.rows).sum();
    html! {
        h2 { "Primary codes: " (problem) }
        table {
            tr { th { "Code" } th { "Term" } th class="n" { "Rows" } th {} }
            @for code in codes.iter().take(SHOWN_CODES) {
                tr {
                    td { code { (code.code) } } td { (code.term) } td class="n" { (code.rows) }
                    (bar(code.rows, total))
                }
            }
        }
        @if codes.len() > SHOWN_CODES {
            p { "and " (codes.len() - SHOWN_CODES) " more codes; all of them stand in summary.json." }
        }
    }
}

fn failures(summary: &Summary) -> Markup {
    html! {
        h2 { "Failed rows" }
        table {
            tr { th { "Kind" } th class="n" { "Rows" } th { "First rows" } th { "The first one says" } }
            @for (kind, count) in &summary.errors {
                tr {
                    td { (kind) } td class="n" { (count.count) }
                    td {
                        @for (i, row) in count.first_rows.iter().enumerate() { @if i > 0 { ", " } (row) }
                    }
                    td { (count.first_error) }
                }
            }
        }
    }
}

fn pairs<'s>(title: &str, counts: impl Iterator<Item = (&'s String, &'s u64)>) -> Markup {
    html! {
        table {
            tr { th { (title) } th class="n" { "Rows" } }
            @for (name, rows) in counts { tr { td { (name) } td class="n" { (rows) } } }
        }
    }
}

fn facts(summary: &Summary) -> Markup {
    let cost = summary.total_estimated_cost.as_deref().unwrap_or("unknown");
    let text = |field: &str| {
        let value = summary.spec.get(field).cloned().unwrap_or_default();
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_string)
    };
    let facts = [
        ("Model", text("model_id")),
        ("Prompt version", text("prompt_version")),
        ("Problem type", text("problem_type")),
        ("Terms (SHA-256)", text("terms_sha256")),
        ("Input", text("input_key")),
        ("Input version", text("input_version")),
        ("Cost (US dollars)", cost.to_string()),
        ("Calls", summary.calls.to_string()),
        ("Retries", summary.retries.to_string()),
        ("Throttled calls", summary.throttles.to_string()),
        ("Input tokens", summary.total_input_tokens.to_string()),
        ("Output tokens", summary.total_output_tokens.to_string()),
        (
            "Paid answers used again",
            summary.paid_answers_reused.to_string(),
        ),
        (
            "Calls possibly paid twice",
            summary.possibly_twice_paid_calls.to_string(),
        ),
        ("Retries of what failed", summary.generation.to_string()),
        ("Started", summary.started.clone()),
        ("Ended", summary.ended.clone()),
        ("Annexa", summary.annexa_version.clone()),
    ];
    html! {
        table { @for (name, value) in facts { tr { th { (name) } td { (value) } } } }
    }
}

fn bar(part: u64, whole: u64) -> Markup {
    let percent = if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    };
    html! {
        td class="bar" {
            svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=(format!("{percent:.1} %")) {
                rect x="0" y="0" height="10" width=(format!("{percent:.2}")) fill="var(--bar)" {}
            }
        }
    }
}
