//! Making a plan: the input's version, its staged copy if it needs one, its layout; and taking the output prefix.

use super::SplitterPorts;
use crate::core::ids::JobId;
use crate::core::plan::Plan;
use crate::core::spec::JobSpec;
use crate::jobs::prefix;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::records::{Compression, HEAD_BYTES, InputOptions, layout, needs_normalising};

/// What a spec says about how to read its input.
pub fn input_options(spec: &JobSpec) -> InputOptions {
    InputOptions {
        id_column: spec.id_column.clone(),
        text_column: spec.text_column.clone(),
        encoding: spec.encoding.clone(),
        max_record_bytes: spec.max_record_bytes as usize,
        chunk_rows: spec.chunk_rows,
    }
}

pub(super) async fn make(
    ports: &SplitterPorts,
    job_id: &JobId,
    spec: &JobSpec,
) -> PortResult<Plan> {
    prefix::take(&*ports.clock, &*ports.blobs, job_id, spec).await?;
    let clock = &*ports.clock;
    let input = spec.input();
    let version = &spec.input_version;
    let head = retry(clock, Backoff::STORAGE, || {
        ports.blobs.head_version(&input, version)
    })
    .await?;
    let Some(head) = head else {
        let there = retry(clock, Backoff::STORAGE, || ports.blobs.head(&input)).await?;
        return Err(PortError::permanent_job(match there {
            None => format!("the input {input} is not there"),
            Some(other) => format!(
                "the input {input} has changed since the job was made: version {} is there; start a new job for it",
                other.etag
            ),
        }));
    };
    let options = input_options(spec);
    let first = retry(clock, Backoff::STORAGE, || {
        ports.blobs.get_range(&input, 0, 64, Some(&head.etag))
    })
    .await?;
    let (source, source_head, staged_from) = match needs_normalising(&first, &options) {
        None => (input, head, None),
        Some(normalise) => {
            let staged = spec.output("_work/input.csv");
            let staged_head = retry(clock, Backoff::STORAGE, || {
                ports.stager.stage(&input, &head.etag, &normalise, &staged)
            })
            .await?;
            let compression = match normalise.compression {
                Compression::None => None,
                Compression::Gzip => Some("gzip".to_string()),
                Compression::Zstd => Some("zstd".to_string()),
            };
            let from: Vec<String> = compression.into_iter().chain(normalise.encoding).collect();
            (staged, staged_head, Some(from.join("+")))
        }
    };
    let wanted = (HEAD_BYTES as u64).max(2 * spec.max_record_bytes);
    let head_bytes = retry(clock, Backoff::STORAGE, || {
        ports
            .blobs
            .get_range(&source, 0, wanted, Some(&source_head.etag))
    })
    .await?;
    let layout = layout(&head_bytes, source_head.bytes <= wanted, &options)
        .map_err(|error| PortError::permanent_job(error.to_string()))?;
    Ok(Plan {
        source,
        source_etag: source_head.etag,
        source_bytes: source_head.bytes,
        staged_from,
        layout,
        chunk_rows: spec.chunk_rows,
    })
}
