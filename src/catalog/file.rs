//! A file of models: which entries it has, and all that is wrong with it at once.
//!
//! The TOML is walked and not handed to serde: serde ends at the first fault, and it would read a price that is written
//! as a number through floating point.

use toml::de::DeTable;

use super::entry::Entry;
use super::fault::CatalogError;
use super::id::{ModelId, Route};
use super::read::{Fields, Source};

/// One entry and where it stands.
pub(super) struct Placed {
    /// A model's id without geography, or the ARN of an application inference profile or a model of the user's own.
    pub(super) key: String,
    /// The line of its heading, from 1.
    pub(super) line: usize,
    /// What it says.
    pub(super) entry: Entry,
}

/// Reads a file of models.
///
/// # Errors
/// All faults of its form. Whether entries fit each other shows only when they are put together.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Vec<Placed>, CatalogError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let mut source = Source::new("");
            let good = &bytes[..error.valid_up_to()];
            let line = 1 + good.iter().filter(|b| **b == b'\n').count();
            let problem = "found a byte that is not UTF-8, expected TOML text: save it as UTF-8";
            source.fault(line, None, problem.to_owned());
            return Err(CatalogError::new(name, source.faults));
        }
    };
    let mut source = Source::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = source.line_at(error.span().map_or(0, |span| span.start));
        source.fault(line, None, format!("this is not TOML: {}", error.message()));
    }
    let mut placed = Vec::new();
    for (key, value) in document.get_ref() {
        let line = source.line_at(key.span().start);
        match (key.get_ref().as_ref(), value.get_ref().as_table()) {
            ("models", Some(models)) => entries(&mut source, models, &mut placed),
            (other, _) => {
                let problem = format!(
                    "found '{other}', expected tables such as [models.\"anthropic.claude-...\"]"
                );
                source.fault(line, None, problem);
            }
        }
    }
    if source.faults.is_empty() {
        Ok(placed)
    } else {
        Err(CatalogError::new(name, source.faults))
    }
}

fn entries<'a>(source: &mut Source<'a>, models: &DeTable<'a>, placed: &mut Vec<Placed>) {
    for (key, value) in models {
        let line = source.line_at(key.span().start);
        let key = key.get_ref().to_string();
        let id = ModelId::parse(&key);
        if let Err(problem) = may_stand(&id) {
            source.fault(line, Some(&key), problem);
        }
        let Some(table) = value.get_ref().as_table() else {
            let problem = "found a value, expected a table of fields".to_owned();
            source.fault(line, Some(&key), problem);
            continue;
        };
        let entry = Entry::read(Fields::new(source, &key, table));
        if let Some(model) = &entry.model {
            let problem = match (&id.route, ModelId::parse(model).base) {
                (Route::InRegion, _) => Some(
                    "only the ARN of an application inference profile has a 'model'".to_owned(),
                ),
                (_, None) => Some(format!(
                    "the 'model' behind it is '{model}', expected an id such as us.anthropic.claude-..."
                )),
                _ => None,
            };
            if let Some(problem) = problem {
                source.fault(line, Some(&key), problem);
            }
        }
        placed.push(Placed { key, line, entry });
    }
}

/// Whether an entry may be about this.
fn may_stand(id: &ModelId) -> Result<(), String> {
    match (&id.route, &id.base, &id.region) {
        (Route::InRegion, Some(base), _) if *base == id.given => Ok(()),
        (Route::Application | Route::Unknown, _, Some(_)) => Ok(()),
        (_, Some(base), _) => Err(format!(
            "an entry is about a model in all geographies: write [models.\"{base}\"]"
        )),
        (_, None, _) => Err(
            "expected a model's id such as anthropic.claude-haiku-5-5, or the ARN of an application \
             inference profile"
                .to_owned(),
        ),
    }
}
