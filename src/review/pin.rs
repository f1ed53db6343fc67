//! Which results a folder's decisions are about.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::outputs::{Outputs, read_json};

pub use crate::core::files::REVIEW_PIN as PIN;

/// The results that decisions are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Form of this file.
    pub schema_version: u32,
    /// The job.
    pub job_id: String,
    /// The results file's name.
    pub results: String,
    /// Its SHA-256 in hex, as the manifest has it.
    pub results_sha256: String,
}

impl Pin {
    /// The results of this folder, by its manifest.
    ///
    /// # Errors
    /// There is no manifest, or it does not name the results: says what to do.
    pub fn of(outputs: &Outputs) -> anyhow::Result<Pin> {
        let written = outputs
            .written()
            .context("decisions are kept for the results that the manifest names")?;
        Ok(Pin {
            schema_version: 1,
            job_id: outputs.owner().job_id.to_string(),
            results: written.name,
            results_sha256: written.sha256,
        })
    }

    /// Holds it against what the folder's decisions were noted with; none was noted: nothing.
    ///
    /// # Errors
    /// They are about other results.
    pub fn check(&self, folder: &Path) -> anyhow::Result<Option<()>> {
        let path = folder.join(PIN);
        if !path.exists() {
            return Ok(None);
        }
        let noted: Pin = read_json(&path)?;
        if noted != *self {
            bail!(
                "the decisions in {} are about other results ({} of {}, sha256 {}) than lie there now ({} of {}, sha256 {}): move \
                 reviewed.csv, reviewed.history.csv and {PIN} to those results, or into a folder of their own, and review anew",
                folder.display(),
                noted.results,
                noted.job_id,
                short(&noted.results_sha256),
                self.results,
                self.job_id,
                short(&self.results_sha256)
            );
        }
        Ok(Some(()))
    }

    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self).expect("strings can be encoded");
        text.push('\n');
        replace(folder, PIN, |file| file.write_all(text.as_bytes()))
    }
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// Writes a file beside its name, syncs it, and puts it in the place of the one that is there.
pub(super) fn replace(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let (part, path) = (folder.join(format!(".{name}.part")), folder.join(name));
    let replaced = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        sync_folder(folder)
    };
    replaced().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a new name in a folder last, where the system has that.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Not every system lets a folder be opened or synced.
        Err(error) if error.kind() != ErrorKind::StorageFull => Ok(()),
        done => done,
    }
}
