//! Reading one entry's fields, each fault noted with its line, all of an entry at once.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::decimal;
use super::fault::Fault;

/// A file's text and the faults found in it so far.
pub(super) struct Source<'a> {
    text: &'a str,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Source<'a> {
        Source {
            text,
            faults: Vec::new(),
        }
    }

    /// The line, from 1, of what starts at this byte.
    pub(super) fn line_at(&self, byte: usize) -> usize {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        1 + before.iter().filter(|b| **b == b'\n').count()
    }

    /// Notes a fault of the file or of an entry as a whole.
    pub(super) fn fault(&mut self, line: usize, model: Option<&str>, problem: String) {
        self.faults.push(Fault {
            line,
            model: model.map(str::to_owned),
            field: None,
            problem,
        });
    }
}

/// One entry's table.
pub(super) struct Fields<'s, 'a> {
    source: &'s mut Source<'a>,
    model: &'s str,
    table: &'s DeTable<'a>,
    asked: Vec<&'static str>,
}

impl<'s, 'a> Fields<'s, 'a> {
    pub(super) fn new(
        source: &'s mut Source<'a>,
        model: &'s str,
        table: &'s DeTable<'a>,
    ) -> Fields<'s, 'a> {
        Fields {
            source,
            model,
            table,
            asked: Vec::new(),
        }
    }

    fn fault(&mut self, byte: usize, field: &str, problem: String) {
        self.source.faults.push(Fault {
            line: self.source.line_at(byte),
            model: Some(self.model.to_owned()),
            field: Some(field.to_owned()),
            problem,
        });
    }

    /// The field's value as `read` understands it; what it does not is a fault that says what was expected.
    fn read<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<T> {
        self.asked.push(field);
        let table = self.table;
        let value: &Spanned<DeValue<'a>> = table.get(field)?;
        match read(value.get_ref()) {
            Ok(read) => Some(read),
            Err(expected) => {
                let found = shown(value.get_ref());
                let problem = format!("found {found}, expected {expected}");
                self.fault(value.span().start, field, problem);
                None
            }
        }
    }

    /// Text that is not empty.
    pub(super) fn text(&mut self, field: &'static str) -> Option<String> {
        self.read(field, |value| match value.as_str().map(str::trim) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err("a text".to_owned()),
        })
    }

    /// US dollars per million tokens, as pico-dollars a token.
    pub(super) fn usd(&mut self, field: &'static str) -> Option<u64> {
        self.read(field, |value| {
            let digits = match value {
                DeValue::String(text) => text.as_ref(),
                DeValue::Float(float) => float.as_str(),
                DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
                _ => "",
            };
            decimal::pico_usd(digits)
        })
    }

    /// A whole number of `least` to `most`.
    pub(super) fn count(&mut self, field: &'static str, least: u64, most: u64) -> Option<u64> {
        self.read(field, |value| {
            value
                .as_integer()
                .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok())
                .filter(|count| (least..=most).contains(count))
                .ok_or_else(|| format!("a whole number from {least} to {most}"))
        })
    }

    /// A number of `least` to `most` that need not be exact.
    pub(super) fn about(&mut self, field: &'static str, least: f64, most: f64) -> Option<f64> {
        self.read(field, |value| {
            let digits = match value {
                DeValue::Float(float) => float.as_str(),
                DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
                _ => "",
            };
            let number = digits.parse().ok();
            number
                .filter(|number| (least..=most).contains(number))
                .ok_or_else(|| format!("a number from {least} to {most}"))
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, field: &'static str) -> Option<bool> {
        self.read(field, |value| {
            value.as_bool().ok_or_else(|| "true or false".to_owned())
        })
    }

    /// A list of texts.
    pub(super) fn list(&mut self, field: &'static str) -> Option<Vec<String>> {
        self.read(field, |value| {
            let texts = value.as_array().and_then(|array| {
                let text = |item: &Spanned<DeValue<'a>>| item.get_ref().as_str().map(str::to_owned);
                array.iter().map(text).collect()
            });
            texts.ok_or_else(|| "a list of texts".to_owned())
        })
    }

    /// A date, kept as text. A TOML date without quotes is one too.
    pub(super) fn date(&mut self, field: &'static str) -> Option<String> {
        self.read(field, |value| {
            let text = match value {
                DeValue::String(text) => text.to_string(),
                DeValue::Datetime(date) => date.to_string(),
                _ => String::new(),
            };
            match text.parse::<jiff::civil::Date>() {
                Ok(date) if date.to_string() == text => Ok(text),
                _ => Err("a date such as \"2026-11-22\"".to_owned()),
            }
        })
    }

    /// One of a few words, and what it stands for.
    pub(super) fn word<T: Clone>(
        &mut self,
        field: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        self.read(field, |value| {
            let word = value.as_str().unwrap_or_default();
            let found = words.iter().find(|(name, _)| *name == word);
            found.map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
                let names: Vec<String> = words
                    .iter()
                    .map(|(name, _)| format!("\"{name}\""))
                    .collect();
                format!("one of {}", names.join(", "))
            })
        })
    }

    /// Notes every field that nobody asked for; to be called last.
    pub(super) fn refuse_others(mut self) {
        let table = self.table;
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let near = self
                .asked
                .iter()
                .map(|field| (strsim::jaro_winkler(name, field), *field))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness > 0.8);
            let problem = match near {
                Some((_, field)) => format!("there is no such field: '{field}' may be meant"),
                None => format!(
                    "there is no such field; there are {}",
                    self.asked.join(", ")
                ),
            };
            self.fault(key.span().start, name, problem);
        }
    }
}

/// A value as a fault quotes it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", text.chars().take(60).collect::<String>()),
        DeValue::Integer(integer) => integer.as_str().to_owned(),
        DeValue::Float(float) => float.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        other => format!("a value of type {}", other.type_str()),
    }
}
