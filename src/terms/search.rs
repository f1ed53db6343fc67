//! Finding terms by words: for people who look for the right code, and for what to offer when a code is unknown.

use super::fold;
use super::table::TermTable;
use super::term::Term;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Where the words of a search were found: the weakest place that was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchedIn {
    /// In the code or the term.
    Term,
    /// In an older wording of the term.
    Alias,
    /// In the definition.
    Definition,
}

/// A term that a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The term; it can be a heading or retired.
    pub term: &'a Term,
    /// Where the words were found.
    pub matched_in: MatchedIn,
    /// How many of the words were found.
    pub words_found: usize,
    /// How well they fit: a whole word counts 2, the beginning of one 1.
    pub score: u32,
}

impl TermTable {
    /// The terms that `words` fit best, `limit` at most, in a fixed order: most words found; found in term or code before
    /// older wordings before definitions; whole words before beginnings of words; selectable before others; short terms
    /// before long ones; the file's order.
    pub fn search(&self, words: &str, limit: usize) -> Vec<Hit<'_>> {
        self.search_annex(words, None, limit)
    }

    /// As [`TermTable::search`], in one annex alone.
    pub fn search_annex(&self, words: &str, annex: Option<char>, limit: usize) -> Vec<Hit<'_>> {
        let mut wanted = fold::words(words);
        let mut seen = std::collections::BTreeSet::new();
        wanted.retain(|word| seen.insert(word.clone()));
        let mut aliases: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (term, alias) in self.older_wordings() {
            aliases
                .entry(term.index())
                .or_default()
                .extend(fold::words(alias));
        }
        let mut hits: Vec<Hit<'_>> = self
            .terms()
            .iter()
            .filter(|term| annex.is_none_or(|letter| letter.eq_ignore_ascii_case(&term.annex)))
            .filter_map(|term| {
                hit(
                    term,
                    aliases.get(&term.index()).map_or(&[][..], Vec::as_slice),
                    &wanted,
                )
            })
            .collect();
        hits.sort_by_key(|hit| {
            (
                Reverse(hit.words_found),
                hit.matched_in,
                Reverse(hit.score),
                !hit.term.selectable(),
                hit.term.term().len(),
                hit.term.index(),
            )
        });
        hits.truncate(limit);
        hits
    }

    /// Codes that look like `code`, nearest first, `limit` at most; none when nothing is within two changes of a character.
    pub fn near_codes(&self, code: &str, limit: usize) -> Vec<&Term> {
        let code = fold::code(code);
        let mut near: Vec<(usize, Reverse<usize>, &Term)> = self
            .terms()
            .iter()
            .filter_map(|term| {
                let distance = strsim::levenshtein(&code, term.code());
                let shared = code
                    .bytes()
                    .zip(term.code().bytes())
                    .take_while(|(a, b)| a == b)
                    .count();
                (distance <= 2 && shared > 0).then_some((distance, Reverse(shared), term))
            })
            .collect();
        near.sort_by_key(|&(distance, shared, term)| (distance, shared, term.index()));
        near.into_iter()
            .take(limit)
            .map(|(_, _, term)| term)
            .collect()
    }
}

fn hit<'a>(term: &'a Term, alias_words: &[String], wanted: &[String]) -> Option<Hit<'a>> {
    let mut term_words = fold::words(term.term());
    term_words.push(term.code().to_lowercase());
    // The definition is the longest text by far and is cut into words only if a word is found nowhere else.
    let mut definition_words: Option<Vec<String>> = None;
    let mut hit = Hit {
        term,
        matched_in: MatchedIn::Term,
        words_found: 0,
        score: 0,
    };
    for word in wanted {
        let (place, fit) = match (fit(word, &term_words), fit(word, alias_words)) {
            (0, 0) => {
                let words = definition_words.get_or_insert_with(|| fold::words(term.definition()));
                (MatchedIn::Definition, fit(word, words))
            }
            (0, alias) => (MatchedIn::Alias, alias),
            (own, _) => (MatchedIn::Term, own),
        };
        if fit > 0 {
            hit.words_found += 1;
            hit.score += fit;
            hit.matched_in = hit.matched_in.max(place);
        }
    }
    (hit.words_found > 0).then_some(hit)
}

/// 2 if `word` is among `words`, 1 if it begins one of them, else 0.
fn fit(word: &str, words: &[String]) -> u32 {
    words
        .iter()
        .map(|w| {
            if w == word {
                2
            } else {
                u32::from(w.starts_with(word))
            }
        })
        .max()
        .unwrap_or(0)
}
