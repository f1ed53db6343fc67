//! Writing a job's outputs. They are a function of the frozen ledger and the chunk files and of nothing else (times
//! too come from the ledger), so that whoever is elected, however often, writes the same bytes (I6).

mod before;
mod forms;
mod input;
mod merge;
mod output;

use crate::core::files;
use crate::core::identity::sha256_hex;
use crate::core::ids::Generation;
use crate::core::job::{End, JobRecord};
use crate::core::spec::BlobRef;
use crate::core::transitions::generation::WORK_PREFIX;
use crate::core::transitions::job::verdict;
use crate::jobs;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::report::manifest::{Manifest, ManifestEntry};
use crate::report::page;
use crate::report::summary::Summary;
use crate::terms::TermTable;

use super::AggregatorPorts;

/// What was written.
pub(super) struct Finished {
    /// summary.json.
    pub(super) summary: Summary,
    /// Names of the outputs under the prefix, the manifest among them.
    pub(super) outputs: Vec<String>,
}

/// Writes everything under the output prefix.
pub(super) async fn write_outputs(
    ports: &AggregatorPorts,
    job: &JobRecord,
) -> PortResult<Finished> {
    let terms = match jobs::terms::load(&*ports.clock, &*ports.blobs, &job.spec).await {
        // A stopped job must end even if its terms are the cause; here they only lend their wording.
        Err(error) if job.stopping.is_some() && !error.is_retryable() => TermTable::builtin(),
        terms => terms?,
    };
    before::keep(ports, job).await?;
    let merged = match &job.plan {
        Some(plan) => merge::merge(ports, job, plan, &terms).await?,
        // Stopped before there was a plan: nothing but the reason can be said.
        None => merge::Merged::default(),
    };
    // By the model's id alone: whoever finishes, and whatever can still be read, says the same (I6).
    let price = ports.models.price(&job.spec);
    let mut counted = job.clone();
    counted.counters.tally += merged.unfinished;
    let summary = Summary::new(&counted, &merged.stats, price, &terms);
    summary.check(job, &merged.stats).map_err(|broken| {
        PortError::bug(format!(
            "{broken}; nothing is published as complete before it balances"
        ))
    })?;
    let mut outputs = merged.outputs;
    let json = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| PortError::bug(format!("cannot encode an output: {error}")))
    };
    let mut summary_json = json(serde_json::to_vec_pretty(&summary))?;
    summary_json.push(b'\n');
    outputs.push(put(ports, job, files::SUMMARY, &summary_json).await?);
    let page = page::render(&summary, merged.stats.findings.as_ref(), &terms);
    outputs.push(put(ports, job, files::REPORT, page.as_bytes()).await?);
    let manifest = Manifest {
        schema_version: 1,
        job_id: job.job_id.to_string(),
        status: summary.status.clone(),
        input: input::entry(ports, job).await?,
        input_version: job.spec.input_version.clone(),
        outputs,
        chunks: merged.chunks,
    };
    let mut manifest_json = json(serde_json::to_vec_pretty(&manifest))?;
    manifest_json.push(b'\n');
    put(ports, job, files::MANIFEST, &manifest_json).await?;
    before::remove_outdated(ports, job, &merged.dropped).await?;
    let names = manifest.outputs.into_iter().map(|entry| entry.name);
    let outputs = names.chain([files::MANIFEST.to_string()]).collect();
    Ok(Finished { summary, outputs })
}

async fn put(
    ports: &AggregatorPorts,
    job: &JobRecord,
    name: &str,
    bytes: &[u8],
) -> PortResult<ManifestEntry> {
    let blob = job.spec.output(name);
    retry(&*ports.clock, Backoff::STORAGE, || {
        ports.blobs.put(&blob, bytes, false)
    })
    .await?;
    Ok(ManifestEntry {
        name: name.to_string(),
        bytes: bytes.len() as u64,
        sha256: sha256_hex(bytes),
    })
}

/// Removes the workers' files of an ended job. What cannot be removed is only in the way.
///
/// Files of a later generation stay: it may have begun already. The staged copy of the input goes only with a job that no
/// generation can follow; a retry reads its rows from there.
pub async fn clean_up(ports: &AggregatorPorts, job: &JobRecord) {
    let prefix = job.spec.output(WORK_PREFIX);
    let is_complete = verdict(job) == End::Completed;
    let is_leftover = |key: &String| {
        let name = key.strip_prefix(&prefix.key).unwrap_or(key);
        let generation = name.strip_prefix('g').and_then(|rest| rest.split_once('/'));
        match generation.and_then(|(number, _)| number.parse::<Generation>().ok()) {
            Some(generation) => generation <= job.generation,
            None => is_complete,
        }
    };
    let keys = match ports.blobs.list(&prefix.bucket, &prefix.key).await {
        Ok(keys) => keys,
        Err(error) => {
            tracing::warn!(job = %job.job_id, %error, "work files not removed");
            return;
        }
    };
    for key in keys.into_iter().filter(is_leftover) {
        let blob = BlobRef::new(&prefix.bucket, key);
        if let Err(error) = ports.blobs.delete(&blob).await {
            tracing::warn!(job = %job.job_id, %blob, %error, "work file not removed");
        }
    }
}
