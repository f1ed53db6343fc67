//! One line that a person types.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// No typed line is longer.
const MAX_CHARS: usize = 1_000;

/// A line that is being typed; the cursor stands at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    text: String,
}

impl Input {
    /// Begins with `text`.
    pub fn with(text: &str) -> Input {
        Input {
            text: text.to_string(),
        }
    }

    /// What stands there.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes a key; false: it is none that types.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => self.text.clear(),
            KeyCode::Char('w') if control => {
                let words = self.text.trim_end();
                let keep = words.rfind(' ').map_or(0, |at| at + 1);
                self.text.truncate(keep);
            }
            KeyCode::Char(c) if !control && !c.is_control() => {
                if self.text.chars().count() < MAX_CHARS {
                    self.text.push(c);
                }
            }
            KeyCode::Backspace => return self.text.pop().is_some(),
            _ => return false,
        }
        true
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.text.clear();
    }
}
