//! `annexa terms show`, and what is said of a code that is not there.

use super::{BAD_INPUT, NEAR_CODES, why_not};
use crate::terms::{Term, TermTable};
use serde::Serialize;
use std::io::Write;

/// A neighbour in the tree, in JSON.
#[derive(Serialize)]
struct Neighbour<'a> {
    code: &'a str,
    term: &'a str,
}

impl<'a> Neighbour<'a> {
    fn list(terms: Vec<&'a Term>) -> Vec<Self> {
        terms
            .into_iter()
            .map(|t| Neighbour {
                code: t.code(),
                term: t.term(),
            })
            .collect()
    }
}

/// One term in full, in JSON.
#[derive(Serialize)]
struct ShownTerm<'a> {
    code: &'a str,
    term: &'a str,
    definition: &'a str,
    annex: char,
    level: u8,
    path: String,
    path_codes: String,
    parents: Vec<Neighbour<'a>>,
    children: Vec<Neighbour<'a>>,
    aliases: Vec<&'a str>,
    selectable: bool,
    status: &'a str,
    note: &'a str,
    use_instead: Option<Neighbour<'a>>,
    fda_code: &'a str,
    nci_code: &'a str,
    release: &'a str,
}

/// Prints all that is known of a code, or what may have been meant.
pub(super) fn run(
    table: &TermTable,
    code: &str,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let Some(term) = table.by_code_folded(code) else {
        return unknown(table, code, json, out);
    };
    let code = term.code();
    let shown = ShownTerm {
        code,
        term: term.term(),
        definition: term.definition(),
        annex: term.annex(),
        level: term.level(),
        path: table.path(code),
        path_codes: table.path_codes(code),
        parents: Neighbour::list(table.ancestors(code)),
        children: Neighbour::list(table.children(code)),
        aliases: table.aliases(code),
        selectable: term.selectable(),
        status: term.status(),
        note: term.note(),
        use_instead: table
            .current(term)
            .filter(|current| current.code() != code)
            .map(|t| Neighbour {
                code: t.code(),
                term: t.term(),
            }),
        fda_code: term.fda_code(),
        nci_code: term.nci_code(),
        release: table.release(),
    };
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
        return Ok(0);
    }
    writeln!(out, "{code}  {}", shown.term)?;
    let mut line = |name: &str, text: &str| match text {
        "" => Ok(()),
        text => writeln!(out, "  {name:<12}{text}"),
    };
    line("definition", shown.definition)?;
    line("path", &shown.path)?;
    line("codes", &shown.path_codes)?;
    line(
        "level",
        &format!("{} of annex {}", shown.level, shown.annex),
    )?;
    line("to choose", why_not(term).unwrap_or("yes"))?;
    line("status", shown.status)?;
    line("note", shown.note)?;
    if let Some(current) = &shown.use_instead {
        line(
            "use instead",
            &format!("{}  {}", current.code, current.term),
        )?;
    }
    line("older names", &shown.aliases.join("; "))?;
    line("FDA code", shown.fda_code)?;
    line("NCI code", shown.nci_code)?;
    line("release", shown.release)?;
    for (name, terms) in [("parents", &shown.parents), ("children", &shown.children)] {
        if !terms.is_empty() {
            writeln!(out, "  {name}")?;
        }
        for neighbour in terms {
            writeln!(out, "    {}  {}", neighbour.code, neighbour.term)?;
        }
    }
    Ok(0)
}

/// The answer to an unknown code: what may have been meant.
#[derive(Serialize)]
struct UnknownCode<'a> {
    error: String,
    near: Vec<Neighbour<'a>>,
}

fn unknown(table: &TermTable, code: &str, json: bool, out: &mut dyn Write) -> anyhow::Result<u8> {
    let mut near = table.near_codes(code, NEAR_CODES);
    if near.is_empty() {
        near = table
            .search(code, NEAR_CODES)
            .into_iter()
            .map(|hit| hit.term)
            .collect();
    }
    let error = format!(
        "code '{code}' is not in {} ({} codes)",
        table.name(),
        table.len()
    );
    if json {
        let near = Neighbour::list(near);
        writeln!(
            out,
            "{}",
            serde_json::to_string_pretty(&UnknownCode { error, near })?
        )?;
        return Ok(BAD_INPUT);
    }
    writeln!(out, "{error}")?;
    for (at, term) in near.iter().enumerate() {
        writeln!(
            out,
            "{}{}  {}",
            if at == 0 { "near: " } else { "      " },
            term.code(),
            term.term()
        )?;
    }
    if near.is_empty() {
        writeln!(out, "look for it with: annexa terms search WORDS")?;
    }
    Ok(BAD_INPUT)
}
