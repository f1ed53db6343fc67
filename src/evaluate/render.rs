//! The figures as text for people.

use super::codes::CodeNotes;
use super::report::{Block, F1, Hits, Measures, Report};
use crate::shown::{cut, safe};
use std::fmt::Write as _;

/// The report as text: a table for each problem and one for both together, then what became of gold codes.
pub fn render(report: &Report) -> String {
    let mut text = format!(
        "terms: release {}. Predicted set: the primary code, and others with a confidence of at least {}.\n",
        report.terms_release, report.threshold
    );
    for (name, block) in [
        ("Product problems (Annex A)", &report.product),
        ("Patient problems (Annexes E and F)", &report.patient),
        (
            "Annexes A and E together (MADE's figures)",
            &report.combined,
        ),
    ] {
        if let Some(block) = block {
            table(&mut text, name, block);
        }
    }
    text.push_str(
        "\nprimary, first 4: share of the rows with gold whose primary code, or one of the first four, is among the gold codes;\n\
         L1: the same at level 1. Jaccard and Macro-F1: over all rows, every set closed upwards. Buckets by share of the corpus:\n\
         head >= 1 %, medium 0.1-1 %, tail 0.01-0.1 %, extreme tail below. Rows without an answer count as wrong.\n",
    );
    for (name, notes) in [
        ("product", &report.product_gold_codes),
        ("patient", &report.patient_gold_codes),
    ] {
        if let Some(notes) = notes {
            gold_codes(&mut text, name, notes);
        }
    }
    if report.predicted_codes_unknown > 0 {
        let _ = writeln!(
            text,
            "predicted codes that the table does not have for their problem (each counts as wrong): {}",
            report.predicted_codes_unknown
        );
    }
    text
}

fn table(text: &mut String, name: &str, block: &Block) {
    let hits = block.overall.primary.is_some();
    let _ = write!(text, "\n{name}\n{:<26}{:>9}{:>10}", "", "rows", "with gold");
    if hits {
        let _ = write!(
            text,
            "{:>9}{:>9}{:>12}{:>12}",
            "primary", "first 4", "primary L1", "first 4 L1"
        );
    }
    let _ = writeln!(
        text,
        "{:>9}{:>10}{:>8}{:>8}{:>8}{:>9}",
        "Jaccard", "Macro-F1", "head", "medium", "tail", "extreme"
    );
    line(text, "all", &block.overall, hits);
    line(text, "gold is specific", &block.specific, hits);
    line(text, "gold is not specific", &block.unspecific, hits);
    for (event_type, measures) in &block.by_event_type {
        let name = safe(event_type);
        line(text, &format!("event {}", cut(&name, 19)), measures, hits);
    }
    let overall = &block.overall;
    let buckets = &overall.macro_f1_by_bucket;
    let _ = writeln!(
        text,
        "labels in gold: {} (head {}, medium {}, tail {}, extreme tail {}); labels predicted but nowhere in gold: {}, {} times",
        overall.macro_f1.labels,
        buckets.head.labels,
        buckets.medium.labels,
        buckets.tail.labels,
        buckets.extreme_tail.labels,
        overall.predicted_only.labels,
        overall.predicted_only.times,
    );
}

fn line(text: &mut String, name: &str, measures: &Measures, hits: bool) {
    let _ = write!(
        text,
        "{name:<26}{:>9}{:>10}",
        measures.rows, measures.rows_with_gold
    );
    if hits {
        let share = |hits: Option<Hits>| figure(hits.and_then(|hits| hits.share));
        let _ = write!(
            text,
            "{:>9}{:>9}{:>12}{:>12}",
            share(measures.primary),
            share(measures.first_four),
            share(measures.primary_level1),
            share(measures.first_four_level1),
        );
    }
    let f1 = |f1: F1| figure(f1.f1);
    let buckets = &measures.macro_f1_by_bucket;
    let _ = writeln!(
        text,
        "{:>9}{:>10}{:>8}{:>8}{:>8}{:>9}",
        figure(measures.jaccard),
        f1(measures.macro_f1),
        f1(buckets.head),
        f1(buckets.medium),
        f1(buckets.tail),
        f1(buckets.extreme_tail),
    );
}

/// A share to three places; `-` where there is none.
fn figure(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"))
}

fn gold_codes(text: &mut String, name: &str, notes: &CodeNotes) {
    let _ = write!(
        text,
        "{name} gold codes: {} given, {} headings kept, {} replaced",
        notes.given, notes.headings_kept, notes.mapped
    );
    let mapped: Vec<String> = notes
        .mapped_codes
        .iter()
        .take(8)
        .map(|code| format!("{} by {} ×{}", code.from, code.to, code.times))
        .collect();
    list(text, &mapped, notes.mapped_codes.len());
    let _ = write!(text, ", {} dropped", notes.dropped);
    let dropped: Vec<String> = notes
        .dropped_codes
        .iter()
        .take(8)
        .map(|code| format!("{} {} ×{}", code.why, code.code, code.times))
        .collect();
    list(text, &dropped, notes.dropped_codes.len());
    if notes.rows_left_without_codes > 0 {
        let _ = write!(
            text,
            "; {} rows lost all and count as wrong",
            notes.rows_left_without_codes
        );
    }
    text.push('\n');
}

fn list(text: &mut String, named: &[String], all: usize) {
    if !named.is_empty() {
        let more = if all > named.len() { ", …" } else { "" };
        let _ = write!(text, " ({}{more})", named.join(", "));
    }
}
