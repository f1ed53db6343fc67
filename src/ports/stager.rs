//! Normalising an input to plain UTF-8 before it is split: unpacking and decoding, as a stream.

use async_trait::async_trait;

use super::blobs::BlobHead;
use super::error::PortResult;
use crate::core::spec::BlobRef;
use crate::records::Normalise;

/// Makes staged copies.
#[async_trait]
pub trait Stager: Send + Sync {
    /// Writes the version `etag` of `from`, unpacked and decoded, to `to`. Damaged or truncated input is a
    /// `PermanentJob` error that says how far it was readable. Saying it again writes the same bytes.
    async fn stage(
        &self,
        from: &BlobRef,
        etag: &str,
        normalise: &Normalise,
        to: &BlobRef,
    ) -> PortResult<BlobHead>;
}
