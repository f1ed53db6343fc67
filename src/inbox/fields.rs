//! Reading a JSON object field by field, with all that is wrong at once.
//!
//! Numbers may stand as strings, since scripts write them so. Nothing of the object is quoted in a problem but names of
//! fields and short settings: whatever somebody sends here by mistake does not end up in a log (I10).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Names that are less alike than this are not offered as meant.
const MIN_LIKENESS: f64 = 0.7;
/// The longest piece of an object that a problem quotes, in characters.
const MAX_QUOTE_CHARS: usize = 60;

/// An object that is being read.
pub(super) struct Fields {
    object: Map<String, Value>,
    problems: Vec<String>,
}

impl Fields {
    /// Begins with `object`, of which only `known` fields may be there.
    pub(super) fn new(mut object: Map<String, Value>, known: &[&str]) -> Fields {
        let problems = object
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| unknown(name, known))
            .collect();
        // `null` says as much as nothing.
        object.retain(|_, value| !value.is_null());
        Fields { object, problems }
    }

    /// All that is wrong; empty: nothing.
    pub(super) fn problems(self) -> Vec<String> {
        self.problems
    }

    pub(super) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// A text; one that is empty is as none.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.object.remove(name)? {
            Value::String(text) => {
                let text = text.trim();
                (!text.is_empty()).then(|| text.to_string())
            }
            other => self.is_not(name, &other, "a text"),
        }
    }

    /// A text that is taken as it is: keys may begin or end with spaces.
    pub(super) fn verbatim(&mut self, name: &str) -> Option<String> {
        match self.object.remove(name)? {
            Value::String(text) => Some(text),
            other => self.is_not(name, &other, "a text"),
        }
    }

    /// A whole number between `least` and `most`; `what` says of what.
    pub(super) fn whole(&mut self, name: &str, least: u64, most: u64, what: &str) -> Option<u64> {
        let value = self.object.remove(name)?;
        let number = match &value {
            Value::Number(number) => number.as_u64().or_else(|| {
                // 5.0 is 5.
                let float = number.as_f64()?;
                (float.fract() == 0.0 && (0.0..=1e15).contains(&float)).then_some(float as u64)
            }),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => self.is_not(name, &value, &format!("{least} to {most} {what}")),
        }
    }

    /// A number that `is_good`; `expected` says which are.
    pub(super) fn number(
        &mut self,
        name: &str,
        expected: &str,
        is_good: impl Fn(f64) -> bool,
    ) -> Option<f64> {
        let value = self.object.remove(name)?;
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() && is_good(number) => Some(number),
            _ => self.is_not(name, &value, expected),
        }
    }

    /// Something written as a text or a number, read by `parse`.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.object.remove(name)?;
        let text = match &value {
            Value::String(text) => text.trim().to_string(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        match parse(&text) {
            Some(parsed) => Some(parsed),
            None => self.is_not(name, &value, expected),
        }
    }

    /// Takes `false` for nothing.
    pub(super) fn not_if_false(&mut self, name: &str) {
        if self.object.get(name) == Some(&Value::Bool(false)) {
            self.object.remove(name);
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.object.remove(name)?;
        let flag = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        match flag {
            Some(flag) => Some(flag),
            None => self.is_not(name, &value, "true or false"),
        }
    }

    /// Words from a fixed set, read by `parse`: a list of texts, or one text with commas between them.
    pub(super) fn words<T: Ord>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<BTreeSet<T>> {
        let value = self.object.remove(name)?;
        let words: Option<Vec<&str>> = match &value {
            Value::String(text) => Some(text.split(',').collect()),
            Value::Array(list) => list.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let Some(words) = words else {
            return self.is_not(name, &value, &format!("a list of {expected}"));
        };
        let words = words.iter().map(|word| word.trim());
        let mut read = BTreeSet::new();
        for word in words.filter(|word| !word.is_empty()) {
            match parse(word) {
                Some(word) => read.insert(word),
                None => return self.is_not(name, &Value::from(word), expected),
            };
        }
        Some(read)
    }

    fn is_not<T>(&mut self, name: &str, value: &Value, expected: &str) -> Option<T> {
        let shown = match value {
            Value::String(text) => quoted(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Array(_) => "a list".to_string(),
            Value::Object(_) => "an object".to_string(),
            Value::Null => "null".to_string(),
        };
        self.problem(format!("{name} is {shown}: {expected} expected"));
        None
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let likeness = |own: &str| strsim::normalized_damerau_levenshtein(name, own);
    let near = known
        .iter()
        .map(|own| (likeness(own), own))
        .filter(|(likeness, _)| *likeness >= MIN_LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let meant = near.map_or(String::new(), |(_, own)| format!(": '{own}' may be meant"));
    format!("unknown field {}{meant}", quoted(name))
}

/// A piece of an object in quotation marks, cut and without control characters.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for (at, c) in text.chars().enumerate() {
        if at == MAX_QUOTE_CHARS {
            out.push('…');
            break;
        }
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out.push('\'');
    out
}
