//! What can be wrong with a file of models, each fault with its place.

use std::fmt;

/// So many faults of a file are listed; the rest is counted.
pub const MAX_FAULTS: usize = 50;

/// One thing that is wrong in a file of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line on which it stands, from 1.
    pub line: usize,
    /// The model whose entry it is in; none: it is in no entry.
    pub model: Option<String>,
    /// The field; none: the entry as a whole is wrong.
    pub field: Option<String>,
    /// What stands there, what should, and what to do.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(model) = &self.model {
            write!(f, ", model '{model}'")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field '{field}'")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// Why a file of models cannot be used: all that is wrong with it at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(name, faults))]
pub struct CatalogError {
    /// The file's name.
    pub name: String,
    /// The faults in the order of the lines.
    pub faults: Vec<Fault>,
}

impl CatalogError {
    /// The error for `faults`, in the order of the lines.
    pub(super) fn new(name: &str, mut faults: Vec<Fault>) -> CatalogError {
        faults.sort_by_key(|fault| fault.line);
        CatalogError {
            name: name.to_owned(),
            faults,
        }
    }
}

fn listed(name: &str, faults: &[Fault]) -> String {
    let all = faults.len();
    let mut text = format!(
        "models file '{name}': {all} fault{}",
        if all == 1 { "" } else { "s" }
    );
    for fault in faults.iter().take(MAX_FAULTS) {
        text.push_str(&format!("\n  {fault}"));
    }
    if all > MAX_FAULTS {
        text.push_str(&format!("\n  and {} more", all - MAX_FAULTS));
    }
    text
}
