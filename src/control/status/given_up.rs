//! Chunks of a job that were given up.

use serde::Serialize;

use crate::control::{ControlPorts, ControlResult};
use crate::core::chunk::{ChunkRecord, ChunkStatus};
use crate::core::ids::{ChunkNo, RowNo};
use crate::core::job::JobRecord;
use crate::ports::retry::{Backoff, retry};

/// Chunk records read at once.
const PAGE_CHUNKS: u32 = 500;

/// A chunk that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Its number.
    pub chunk: ChunkNo,
    /// Number of its first row.
    pub first_row: RowNo,
    /// How many rows it holds.
    pub rows: u32,
    /// Why.
    pub reason: String,
}

/// Up to `max` chunks of the job that were given up, in order. Reads the index only as far as it must.
pub async fn quarantined(
    ports: &ControlPorts,
    job: &JobRecord,
    max: usize,
) -> ControlResult<Vec<Quarantined>> {
    let wanted = max.min(job.counters.quarantined as usize);
    let (mut found, mut from) = (Vec::new(), 0);
    while found.len() < wanted {
        let page: Vec<ChunkRecord> = retry(&*ports.clock, Backoff::STORAGE, || {
            ports.ledger.chunks(&job.job_id, from, PAGE_CHUNKS)
        })
        .await?;
        let Some(last) = page.last() else { break };
        from = last.range.chunk + 1;
        for chunk in page {
            if let ChunkStatus::Quarantined { reason } = chunk.status {
                found.push(Quarantined {
                    chunk: chunk.range.chunk,
                    first_row: chunk.range.first_row,
                    rows: chunk.range.rows,
                    reason,
                });
            }
        }
    }
    found.truncate(wanted);
    Ok(found)
}
