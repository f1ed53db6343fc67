//! What a retry keeps of the outputs before it, for auditors: a copy under `retry-N/before/`, made once, before anything is
//! written over.

use crate::core::files;
use crate::core::job::JobRecord;
use crate::core::transitions::generation::retry_prefix;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};

use super::AggregatorPorts;

/// Says that all that was there is copied: whoever finishes after another died must not copy what that one wrote.
const COMPLETE: &str = "before/copied.json";

/// Copies the outputs of the generation before. Of the first one nothing is to be kept.
pub(super) async fn keep(ports: &AggregatorPorts, job: &JobRecord) -> PortResult<()> {
    if job.generation == 0 {
        return Ok(());
    }
    let (clock, blobs) = (&*ports.clock, &ports.blobs);
    let prefix = retry_prefix(job.generation);
    let complete = job.spec.output(&format!("{prefix}{COMPLETE}"));
    let is_there = retry(clock, Backoff::STORAGE, || blobs.head(&complete)).await?;
    if is_there.is_some() {
        return Ok(());
    }
    let mut copied = Vec::new();
    for name in files::outputs() {
        let from = job.spec.output(&name);
        if retry(clock, Backoff::STORAGE, || blobs.head(&from))
            .await?
            .is_none()
        {
            continue;
        }
        let to = job.spec.output(&format!("{prefix}before/{name}"));
        retry(clock, Backoff::STORAGE, || blobs.copy(&from, &to)).await?;
        copied.push(name);
    }
    let record = serde_json::json!({ "generation": job.generation - 1, "copied": copied });
    let bytes = serde_json::to_vec_pretty(&record)
        .map_err(|error| PortError::bug(format!("cannot encode what was copied: {error}")))?;
    retry(clock, Backoff::STORAGE, || {
        blobs.put(&complete, &bytes, true)
    })
    .await?;
    Ok(())
}

/// Removes what the generation before wrote under names that this one does not use: partial files beside whole ones,
/// whole ones beside the files of a retry that was stopped, and forms that could not be written this time (`dropped`).
pub(super) async fn remove_outdated(
    ports: &AggregatorPorts,
    job: &JobRecord,
    dropped: &[String],
) -> PortResult<()> {
    if job.generation == 0 {
        return Ok(());
    }
    let outdated = files::tables(job.stopping.is_none());
    for name in outdated.iter().chain(dropped) {
        let blob = job.spec.output(name);
        retry(&*ports.clock, Backoff::STORAGE, || {
            ports.blobs.delete(&blob)
        })
        .await?;
    }
    Ok(())
}
