//! What each key does in a session.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::decision::Verdict;
use super::input::Input;
use super::session::{Decisions, Draft, Effect, Focus, Mode, Session};
use crate::core::outcome::Outcome;
use crate::core::problem::Problem;

impl Session {
    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, decisions: &dyn Decisions) -> Vec<Effect> {
        self.said.clear();
        let has_failed = std::mem::take(&mut self.has_failed);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_quit = match key.code {
            KeyCode::Char('c') => control,
            KeyCode::Char('q') => self.mode == Mode::Read,
            _ => false,
        };
        if is_quit {
            return match has_failed {
                // What cannot be written must not keep the person here; it was said.
                true => vec![Effect::Quit],
                false => self.stop(),
            };
        }
        // Taken out while the key is looked at; put back unless the key ends it.
        match std::mem::replace(&mut self.mode, Mode::Read) {
            Mode::Read => self.read_key(key, decisions),
            Mode::Help => Vec::new(),
            Mode::Note { input, marks } => self.note_key(key, input, marks, decisions),
            Mode::Jump(input) => self.jump_key(key, input),
            Mode::Change(change) => self.change_key(key, change, decisions),
        }
    }

    /// What is to be done before the end.
    pub fn stop(&mut self) -> Vec<Effect> {
        self.leave_with(Effect::Quit)
    }

    fn read_key(&mut self, key: KeyEvent, decisions: &dyn Decisions) -> Vec<Effect> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') => return self.accept(false, decisions),
            KeyCode::Char('A') => return self.accept(true, decisions),
            KeyCode::Char('c') => self.begin_change(),
            KeyCode::Char('m') => {
                let input = Input::with(self.note());
                self.mode = Mode::Note { input, marks: true };
            }
            KeyCode::Char('n') => {
                let input = Input::with(self.note());
                self.mode = Mode::Note {
                    input,
                    marks: false,
                };
            }
            KeyCode::Char('u') if !control => return self.undo(decisions),
            KeyCode::Char('g') => self.mode = Mode::Jump(Input::default()),
            KeyCode::Char('?') => self.mode = Mode::Help,
            KeyCode::Char('o') => return self.next_open(decisions),
            KeyCode::Right | KeyCode::Char('l') => return self.step(true),
            KeyCode::Left | KeyCode::Char('h') => return self.step(false),
            KeyCode::Tab => {
                self.focus = match self.focus {
                    Focus::Text => Focus::Codes,
                    Focus::Codes => Focus::Near,
                    Focus::Near => Focus::Text,
                }
            }
            code => self.scroll_key(code),
        }
        Vec::new()
    }

    fn scroll_key(&mut self, code: KeyCode) {
        let first = &mut self.scroll[self.focus as usize];
        // Drawing holds it within the text.
        *first = match code {
            KeyCode::Down | KeyCode::Char('j') => first.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => first.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => first.saturating_add(8),
            KeyCode::PageUp => first.saturating_sub(8),
            KeyCode::Home => 0,
            KeyCode::End => usize::MAX - 1,
            _ => return,
        };
    }

    /// The codes as suggested, by problem: the primary ones, or with those behind them.
    pub(super) fn suggested(&self, with_others: bool) -> [Vec<String>; 2] {
        Problem::ALL.map(|problem| {
            let codes = self.row.as_ref().map_or(&[][..], |row| row.codes(problem));
            let take = if with_others { codes.len() } else { 1 };
            codes
                .iter()
                .take(take)
                .map(|code| code.code.clone())
                .collect()
        })
    }

    pub(super) fn note(&self) -> &str {
        match &self.decision {
            Some(decision) if self.pending.is_empty() => &decision.note,
            _ => &self.pending,
        }
    }

    fn accept(&mut self, with_others: bool, decisions: &dyn Decisions) -> Vec<Effect> {
        let Some(row) = &self.row else {
            return Vec::new();
        };
        if row.outcome == Some(Outcome::Failed) {
            self.said =
                "the row failed, there is nothing to accept: c chooses codes, m marks it".into();
            return Vec::new();
        }
        let draft = Draft {
            verdict: Verdict::Accepted,
            codes: self.suggested(with_others),
            note: self.note().to_string(),
        };
        self.decide(draft, decisions)
    }

    /// Keeps a decision and goes on to the next row without one, or stays if there is none behind.
    pub(super) fn decide(&self, draft: Draft, decisions: &dyn Decisions) -> Vec<Effect> {
        let mut effects = vec![Effect::Decide(draft)];
        effects.extend(self.open_behind(decisions).map(Effect::Go));
        effects
    }

    fn open_behind(&self, decisions: &dyn Decisions) -> Option<usize> {
        let mut behind = self.walk.stops().iter().enumerate().skip(self.at + 1);
        let found = behind.find(|(_, stop)| decisions.verdict(stop.row).is_none());
        found.map(|(at, _)| at)
    }

    fn next_open(&mut self, decisions: &dyn Decisions) -> Vec<Effect> {
        let mut before = self.walk.stops().iter().take(self.at);
        let before = || before.position(|stop| decisions.verdict(stop.row).is_none());
        match self.open_behind(decisions).or_else(before) {
            Some(at) => self.leave_with(Effect::Go(at)),
            None => {
                self.said = "no other row here is without a decision".into();
                Vec::new()
            }
        }
    }

    fn step(&mut self, forward: bool) -> Vec<Effect> {
        let to = match forward {
            true => Some(self.at + 1).filter(|at| *at < self.walk.stops().len()),
            false => self.at.checked_sub(1),
        };
        match to {
            Some(at) => self.leave_with(Effect::Go(at)),
            None => {
                let end = if forward { "last" } else { "first" };
                self.said = format!("this is the {end} row to review");
                Vec::new()
            }
        }
    }

    /// Leaves the row: a remark that has no decision yet is not lost, it marks the row.
    fn leave_with(&mut self, effect: Effect) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.decision.is_none() && !self.pending.is_empty() {
            effects.push(Effect::Decide(Draft {
                verdict: Verdict::Marked,
                codes: Default::default(),
                note: self.pending.clone(),
            }));
        }
        effects.push(effect);
        effects
    }

    fn undo(&mut self, decisions: &dyn Decisions) -> Vec<Effect> {
        let shown = self.row.as_ref().map(|row| row.row);
        if let (Some(_), Some(row)) = (&self.decision, shown) {
            return vec![Effect::Undo(row)];
        }
        let last = self.last.filter(|row| decisions.verdict(*row).is_some());
        match last.and_then(|row| Some((row, self.walk.find(row)?))) {
            Some((row, at)) => {
                let mut effects = self.leave_with(Effect::Undo(row));
                effects.push(Effect::Go(at));
                effects
            }
            None => {
                self.said = "there is no decision to take back here".into();
                Vec::new()
            }
        }
    }

    fn note_key(
        &mut self,
        key: KeyEvent,
        mut input: Input,
        marks: bool,
        decisions: &dyn Decisions,
    ) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => {}
            KeyCode::Enter => {
                let note = input.text().trim().to_string();
                if marks {
                    let draft = Draft {
                        verdict: Verdict::Marked,
                        codes: Default::default(),
                        note,
                    };
                    return self.decide(draft, decisions);
                }
                if let Some(decision) = &self.decision {
                    return vec![Effect::Decide(Draft {
                        verdict: decision.verdict,
                        codes: decision.codes.clone(),
                        note,
                    })];
                }
                self.pending = note;
                self.said = match self.pending.is_empty() {
                    true => "no note".into(),
                    false => {
                        "noted: it goes with your decision; going on without one marks the row"
                            .into()
                    }
                };
            }
            _ => {
                input.key(key);
                self.mode = Mode::Note { input, marks };
            }
        }
        Vec::new()
    }

    fn jump_key(&mut self, key: KeyEvent, mut input: Input) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => {}
            KeyCode::Enter => {
                let row = input.text().trim().parse().ok();
                match row.and_then(|row| self.walk.find(row)) {
                    Some(at) => return self.leave_with(Effect::Go(at)),
                    None => {
                        self.said = match row {
                            Some(row) => {
                                format!("row {row} is not among these rows (--all walks every row)")
                            }
                            None => "a row's number is expected".into(),
                        }
                    }
                }
            }
            _ => {
                input.key(key);
                self.mode = Mode::Jump(input);
            }
        }
        Vec::new()
    }
}
