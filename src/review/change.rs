//! Changing a row's codes: which problem, then a search as one types over the terms that may be chosen.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::input::Input;
use super::row::{Near, ShownRow};
use crate::coding::validate::MAX_SUGGESTIONS;
use crate::core::problem::Problem;
use crate::terms::{Term, TermTable};

/// Terms that a search lists.
const MAX_HITS: usize = 50;

/// The codes that are being chosen for a row, by problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The codes as they stand, primary first.
    pub codes: [Vec<String>; 2],
    /// The search that is open; none: a problem is being picked.
    pub search: Option<Search>,
    /// The person was asked just now whether a problem without a code is meant so.
    pub is_asked: bool,
}

/// A search for codes of one problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The problem.
    pub problem: Problem,
    /// What was typed.
    pub input: Input,
    /// Codes that were taken so far.
    pub taken: Vec<String>,
    /// Codes on offer: what was found, or where nothing is typed what was suggested.
    pub hits: Vec<String>,
    /// Which of them is chosen.
    pub chosen: Option<usize>,
    /// What was suggested for the row.
    offers: Vec<String>,
}

/// What a key did to a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Searched {
    /// It goes on.
    On,
    /// It is over, without anything taken.
    Left,
    /// It is over, with these codes.
    Took(Vec<String>),
    /// The key does nothing now; what to say.
    Say(&'static str),
}

impl Search {
    /// Begins a search for codes of `problem`, offering what was suggested for `row` in any way, and what
    /// lies under its primary code.
    pub fn new(problem: Problem, row: &ShownRow, near: &[Near], terms: &TermTable) -> Search {
        let mut offers: Vec<String> = Vec::new();
        let own = row.codes(problem).iter().map(|code| code.code.as_str());
        let answer = row.answers.iter().find(|answer| answer.problem == problem);
        let second = answer.and_then(|answer| answer.second.as_ref());
        let near = near.iter().flat_map(|near| &near.codes[problem as usize]);
        // Where the primary code is a heading, what lies under it.
        let below = terms.children(row.primary(problem));
        let all = own
            .chain(second.map(|(code, _)| code.code.as_str()))
            .chain(near.map(String::as_str))
            .chain(below.iter().map(|term| term.code()));
        for code in all {
            let term = terms.by_code(code).filter(|term| may_answer(term, problem));
            if term.is_some() && !offers.iter().any(|known| known == code) {
                offers.push(code.to_string());
            }
        }
        Search {
            problem,
            input: Input::default(),
            taken: Vec::new(),
            hits: offers.clone(),
            chosen: None,
            offers,
        }
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent, terms: &TermTable) -> Searched {
        let last = self.hits.len().checked_sub(1);
        match key.code {
            KeyCode::Esc => return Searched::Left,
            KeyCode::Down => {
                self.chosen = last.map(|last| self.chosen.map_or(0, |at| (at + 1).min(last)))
            }
            KeyCode::Up => {
                self.chosen = last.map(|_| self.chosen.map_or(0, |at| at.saturating_sub(1)))
            }
            KeyCode::PageDown => {
                self.chosen = last.map(|last| (self.chosen.unwrap_or(0) + 5).min(last))
            }
            KeyCode::PageUp => {
                self.chosen = last.map(|_| self.chosen.unwrap_or(0).saturating_sub(5))
            }
            KeyCode::Tab | KeyCode::Enter => return self.take(key.code == KeyCode::Enter),
            KeyCode::Backspace if self.input.text().is_empty() => {
                let taken_off = self.taken.pop();
                if taken_off.is_none() {
                    return Searched::Say(
                        "no code was taken yet: type words, or choose with the arrows",
                    );
                }
            }
            _ if self.input.key(key) => self.look(terms),
            _ => {}
        }
        Searched::On
    }

    fn take(&mut self, is_last: bool) -> Searched {
        let chosen = self.chosen.and_then(|at| self.hits.get(at)).cloned();
        match chosen {
            None if is_last && !self.taken.is_empty() && self.input.text().is_empty() => {
                return Searched::Took(std::mem::take(&mut self.taken));
            }
            None if self.hits.is_empty() => {
                return Searched::Say("no term that may be chosen has these words");
            }
            None => return Searched::Say("type words, or choose with the arrows"),
            Some(code) if self.taken.contains(&code) => {}
            Some(_) if self.taken.len() == MAX_SUGGESTIONS => {
                return Searched::Say(
                    "four codes at most: Backspace on an empty line takes the last one off",
                );
            }
            Some(code) => self.taken.push(code),
        }
        if is_last {
            return Searched::Took(std::mem::take(&mut self.taken));
        }
        self.input.clear();
        self.hits.clone_from(&self.offers);
        self.chosen = None;
        Searched::On
    }

    /// Looks for what stands there now.
    fn look(&mut self, terms: &TermTable) {
        let words = self.input.text();
        if words.trim().is_empty() {
            self.hits.clone_from(&self.offers);
            self.chosen = None;
            return;
        }
        let found = terms.search(words, usize::MAX).into_iter();
        let mut found = found
            .filter(|hit| may_answer(hit.term, self.problem))
            .peekable();
        let most = found.peek().map_or(0, |hit| hit.words_found);
        // A term that has fewer of the words than another is not what is meant by all of them.
        let found = found.take_while(|hit| hit.words_found == most);
        self.hits = found
            .take(MAX_HITS)
            .map(|hit| hit.term.code().to_string())
            .collect();
        self.chosen = (!self.hits.is_empty()).then_some(0);
    }
}

fn may_answer(term: &Term, problem: Problem) -> bool {
    term.selectable() && problem.annexes().contains(&term.annex())
}
