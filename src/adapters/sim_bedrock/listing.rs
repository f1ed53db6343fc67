//! The codes that a system prompt lists, one line `CODE | term | definition` each (DESIGN §6): no others are answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::errors::ServiceError;
use crate::terms::TermTable;

/// So many system prompts are remembered.
const MOST: usize = 64;

/// What a system prompt lets be chosen.
#[derive(Debug)]
pub(super) struct Listing {
    /// SHA-256 of the system prompt.
    pub(super) sha256: [u8; 32],
    /// The codes with their terms, all selectable.
    pub(super) terms: TermTable,
}

impl Listing {
    fn read(sha256: [u8; 32], system: &str) -> Result<Listing, ServiceError> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut write = |fields: [&str; 3]| csv.write_record(fields).is_ok();
        let mut is_written = write(["code", "term", "definition"]);
        let mut lines = 0;
        for (code, term, definition) in system.lines().filter_map(line) {
            is_written &= write([code, term, definition]);
            lines += 1;
        }
        let not_ours = |what: &str| {
            ServiceError::invalid(
                "not_ours",
                format!(
                    "annexa sim-bedrock: the system prompt's lines 'CODE | term | definition' {what}"
                ),
            )
        };
        if lines == 0 {
            return Err(not_ours("are not there"));
        }
        let bytes = csv.into_inner().ok().filter(|_| is_written);
        let bytes = bytes.ok_or_else(|| not_ours("cannot be read"))?;
        let terms = TermTable::from_csv_bytes("system prompt", &bytes)
            .map_err(|error| not_ours(&format!("are no table: {error}")))?;
        Ok(Listing { sha256, terms })
    }
}

/// A line that lists a code: a letter and digits, a bar, the term, and a definition if there is one.
fn line(line: &str) -> Option<(&str, &str, &str)> {
    let (code, rest) = line.split_once(" | ")?;
    let code = code.trim();
    let mut bytes = code.bytes();
    let has_form = bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && code.len() > 1
        && bytes.all(|b| b.is_ascii_digit());
    let (term, definition) = match rest.split_once(" |") {
        Some((term, definition)) => (term, definition.trim()),
        None => (rest, ""),
    };
    has_form.then_some((code, term.trim(), definition))
}

/// Listings by system prompt, each read once.
#[derive(Default)]
pub(super) struct Listings(Mutex<HashMap<[u8; 32], Arc<Listing>>>);

impl Listings {
    /// The listing of `system`.
    pub(super) fn of(&self, system: &str) -> Result<Arc<Listing>, ServiceError> {
        let sha256: [u8; 32] = Sha256::digest(system).into();
        let mut known = self.0.lock().expect("no panic while held");
        if let Some(listing) = known.get(&sha256) {
            return Ok(listing.clone());
        }
        let listing = Arc::new(Listing::read(sha256, system)?);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(sha256, listing.clone());
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_stated_form_list_codes() {
        let system = "Each line is CODE | term | definition.\nA0401 | Break | It broke | or so.\n A05 | Leak\n\
            A1 is like A2 | not\nE2401 | \"Quoted\", term | \nB2x | no | no";
        let listing = Listings::default().of(system).unwrap();
        let codes: Vec<&str> = listing.terms.terms().iter().map(|t| t.code()).collect();
        assert_eq!(codes, ["A0401", "A05", "E2401"]);
        let term = |code| listing.terms.by_code(code).unwrap();
        assert_eq!(term("A0401").definition(), "It broke | or so.");
        assert_eq!(term("E2401").term(), "\"Quoted\", term");
        assert!(term("A05").selectable() && term("A05").definition().is_empty());
    }

    #[test]
    fn a_system_prompt_is_read_once_and_one_without_codes_is_refused() {
        let listings = Listings::default();
        let one = listings.of("A0401 | Break | x").unwrap();
        assert!(Arc::ptr_eq(
            &one,
            &listings.of("A0401 | Break | x").unwrap()
        ));
        let error = listings.of("You code reports.").unwrap_err();
        assert!(error.message.contains("are not there"), "{error:?}");
    }
}
