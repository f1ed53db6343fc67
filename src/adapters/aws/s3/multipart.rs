//! Objects that are written in parts: nothing is to be seen before they are completed. What fits into one part is put
//! in one request.
//!
//! Memory: one part being filled and one on its way. A writer that is dropped asks S3 to forget its parts, but a process
//! that dies cannot: a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`) removes those, which cost until then.

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use tokio::task::JoinSet;

use super::super::failure::refusal;
use super::put::{MARK, content_type, new_mark};
use super::{S3Blobs, version, writes};
use crate::core::spec::BlobRef;
use crate::ports::blobs::{BlobWriter, Put};
use crate::ports::error::{PortError, PortResult};

/// Size of the first parts (S3: 5 MiB at least, but for the last).
const FIRST_PART_BYTES: usize = 8 << 20;

/// Parts double in size after so many: 10,000 of them (S3 limit) come to some 500 GB.
const PARTS_OF_A_SIZE: usize = 2_000;

/// Size of the part after `sent` parts.
pub(super) fn part_bytes(sent: usize) -> usize {
    FIRST_PART_BYTES << (sent / PARTS_OF_A_SIZE).min(4)
}

/// An upload that has begun; forgotten on drop unless it was completed.
pub(super) struct Upload {
    store: S3Blobs,
    blob: BlobRef,
    id: String,
    is_over: bool,
}

impl Upload {
    /// Begins one under `mark`. With `checksum` each part must come with one, and be completed with it: S3 refuses a
    /// completion that names checksums which the beginning did not, and the other way round.
    pub(super) async fn begin(
        store: &S3Blobs,
        blob: &BlobRef,
        mark: &str,
        checksum: Option<ChecksumAlgorithm>,
    ) -> PortResult<Upload> {
        let request = writes(blob, "s3:PutObject");
        let answer = store
            .client
            .create_multipart_upload()
            .bucket(&blob.bucket)
            .key(&blob.key)
            .content_type(content_type(&blob.key))
            .metadata(MARK, mark)
            .set_checksum_algorithm(checksum)
            .customize()
            .config_override(store.again())
            .send()
            .await
            .map_err(|error| store.failed(&error, &request))?;
        let id = answer
            .upload_id
            .ok_or_else(|| request.open("the answer has no upload id"))?;
        Ok(Upload {
            store: store.clone(),
            blob: blob.clone(),
            id,
            is_over: false,
        })
    }

