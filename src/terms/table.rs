//! The table: lookups by code and wording, and the tree.

use super::fold;
use super::term::{Matched, Resolved, Term};
use crate::core::problem::Problem;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What a wording leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wording {
    pub(super) term: u32,
    /// The older wording as it is written; `None` for the term's own.
    pub(super) alias: Option<String>,
}

/// All terms of one release, in the order of the file. Share it in an `Arc`.
#[derive(Debug, Clone)]
pub struct TermTable {
    pub(super) name: String,
    pub(super) release: String,
    pub(super) terms: Vec<Term>,
    pub(super) by_code: HashMap<String, u32>,
    pub(super) wordings: HashMap<String, Vec<Wording>>,
    pub(super) warnings: Vec<String>,
}

impl TermTable {
    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The release, such as `2025`: what the file's `release` column says throughout, else the file's name.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// How many codes there are, headings and retired ones with them.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether there is no code; a table that was loaded has at least one.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// All terms in the order of the file.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What is odd about the file but can be lived with; each a line of text.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The terms that may be chosen for `problem`, in the order of the file.
    pub fn selectable(&self, problem: Problem) -> impl Iterator<Item = &Term> {
        let annexes = problem.annexes();
        self.terms
            .iter()
            .filter(move |term| term.selectable && annexes.contains(&term.annex))
    }

    /// The term with exactly this code.
    pub fn by_code(&self, code: &str) -> Option<&Term> {
        self.by_code
            .get(code)
            .map(|&index| &self.terms[index as usize])
    }

    /// The term with this code, case and white space folded.
    pub fn by_code_folded(&self, code: &str) -> Option<&Term> {
        self.by_code(code)
            .or_else(|| self.by_code(&fold::code(code)))
    }

