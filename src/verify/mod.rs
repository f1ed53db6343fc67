//! `annexa verify`: what an auditor would recompute of finished outputs, from the files alone.
//!
//! Files are compared with the manifest, rows with their chunks, with the input, with the terms and with each other, and the
//! summary with the rows. Memory is that of a few rows, however many there are. Nothing of a report is in what is said (I10).

mod beside;
mod files;
mod forms;
mod input;
mod pass;
mod report;
mod row;
mod source;
mod summary;

pub use report::{Check, CheckResult, Report, Verdict};
pub use source::Store;

use std::sync::Arc;

use crate::core::spec::BlobRef;
use crate::outputs::{OWNER, Owner};
use crate::ports::error::PortError;
use crate::report::manifest::Manifest;
use crate::report::summary::Summary;
use crate::terms::TermTable;
use report::Notes;

/// Bytes of the longest JSON file of ours that is read whole.
const MOST_JSON_BYTES: u64 = 1 << 30;

/// Outputs of a job, and what is needed to check them.
pub struct Place {
    /// Where they lie.
    pub store: Store,
    /// Their bucket.
    pub bucket: String,
    /// Their prefix; empty, or ends with `/`.
    pub prefix: String,
    /// What to call the place.
    pub shown: String,
    /// Where the input is looked for; none: in the bucket that the spec names.
    pub input: InputPlace,
    /// Terms besides the built-in ones, if a file was named.
    pub terms: Option<Arc<TermTable>>,
}

/// Where the input is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputPlace {
    /// At this place, because somebody said so: another file there is a finding.
    Named(BlobRef),
    /// At this place, if it is the same file still.
    Perhaps(BlobRef),
    /// Where the spec has it, in the version that the job read.
    OfSpec,
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is no place of outputs, or its job has not ended.
    #[error("{0}")]
    NoOutputs(String),
    /// The place, or something in it, could not be read: nothing is said of what it holds.
    #[error("could not be checked: {0}")]
    Port(#[from] PortError),
}

impl Place {
    fn blob(&self, name: &str) -> BlobRef {
        BlobRef::new(&self.bucket, format!("{}{name}", self.prefix))
    }

    /// A JSON file of ours; what is wrong with it, if something is.
    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        let bytes = self
            .store
            .range(&self.blob(name), 0, MOST_JSON_BYTES, None)
            .map_err(|error| format!("{name} cannot be read: {}", error.what))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("{name} is not what this program writes (line {line}, column {column})")
        })
    }
}

/// What is known of the outputs before any row is read.
struct Known {
    owner: Owner,
    manifest: Manifest,
    summary: Option<Summary>,
    /// Names of the files that are there.
    files: Vec<String>,
    /// `results`, or `results.partial`.
    stem: String,
}

impl Known {
    fn is_partial(&self) -> bool {
        self.stem != "results"
    }

    fn results(&self) -> String {
        format!("{}.csv", self.stem)
    }

    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file == name)
    }
}

/// Checks everything that can be checked.
///
/// # Errors
/// There are no outputs of an ended job, or the store did not answer: an outage is no finding.
pub fn verify(place: &Place) -> Result<Report, VerifyError> {
    let report = look(place);
    match place.store.trouble() {
        Some(trouble) => Err(trouble.into()),
        None => report,
    }
}

fn look(place: &Place) -> Result<Report, VerifyError> {
    let keys = place.store.list(&place.bucket, &place.prefix)?;
    let files: Vec<String> = keys
        .iter()
        .filter_map(|key| key.strip_prefix(&place.prefix))
        .map(str::to_string)
        .collect();
    let is_there = |name: &str| files.iter().any(|file| file == name);
    if !is_there(OWNER) && !is_there("manifest.json") {
        return Err(VerifyError::NoOutputs(format!(
            "{} holds no outputs of a job: name the folder that annexa run has made, or the prefix in S3",
            place.shown
        )));
    }
    if !is_there("manifest.json") && !is_there("summary.json") {
        return Err(VerifyError::NoOutputs(format!(
            "the job of {} has not ended: it writes manifest.json last",
            place.shown
        )));
    }
    let mut notes = Notes::default();
    let owner = place.json::<Owner>(OWNER);
    let manifest = place.json::<Manifest>("manifest.json");
    let summary = place.json::<Summary>("summary.json");
    let (owner, manifest) = match (owner, manifest) {
        (Ok(owner), Ok(manifest)) => (owner, manifest),
        (owner, manifest) => {
            // Without these two nothing is known of the rest.
            if let Err(problem) = owner {
                notes.problem(Check::Job, problem);
            }
            if let Err(problem) = manifest {
                notes.problem(Check::Manifest, problem);
            }
            return Ok(notes.report(&place.shown, "", false));
        }
    };
    let is_partial = manifest
        .outputs
        .iter()
        .any(|entry| entry.name == "results.partial.csv");
    let stem = if is_partial {
        "results.partial"
    } else {
        "results"
    };
    let summary = match summary {
        Ok(summary) => Some(summary),
        Err(problem) => {
            notes.problem(Check::Summary, problem);
            None
        }
    };
    let known = Known {
        owner,
        manifest,
        summary,
        files,
        stem: stem.to_string(),
    };
    summary::check_job(&known, &mut notes);
    files::check(place, &known, &mut notes);
    let input = input::find(place, &known, &mut notes);
    if known.has(&known.results()) {
        pass::check(place, &known, &mut notes);
        input::check_columns(place, &known, input, &mut notes);
    }
    let job_id = known.owner.job_id.to_string();
    Ok(notes.report(&place.shown, &job_id, known.is_partial()))
}