    /// The upload's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Makes the object appear.
    pub(super) async fn complete(
        mut self,
        parts: Vec<CompletedPart>,
        if_none_match: bool,
        mark: &str,
        bytes: u64,
    ) -> PortResult<Put> {
        let (store, blob) = (self.store.clone(), self.blob.clone());
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let answer = store
            .client
            .complete_multipart_upload()
            .bucket(&blob.bucket)
            .key(&blob.key)
            .upload_id(&self.id)
            .multipart_upload(parts)
            .set_if_none_match(if_none_match.then(|| "*".to_string()))
            .customize()
            .config_override(store.patient(store.again()))
            .send()
            .await;
        let request = writes(&blob, "s3:PutObject");
        match answer {
            Ok(answer) => {
                self.is_over = true;
                let head = version::head(answer.e_tag(), answer.version_id(), Some(bytes));
                head.map(Put::Written)
                    .ok_or_else(|| request.open("the answer has no ETag"))
            }
            Err(error) => {
                let said = refusal(&error);
                let is_taken = said.as_ref().is_some_and(|said| said.status == 412);
                // An attempt before may have completed it: then there is no such upload any more.
                let is_gone = said.is_some_and(|said| said.code == "NoSuchUpload");
                let mut error = store.failed(&error, &request);
                if is_gone {
                    error = request
                        .open("the upload is gone: it was completed, or somebody removed it");
                }
                let settled = store.settle(&blob, mark, if_none_match, is_taken, error);
                let settled = settled.await;
                self.is_over = matches!(settled, Ok(Put::Written(_)));
                settled
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.is_over {
            return;
        }
        let abort = self
            .store
            .client
            .abort_multipart_upload()
            .bucket(&self.blob.bucket)
            .key(&self.blob.key)
            .upload_id(&self.id)
            .send();
        // Nobody can wait for it here, and nothing depends on it.
        runtime.spawn(async move {
            if let Err(error) = abort.await {
                let error = super::super::text::chain(&error);
                tracing::debug!(
                    error,
                    "an upload that was given up is left to the bucket's lifecycle rule"
                );
            }
        });
    }
}

/// A writer in parts.
pub(super) struct PartsWriter {
    store: S3Blobs,
    blob: BlobRef,
    mark: String,
    buffer: Vec<u8>,
    upload: Option<Upload>,
    on_its_way: JoinSet<PortResult<CompletedPart>>,
    sent: usize,
    parts: Vec<CompletedPart>,
    bytes: u64,
    is_broken: bool,
}

impl PartsWriter {
    pub(super) fn new(store: &S3Blobs, blob: &BlobRef) -> PartsWriter {
        PartsWriter {
            store: store.clone(),
            blob: blob.clone(),
            mark: new_mark(),
            buffer: Vec::new(),
            upload: None,
            on_its_way: JoinSet::new(),
            sent: 0,
            parts: Vec::new(),
            bytes: 0,
            is_broken: false,
        }
    }

    /// Waits for the part on its way.
    async fn arrival(&mut self) -> PortResult<()> {
        while let Some(arrived) = self.on_its_way.join_next().await {
            let part = arrived
                .map_err(|error| PortError::bug(format!("an upload task died: {error}")))??;
            self.parts.push(part);
        }
        Ok(())
    }

    /// Sends what is buffered as a part, once the one before has arrived.
    async fn send_part(&mut self) -> PortResult<()> {
        if self.upload.is_none() {
            let checksum = Some(ChecksumAlgorithm::Crc32);
            let upload = Upload::begin(&self.store, &self.blob, &self.mark, checksum);
            self.upload = Some(upload.await?);
        }
        self.arrival().await?;
        let upload = self.upload.as_ref().expect("it was just begun");
        let body = bytes::Bytes::from(std::mem::take(&mut self.buffer));
        self.sent += 1;
        let (store, blob, id, number) = (
            self.store.clone(),
            self.blob.clone(),
            upload.id.clone(),
            self.sent as i32,
        );
        self.on_its_way.spawn(async move {
            let answer = store
                .client
                .upload_part()
                .bucket(&blob.bucket)
                .key(&blob.key)
                .upload_id(id)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Crc32)
                .body(ByteStream::from(body))
                .customize()
                .config_override(store.again())
                .send()
                .await;
            let request = writes(&blob, "s3:PutObject");
            let part = answer.map_err(|error| store.failed(&error, &request))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc32(part.checksum_crc32)
                .build())
        });
        Ok(())
    }

    async fn append(&mut self, mut bytes: &[u8]) -> PortResult<()> {
        while !bytes.is_empty() {
            let room = part_bytes(self.sent) - self.buffer.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            self.bytes += now.len() as u64;
            bytes = later;
            if self.buffer.len() == part_bytes(self.sent) {
                self.send_part().await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl BlobWriter for PartsWriter {
    async fn write(&mut self, bytes: &[u8]) -> PortResult<()> {
        // A write that was cut short or failed leaves nobody knows what: it is not to be built on.
        if std::mem::replace(&mut self.is_broken, true) {
            return Err(PortError::bug("a write after a failed one"));
        }
        self.append(bytes).await?;
        self.is_broken = false;
        Ok(())
    }

    async fn complete(mut self: Box<Self>, if_none_match: bool) -> PortResult<Put> {
        if self.is_broken {
            return Err(PortError::bug("completed after a failed write"));
        }
        if self.upload.is_none() {
            let bytes = std::mem::take(&mut self.buffer);
            return self
                .store
                .put_whole(&self.blob, bytes, if_none_match, &self.mark)
                .await;
        }
        if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        self.arrival().await?;
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_by_key(|part| part.part_number);
        let upload = self.upload.take().expect("it was just looked at");
        upload
            .complete(parts, if_none_match, &self.mark, self.bytes)
            .await
    }
}
