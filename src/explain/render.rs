//! An explanation as people read it.

use std::fmt::Write;

use super::{Explanation, Request, Stored};
use crate::shown::{safe, safe_lines};

/// The explanation as text, a section for each question. Nothing in it steers a terminal; JSON has all as it is.
pub fn render(explanation: &Explanation) -> String {
    let mut text = String::new();
    let out = &mut text;
    head(out, explanation);
    match &explanation.request {
        Some(request) => of_request(out, request),
        None => {
            section(out, "request");
            line(out, "", "nothing was sent over a network");
        }
    }
    stored(out, explanation);
    checks(out, explanation);
    cost(out, explanation);
    safe_lines(&text)
}

fn section(out: &mut String, name: &str) {
    let _ = writeln!(out, "\n{name}");
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let text = format!("  {name:<16}{value}");
    let _ = writeln!(out, "{}", safe(&text).trim_end());
}

/// A text in its own lines.
fn block(out: &mut String, name: &str, text: &str) {
    let shown = safe_lines(text);
    let _ = writeln!(out, "\n{name}");
    if shown != text {
        line(
            out,
            "",
            "characters that steer a terminal are shown as others; --json has them as they are",
        );
    }
    let _ = writeln!(out, "{shown}");
}

fn head(out: &mut String, explanation: &Explanation) {
    let answered = &explanation.answered;
    let title = format!(
        "row {} of {}, id {}: {}",
        explanation.row, explanation.job_id, explanation.id, explanation.outcome
    );
    let _ = writeln!(out, "{}", safe(&title));
    section(out, "who answered");
    line(out, "", &answered.how);
    for (name, value) in [
        ("model", &answered.model),
        ("prompt version", &answered.prompt_version),
        ("request id", &answered.request_id),
    ] {
        if !value.is_empty() {
            line(out, name, value);
        }
    }
    line(out, "calls", &answered.attempts);
    line(out, "terms", format!("SHA-256 {}", answered.terms_sha256));
    for second in &answered.second_opinion {
        let what = format!(
            "{}: {} {} ({}), {}",
            second.problem, second.code, second.term, second.confidence, second.agreement
        );
        line(out, "second opinion", what);
    }
    if !explanation.error.is_empty() {
        line(out, "error", &explanation.error);
    }
    for reason in &explanation.review {
        line(
            out,
            "review",
            format!("{}: {}", reason.reason, reason.means),
        );
    }
}

fn of_request(out: &mut String, request: &Request) {
    section(out, "request, built again");
    let rows: Vec<String> = request.rows.iter().map(u64::to_string).collect();
    let exact = match request.is_exact {
        true => "byte for byte as it was sent, but for maxTokens",
        false => "not byte for byte as it was sent",
    };
    line(out, "", exact);
    for note in &request.notes {
        line(out, "note", note);
    }
    line(out, "rows", rows.join(", "));
    line(
        out,
        "system prompt",
        format!(
            "{} bytes, SHA-256 {}",
            request.system_bytes, request.system_sha256
        ),
    );
    let cache = match request.has_cache_point {
        true => "behind the system prompt",
        false => "none: the model has no prompt cache",
    };
    line(out, "cache point", cache);
    line(
        out,
        "prefix",
        format!(
            "SHA-256 {} (system prompt, cache point, tool)",
            request.prefix_sha256
        ),
    );
    line(out, "body", format!("SHA-256 {}", request.body_sha256));
    block(out, "message of the user", &request.message);
    match &request.exact_body {
        Some(body) => {
            let system = request.body["system"][0]["text"]
                .as_str()
                .unwrap_or_default();
            block(out, "system prompt", system);
            block(out, "body, as sent", body);
        }
        None => {
            let limits = &request.body["inferenceConfig"];
            let _ = writeln!(out, "\ninferenceConfig {limits}");
            if let Some(more) = request.body.get("additionalModelRequestFields") {
                let _ = writeln!(out, "additionalModelRequestFields {more}");
            }
            let _ = writeln!(out, "toolConfig {}", request.body["toolConfig"]);
        }
    }
}

fn stored(out: &mut String, explanation: &Explanation) {
    section(out, "stored answer");
    match &explanation.stored {
        Stored::No { why } => line(out, "", why),
        Stored::NotFound { place, key } => {
            line(out, "", format!("not in {place}"));
            line(out, "key", key);
        }
        Stored::Found {
            place,
            key,
            answer,
            is_the_rows,
        } => {
            line(out, "in", place);
            line(out, "key", key);
            if !is_the_rows {
                line(
                    out,
                    "",
                    "it has other codes than the row: the row was answered by another one",
                );
            }
            let payer = &answer.payer;
            line(
                out,
                "paid by",
                format!(
                    "row {} of {}, chunk {}",
                    payer.row, payer.job_id, payer.chunk
                ),
            );
            let usage = &answer.usage;
            line(
                out,
                "took",
                format!(
                    "{} calls, {} tokens in, {} out, {} US dollars, request id {}",
                    answer.attempts,
                    usage.prompt_tokens(),
                    usage.output_tokens,
                    answer.cost,
                    answer.request_id
                ),
            );
            let kept = serde_json::to_string_pretty(&answer.answer).unwrap_or_default();
            let _ = writeln!(out, "{kept}");
        }
    }
}

fn checks(out: &mut String, explanation: &Explanation) {
    section(out, "checks");
    if explanation.checks.is_empty() {
        line(out, "", "there is no answer to check");
    }
    if matches!(explanation.stored, Stored::Found { .. }) {
        let what = "it is kept, so there was exactly one entry with the report's index, and a list for each problem asked for";
        line(out, "", format!("ok  {what}"));
    }
    for problem in &explanation.checks {
        if problem.entries.is_empty() {
            line(out, problem.problem, "no code");
        }
        for (entry, number) in problem.entries.iter().zip(1..) {
            line(
                out,
                &format!("{} {number}", problem.problem),
                format!("{} {} ({})", entry.code, entry.term, entry.confidence),
            );
            for step in &entry.steps {
                let mark = if step.is_good { "ok" } else { "NO" };
                line(out, "", format!("{mark}  {}", step.what));
            }
        }
    }
    for repair in &explanation.repairs {
        line(out, "repaired", repair);
    }
    if let Some(note) = &explanation.repairs_note {
        line(out, "repaired", note);
    }
}

fn cost(out: &mut String, explanation: &Explanation) {
    let cost = &explanation.cost;
    section(out, "cost");
    for part in &cost.parts {
        let what = format!(
            "{} tokens at {} US dollars a million",
            part.tokens, part.usd_per_million
        );
        line(out, part.kind, what);
    }
    if let Some(computed) = &cost.computed_usd {
        line(out, "product", format!("{computed} US dollars"));
    }
    if !cost.cost_usd.is_empty() {
        line(out, "of the row", format!("{} US dollars", cost.cost_usd));
    }
    if let Some(call) = &cost.call {
        line(
            out,
            "of the call",
            format!(
                "{} US dollars over {} rows; their tokens times price: {}",
                call.rows_usd, call.rows, call.computed_usd
            ),
        );
    }
    line(out, "", &cost.says);
}
