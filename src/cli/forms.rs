//! The flags that say in which forms results are written besides CSV: the same for every command that has them.

use std::collections::BTreeSet;

use clap::Args;

use crate::core::format::Format;

/// Forms of results besides CSV.
#[derive(Debug, Clone, Default, Args)]
pub struct FormArgs {
    /// Write results also as parquet, jsonl or spreadsheet (more than one: with commas)
    #[arg(long, value_name = "FORM", value_delimiter = ',')]
    pub format: Vec<Format>,
    /// Write results also as a CSV that a spreadsheet opens without running what is in it (as --format spreadsheet)
    #[arg(long)]
    pub for_spreadsheet: bool,
}

impl FormArgs {
    /// All that are asked for, each once.
    pub fn formats(&self) -> BTreeSet<Format> {
        let copy = self.for_spreadsheet.then_some(Format::Spreadsheet);
        self.format.iter().copied().chain(copy).collect()
    }
}
