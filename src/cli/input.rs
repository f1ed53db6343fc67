//! The flags that say how an input is read: the same for every command that reads one.

use clap::Args;

use crate::core::spec::defaults;
use crate::records::InputOptions;

/// How the input is read.
#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// Rows a chunk, the unit of work that is redone after a crash
    #[arg(long, value_name = "N", default_value_t = defaults::CHUNK_ROWS)]
    pub chunk_rows: u32,
    /// Column of the reports' ids [default: id]
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Column of the reports' texts [default: mdr_text]
    #[arg(long, value_name = "COLUMN")]
    pub text_column: Option<String>,
    /// Encoding of INPUT, such as windows-1252 [default: utf-8]
    #[arg(long, value_name = "LABEL")]
    pub encoding: Option<String>,
}

impl Default for InputArgs {
    fn default() -> Self {
        InputArgs {
            chunk_rows: defaults::CHUNK_ROWS,
            id_column: None,
            text_column: None,
            encoding: None,
        }
    }
}

impl InputArgs {
    /// The same for the reading side.
    pub fn options(&self) -> InputOptions {
        InputOptions {
            id_column: self.id_column.clone(),
            text_column: self.text_column.clone(),
            encoding: self.encoding.clone(),
            max_record_bytes: defaults::MAX_RECORD_BYTES as usize,
            chunk_rows: self.chunk_rows,
        }
    }

    /// What is wrong with the flags themselves.
    pub fn problems(&self) -> Vec<String> {
        if (1..=10_000).contains(&self.chunk_rows) {
            return Vec::new();
        }
        vec![format!(
            "--chunk-rows is {}: 1 to 10000 rows a chunk are allowed",
            self.chunk_rows
        )]
    }
}
