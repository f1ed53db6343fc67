//! Putting the catalog together: the built-in file, and a user's file over it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::entry::Entry;
use super::fault::{CatalogError, Fault};
use super::file::{self, Placed};
use super::id::ModelId;
use super::lookup::Catalog;

/// The facts that come with the program. Their sources stand in the file.
const BUILTIN: &[u8] = include_bytes!("../../data/models.toml");

impl Catalog {
    /// The built-in facts. Read once a process, then shared.
    ///
    /// # Panics
    /// Never in a program whose tests passed: the file is part of the program.
    pub fn builtin() -> Arc<Catalog> {
        static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
        let catalog = CATALOG.get_or_init(|| {
            let read = file::parse("models.toml", BUILTIN)
                .and_then(|placed| Catalog::put_together("models.toml", BTreeMap::new(), placed));
            match read {
                Ok(catalog) => Arc::new(catalog),
                Err(error) => panic!("the built-in facts of models are damaged: {error}"),
            }
        });
        Arc::clone(catalog)
    }

    /// The built-in facts with a user's file over them, field by field. `name` is the file's name for errors and sources.
    ///
    /// # Errors
    /// All that is wrong with the file.
    pub fn with_overrides(name: &str, bytes: &[u8]) -> Result<Catalog, CatalogError> {
        let placed = file::parse(name, bytes)?;
        Catalog::put_together(name, Catalog::builtin().entries.clone(), placed)
    }

    /// `entries` with everything `placed` over them, checked as a whole.
    fn put_together(
        name: &str,
        mut entries: BTreeMap<String, Entry>,
        mut placed: Vec<Placed>,
    ) -> Result<Catalog, CatalogError> {
        let mut faults = Vec::new();
        let mut lines = Vec::new();
        let mut behind = BTreeMap::new();
        // What stands on another entry comes after it.
        placed.sort_by_key(|placed| placed.entry.model.is_some());
        for Placed { key, line, entry } in placed {
            let id = entry.model.as_deref().map(ModelId::parse);
            let under = match id.as_ref().and_then(|id| id.base.as_ref()) {
                Some(base) => entries.get(base),
                None => entries.get(&key),
            };
            let is_new = under.is_none();
            let entry = match under {
                Some(under) => under.overlaid(entry, name),
                None => entry.with_source(name),
            };
            if let Some(id) = id {
                if is_new {
                    let problem = format!("'{id}' is not a model of the catalog");
                    faults.push(fault(line, &key, "model", problem));
                }
                behind.insert(key.clone(), id);
            }
            lines.push((line, key.clone()));
            entries.insert(key, entry);
        }
        for (line, key) in lines {
            let entry = &entries[&key];
            let mut found = entry.contradictions();
            if let Some(other) = &entry.replacement {
                if !entries.contains_key(other) {
                    let problem = format!("'{other}' is not a model of the catalog");
                    found.push(("replacement", problem));
                } else if *other == key {
                    found.push(("replacement", "a model cannot replace itself".to_owned()));
                }
            }
            let found = found.into_iter();
            faults.extend(found.map(|(field, problem)| fault(line, &key, field, problem)));
        }
        if !faults.is_empty() {
            return Err(CatalogError::new(name, faults));
        }
        let facts = |(key, entry): (&String, &Entry)| {
            let base = behind.get(key).and_then(|id: &ModelId| id.base.as_ref());
            (key.clone(), entry.facts(base.unwrap_or(key)))
        };
        let models = entries.iter().map(facts).collect();
        Ok(Catalog {
            entries,
            models,
            behind,
        })
    }
}

fn fault(line: usize, model: &str, field: &str, problem: String) -> Fault {
    Fault {
        line,
        model: Some(model.to_owned()),
        field: Some(field.to_owned()),
        problem,
    }
}
