//! From rows to a table: duplicates, the tree of parents, levels, and what a user should be warned of.

use super::builtin;
use super::fault::{Faults, quoted};
use super::fold;
use super::table::{TermTable, Wording};
use super::term::Term;
use std::collections::{BTreeMap, HashMap};

/// One row of a terms file, its own fields in order, the tree not yet looked at.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) code: String,
    pub(super) term: String,
    pub(super) definition: String,
    pub(super) annex: char,
    pub(super) level: Option<u8>,
    pub(super) parent: String,
    pub(super) selectable: bool,
    pub(super) status: String,
    pub(super) note: String,
    pub(super) fda_code: String,
    pub(super) nci_code: String,
    pub(super) release: String,
}

/// Makes the table of `rows`. With faults noted it is of no use and only there to be dropped.
pub(super) fn table(
    name: &str,
    rows: Vec<Row>,
    has_parents: bool,
    faults: &mut Faults,
) -> TermTable {
    let mut by_code: HashMap<String, u32> = HashMap::with_capacity(rows.len());
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(first) = by_code.get(&row.code) {
            let found = format!(
                "{} again, first on line {}",
                row.code, kept[*first as usize].line
            );
            faults.push(row.line, Some("code"), found, "each code once");
            continue;
        }
        by_code.insert(row.code.clone(), kept.len() as u32);
        kept.push(row);
    }
    let parents = parents(&kept, &by_code, faults);
    refuse_cycles(&kept, &parents, faults);

    let release = match kept.first() {
        Some(first)
            if !first.release.is_empty() && kept.iter().all(|row| row.release == first.release) =>
        {
            first.release.clone()
        }
        _ => name.to_owned(),
    };
    let mut warnings = Warnings::default();
    let depths = depths(&parents);
    let terms: Vec<Term> = kept
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let depth = depths[index];
            if let Some(level) = row.level
                && has_parents
                && level != depth
            {
                warnings.add(
                    "level is not the length of the chain of parents",
                    row.line,
                    &row.code,
                );
            }
            if parents[index].is_some() && !row.parent.starts_with(row.annex) {
                warnings.add("parent is of another annex", row.line, &row.code);
            }
            Term {
                index: index as u32,
                level: row.level.unwrap_or(depth),
                parent: parents[index],
                code: row.code,
                term: row.term,
                definition: row.definition,
                annex: row.annex,
                selectable: row.selectable,
                status: row.status,
                note: row.note,
                fda_code: row.fda_code,
                nci_code: row.nci_code,
            }
        })
        .collect();
    let mut warnings = warnings.into_lines();
    if !has_parents {
        warnings.push("there is no column 'parent_code': every code counts as level 1 and paths are one term long".into());
    }
    for (annexes, what) in [
        (&['A'][..], "annex A: product problems"),
        (&['E', 'F'], "annex E or F: patient problems"),
    ] {
        if !terms
            .iter()
            .any(|t| t.selectable && annexes.contains(&t.annex))
        {
            warnings.push(format!(
                "there is no selectable code in {what} cannot be coded with this table"
            ));
        }
    }
    let wordings = wordings(&terms, &by_code);
    for (annexes, problem) in [(&['A'][..], "product"), (&['E', 'F'], "patient")] {
        warnings.extend(ambiguous(&terms, annexes, problem));
    }
    TermTable {
        name: name.to_owned(),
        release,
        terms,
        by_code,
        wordings,
        warnings,
    }
}

fn parents(rows: &[Row], by_code: &HashMap<String, u32>, faults: &mut Faults) -> Vec<Option<u32>> {
    rows.iter()
        .map(|row| {
            let parent = by_code.get(&row.parent).copied();
            if parent.is_none() && !row.parent.is_empty() {
                let expected = format!(
                    "a code of this table, or nothing if {} is at the top",
                    row.code
                );
                faults.push(row.line, Some("parent_code"), quoted(&row.parent), expected);
            }
            parent
        })
        .collect()
}

