//! Results in other forms than CSV: Parquet, JSON Lines, and a CSV for spreadsheets.
//!
//! A writer takes the rows of results.csv one after another and gives bytes as it goes, so that memory is that of one row
//! group, however many rows there are. What it writes is a function of the rows, their columns and the job alone: neither
//! time nor chance is in it, so that whoever writes it again writes the same (I6).

pub mod athena;
mod cells;
mod jsonl;
mod parquet;
mod spreadsheet;

#[cfg(test)]
mod tests;

pub use cells::{Column, Kind, Value, typed, value};
pub use jsonl::object;
pub use spreadsheet::{MOST_ROWS, safe_record};

use csv::ByteRecord;

use super::ResultColumns;
use crate::core::format::Format;
use crate::core::identity::sha256_hex;
use crate::core::ids::JobId;
use crate::core::spec::{JobSpec, Limits};

/// Why rows cannot be written in a form. Nothing of a cell is quoted (I10).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A cell of ours does not hold what its column holds: the file was changed by somebody else.
    #[error(
        "row {row}, column '{column}': {expected} expected; take the results as the job wrote them"
    )]
    Cell {
        /// The row, counted from 1.
        row: u64,
        /// The column's name.
        column: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The encoder failed.
    #[error("cannot encode results as {form}: {what}")]
    Encoder {
        /// The form's name.
        form: &'static str,
        /// What it said.
        what: String,
    },
}

/// The job that rows are of, as a file that knows says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its id.
    pub job_id: String,
    /// SHA-256 of its spec in hex, without what may change about a job (limits, forms): the same in every later run.
    pub spec_sha256: String,
}

impl About {
    /// Of a job.
    pub fn new(job_id: &JobId, spec: &JobSpec) -> About {
        let mut lasting = spec.clone();
        lasting.set_limits(&Limits::default());
        lasting.formats.clear();
        lasting.no_text = false;
        let json = serde_json::to_vec(&lasting).unwrap_or_default();
        About {
            job_id: job_id.to_string(),
            spec_sha256: sha256_hex(&json),
        }
    }
}

/// What is to be said of a file that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// Rows in it.
    pub rows: u64,
    /// Cells that were cut, because a spreadsheet cannot hold them.
    pub cut_cells: u64,
}

/// Writes rows in one form.
pub struct FormatWriter {
    form: Form,
    notes: Notes,
}

enum Form {
    Parquet(Box<parquet::ParquetRows>),
    Jsonl(jsonl::JsonRows),
    Spreadsheet(Box<spreadsheet::SpreadsheetRows>),
}

impl FormatWriter {
    /// A writer of rows with these columns.
    ///
    /// # Errors
    /// The columns cannot be said in this form.
    pub fn new(
        format: Format,
        columns: &ResultColumns,
        about: &About,
    ) -> Result<FormatWriter, FormatError> {
        let form = match format {
            Format::Parquet => {
                Form::Parquet(Box::new(parquet::ParquetRows::new(typed(columns), about)?))
            }
            Format::Jsonl => Form::Jsonl(jsonl::JsonRows::new(typed(columns))),
            Format::Spreadsheet => {
                Form::Spreadsheet(Box::new(spreadsheet::SpreadsheetRows::new(columns)))
            }
        };
        Ok(FormatWriter {
            form,
            notes: Notes::default(),
        })
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// A cell is not what its column holds.
    pub fn row(&mut self, record: &ByteRecord) -> Result<(), FormatError> {
        self.notes.rows += 1;
        match &mut self.form {
            Form::Parquet(rows) => rows.row(record, self.notes.rows),
            Form::Jsonl(rows) => rows.row(record, self.notes.rows),
            Form::Spreadsheet(rows) => {
                self.notes.cut_cells += rows.row(record);
                Ok(())
            }
        }
    }

    /// The bytes that have come to be since they were taken last.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.form {
            Form::Parquet(rows) => rows.take(),
            Form::Jsonl(rows) => rows.take(),
            Form::Spreadsheet(rows) => rows.take(),
        }
    }

    /// The last bytes, and what is to be said.
    ///
    /// # Errors
    /// The encoder failed.
    pub fn finish(self) -> Result<(Vec<u8>, Notes), FormatError> {
        let bytes = match self.form {
            Form::Parquet(rows) => rows.finish()?,
            Form::Jsonl(mut rows) => rows.take(),
            Form::Spreadsheet(mut rows) => rows.take_all(),
        };
        Ok((bytes, self.notes))
    }
}
