//! Objects in buckets: input, staged copies, chunk files, outputs.

use async_trait::async_trait;

use super::error::PortResult;
use crate::core::spec::BlobRef;

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobHead {
    /// Names the version: changes whenever the content does. Where the store keeps versions, one that was replaced can
    /// still be read by it.
    pub etag: String,
    /// Length.
    pub bytes: u64,
}

/// What a conditional put came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Written.
    Written(BlobHead),
    /// Something is there already; it was left as it is.
    Exists,
}

/// A writer of one object. Nothing is to be seen of it before [`BlobWriter::complete`]; dropping it leaves nothing.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends.
    async fn write(&mut self, bytes: &[u8]) -> PortResult<()>;

    /// Makes the object appear at once, whole. With `if_none_match` an object that is there stays.
    async fn complete(self: Box<Self>, if_none_match: bool) -> PortResult<Put>;
}

/// A store of objects.
///
/// Reads after a completed write see it. Errors with class `PermanentJob` mean that the object is gone, changed, or
/// may not be read; everything else is transient.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Bytes `start..end` (cut at the object's end) of the version `if_match`; any version if that is none. Another
    /// version, or none, is a `PermanentJob` error that says which.
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>>;

    /// Writes a small object whole.
    async fn put(&self, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> PortResult<Put>;

    /// Begins a large object.
    async fn put_stream(&self, blob: &BlobRef) -> PortResult<Box<dyn BlobWriter>>;

    /// Copies within the store, replacing what is there.
    async fn copy(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()>;

    /// Keys of `bucket` that begin with `prefix`, sorted.
    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>>;

    /// What is known of an object; none: it is not there.
    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>>;

    /// What is known of the version `version` (an `etag` of before) of an object; none: it is not there, or it was
    /// replaced and the store keeps no versions.
    async fn head_version(&self, blob: &BlobRef, version: &str) -> PortResult<Option<BlobHead>> {
        let head = self.head(blob).await?;
        Ok(head.filter(|head| head.etag == version))
    }

    /// The `etag` of this port for a version that somebody else names: the bare ETag of an event and, where the store
    /// keeps versions, the version's id.
    fn version_token(&self, etag: &str, _version_id: Option<&str>) -> String {
        etag.to_string()
    }

    /// Removes an object; one that is not there is no error.
    async fn delete(&self, blob: &BlobRef) -> PortResult<()>;
}