    /// What `given` stands for, among the codes that can answer `problem`.
    ///
    /// Tried in this order: the code as it is; the code with case and white space folded; the wording of a term; an older
    /// wording. Codes of other annexes are never found. A wording prefers selectable codes to others, so that a retired
    /// term's wording leads to the code that took its place where one is known; what stands for two codes is not resolved.
    /// A heading or retired code *is* returned when nothing else fits: the caller looks at [`Term::selectable`].
    pub fn resolve(&self, given: &str, problem: Problem) -> Option<Resolved<'_>> {
        let annexes = problem.annexes();
        if let Some(term) = self.by_code(given).filter(|t| annexes.contains(&t.annex)) {
            return Some(Resolved {
                term,
                how: Matched::Code,
            });
        }
        if let Some(term) = self
            .by_code(&fold::code(given))
            .filter(|t| annexes.contains(&t.annex))
        {
            return Some(Resolved {
                term,
                how: Matched::CodeFolded,
            });
        }
        self.by_wording(given, annexes)
    }

    fn by_wording(&self, given: &str, annexes: &[char]) -> Option<Resolved<'_>> {
        let mut best: Option<((bool, Matched), &Term)> = None;
        let mut alone = true;
        for wording in self.wordings.get(&fold::wording(given))? {
            let term = &self.terms[wording.term as usize];
            if !annexes.contains(&term.annex) {
                continue;
            }
            let how = if wording.alias.is_none() {
                Matched::Term
            } else {
                Matched::Alias
            };
            let rank = (!term.selectable, how);
            match best {
                Some((known, _)) if known < rank => {}
                Some((known, _)) if known == rank => alone = false,
                _ => (best, alone) = (Some((rank, term)), true),
            }
        }
        let ((_, how), term) = best.filter(|_| alone)?;
        Some(Resolved { term, how })
    }

    /// The code that may be used today for `term`: itself if it is selectable, else the one its wording is an older wording
    /// of, in the same annex. `None` for headings and for retired codes that nothing took the place of.
    pub fn current<'a>(&'a self, term: &'a Term) -> Option<&'a Term> {
        if term.selectable {
            return Some(term);
        }
        self.by_wording(&term.term, &[term.annex])
            .map(|found| found.term)
            .filter(|found| found.selectable)
    }

    /// The term directly above `term`.
    pub fn parent(&self, term: &Term) -> Option<&Term> {
        term.parent.map(|index| &self.terms[index as usize])
    }

    /// `term` and all above it, from below to the top.
    pub fn lineage<'a>(&'a self, term: &'a Term) -> impl Iterator<Item = &'a Term> {
        std::iter::successors(Some(term), |term| self.parent(term))
    }

    /// The terms above the one with this code, the top first, itself not among them; none for a code that is not there.
    pub fn ancestors(&self, code: &str) -> Vec<&Term> {
        let mut chain = self.chain(code);
        chain.pop();
        chain
    }

    /// Whether `above` is one of the headings over `code`. Parents come from parent_code alone: digits mislead.
    pub fn is_above(&self, above: &str, code: &str) -> bool {
        self.ancestors(code).iter().any(|term| term.code() == above)
    }

    /// The terms from the top down to the one with this code, joined by ` > `; empty for a code that is not there.
    pub fn path(&self, code: &str) -> String {
        let terms: Vec<&str> = self.chain(code).into_iter().map(Term::term).collect();
        terms.join(" > ")
    }

    /// As [`TermTable::path`], of codes.
    pub fn path_codes(&self, code: &str) -> String {
        let codes: Vec<&str> = self.chain(code).into_iter().map(Term::code).collect();
        codes.join(" > ")
    }

    fn chain(&self, code: &str) -> Vec<&Term> {
        let mut chain: Vec<&Term> = self
            .by_code(code)
            .map(|term| self.lineage(term).collect())
            .unwrap_or_default();
        chain.reverse();
        chain
    }

    /// The terms directly below the one with this code, in the order of the file.
    pub fn children(&self, code: &str) -> Vec<&Term> {
        match self.by_code(code) {
            Some(term) => self
                .terms
                .iter()
                .filter(|t| t.parent == Some(term.index))
                .collect(),
            None => Vec::new(),
        }
    }

    /// Whether the term with this code has terms directly below it that may be chosen: it may then say less than is known.
    pub fn has_codes_below(&self, code: &str) -> bool {
        self.by_code(code).is_some_and(|term| {
            let mut terms = self.terms.iter();
            terms.any(|t| t.selectable && t.parent == Some(term.index))
        })
    }

    /// The older wordings of the term with this code, in alphabetical order.
    pub fn aliases(&self, code: &str) -> Vec<&str> {
        let Some(term) = self.by_code(code) else {
            return Vec::new();
        };
        let mut aliases: Vec<&str> = self
            .older_wordings()
            .filter(|(t, _)| t.index == term.index)
            .map(|(_, a)| a)
            .collect();
        aliases.sort_unstable();
        aliases
    }

    /// All older wordings with their terms, in no order.
    pub(super) fn older_wordings(&self) -> impl Iterator<Item = (&Term, &str)> {
        self.wordings.values().flatten().filter_map(|wording| {
            let alias = wording.alias.as_deref()?;
            Some((&self.terms[wording.term as usize], alias))
        })
    }

    /// SHA-256, in hexadecimal, of what shapes answers: for each term in order its code, term, definition, annex, level,
    /// parent and whether it is selectable. The same table in another dialect has the same hash.
    pub fn sha256_hex(&self) -> String {
        let mut hash = Sha256::new();
        let mut field = |text: &str| {
            // With its length ahead, no text can be taken for the end of a field.
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        for term in &self.terms {
            field(&term.code);
            field(&term.term);
            field(&term.definition);
            field(term.annex.encode_utf8(&mut [0; 4]));
            field(&term.level.to_string());
            field(self.parent(term).map_or("", Term::code));
            field(if term.selectable { "yes" } else { "no" });
        }
        format!("{:x}", hash.finalize())
    }
}
