//! The results in the forms that a spec asks for besides CSV, written in the same pass.

use csv::ByteRecord;

use super::super::AggregatorPorts;
use super::output::Output;
use crate::core::job::JobRecord;
use crate::ports::error::{PortError, PortResult};
use crate::report::manifest::ManifestEntry;
use crate::results::ResultColumns;
use crate::results::formats::{About, FormatError, FormatWriter, MOST_ROWS, Notes};

/// All forms of a job.
pub(super) struct Forms(Vec<(FormatWriter, Output)>);

impl Forms {
    /// Begins `stem.parquet` and the like.
    pub(super) async fn begin(
        ports: &AggregatorPorts,
        job: &JobRecord,
        columns: &ResultColumns,
        stem: &str,
    ) -> PortResult<Forms> {
        let about = About::new(&job.job_id, &job.spec);
        let mut forms = Vec::new();
        for format in &job.spec.formats {
            let writer = FormatWriter::new(*format, columns, &about).map_err(fault)?;
            let name = format!("{stem}{}", format.suffix());
            forms.push((writer, Output::begin(ports, job, name, &[]).await?));
        }
        Ok(Forms(forms))
    }

    /// Adds a row to each.
    pub(super) fn row(&mut self, record: &ByteRecord) -> PortResult<()> {
        for (writer, _) in &mut self.0 {
            writer.row(record).map_err(fault)?;
        }
        Ok(())
    }

    /// Writes what has come to be.
    pub(super) async fn flush_if_full(&mut self) -> PortResult<()> {
        for (writer, output) in &mut self.0 {
            output.add(&writer.take());
            output.flush_if_full().await?;
        }
        Ok(())
    }

    /// Their entries in the manifest.
    pub(super) async fn complete(self) -> PortResult<Vec<ManifestEntry>> {
        let mut entries = Vec::new();
        for (writer, mut output) in self.0 {
            let (bytes, notes) = writer.finish().map_err(fault)?;
            output.add(&bytes);
            let entry = output.complete().await?;
            warn(&entry.name, notes);
            entries.push(entry);
        }
        Ok(entries)
    }
}

fn warn(name: &str, notes: Notes) {
    let is_for_spreadsheets = name.ends_with(".csv");
    if is_for_spreadsheets && (notes.cut_cells > 0 || notes.rows >= MOST_ROWS) {
        let (rows, cut_cells) = (notes.rows, notes.cut_cells);
        tracing::warn!(name, rows, cut_cells, "more than a spreadsheet holds");
    }
}

/// The rows are ours: one that a form cannot hold is a fault of ours.
fn fault(error: FormatError) -> PortError {
    PortError::bug(error.to_string())
}
