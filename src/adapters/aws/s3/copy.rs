//! Copies within S3: in one request up to 5 GiB, in parts beyond.

use aws_sdk_s3::types::CompletedPart;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::failure::refusal;
use super::multipart::Upload;
use super::put::new_mark;
use super::{S3Blobs, reads, version, writes};
use crate::core::spec::BlobRef;
use crate::ports::blobs::Put;
use crate::ports::error::PortResult;

/// Size of the parts of a copy (S3: 5 GiB at most).
const COPY_PART_BYTES: u64 = 1 << 30;

/// What stands for itself in the name of a copy's source.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The header's form of an object's name.
pub(super) fn source(from: &BlobRef) -> String {
    format!("{}/{}", from.bucket, utf8_percent_encode(&from.key, PLAIN))
}

impl S3Blobs {
    pub(super) async fn copy_whole(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()> {
        let answer = self
            .client
            .copy_object()
            .copy_source(source(from))
            .bucket(&to.bucket)
            .key(&to.key)
            .customize()
            .config_override(self.patient(aws_sdk_s3::Config::builder()))
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
        let is_too_large = refusal(&error).is_some_and(|refusal| {
            refusal.code == "InvalidRequest" && refusal.said.contains("copy source is larger")
        });
        if is_too_large {
            return self.copy_in_parts(from, to, COPY_PART_BYTES).await;
        }
        let mut request = writes(to, "s3:PutObject");
        request.place = format!("s3://{from} to s3://{to}");
        Err(self.failed(&error, &request))
    }

    /// Copies in parts of `part_bytes` (5 MiB at least), as [`copy`](crate::ports::Blobs::copy) does with what is over
    /// 5 GiB.
    ///
    /// # Errors
    /// As `copy`; a source that changes meanwhile is an error, not a mixture.
    pub async fn copy_in_parts(
        &self,
        from: &BlobRef,
        to: &BlobRef,
        part_bytes: u64,
    ) -> PortResult<()> {
        let reading = reads(from, "s3:GetObject");
        let seen = self.look(from, None).await?;
        let head = seen
            .ok_or_else(|| reading.never("the object is gone: upload it again"))?
            .head;
        let (etag, version_id) = version::split(&head.etag);
        let mut name = source(from);
        if let Some(id) = version_id {
            name.push_str("?versionId=");
            name.extend(utf8_percent_encode(id, PLAIN));
        }
        let mark = new_mark();
        let upload = Upload::begin(self, to, &mark, None).await?;
        let mut parts = Vec::new();
        let mut start = 0;
        while start < head.bytes {
            let end = (start + part_bytes).min(head.bytes);
            let number = parts.len() as i32 + 1;
            let answer = self
                .client
                .upload_part_copy()
                .bucket(&to.bucket)
                .key(&to.key)
                .upload_id(upload.id())
                .part_number(number)
                .copy_source(&name)
                .copy_source_range(format!("bytes={start}-{}", end - 1))
                .copy_source_if_match(etag)
                .customize()
                .config_override(self.patient(self.again()))
                .send()
                .await;
            let request = writes(to, "s3:PutObject");
            let part = answer.map_err(|error| self.failed(&error, &request))?;
            let part = part
                .copy_part_result
                .ok_or_else(|| request.open("the answer has no part"))?;
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(part.e_tag)
                    .build(),
            );
            start = end;
        }
        match upload.complete(parts, false, &mark, head.bytes).await? {
            Put::Written(_) => Ok(()),
            Put::Exists => {
                Err(writes(to, "s3:PutObject").open("the copy was refused as one that exists"))
            }
        }
    }
}