/// Notes each ring of parents once, at the first row of it.
fn refuse_cycles(rows: &[Row], parents: &[Option<u32>], faults: &mut Faults) {
    // For each row the walk that first came by, from 1: meeting one's own walk again is a ring.
    let mut walk_of = vec![0_usize; rows.len()];
    for start in 0..rows.len() {
        let mut at = start;
        while walk_of[at] == 0 {
            walk_of[at] = start + 1;
            match parents[at] {
                Some(parent) => at = parent as usize,
                None => break,
            }
        }
        if walk_of[at] != start + 1 || parents[at].is_none() {
            continue;
        }
        let mut ring = vec![at];
        let mut next = parents[at];
        while let Some(code) = next.map(|n| n as usize).filter(|&n| n != at) {
            ring.push(code);
            next = parents[code];
        }
        let first = ring.iter().copied().min().unwrap_or(at);
        let from = ring.iter().position(|&code| code == first).unwrap_or(0);
        ring.rotate_left(from);
        let mut codes: Vec<&str> = ring
            .iter()
            .take(10)
            .map(|&code| rows[code].code.as_str())
            .collect();
        if ring.len() > codes.len() {
            codes.push("…");
        }
        codes.push(&rows[first].code);
        let found = format!("parents that lead in a ring: {}", codes.join(" under "));
        faults.push(
            rows[first].line,
            Some("parent_code"),
            found,
            "parents that end at a code without one",
        );
    }
}

/// The length of each row's chain of parents, itself counted; 255 at most. Rings are cut at the table's size.
fn depths(parents: &[Option<u32>]) -> Vec<u8> {
    let mut depths = vec![0_u8; parents.len()];
    let mut chain = Vec::new();
    for start in 0..parents.len() {
        let mut at = Some(start as u32);
        while let Some(code) =
            at.filter(|&c| depths[c as usize] == 0 && chain.len() < parents.len())
        {
            chain.push(code);
            at = parents[code as usize];
        }
        let mut depth = at.map_or(0, |code| depths[code as usize]);
        while let Some(code) = chain.pop() {
            depth = depth.saturating_add(1);
            depths[code as usize] = depth;
        }
    }
    depths
}

/// What leads to which terms: their own wordings and the older ones of codes that the table has.
fn wordings(terms: &[Term], by_code: &HashMap<String, u32>) -> HashMap<String, Vec<Wording>> {
    let mut wordings: HashMap<String, Vec<Wording>> = HashMap::with_capacity(terms.len());
    for term in terms {
        let wording = Wording {
            term: term.index,
            alias: None,
        };
        wordings
            .entry(fold::wording(&term.term))
            .or_default()
            .push(wording);
    }
    for alias in builtin::aliases() {
        let folded = fold::wording(&alias.wording);
        let Some(&term) = by_code.get(&alias.code) else {
            continue;
        };
        let known = wordings.entry(folded).or_default();
        if known.iter().all(|wording| wording.term != term) {
            known.push(Wording {
                term,
                alias: Some(alias.wording.clone()),
            });
        }
    }
    wordings
}

/// A warning for each wording that two selectable codes of one problem share: it cannot be resolved.
fn ambiguous(terms: &[Term], annexes: &[char], problem: &str) -> Option<String> {
    let mut codes: BTreeMap<String, Vec<&Term>> = BTreeMap::new();
    for term in terms
        .iter()
        .filter(|t| t.selectable && annexes.contains(&t.annex))
    {
        codes
            .entry(fold::wording(&term.term))
            .or_default()
            .push(term);
    }
    codes.retain(|_, sharing| sharing.len() > 1);
    let first = codes.values().next()?;
    Some(format!(
        "{} wording{} of {problem} problems stand for more than one code and are not recognised without it (first: '{}' for {} and {})",
        codes.len(),
        if codes.len() == 1 { "" } else { "s" },
        first[0].term,
        first[0].code,
        first[1].code,
    ))
}

/// Warnings of one kind are counted and told by their first, so that a large table does not tell the same a thousand times.
#[derive(Default)]
struct Warnings(BTreeMap<&'static str, (usize, String)>);

impl Warnings {
    fn add(&mut self, what: &'static str, line: u64, code: &str) {
        self.0
            .entry(what)
            .or_insert_with(|| (0, format!("line {line}, code {code}")))
            .0 += 1;
    }

    fn into_lines(self) -> Vec<String> {
        self.0
            .into_iter()
            .map(|(what, (times, first))| {
                format!(
                    "{what}: {times} time{} (first: {first})",
                    if times == 1 { "" } else { "s" }
                )
            })
            .collect()
    }
}
