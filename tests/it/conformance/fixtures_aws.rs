//! Fixtures of the adapters for AWS: real requests to the emulator, in real time.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::s3::S3Blobs;
use annexa::adapters::aws::sqs::SqsQueue;
use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::memory::queue::QueueSetup;
use annexa::ports::{Blobs, Clock, Queue};
use async_trait::async_trait;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;

use super::fixtures::{BlobsFixture, QueueFixture};
use crate::aws::emulator::{Emulator, unique};

/// Makes a queue with its dead-letter queue; the answer is its URL.
pub async fn make_queue(setup: QueueSetup) -> String {
    let (client, name) = (Emulator::shared().sqs(), unique("annexa"));
    let dead = client.create_queue().queue_name(format!("{name}-dead"));
    let dead = dead.send().await.expect("a dead-letter queue can be made");
    let arn = client
        .get_queue_attributes()
        .queue_url(dead.queue_url().expect("a new queue has a URL"))
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .expect("a queue has attributes");
    let arn = &arn.attributes().expect("a queue has attributes")[&QueueAttributeName::QueueArn];
    let policy = format!(
        r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"{}"}}"#,
        setup.max_receives
    );
    let visibility = setup.visibility.as_secs().to_string();
    let queue = client
        .create_queue()
        .queue_name(&name)
        .attributes(QueueAttributeName::RedrivePolicy, policy)
        .attributes(QueueAttributeName::VisibilityTimeout, visibility);
    let queue = queue.send().await.expect("a queue can be made");
    queue.queue_url.expect("a new queue has a URL")
}

/// Makes a bucket.
pub async fn make_bucket(is_versioned: bool) -> String {
    let (client, bucket) = (Emulator::shared().s3(), unique("annexa"));
    let made = client.create_bucket().bucket(&bucket).send();
    made.await.expect("a bucket can be made");
    if is_versioned {
        let enabled = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let versioned = client.put_bucket_versioning().bucket(&bucket);
        let versioned = versioned.versioning_configuration(enabled).send();
        versioned.await.expect("a bucket can keep versions");
    }
    bucket
}

/// Fixture of queues in SQS.
pub struct SqsQueues(Arc<SystemClock>);

impl SqsQueues {
    /// One.
    pub fn new() -> Self {
        SqsQueues(Arc::new(SystemClock::new()))
    }
}

#[async_trait]
impl QueueFixture for SqsQueues {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clone()
    }
    async fn queue(&self, setup: QueueSetup) -> Arc<dyn Queue> {
        let url = make_queue(setup).await;
        let aws = Emulator::shared().config();
        let queue = SqsQueue::open(&aws, &url, self.0.clone()).await;
        Arc::new(queue.expect("a queue that is there opens"))
    }
    /// Checks look two seconds before and one after it; the rest is for slow machines.
    fn visibility(&self) -> Duration {
        Duration::from_secs(6)
    }
}

/// Fixture of objects in S3.
pub struct S3Objects {
    blobs: Arc<dyn Blobs>,
    bucket: String,
    is_versioned: bool,
}

impl S3Objects {
    /// In a bucket that forgets what is replaced.
    pub async fn new() -> Self {
        S3Objects::make(false).await
    }

    /// In a bucket that keeps versions.
    pub async fn versioned() -> Self {
        S3Objects::make(true).await
    }

    async fn make(is_versioned: bool) -> Self {
        S3Objects {
            blobs: Arc::new(S3Blobs::new(&Emulator::shared().config())),
            bucket: make_bucket(is_versioned).await,
            is_versioned,
        }
    }
}

impl BlobsFixture for S3Objects {
    fn blobs(&self) -> Arc<dyn Blobs> {
        self.blobs.clone()
    }
    fn bucket(&self) -> &str {
        &self.bucket
    }
    fn keeps_versions(&self) -> bool {
        self.is_versioned
    }
}
