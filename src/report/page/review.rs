//! Which rows a person should read and why, and which failed: counts, then the first rows of each.

use maud::{Markup, html};

use super::parts::{
    bar, behind, figure, grouped, head, head_bar, head_number, percent, sortable, table,
};
use super::{Page, Section};
use crate::core::outcome::ReviewReason;
use crate::report::findings::Sample;

pub(super) fn section(page: Page<'_>) -> Section {
    let summary = page.summary;
    let rows = html! {
        @for (reason, count) in &summary.review {
            tr {
                td { code { (reason) } }
                td class="n" { (figure(&format!("review/{reason}"), *count)) }
                td class="n" { (percent(*count, summary.total_records)) }
                (bar(*count, summary.review_rows))
                td class="wide" { (ReviewReason::named(reason).map_or("", ReviewReason::meaning)) }
            }
        }
    };
    let heads = html! { (head("Reason")) (head_number("Rows")) (head_number("Share")) (head_bar()) (head("Meaning")) };
    let body = html! {
        @if summary.review.is_empty() {
            p { "No row is marked." }
        } @else {
            p {
                (grouped(summary.review_rows)) " rows have at least one reason. "
                code { "annexa review DIR" } " walks them; the results file names them in its column " code { "review" } "."
            }
            (sortable("Rows for a person to read, by reason", heads, rows))
            @for (reason, samples) in page.findings.iter().flat_map(|findings| &findings.review) {
                (behind(&format!("First rows: {reason}"), examples(page, reason, samples)))
            }
        }
    };
    Section {
        id: "review",
        title: "For a person to read".to_string(),
        body,
    }
}

pub(super) fn failures(page: Page<'_>) -> Section {
    let summary = page.summary;
    let rows = html! {
        @for (kind, count) in &summary.errors {
            tr {
                td { code { (kind) } }
                td class="n" { (figure(&format!("errors/{kind}/count"), count.count)) }
                td { @for (n, row) in count.first_rows.iter().enumerate() { @if n > 0 { ", " } (row) } }
                td class="wide" {
                    (failed(kind))
                    // It may quote what the model, or the record, says.
                    @if !page.no_text() { span class="definition" { "The first one says: " bdi { (count.first_error) } } }
                }
            }
        }
    };
    let heads =
        html! { (head("Kind")) (head_number("Rows")) (head("First rows")) (head("Meaning")) };
    let body = html! {
        @if summary.errors.is_empty() {
            p { "No row failed." }
        } @else {
            p { "Failed rows stand in failures.csv, too. A failure is never a finding: they have no part in the figures on codes." }
            (table("Failed rows by kind of error", heads, rows))
            @for (kind, samples) in page.findings.iter().flat_map(|findings| &findings.failed) {
                (behind(&format!("First rows: {kind}"), examples(page, kind, samples)))
            }
        }
    };
    Section {
        id: "failures",
        title: "Failed rows".to_string(),
        body,
    }
}

fn examples(page: Page<'_>, reason: &str, samples: &[Sample]) -> Markup {
    let has_text = !page.no_text();
    let heads = html! {
        (head_number("Row")) (head("Id")) (head("Codes"))
        @if has_text { (head("Quotation")) }
    };
    let rows = html! {
        @for sample in samples {
            tr {
                td class="n" { (sample.row) }
                td { bdi { (sample.id) } }
                td class="wide" {
                    @for (n, own) in sample.codes.iter().enumerate() {
                        @if n > 0 { br; }
                        code { (own.code) } " " (page.term(&own.code)) @if !own.confidence.is_empty() { " (" (own.confidence) ")" }
                    }
                }
                @if has_text {
                    td class="wide" {
                        @for own in sample.codes.iter().filter(|own| !own.evidence.is_empty()) {
                            p { code { (own.code) } " " q { bdi { (own.evidence) } } }
                        }
                    }
                }
            }
        }
    };
    table(&format!("First rows: {reason}"), heads, rows)
}

/// What a kind of error means.
fn failed(kind: &str) -> &'static str {
    match kind {
        "quote_not_closed" | "record_too_long" | "id_or_text_missing" => {
            "the record cannot be read"
        }
        "answer_invalid" => "the answer broke the contract, also when asked again",
        "refused" => "the model, or a filter before it, declined",
        "model_refuses_row" => "the service refuses this text",
        "model_unavailable" => "no answer after all tries",
        "row_kills_worker" => "the program died several times on this row",
        "chunk_given_up" => "the chunk of this row failed again and again",
        "internal" => "a fault of the program",
        _ => "",
    }
}
