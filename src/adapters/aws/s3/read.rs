//! Reading: ranges of a pinned version, heads, lists.

use super::super::failure::refusal;
use super::super::text;
use super::put::MARK;
use super::{S3Blobs, reads, version};
use crate::core::spec::BlobRef;
use crate::ports::blobs::BlobHead;
use crate::ports::error::PortResult;

/// What a look at an object brings.
pub(super) struct Seen {
    pub(super) head: BlobHead,
    /// Which write it is of, if one of ours.
    pub(super) mark: Option<String>,
}

impl S3Blobs {
    /// Bytes `start..end` of the version `pinned`.
    pub(super) async fn read(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        pinned: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        if start >= end {
            return self.read_nothing(blob, pinned).await;
        }
        let range = match (start, end) {
            (0, u64::MAX) => None,
            (start, u64::MAX) => Some(format!("bytes={start}-")),
            (start, end) => Some(format!("bytes={start}-{}", end - 1)),
        };
        let (etag, version_id) = unzip(pinned);
        let request = reads(blob, action(&version_id));
        let answer = self
            .client
            .get_object()
            .bucket(&blob.bucket)
            .key(&blob.key)
            .set_range(range)
            .set_if_match(etag)
            .set_version_id(version_id)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            // The range begins behind the end.
            Err(error) if refusal(&error).is_some_and(|refusal| refusal.status == 416) => {
                return self.read_nothing(blob, pinned).await;
            }
            Err(error) => return Err(self.failed(&error, &request)),
        };
        let promised = answer.content_length.and_then(|n| u64::try_from(n).ok());
        // Whoever serves may leave the range out of account: then it is cut out here.
        let mut at = match answer.content_range.as_deref() {
            Some(range) => begin_of(range)
                .ok_or_else(|| request.busy("the answer's Content-Range cannot be read"))?,
            None => 0,
        };
        if at > start {
            return Err(request.busy(format!(
                "bytes from {start} on were asked for, and bytes from {at} on came"
            )));
        }
        let (mut body, mut read, mut bytes) = (answer.body, 0, Vec::new());
        while at < end {
            let piece = body.try_next().await.map_err(|error| {
                let said = text::chain(&error);
                request.busy(format!("the answer broke off: try again ({said})"))
            })?;
            let Some(piece) = piece else {
                if promised.is_some_and(|promised| promised != read) {
                    return Err(request.busy(format!(
                        "the answer broke off after {read} bytes: try again"
                    )));
                }
                break;
            };
            let wanted = |place: u64| place.saturating_sub(at).min(piece.len() as u64) as usize;
            bytes.extend_from_slice(&piece[wanted(start)..wanted(end)]);
            read += piece.len() as u64;
            at += piece.len() as u64;
        }
        Ok(bytes)
    }

    /// No bytes, of an object that must be there all the same.
    async fn read_nothing(&self, blob: &BlobRef, pinned: Option<&str>) -> PortResult<Vec<u8>> {
        let (etag, version_id) = unzip(pinned);
        let request = reads(blob, action(&version_id));
        let answer = self
            .client
            .head_object()
            .bucket(&blob.bucket)
            .key(&blob.key)
            .set_if_match(etag)
            .set_version_id(version_id)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Vec::new()),
            Err(error) => Err(self.failed(&error, &request)),
        }
    }

    /// Looks at the version `pinned` (any, if that is none or has no id); none: it is not there.
    pub(super) async fn look(
        &self,
        blob: &BlobRef,
        pinned: Option<&str>,
    ) -> PortResult<Option<Seen>> {
        let (_, version_id) = unzip(pinned);
        let (is_pinned, request) = (version_id.is_some(), reads(blob, action(&version_id)));
        let answer = self
            .client
            .head_object()
            .bucket(&blob.bucket)
            .key(&blob.key)
            .set_version_id(version_id)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // Of an id, 405 says that a deletion stands there.
                let is_absent = |status| status == 404 || is_pinned && status == 405;
                return match refusal(&error) {
                    Some(refusal) if is_absent(refusal.status) => Ok(None),
                    _ => Err(self.failed(&error, &request)),
                };
            }
        };
        let bytes = answer.content_length().and_then(|n| u64::try_from(n).ok());
        let head = version::head(answer.e_tag(), answer.version_id(), bytes)
            .ok_or_else(|| request.busy("the answer has no ETag or no length"))?;
        let mark = answer.metadata().and_then(|data| data.get(MARK)).cloned();
        Ok(Some(Seen { head, mark }))
    }

    /// The keys under `prefix`, page by page.
    pub(super) async fn keys(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        let place = BlobRef::new(bucket, prefix);
        let request = reads(&place, "s3:ListBucket");
        let mut keys = Vec::new();
        let mut next = None;
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(prefix)
                .set_continuation_token(next)
                .send()
                .await
                .map_err(|error| self.failed(&error, &request))?;
            keys.extend(
                page.contents
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|object| object.key),
            );
            next = page.next_continuation_token;
            if next.is_none() {
                break;
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

/// The permission that a read takes.
fn action(version_id: &Option<String>) -> &'static str {
    match version_id {
        Some(_) => "s3:GetObjectVersion",
        None => "s3:GetObject",
    }
}

/// ETag and id of a version, as conditions of a request.
fn unzip(pinned: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(pinned) = pinned else {
        return (None, None);
    };
    let (etag, id) = version::split(pinned);
    (Some(etag.to_string()), id.map(str::to_string))
}

/// Where the bytes of an answer begin, as `bytes 0-9/100` says.
pub(super) fn begin_of(content_range: &str) -> Option<u64> {
    let (begin, _) = content_range.strip_prefix("bytes ")?.split_once('-')?;
    begin.parse().ok()
}
