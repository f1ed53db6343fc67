//! How the job was run: who answered, by which prompt and terms, over which input, under which spec.

use maud::{Markup, html};

use super::parts::{bar, figure, head, head_bar, head_number, percent, table};
use super::{Page, Section};
use crate::core::outcome::AnsweredBy;

pub(super) fn section(page: Page<'_>) -> Section {
    let summary = page.summary;
    let digest = page.spec("terms_sha256");
    let release = match page.terms.sha256_hex() == digest {
        true => page.terms.release().to_string(),
        false => {
            "not at hand: wordings and definitions here are those of another table".to_string()
        }
    };
    let facts = [
        ("Model", page.spec("model_id")),
        ("Prompt version", page.spec("prompt_version")),
        ("Terms release", release),
        ("Terms (SHA-256)", digest),
        ("Input", page.spec("input_key")),
        ("Input version", page.spec("input_version")),
        ("Outputs", summary.output_location.clone()),
        ("Retries of what failed", summary.generation.to_string()),
        ("Annexa", summary.annexa_version.clone()),
    ];
    let answered = html! {
        @for (by, rows) in &summary.answered_by {
            tr {
                th scope="row" { (by) }
                td class="n" { (figure(&format!("answered_by/{by}"), *rows)) }
                td class="n" { (percent(*rows, summary.total_records)) }
                (bar(*rows, summary.total_records))
                td class="wide" { (who(by)) }
            }
        }
    };
    let heads = html! { (head("Answered by")) (head_number("Rows")) (head_number("Share")) (head_bar()) (head("Meaning")) };
    let two = || html! { (head("What")) (head("Value")) };
    let body = html! {
        @if !summary.answered_by.is_empty() { (table("Rows by who answered", heads, answered)) }
        (table("What answered what", two(), html! { @for (name, value) in &facts { (fact(name, value)) } }))
        p {
            "Chunks of rows: " (figure("chunks/total", u64::from(summary.chunks.total))) ", of which "
            (figure("chunks/committed", u64::from(summary.chunks.committed))) " committed and "
            (figure("chunks/quarantined", u64::from(summary.chunks.quarantined))) " given up."
        }
        details {
            summary { "The whole spec, as it was frozen" }
            @if let Some(spec) = summary.spec.as_object() {
                (table("Spec", two(), html! {
                    @for name in spec.keys() { (fact(name, &page.spec(name))) }
                }))
            }
        }
    };
    Section {
        id: "made",
        title: "How it was run".to_string(),
        body,
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td { @if value.is_empty() { span class="soft" { "the default" } } @else { code { (value) } } }
        }
    }
}

fn who(by: &str) -> &'static str {
    let is = |kind: AnsweredBy| by == kind.name();
    match () {
        () if is(AnsweredBy::Model) => "a call to the model that this row paid for",
        () if is(AnsweredBy::PaidAnswer) => "an answer that another row or job paid for",
        () if is(AnsweredBy::Precedents) => {
            "the offline model: nearest coded reports and a linear classifier, no language model"
        }
        () => "",
    }
}
