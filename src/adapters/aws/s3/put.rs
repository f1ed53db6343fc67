//! Writing whole objects, and telling one's own write from another's.

use aws_sdk_s3::primitives::ByteStream;

use super::super::failure::refusal;
use super::{S3Blobs, version, writes};
use crate::core::spec::BlobRef;
use crate::ports::blobs::{BlobHead, Put};
use crate::ports::error::{PortError, PortResult};

/// The metadata that names the write which an object is of.
pub(super) const MARK: &str = "annexa-write";

/// A mark that no other write has.
pub(super) fn new_mark() -> String {
    #[expect(clippy::disallowed_methods, reason = "an adapter may draw names")]
    uuid::Uuid::new_v4().simple().to_string()
}

/// What browsers and tools are told of an object, by its name.
pub(super) fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.').map(|(_, end)| end) {
        Some("csv") => "text/csv; charset=utf-8",
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}

impl S3Blobs {
    /// Writes an object in one request, under `mark`.
    pub(super) async fn put_whole(
        &self,
        blob: &BlobRef,
        bytes: Vec<u8>,
        if_none_match: bool,
        mark: &str,
    ) -> PortResult<Put> {
        let length = bytes.len() as u64;
        let answer = self
            .client
            .put_object()
            .bucket(&blob.bucket)
            .key(&blob.key)
            .content_type(content_type(&blob.key))
            .metadata(MARK, mark)
            .set_if_none_match(if_none_match.then(|| "*".to_string()))
            .body(ByteStream::from(bytes))
            .send()
            .await;
        let request = writes(blob, "s3:PutObject");
        match answer {
            Ok(answer) => {
                let head = version::head(answer.e_tag(), answer.version_id(), Some(length));
                head.map(Put::Written)
                    .ok_or_else(|| request.open("the answer has no ETag"))
            }
            Err(error) => {
                let is_taken = refusal(&error).is_some_and(|refusal| refusal.status == 412);
                let error = self.failed(&error, &request);
                self.settle(blob, mark, if_none_match, is_taken, error)
                    .await
            }
        }
    }

    /// What a write came to that was refused because something is there (`is_taken`), or whose outcome is open: S11.
    pub(super) async fn settle(
        &self,
        blob: &BlobRef,
        mark: &str,
        if_none_match: bool,
        is_taken: bool,
        error: PortError,
    ) -> PortResult<Put> {
        if !is_taken && !error.unknown_outcome {
            return Err(error);
        }
        match self.is_of(blob, mark).await {
            Ok(Some(head)) => Ok(Put::Written(head)),
            Ok(None) if is_taken && if_none_match => Ok(Put::Exists),
            // Taken by another's write, or it may still arrive.
            Ok(None) => Err(error),
            Err(_) => Err(PortError::unknown(format!(
                "{}, and whether it was written cannot be seen",
                error.what
            ))),
        }
    }

    /// The object, if it is of the write `mark`.
    async fn is_of(&self, blob: &BlobRef, mark: &str) -> PortResult<Option<BlobHead>> {
        let seen = self.look(blob, None).await?;
        let ours = seen.filter(|seen| seen.mark.as_deref() == Some(mark));
        Ok(ours.map(|seen| seen.head))
    }
}
