//! Objects in Amazon S3.
//!
//! A version (`BlobHead::etag`) is the object's ETag in its quotation marks and, where the bucket keeps versions, `@` and
//! the version's id. With the id a version that was replaced can still be read; without it, a change is found by its ETag.
//!
//! Each write carries a mark of its own in the object's metadata (`annexa-write`). When the answer to a write is lost, or
//! says that something is there already, the mark tells whether that something is this very write.
//!
//! The SDK retries the requests of a stream that is being written, for its writer cannot say a part twice; of all others
//! it makes one attempt, because who calls the port owns retries. Bodies go with checksums, which S3 verifies.
//!
//! Permissions: `s3:GetObject`, `s3:GetObjectVersion`, `s3:PutObject`, `s3:DeleteObject`, `s3:AbortMultipartUpload` on
//! objects, `s3:ListBucket` on buckets.

mod copy;
mod multipart;
mod put;
mod read;
mod refusal;
#[cfg(test)]
mod tests;
mod version;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation};

use super::config::AwsConfig;
use super::failure::Request;
use super::places::stand_in;
use crate::core::spec::BlobRef;
use crate::ports::Blobs;
use crate::ports::blobs::{BlobHead, BlobWriter, Put};
use crate::ports::error::PortResult;

/// Attempts at a request of a stream that is being written.
const STREAM_ATTEMPTS: u32 = 4;

/// Ceiling of the first pause between them; doubles with each.
const STREAM_PAUSE: Duration = Duration::from_millis(200);

/// S3 takes minutes for what it copies or puts together itself: so many times the patience of other requests.
const LONG_WORK: u32 = 10;

/// Buckets in S3.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    client: Client,
    /// The Region that is called, for words.
    region: Arc<str>,
    attempt_timeout: Duration,
}

impl S3Blobs {
    /// The buckets that `aws` leads to. Nothing is called yet.
    pub fn new(aws: &AwsConfig) -> S3Blobs {
        let endpoint = aws.storage_endpoint("AWS_ENDPOINT_URL_S3");
        let config = Builder::from(aws.sdk())
            .retry_config(RetryConfig::disabled())
            .timeout_config(aws.storage_timeouts())
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            // A stand-in has no host of its own for each bucket.
            .force_path_style(endpoint.as_deref().and_then(stand_in).is_some())
            .build();
        S3Blobs {
            client: Client::from_conf(config),
            region: Arc::from(aws.region().unwrap_or("no Region")),
            attempt_timeout: aws.attempt_timeout(),
        }
    }

    /// Settings for the requests of a stream: with retries.
    fn again(&self) -> Builder {
        let retries = RetryConfig::standard()
            .with_max_attempts(STREAM_ATTEMPTS)
            .with_initial_backoff(STREAM_PAUSE);
        aws_sdk_s3::Config::builder().retry_config(retries)
    }

    /// Settings for what S3 works at before it answers.
    fn patient(&self, settings: Builder) -> Builder {
        let timeouts = aws_sdk_s3::config::timeout::TimeoutConfig::builder()
            .operation_attempt_timeout(self.attempt_timeout * LONG_WORK)
            .build();
        settings.timeout_config(timeouts)
    }
}

fn reads(blob: &BlobRef, action: &'static str) -> Request {
    Request::read(format!("s3://{blob}"), action)
}

fn writes(blob: &BlobRef, action: &'static str) -> Request {
    Request::write(format!("s3://{blob}"), action)
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        self.read(blob, start, end, if_match).await
    }

    async fn put(&self, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> PortResult<Put> {
        self.put_whole(blob, bytes.to_vec(), if_none_match, &put::new_mark())
            .await
    }

    async fn put_stream(&self, blob: &BlobRef) -> PortResult<Box<dyn BlobWriter>> {
        Ok(Box::new(multipart::PartsWriter::new(self, blob)))
    }

    async fn copy(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()> {
        self.copy_whole(from, to).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        self.keys(bucket, prefix).await
    }

    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>> {
        Ok(self.look(blob, None).await?.map(|seen| seen.head))
    }

    async fn head_version(&self, blob: &BlobRef, version: &str) -> PortResult<Option<BlobHead>> {
        let seen = self.look(blob, Some(version)).await?;
        // Without a version's id it is the newest one that was looked at.
        Ok(seen
            .map(|seen| seen.head)
            .filter(|head| version::is_same(&head.etag, version)))
    }

    fn version_token(&self, etag: &str, version_id: Option<&str>) -> String {
        version::token(&format!("\"{etag}\""), version_id)
    }

    async fn delete(&self, blob: &BlobRef) -> PortResult<()> {
        let (bucket, key) = (&blob.bucket, &blob.key);
        let answer = self.client.delete_object().bucket(bucket).key(key).send();
        let request = writes(blob, "s3:DeleteObject");
        answer
            .await
            .map(drop)
            .map_err(|error| self.failed(&error, &request))
    }
}
