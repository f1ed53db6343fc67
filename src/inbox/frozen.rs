//! What an arrival came to, kept where every splitter finds it: the same event said again is the same job, also when
//! defaults, terms or the sidecar have changed since, and also when its input is long gone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::arrival::ObjectEvent;
use super::place::OWN_PREFIX;
use crate::core::identity::sha256_hex;
use crate::core::ids::JobId;
use crate::core::spec::{BlobRef, JobSpec};
use crate::ports::blobs::Put;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock};

/// The longest record that is read: a spec and a reason.
const MOST_BYTES: u64 = 1 << 20;

/// Names one arrival, however often it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArrivalId(pub(super) String);

impl ArrivalId {
    /// Of an event. Two writes of the same bytes to a bucket without versions are two arrivals: `occurrence` tells them
    /// apart, or else the message does.
    pub(super) fn of_object(event: &ObjectEvent, message_id: &str) -> ArrivalId {
        let ObjectEvent {
            blob,
            version_id,
            etag,
            occurrence,
            ..
        } = event;
        let occurrence = occurrence.as_deref().unwrap_or(message_id);
        let parts = json!([
            "object",
            blob.bucket,
            blob.key,
            version_id,
            etag,
            occurrence
        ]);
        ArrivalId(sha256_hex(parts.to_string().as_bytes()))
    }

    /// Of a spec that is the message.
    pub(super) fn of_message(body: &str, message_id: &str) -> ArrivalId {
        let parts = json!(["message", sha256_hex(body.as_bytes()), message_id]);
        ArrivalId(sha256_hex(parts.to_string().as_bytes()))
    }

    /// Where the record of it lies.
    pub(super) fn blob(&self, output_bucket: &str) -> BlobRef {
        BlobRef::new(output_bucket, format!("{OWN_PREFIX}inbox/{}.json", self.0))
    }
}

/// What an arrival came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Frozen {
    /// The job.
    pub(super) job_id: JobId,
    /// Its spec.
    pub(super) spec: JobSpec,
    /// Why it can never be done; none: it can.
    pub(super) failed: Option<String>,
}

/// The record at `blob`, if there is one.
pub(super) async fn find(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    blob: &BlobRef,
) -> PortResult<Option<Frozen>> {
    match retry(clock, Backoff::STORAGE, || blobs.head(blob)).await? {
        None => Ok(None),
        Some(_) => read(clock, blobs, blob).await.map(Some),
    }
}

/// Freezes `frozen` at `blob`, and returns what stands there: another splitter may have been quicker.
pub(super) async fn freeze(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    blob: &BlobRef,
    frozen: Frozen,
) -> PortResult<Frozen> {
    let bytes = serde_json::to_vec_pretty(&frozen)
        .map_err(|error| PortError::bug(format!("cannot encode a spec: {error}")))?;
    match retry(clock, Backoff::STORAGE, || blobs.put(blob, &bytes, true)).await? {
        Put::Written(_) => Ok(frozen),
        Put::Exists => read(clock, blobs, blob).await,
    }
}

async fn read(clock: &dyn Clock, blobs: &dyn Blobs, blob: &BlobRef) -> PortResult<Frozen> {
    let bytes = retry(clock, Backoff::STORAGE, || {
        blobs.get_range(blob, 0, MOST_BYTES, None)
    })
    .await?;
    serde_json::from_slice(&bytes).map_err(|_| {
        PortError::bug(format!(
            "{blob} is no record of an arrival that this version reads; remove it to have the arrival taken anew"
        ))
    })
}
