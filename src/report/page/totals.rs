//! What it is, whether it may be passed on, and what became of the rows.

use maud::{Markup, html};

use super::parts::{bar, figure, figure_text, head, head_bar, head_number, percent, table};
use super::{Page, Section};
use crate::core::outcome::{AnsweredBy, Outcome};

fn head_title(page: Page<'_>) -> Markup {
    let summary = page.summary;
    html! {
        h1 { "Annexa report" }
        p {
            bdi { (page.spec("input_key")) } ", job " code { (summary.job_id) } ": "
            strong { (figure_text("status", &summary.status)) } "."
        }
    }
}

fn head_notes(page: Page<'_>) -> Markup {
    let summary = page.summary;
    let offline = summary
        .answered_by
        .contains_key(AnsweredBy::Precedents.name());
    html! {
        @if summary.partial {
            p class="partial" {
                "This job was stopped. Its files are partial: they hold only the rows that were done. "
                @if let Some(reason) = &summary.reason { "Reason: " bdi { (reason) } }
            }
        }
        @if page.no_text() {
            p class="note" data-text="no" {
                strong { "This page holds no report text." } " Ids of reports and values of the input's columns with few values are in it."
            }
        } @else {
            p class="note" data-text="yes" {
                strong { "This page holds report text" } ": quotations, ids, and values of the input's columns. Keep it where the reports may be kept; "
                code { "annexa report DIR --no-text" } " makes a page without texts."
            }
        }
        @if offline {
            p class="note" data-offline {
                strong { "Answers of the offline model are among these." }
                " It goes by the nearest coded reports and a linear classifier; it is no language model. What ships with the program has learnt from English MAUDE reports, most of them deaths: read what is marked for review."
            }
        }
    }
}

/// The head of the page.
pub(super) fn top(page: Page<'_>) -> Markup {
    html! { (head_title(page)) (head_notes(page)) }
}

pub(super) fn section(page: Page<'_>) -> Section {
    let summary = page.summary;
    let all = summary.total_records;
    let of = |name: &str| summary.outcomes.get(name).copied().unwrap_or_default();
    let cost = summary.total_estimated_cost.as_deref();
    let rows = html! {
        @for outcome in Outcome::ALL {
            tr {
                th scope="row" { (outcome.name()) }
                td class="n" { (figure(&format!("outcomes/{}", outcome.name()), of(outcome.name()))) }
                td class="n" { (percent(of(outcome.name()), all)) }
                (bar(of(outcome.name()), all))
                td class="wide" { (meaning(outcome)) }
            }
        }
        tr class="sum" {
            th scope="row" { "all" } td class="n" { (figure("total_records", all)) } td class="n" { (percent(all, all)) } td class="bar" {} td {}
        }
    };
    let heads = html! { (head("Outcome")) (head_number("Rows")) (head_number("Share")) (head_bar()) (head("Meaning")) };
    let body = html! {
        dl class="figures" {
            div { dt { "Rows" } dd { (super::parts::grouped(all)) } }
            div { dt { "Coded" } dd { (percent(of("coded"), all)) } }
            div { dt { "For a person to read" } dd { (figure("review_rows", summary.review_rows)) } }
            div { dt { "Failed" } dd { (super::parts::grouped(of("failed"))) } }
            div { dt { "US dollars" } dd {
                @match cost {
                    Some(cost) => { (figure_text("total_estimated_cost", cost)) }
                    None => { "unknown: the model's price is not known" }
                }
            } }
        }
        (table("Rows by outcome", heads, rows))
        p {
            @if summary.balance.balances {
                "Rows in and rows out balance: "
                (figure("balance/rows_in", summary.balance.rows_in)) " in, "
                (figure("balance/rows_out", summary.balance.rows_out)) " out, each with one outcome."
            } @else {
                (figure("balance/rows_out", summary.balance.rows_out)) " of "
                (figure("balance/rows_in", summary.balance.rows_in)) " rows are in the results."
            }
        }
    };
    Section {
        id: "totals",
        title: "Totals".to_string(),
        body,
    }
}

fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Coded => "a valid code for every problem type that was asked",
        Outcome::Insufficient => "the model says that the text does not suffice",
        Outcome::Empty => "the report has no text",
        Outcome::Failed => "no answer that holds; the reason is stated",
    }
}
