//! Names of things: jobs, chunks, rows, epochs. Newtypes, so that a row number is never taken for a chunk number.

use serde::{Deserialize, Serialize};

/// A job: one input file under one spec. Derived from what shapes its answers (see [`crate::core::identity`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub String);

impl JobId {
    /// The id as text, for keys and messages.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Number of a chunk within its job, from 0.
pub type ChunkNo = u32;

/// Number of a data record within the input, from 1. Ids may repeat; this never does.
pub type RowNo = u64;

/// Fences older owners: every claim on a chunk (and every election of a finisher) raises it by one.
pub type Epoch = u64;

/// 0 for the first pass over a job, raised by each retry of its failed rows.
pub type Generation = u32;

/// One chunk of one generation of one job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkKey {
    /// The job.
    pub job_id: JobId,
    /// The generation that works on it.
    pub generation: Generation,
    /// The chunk.
    pub chunk: ChunkNo,
}

impl std::fmt::Display for ChunkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/g{}/{}", self.job_id, self.generation, self.chunk)
    }
}
