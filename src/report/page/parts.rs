//! Pieces that every section is made of: numbers, bars, tables, frames of charts.

use maud::{Markup, html};

/// Thousands apart: 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in little room: 950, 12k, 3.4M.
pub(super) fn short(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..10_000 => format!("{:.1}k", number as f64 / 1e3),
        10_000..1_000_000 => format!("{}k", number / 1_000),
        _ => format!("{:.1}M", number as f64 / 1e6),
    }
}

/// A part of a whole; 0 of an empty one.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

/// The same for people.
pub(super) fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", share(part, whole) * 100.0)
}

/// A figure that stands in summary.json, too: `path` says where.
pub(super) fn figure(path: &str, number: u64) -> Markup {
    html! { span data-figure=(path) data-value=(number) { (grouped(number)) } }
}

/// The same of a text, such as an amount of money.
pub(super) fn figure_text(path: &str, text: &str) -> Markup {
    html! { span data-figure=(path) data-value=(text) { (text) } }
}

/// A cell with a number.
pub(super) fn number(number: u64) -> Markup {
    html! { td class="n" { (grouped(number)) } }
}

/// A cell with a bar, for the eye only: the number stands in another cell.
pub(super) fn bar(part: u64, whole: u64) -> Markup {
    let width = format!("{:.2}", share(part, whole) * 100.0);
    html! {
        td class="bar" {
            svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
                rect class="track" x="0" y="0" width="100" height="10" {}
                rect class="fill" x="0" y="0" width=(width) height="10" {}
            }
        }
    }
}

/// A table that scrolls in its own frame where the page is narrow.
pub(super) fn table(caption: &str, head: Markup, body: Markup) -> Markup {
    framed(caption, false, false, head, body)
}

/// A table whose columns the script lets a reader sort.
pub(super) fn sortable(caption: &str, head: Markup, body: Markup) -> Markup {
    framed(caption, true, false, head, body)
}

/// A table whose columns the script lets a reader sort, and whose rows filter.
pub(super) fn searchable(caption: &str, head: Markup, body: Markup) -> Markup {
    framed(caption, true, true, head, body)
}

fn framed(caption: &str, can_sort: bool, can_filter: bool, head: Markup, body: Markup) -> Markup {
    html! {
        // Whoever has no mouse scrolls it with the keyboard.
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table data-sort[can_sort] data-filter[can_filter] {
                caption { (caption) }
                thead { tr { (head) } }
                tbody { (body) }
            }
        }
    }
}

/// The head cell of a column of texts.
pub(super) fn head(text: &str) -> Markup {
    html! { th scope="col" { (text) } }
}

/// The head cell of a column of numbers.
pub(super) fn head_number(text: &str) -> Markup {
    html! { th scope="col" class="n" { (text) } }
}

/// The head cell of a column of bars.
pub(super) fn head_bar() -> Markup {
    html! { td class="bar" {} }
}

/// A chart with its name and what it says in words; `size` is that of its own units.
pub(super) fn chart(
    kind: &str,
    title: &str,
    says: &str,
    size: (u32, u32),
    content: Markup,
) -> Markup {
    let (width, height) = size;
    html! {
        figure class={ "chart " (kind) } data-chart=(kind) {
            svg viewBox={ "0 0 " (width) " " (height) } role="img" aria-label={ (title) ". " (says) } {
                title { (title) }
                (content)
            }
            figcaption { (title) }
        }
    }
}

/// Numbers that a chart shows, for those who do not see it, and for those who want them.
pub(super) fn behind(summary: &str, content: Markup) -> Markup {
    html! { details { summary { (summary) } (content) } }
}

/// A coordinate without needless digits.
pub(super) fn at(place: f64) -> String {
    format!("{place:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let all = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "1,234,567"]);
        let all = [999, 1_234, 12_345, 3_400_000].map(short);
        assert_eq!(all, ["999", "1.2k", "12k", "3.4M"]);
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(0, 0), "0.0 %");
    }
}
