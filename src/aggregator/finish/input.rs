//! What the manifest says of the input: its length and its SHA-256, over the very version that the job read.

use sha2::{Digest, Sha256};

use super::AggregatorPorts;
use crate::core::identity::hex;
use crate::core::job::JobRecord;
use crate::ports::error::{ErrorClass, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::report::manifest::ManifestEntry;

/// Bytes read at once: memory stays flat however large the input is.
const BLOCK_BYTES: u64 = 8 << 20;

/// The input's entry; with an empty digest and a length of 0 where it is gone (then the job says so elsewhere).
pub(super) async fn entry(ports: &AggregatorPorts, job: &JobRecord) -> PortResult<ManifestEntry> {
    let (bytes, sha256) = match read(ports, job).await {
        Err(error) if error.class == ErrorClass::PermanentJob => (0, String::new()),
        read => read?,
    };
    Ok(ManifestEntry {
        name: job.spec.input_key.clone(),
        bytes,
        sha256,
    })
}

async fn read(ports: &AggregatorPorts, job: &JobRecord) -> PortResult<(u64, String)> {
    let (clock, input) = (&*ports.clock, job.spec.input());
    let version = job.spec.input_version.as_str();
    if let Some(known) = version.strip_prefix("sha256:") {
        // The store's versions are digests.
        let bytes = match &job.plan {
            Some(plan) if plan.staged_from.is_none() => plan.source_bytes,
            _ => {
                let head = retry(clock, Backoff::STORAGE, || {
                    ports.blobs.head_version(&input, version)
                });
                head.await?.map_or(0, |head| head.bytes)
            }
        };
        return Ok((bytes, known.to_string()));
    }
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    loop {
        let block = retry(clock, Backoff::STORAGE, || {
            ports
                .blobs
                .get_range(&input, bytes, bytes + BLOCK_BYTES, Some(version))
        })
        .await?;
        hasher.update(&block);
        bytes += block.len() as u64;
        if (block.len() as u64) < BLOCK_BYTES {
            return Ok((bytes, hex(&hasher.finalize())));
        }
    }
}
