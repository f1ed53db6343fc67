//! Objects as they are looked at once and then never otherwise: the version first, then that version's bytes.

use super::resolve::Unresolved;
use crate::core::spec::BlobRef;
use crate::ports::blobs::BlobHead;
use crate::ports::error::{ErrorClass, PortError};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock};

/// What an error of the store means for the job: gone, changed and forbidden refuse it, the rest passes.
pub(super) fn sorted(what: &str, error: PortError) -> Unresolved {
    match error.class {
        ErrorClass::PermanentJob => Unresolved::Refused(vec![format!("{what}: {}", error.what)]),
        _ => Unresolved::Trouble(error.context(what)),
    }
}

/// The version `version` of an object, or the one that is there now.
pub(super) async fn pin(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    what: &str,
    blob: &BlobRef,
    version: Option<&str>,
) -> Result<BlobHead, Unresolved> {
    let head = retry(clock, Backoff::STORAGE, || async {
        match version {
            Some(version) => blobs.head_version(blob, version).await,
            None => blobs.head(blob).await,
        }
    })
    .await
    .map_err(|error| sorted(what, error))?;
    if let Some(head) = head {
        return Ok(head);
    }
    let there = retry(clock, Backoff::STORAGE, || blobs.head(blob))
        .await
        .map_err(|error| sorted(what, error))?;
    Err(Unresolved::Refused(vec![match (there, version) {
        (Some(other), Some(version)) => format!(
            "{what} {blob} was replaced before its job was made: version {version} was meant, {} is there, and the \
             bucket keeps no versions; what is there now is a job of its own",
            other.etag
        ),
        _ => format!("{what} {blob} is not there"),
    }]))
}

/// The bytes of the version `head` of a small object.
pub(super) async fn read_small(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    what: &str,
    blob: &BlobRef,
    head: &BlobHead,
    most_bytes: u64,
) -> Result<Vec<u8>, Unresolved> {
    if head.bytes > most_bytes {
        return Err(Unresolved::Refused(vec![format!(
            "{what} {blob} has {} bytes, and {most_bytes} are allowed",
            head.bytes
        )]));
    }
    retry(clock, Backoff::STORAGE, || {
        blobs.get_range(blob, 0, head.bytes.max(1), Some(&head.etag))
    })
    .await
    .map_err(|error| sorted(what, error))
}
