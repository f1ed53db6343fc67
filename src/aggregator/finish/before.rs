//! What a retry keeps of the outputs before it, for auditors: a copy under `retry-N/before/`, made once, before anything is
//! written over.

use crate::core::format::Format;
use crate::core::job::JobRecord;
use crate::core::transitions::generation::retry_prefix;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};

use super::AggregatorPorts;

/// All names that outputs of a job can have.
const OUTPUTS: [&str; 13] = [
    "results.csv",
    "results.partial.csv",
    "results.parquet",
    "results.partial.parquet",
    "results.jsonl",
    "results.partial.jsonl",
    "results.spreadsheet.csv",
    "results.partial.spreadsheet.csv",
    "failures.csv",
    "failures.partial.csv",
    "summary.json",
    "report.html",
    "manifest.json",
];

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
    for name in OUTPUTS {
        let from = job.spec.output(name);
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

/// Removes what the generation before wrote under names that this one does not use: partial files beside whole ones, or
/// whole ones beside the files of a retry that was stopped.
pub(super) async fn remove_outdated(ports: &AggregatorPorts, job: &JobRecord) -> PortResult<()> {
    if job.generation == 0 {
        return Ok(());
    }
    let partial = match job.stopping.is_some() {
        true => "",
        false => ".partial",
    };
    let forms = Format::ALL.map(|format| format!("results{partial}{}", format.suffix()));
    let tables = ["results", "failures"].map(|name| format!("{name}{partial}.csv"));
    for name in tables.into_iter().chain(forms) {
        let blob = job.spec.output(&name);
        retry(&*ports.clock, Backoff::STORAGE, || {
            ports.blobs.delete(&blob)
        })
        .await?;
    }
    Ok(())
}
