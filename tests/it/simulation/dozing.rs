//! Blobs whose caller sometimes falls asleep between writing a file and saying so in the ledger: the moment at which a
//! zombie is most dangerous.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::memory::blobs::MemoryBlobs;
use annexa::adapters::memory::chaos::Chaos;
use annexa::core::spec::BlobRef;
use annexa::ports::blobs::{BlobHead, BlobWriter, Put};
use annexa::ports::error::PortResult;
use annexa::ports::{Blobs, Clock};
use async_trait::async_trait;

use super::process::StandStill;
use super::world::LEASE;

/// How often, per mille of chunk files, while the weather is bad.
const DOZES: u32 = 150;

pub struct DozingBlobs {
    pub inner: MemoryBlobs,
    pub stand_still: StandStill,
    pub chaos: Arc<Chaos>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Blobs for DozingBlobs {
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        self.inner.get_range(blob, start, end, if_match).await
    }

    async fn put(&self, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> PortResult<Put> {
        let put = self.inner.put(blob, bytes, if_none_match).await;
        let is_rough = self.chaos.rates().stall > 0;
        // The last thing before a chunk's commit, and before a job's end.
        let is_last = blob.key.contains("/_work/g") || blob.key.ends_with("/manifest.json");
        if is_rough && is_last && self.chaos.happens("doze", DOZES) {
            // Just past its claim: whoever took over is perhaps still at work.
            let past = Duration::from_millis(self.clock.random() % 12_000);
            *self.stand_still.lock().unwrap() = Some(LEASE + past);
            self.rest().await;
        }
        put
    }

    async fn put_stream(&self, blob: &BlobRef) -> PortResult<Box<dyn BlobWriter>> {
        self.inner.put_stream(blob).await
    }

    async fn copy(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()> {
        self.inner.copy(from, to).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        self.inner.list(bucket, prefix).await
    }

    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>> {
        self.inner.head(blob).await
    }

    async fn delete(&self, blob: &BlobRef) -> PortResult<()> {
        self.inner.delete(blob).await
    }
}

impl DozingBlobs {
    /// An await, so that the process notices that it is to stand still.
    #[expect(clippy::disallowed_methods, reason = "the simulation owns time")]
    async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
