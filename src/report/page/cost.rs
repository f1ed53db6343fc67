//! What it took: money, tokens, cache, calls; and rows over time.

use jiff::Timestamp;
use maud::{Markup, html};

use super::parts::{
    at, behind, chart, figure, figure_text, grouped, head, head_number, number, percent, share,
    short, table,
};
use super::{Page, Section};
use crate::core::money::NanoUsd;

pub(super) fn section(page: Page<'_>) -> Section {
    let summary = page.summary;
    let money = |path: &str, amount: &Option<String>| match amount {
        Some(amount) => figure_text(path, amount),
        None => html! { "unknown" },
    };
    let went_in =
        summary.total_input_tokens + summary.cache_read_tokens + summary.cache_write_tokens;
    let body = html! {
        dl class="figures" {
            div { dt { "US dollars, rows and overhead" } dd { (money("total_estimated_cost", &summary.total_estimated_cost)) } }
            @if let Some(each) = per_thousand(page) { div { dt { "US dollars for 1,000 rows" } dd { (each) } } }
            div { dt { "Of that overhead" } dd { (figure_text("overhead/cost_usd", &summary.overhead.cost_usd)) } }
            div { dt { "Saved by the prompt cache" } dd { (money("cache_saving_usd", &summary.cache_saving_usd)) } }
            div { dt { "Input tokens, not cached" } dd { (figure("total_input_tokens", summary.total_input_tokens)) } }
            div { dt { "Tokens read from the cache" } dd { (figure("cache_read_tokens", summary.cache_read_tokens)) } }
            div { dt { "Tokens written to the cache" } dd { (figure("cache_write_tokens", summary.cache_write_tokens)) } }
            div { dt { "Cache hit rate" } dd { @if went_in > 0 { (percent(summary.cache_read_tokens, went_in)) } @else { "no tokens" } } }
            div { dt { "Output tokens" } dd { (figure("total_output_tokens", summary.total_output_tokens)) } }
            div { dt { "Calls" } dd { (figure("calls", summary.calls)) } }
            div { dt { "Retries" } dd { (figure("retries", summary.retries)) } }
            div { dt { "Calls refused by the quota" } dd { (figure("throttles", summary.throttles)) } }
            div { dt { "Rows with an answer paid for before" } dd { (figure("paid_answers_reused", summary.paid_answers_reused)) } }
            div { dt { "Calls possibly paid twice" } dd { (figure("possibly_twice_paid_calls", summary.possibly_twice_paid_calls)) } }
        }
        @if let Some(price) = &summary.price_used {
            p {
                "Price in US dollars for a million tokens: input " (price.input_usd_per_million) ", output " (price.output_usd_per_million)
                ", cache read " (price.cache_read_usd_per_million) ", cache write " (price.cache_write_usd_per_million)
                ". It is a list price, not a bill."
            }
        }
    };
    Section {
        id: "cost",
        title: "Cost, tokens and calls".to_string(),
        body,
    }
}

/// Dollars for a thousand rows; none: the price is not known, or there are no rows.
fn per_thousand(page: Page<'_>) -> Option<String> {
    let cost: NanoUsd = page.summary.total_estimated_cost.as_ref()?.parse().ok()?;
    let rows = page.summary.balance.rows_out;
    let each = u128::from(cost.0) * 1_000 / u128::from((rows > 0).then_some(rows)?);
    Some(NanoUsd(u64::try_from(each).ok()?).to_string())
}

pub(super) fn throughput(page: Page<'_>) -> Section {
    let summary = page.summary;
    let all = &summary.throughput;
    let took = took_ms(&summary.started, &summary.ended);
    let rows: u64 = all.spans.iter().map(|span| span.rows).sum();
    let seconds = all.span_ms as f64 / 1_000.0;
    let each = |count: u64| format!("{:.1}", count as f64 / seconds);
    let heads = html! {
        (head("From")) (head_number("Rows")) (head_number("Rows a second")) (head_number("Calls")) (head_number("Refused by the quota"))
    };
    let table_rows = html! {
        @for span in &all.spans {
            tr { td { (span.from) } (number(span.rows)) td class="n" { (each(span.rows)) } (number(span.calls)) (number(span.throttles)) }
        }
    };
    let body = html! {
        p { "Begun " (summary.started) ", all rows done " (summary.ended) @if let Some(took) = took { " (" (span_text(took)) ")" } "." }
        @if all.spans.is_empty() {
            p { "No chunk of rows was done in this pass." }
        } @else {
            p {
                (grouped(rows)) " rows, by when their chunk was done, in spans of " (span_text(all.span_ms)) "."
                @if all.rows_kept > 0 { " " (grouped(all.rows_kept)) " more rows were done by an earlier pass and kept." }
            }
            (bars(page))
            (behind("Throughput as a table", table("Rows and calls over time", heads, table_rows)))
        }
    };
    Section {
        id: "throughput",
        title: "Throughput".to_string(),
        body,
    }
}

