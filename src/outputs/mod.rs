//! The outputs of a job as they lie in a folder, for commands that read them after the end: who owns them, and their rows one
//! by one. Memory is that of one row, however many there are.

mod row;

#[cfg(test)]
mod tests;

pub use crate::core::files::OWNER;
pub use row::StoredRow;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use csv::{Reader, ReaderBuilder, StringRecord};
use sha2::{Digest, Sha256};

use crate::core::identity::hex;
use crate::core::ids::JobId;
use crate::core::spec::JobSpec;
use crate::report::manifest::{Manifest, ManifestEntry};
use crate::report::summary::Summary;
use crate::results::ResultColumns;

/// The job that owns a folder, as `job.json` has it.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Owner {
    /// Its id.
    pub job_id: JobId,
    /// Its spec.
    pub spec: JobSpec,
}

/// A folder with the outputs of a job that has ended.
#[derive(Debug)]
pub struct Outputs {
    folder: PathBuf,
    owner: Owner,
    results: PathBuf,
    columns: ResultColumns,
}

impl Outputs {
    /// Opens the folder that `path` names, or that holds the results file that `path` names.
    ///
    /// # Errors
    /// It is no folder of outputs, its job has not ended, or its files do not belong together; says what to do.
    pub fn open(path: &Path) -> anyhow::Result<Outputs> {
        let shown = path.display();
        let is_file = path
            .metadata()
            .with_context(|| format!("cannot read {shown}"))?
            .is_file();
        let folder = match (is_file, path.parent()) {
            (true, Some(parent)) if parent.as_os_str().is_empty() => PathBuf::from("."),
            (true, Some(parent)) => parent.to_path_buf(),
            _ => path.to_path_buf(),
        };
        let owner: Owner = read_json(&folder.join(OWNER)).with_context(|| {
            format!("{shown} is no folder of outputs: name the one that annexa run, or aws s3 cp, has made")
        })?;
        let results = match is_file {
            true => path.to_path_buf(),
            false => results_in(&folder)?,
        };
        let header = open_csv(&results)?.headers().map(names);
        let header = header.with_context(|| format!("cannot read {}", results.display()))?;
        let Some(columns) = ResultColumns::of_header(&header, &owner.spec) else {
            bail!(
                "{} has other columns than the job of {} writes: take the file as the job wrote it",
                results.display(),
                folder.join(OWNER).display()
            );
        };
        Ok(Outputs {
            folder,
            owner,
            results,
            columns,
        })
    }

    /// As [`Outputs::open`], for whoever decides, publishes or counts by the results: they have to be what the job wrote, by the
    /// manifest's SHA-256. Reads the results file once.
    ///
    /// # Errors
    /// As [`Outputs::open`], or they are not what the job wrote.
    pub fn open_unchanged(path: &Path) -> anyhow::Result<Outputs> {
        let outputs = Outputs::open(path)?;
        let (results, written) = (&outputs.results, outputs.written()?);
        let mut file = File::open(results)?;
        let mut hasher = Sha256::new();
        // The length tells most changes without reading.
        let is_as_long = file.metadata()?.len() == written.bytes;
        if is_as_long {
            std::io::copy(&mut file, &mut hasher)
                .with_context(|| format!("cannot read {}", results.display()))?;
        }
        if !is_as_long || hex(&hasher.finalize()) != written.sha256 {
            bail!(
                "{} is not what its job wrote (manifest.json has another length or SHA-256): take it from where the job put it; \
                 annexa verify shows what has changed",
                results.display()
            );
        }
        Ok(outputs)
    }

    /// What the manifest says of the results file.
    ///
    /// # Errors
    /// There is no manifest, or it does not name the file.
    pub fn written(&self) -> anyhow::Result<ManifestEntry> {
        let name = self
            .results
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let mut outputs = self.manifest()?.outputs.into_iter();
        outputs.find(|entry| entry.name == name).with_context(|| {
            format!(
                "{} is none of the files that manifest.json names: take the folder as the job wrote it",
                self.results.display()
            )
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The job and its spec.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The results file: `results.csv`, or of a job that was stopped `results.partial.csv`.
    pub fn results(&self) -> &Path {
        &self.results
    }

    /// Its columns.
    pub fn columns(&self) -> &ResultColumns {
        &self.columns
    }

    /// summary.json.
    ///
    /// # Errors
    /// It is not there, or it is none.
    pub fn summary(&self) -> anyhow::Result<Summary> {
        read_json(&self.folder.join("summary.json"))
    }

    /// manifest.json.
    ///
    /// # Errors
    /// It is not there, or it is none.
    pub fn manifest(&self) -> anyhow::Result<Manifest> {
        read_json(&self.folder.join("manifest.json"))
    }

    /// The rows, from the first.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn rows(&self) -> anyhow::Result<StoredRows<'_>> {
        self.rows_of(&self.results)
    }

    /// The rows of a file with the same columns, as a chunk's.
    ///
    /// # Errors
    /// The file cannot be opened, or it has other columns.
    pub fn rows_of(&self, file: &Path) -> anyhow::Result<StoredRows<'_>> {
        let mut reader = open_csv(file)?;
        // The header is no row.
        if names(reader.headers()?) != self.columns.names() {
            bail!(
                "{} has other columns than {}",
                file.display(),
                self.results.display()
            );
        }
        Ok(StoredRows {
            outputs: self,
            file: file.to_path_buf(),
            reader,
            record: StringRecord::new(),
        })
    }

    /// A row that was kept from [`StoredRows`].
    pub fn row<'r>(&'r self, record: &'r StringRecord) -> StoredRow<'r> {
        StoredRow::new(record, self)
    }
}

/// The rows of a results file, one at a time.
pub struct StoredRows<'o> {
    outputs: &'o Outputs,
    file: PathBuf,
    reader: Reader<File>,
    record: StringRecord,
}

impl StoredRows<'_> {
    /// The next row; none: that was the last one.
    ///
    /// # Errors
    /// The file is not as it was written: names file, line and byte.
    pub fn next_row(&mut self) -> anyhow::Result<Option<StoredRow<'_>>> {
        let is_there = self
            .reader
            .read_record(&mut self.record)
            .with_context(|| format!("{} is damaged", self.file.display()))?;
        Ok(is_there.then(|| StoredRow::new(&self.record, self.outputs)))
    }

    /// Where the next row begins, for [`StoredRows::seek`].
    pub fn position(&self) -> csv::Position {
        self.reader.position().clone()
    }

    /// Goes on at a place that [`StoredRows::position`] gave.
    ///
    /// # Errors
    /// The file cannot be read there.
    pub fn seek(&mut self, position: csv::Position) -> anyhow::Result<()> {
        Ok(self.reader.seek(position)?)
    }
}

fn results_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let there = ["results.csv", "results.partial.csv"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file());
    there.with_context(|| {
        format!(
            "{} holds no results.csv: its job has not ended (the same annexa run goes on with it)",
            folder.display()
        )
    })
}

fn open_csv(path: &Path) -> anyhow::Result<Reader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(ReaderBuilder::new()
        .buffer_capacity(1 << 18)
        .from_reader(file))
}

fn names(header: &StringRecord) -> Vec<String> {
    header.iter().map(str::to_string).collect()
}

/// Reads a JSON file of ours.
///
/// # Errors
/// It cannot be read, or it is not what it should be: names the file and the line.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{shown} is not what this program writes"))
}
