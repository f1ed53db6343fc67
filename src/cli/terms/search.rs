//! `annexa terms search`.

use super::why_not;
use crate::terms::{Hit, MatchedIn, TermTable};
use serde::Serialize;
use std::io::Write;

/// One found term in JSON.
#[derive(Serialize)]
struct FoundTerm<'a> {
    code: &'a str,
    term: &'a str,
    path: String,
    selectable: bool,
    matched_in: &'static str,
}

/// Prints what `words` find.
pub(super) fn run(
    table: &TermTable,
    words: &str,
    annex: Option<char>,
    limit: usize,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let hits = table.search_annex(words, annex, limit);
    let place = |hit: &Hit<'_>| match hit.matched_in {
        MatchedIn::Term => "term",
        MatchedIn::Alias => "alias",
        MatchedIn::Definition => "definition",
    };
    if json {
        let found: Vec<FoundTerm<'_>> = hits
            .iter()
            .map(|hit| FoundTerm {
                code: hit.term.code(),
                term: hit.term.term(),
                path: table.path(hit.term.code()),
                selectable: hit.term.selectable(),
                matched_in: place(hit),
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
        return Ok(0);
    }
    if hits.is_empty() {
        writeln!(out, "no term matches '{words}'")?;
    }
    let width = hits
        .iter()
        .map(|hit| hit.term.code().len())
        .max()
        .unwrap_or(0);
    for hit in &hits {
        let mut remarks = String::new();
        if hit.matched_in != MatchedIn::Term {
            remarks.push_str(&format!("  [by {}]", place(hit)));
        }
        if let Some(why) = why_not(hit.term) {
            remarks.push_str(&format!("  [{why}]"));
        }
        writeln!(
            out,
            "{:width$}  {}{remarks}",
            hit.term.code(),
            table.path(hit.term.code())
        )?;
    }
    Ok(0)
}