fn bars(page: Page<'_>) -> Markup {
    const LEFT: f64 = 40.0;
    const TOP: f64 = 10.0;
    const WIDTH: f64 = 350.0;
    const HEIGHT: f64 = 110.0;
    let all = &page.summary.throughput;
    let begin = |from: &str| {
        from.parse::<Timestamp>()
            .map_or(0, |time| time.as_millisecond())
    };
    let first = all.spans.first().map_or(0, |span| begin(&span.from));
    let place = |from: &str| (begin(from) - first) / (all.span_ms.max(1) as i64);
    let slots = all.spans.last().map_or(0, |span| place(&span.from)) + 1;
    let step = WIDTH / slots.max(12) as f64;
    let most = all.spans.iter().map(|span| span.rows).max().unwrap_or(0);
    let base = TOP + HEIGHT;
    let y = |rows: u64| TOP + HEIGHT * (1.0 - share(rows, most));
    // A short job leaves room for what the end is called.
    let right = if slots < 6 { "start" } else { "end" };
    let content = html! {
        line class="axis" x1=(at(LEFT)) x2=(at(LEFT + WIDTH)) y1=(at(base)) y2=(at(base)) {}
        line class="axis" x1=(at(LEFT)) x2=(at(LEFT + WIDTH)) y1=(at(TOP)) y2=(at(TOP)) {}
        text class="faint" x=(at(LEFT - 4.0)) y=(at(TOP + 4.0)) text-anchor="end" { (short(most)) }
        text class="faint" x=(at(LEFT - 4.0)) y=(at(base + 4.0)) text-anchor="end" { "0" }
        @for span in &all.spans {
            @let x = LEFT + step * place(&span.from) as f64;
            rect class="fill" x=(at(x + step * 0.08)) width=(at(step * 0.84)) y=(at(y(span.rows))) height=(at(base - y(span.rows))) {
                title { (span.from) ": " (grouped(span.rows)) " rows, " (grouped(span.throttles)) " calls refused by the quota" }
            }
            // A mark above the bars, so that a quota that refuses shows without colour, too.
            @if span.throttles > 0 { circle class="dot" cx=(at(x + step / 2.0)) cy=(at(TOP)) r="3" {} }
        }
        text class="faint" x=(at(LEFT)) y=(at(base + 14.0)) { "0" }
        text class="faint" x=(at(LEFT + step * slots as f64)) y=(at(base + 14.0)) text-anchor=(right) { (span_text(all.span_ms * slots as u64)) }
    };
    let throttled = all.spans.iter().any(|span| span.throttles > 0);
    let title = match throttled {
        true => "Rows over time; a ring: the quota refused calls",
        false => "Rows over time",
    };
    let says = format!(
        "At most {} rows in {}",
        grouped(most),
        span_text(all.span_ms)
    );
    chart("throughput", title, &says, (400, 146), content)
}

fn took_ms(started: &str, ended: &str) -> Option<u64> {
    let time = |text: &str| {
        text.parse::<Timestamp>()
            .ok()
            .map(Timestamp::as_millisecond)
    };
    u64::try_from(time(ended)? - time(started)?).ok()
}

/// A length of time for people.
fn span_text(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{} s", ms as f64 / 1_000.0),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
    .replace(" 0 s", "")
    .replace(" 0 min", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_written_for_people() {
        let all = [10, 500, 1_000, 1_500, 60_000, 61_000, 3_600_000, 3_725_000].map(span_text);
        assert_eq!(
            all,
            [
                "10 ms",
                "500 ms",
                "1 s",
                "1.5 s",
                "1 min",
                "1 min 1 s",
                "1 h",
                "1 h 2 min"
            ]
        );
        assert_eq!(
            took_ms("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
            Some(60_000)
        );
    }
}
