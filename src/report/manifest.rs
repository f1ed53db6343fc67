//! manifest.json: digests of the input, of every output and of every chunk, so that a folder can be verified later.

use serde::{Deserialize, Serialize};

/// A file and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Its name under the output prefix (of the input: its key).
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in hex; empty: the store's version stands in its place.
    pub sha256: String,
}

/// The manifest of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of this file.
    pub schema_version: u32,
    /// The job.
    pub job_id: String,
    /// The job's end; anything but COMPLETED and COMPLETED_WITH_ERRORS means that the files are partial.
    pub status: String,
    /// The input as it was read, with the version that the job is pinned to.
    pub input: ManifestEntry,
    /// The pinned version.
    pub input_version: String,
    /// results, failures, summary, report.
    pub outputs: Vec<ManifestEntry>,
    /// Committed chunks, in order.
    pub chunks: Vec<ManifestEntry>,
}
