//! What each key does while codes are changed.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::change::{Change, Search, Searched};
use super::decision::Verdict;
use super::session::{Decisions, Draft, Effect, Mode, Session};
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;

impl Session {
    pub(super) fn begin_change(&mut self) {
        let decided = self
            .decision
            .as_ref()
            .filter(|own| own.verdict != Verdict::Marked);
        let codes = match decided {
            Some(decision) => decision.codes.clone(),
            None => self.suggested(false),
        };
        self.mode = Mode::Change(Change {
            codes,
            search: None,
            is_asked: false,
        });
    }

    /// The problems that can be changed.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        let answers = self.row.iter().flat_map(|row| &row.answers);
        answers.map(|answer| answer.problem)
    }

    pub(super) fn change_key(
        &mut self,
        key: KeyEvent,
        mut change: Change,
        decisions: &dyn Decisions,
    ) -> Vec<Effect> {
        if let Some(mut search) = change.search.take() {
            match search.key(key, &self.terms) {
                Searched::On => change.search = Some(search),
                Searched::Left => {}
                Searched::Took(codes) => change.codes[search.problem as usize] = codes,
                Searched::Say(what) => {
                    self.said = what.into();
                    change.search = Some(search);
                }
            }
            self.mode = Mode::Change(change);
            return Vec::new();
        }
        let is_asked = std::mem::take(&mut change.is_asked);
        match key.code {
            KeyCode::Esc => {
                self.said = "nothing changed".into();
                return Vec::new();
            }
            KeyCode::Enter => return self.end_change(change, is_asked, decisions),
            KeyCode::Char(letter) => {
                let named = match letter {
                    'p' => Some(Problem::Product),
                    't' => Some(Problem::Patient),
                    _ => None,
                };
                let asked = named.filter(|named| self.problems().any(|own| own == *named));
                match (asked, &self.row) {
                    (Some(problem), Some(row)) => {
                        change.search = Some(Search::new(problem, row, &self.near, &self.terms));
                    }
                    _ => {
                        self.said =
                            "p or t picks a problem, Enter keeps, Esc leaves all as it was".into()
                    }
                }
            }
            _ => {}
        }
        self.mode = Mode::Change(change);
        Vec::new()
    }

    /// `is_asked`: the person was asked whether a problem without a code is meant so.
    fn end_change(
        &mut self,
        mut change: Change,
        is_asked: bool,
        decisions: &dyn Decisions,
    ) -> Vec<Effect> {
        if change.codes.iter().all(Vec::is_empty) {
            self.said = "no code was chosen: m marks the row for somebody to come back to".into();
            self.mode = Mode::Change(change);
            return Vec::new();
        }
        // It would stand for "this report has none", which evaluate takes as right.
        let without = self
            .problems()
            .find(|problem| change.codes[*problem as usize].is_empty());
        if let Some(problem) = without.filter(|_| !is_asked) {
            let key = match problem {
                Problem::Product => 'p',
                Problem::Patient => 't',
            };
            self.said = format!(
                "no {} code yet: {key} chooses some, Enter once more says that the report has none",
                problem.name()
            );
            change.is_asked = true;
            self.mode = Mode::Change(change);
            return Vec::new();
        }
        let failed = self
            .row
            .as_ref()
            .is_some_and(|row| row.outcome == Some(Outcome::Failed));
        let verdict = match !failed
            && [false, true]
                .map(|all| self.suggested(all))
                .contains(&change.codes)
        {
            true => Verdict::Accepted,
            false => Verdict::Changed,
        };
        let draft = Draft {
            verdict,
            codes: change.codes,
            note: self.note().to_string(),
        };
        self.decide(draft, decisions)
    }
}
