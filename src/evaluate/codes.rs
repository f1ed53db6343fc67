//! Gold codes as reporters gave them, made into codes of the table, with an account of what was changed or dropped.

use crate::core::problem::Problem;
use crate::terms::TermTable;
use serde::Serialize;
use std::collections::BTreeMap;

/// Codes that say that nothing is known, nothing fits, or nothing happened.
const UNSPECIFIC: [&str; 7] = ["A24", "A25", "A26", "A27", "E2401", "E2402", "E2403"];

/// So many different dropped or mapped codes are named; the rest is only counted.
const MAX_NAMED: usize = 50;

/// The longest piece of a gold field that is quoted, in characters.
const MAX_QUOTE_CHARS: usize = 40;

/// A gold code that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappedCode {
    /// The code, or the older wording, in the gold file.
    pub from: String,
    /// The code it counts as.
    pub to: String,
    /// How often.
    pub times: u64,
}

/// A gold code that was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DroppedCode {
    /// The code in the gold file.
    pub code: String,
    /// `retired` (and nothing took its place) or `unknown` (not among the table's codes for this problem).
    pub why: &'static str,
    /// How often.
    pub times: u64,
}

/// What became of one problem's gold codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CodeNotes {
    /// Codes in the gold file.
    pub given: u64,
    /// Codes that are headings; they are kept.
    pub headings_kept: u64,
    /// Codes that were replaced.
    pub mapped: u64,
    /// Codes that were dropped.
    pub dropped: u64,
    /// Reports that had codes and lost them all; they stay in and count as wrong.
    pub rows_left_without_codes: u64,
    /// Which codes were replaced; 50 at most.
    pub mapped_codes: Vec<MappedCode>,
    /// Which codes were dropped; 50 at most.
    pub dropped_codes: Vec<DroppedCode>,
}

/// Reads gold codes and keeps the account.
#[derive(Debug, Default)]
pub(super) struct CodeReader {
    notes: CodeNotes,
    mapped: BTreeMap<(String, String), u64>,
    dropped: BTreeMap<(String, &'static str), u64>,
}

/// What one report's gold codes for one problem came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ReadCodes {
    /// Whether the reporter gave a code at all.
    pub(super) any: bool,
    /// Whether the reporter gave a code that says something.
    pub(super) specific: bool,
}

impl CodeReader {
    /// Puts the terms of `given` into `indexes`, each once, in the order given.
    pub(super) fn read(
        &mut self,
        table: &TermTable,
        problem: Problem,
        given: &[&str],
        indexes: &mut Vec<u32>,
    ) -> ReadCodes {
        indexes.clear();
        let mut read = ReadCodes::default();
        for &code in given {
            let code = code.trim();
            if code.is_empty() {
                continue;
            }
            read.any = true;
            self.notes.given += 1;
            let Some(found) = table.resolve(code, problem).map(|found| found.term) else {
                self.drop(code, "unknown");
                continue;
            };
            read.specific |= !UNSPECIFIC.contains(&found.code());
            let term = if found.is_retired() {
                let Some(current) = table.current(found) else {
                    self.drop(code, "retired");
                    continue;
                };
                current
            } else {
                self.notes.headings_kept += u64::from(!found.selectable());
                found
            };
            if term.code() != code {
                self.map(code, term.code());
            }
            let index = term.index() as u32;
            if !indexes.contains(&index) {
                indexes.push(index);
            }
        }
        self.notes.rows_left_without_codes += u64::from(read.any && indexes.is_empty());
        read
    }

    fn drop(&mut self, code: &str, why: &'static str) {
        self.notes.dropped += 1;
        let key = (code.chars().take(MAX_QUOTE_CHARS).collect(), why);
        if self.dropped.len() < MAX_NAMED || self.dropped.contains_key(&key) {
            *self.dropped.entry(key).or_default() += 1;
        }
    }

    fn map(&mut self, from: &str, to: &str) {
        self.notes.mapped += 1;
        let key = (from.chars().take(MAX_QUOTE_CHARS).collect(), to.to_owned());
        if self.mapped.len() < MAX_NAMED || self.mapped.contains_key(&key) {
            *self.mapped.entry(key).or_default() += 1;
        }
    }

    /// The account.
    pub(super) fn into_notes(self) -> CodeNotes {
        CodeNotes {
            mapped_codes: self
                .mapped
                .into_iter()
                .map(|((from, to), times)| MappedCode { from, to, times })
                .collect(),
            dropped_codes: self
                .dropped
                .into_iter()
                .map(|((code, why), times)| DroppedCode { code, why, times })
                .collect(),
            ..self.notes
        }
    }
}

/// Adds to `indexes` all ancestors of what is in it; each stands in it once.
pub(super) fn close_upwards(table: &TermTable, indexes: &mut Vec<u32>) {
    let mut at = 0;
    while let Some(&index) = indexes.get(at) {
        // One step up for each is enough: what is added is itself looked at later.
        if let Some(parent) = table.parent(&table.terms()[index as usize]) {
            let parent = parent.index() as u32;
            if !indexes.contains(&parent) {
                indexes.push(parent);
            }
        }
        at += 1;
    }
}
