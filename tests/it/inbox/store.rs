//! Objects in memory that keep versions or do not, of which some may not be read, and that fail when they are told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use annexa::adapters::memory::blobs::MemoryBlobs;
use annexa::core::spec::BlobRef;
use annexa::ports::Blobs;
use annexa::ports::blobs::{BlobHead, BlobWriter, Put};
use annexa::ports::error::{PortError, PortResult};
use async_trait::async_trait;

/// A store.
pub struct Store {
    inner: MemoryBlobs,
    keeps_versions: bool,
    versions: Mutex<BTreeMap<(BlobRef, String), Vec<u8>>>,
    forbidden: Mutex<BTreeSet<BlobRef>>,
    /// Requests that go well before all fail; none: none fails.
    well: Mutex<Option<u32>>,
}

impl Store {
    pub fn new(inner: MemoryBlobs, keeps_versions: bool) -> Store {
        Store {
            inner,
            keeps_versions,
            versions: Mutex::default(),
            forbidden: Mutex::default(),
            well: Mutex::default(),
        }
    }

    /// Nobody may read `blob` any more.
    pub fn forbid(&self, blob: &BlobRef) {
        self.forbidden.lock().unwrap().insert(blob.clone());
    }

    /// All requests fail after so many; none: they go well again.
    pub fn fail_after(&self, requests: Option<u32>) {
        *self.well.lock().unwrap() = requests;
    }

    fn asked(&self, blob: &BlobRef) -> PortResult<()> {
        if let Some(left) = self.well.lock().unwrap().as_mut() {
            if *left == 0 {
                return Err(PortError::transient("the store is not well (503)"));
            }
            *left -= 1;
        }
        if self.forbidden.lock().unwrap().contains(blob) {
            return Err(PortError::permanent_job(format!(
                "{blob} may not be read (403): allow s3:GetObject"
            )));
        }
        Ok(())
    }

    fn version(&self, blob: &BlobRef, version: &str) -> Option<Vec<u8>> {
        let key = (blob.clone(), version.to_string());
        self.versions.lock().unwrap().get(&key).cloned()
    }
}

#[async_trait]
impl Blobs for Store {
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        self.asked(blob)?;
        if let Some(bytes) = if_match.and_then(|version| self.version(blob, version)) {
            let end = end.min(bytes.len() as u64) as usize;
            return Ok(bytes[(start as usize).min(end)..end].to_vec());
        }
        self.inner.get_range(blob, start, end, if_match).await
    }

    async fn put(&self, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> PortResult<Put> {
        self.asked(blob)?;
        let put = self.inner.put(blob, bytes, if_none_match).await?;
        if let (Put::Written(head), true) = (&put, self.keeps_versions) {
            let key = (blob.clone(), head.etag.clone());
            self.versions.lock().unwrap().insert(key, bytes.to_vec());
        }
        Ok(put)
    }

    async fn put_stream(&self, blob: &BlobRef) -> PortResult<Box<dyn BlobWriter>> {
        self.asked(blob)?;
        self.inner.put_stream(blob).await
    }

    async fn copy(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()> {
        self.asked(from)?;
        self.inner.copy(from, to).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        self.inner.list(bucket, prefix).await
    }

    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>> {
        self.asked(blob)?;
        self.inner.head(blob).await
    }

    async fn head_version(&self, blob: &BlobRef, version: &str) -> PortResult<Option<BlobHead>> {
        self.asked(blob)?;
        if let Some(bytes) = self.version(blob, version) {
            return Ok(Some(BlobHead {
                etag: version.to_string(),
                bytes: bytes.len() as u64,
            }));
        }
        let head = self.inner.head(blob).await?;
        Ok(head.filter(|head| head.etag == version))
    }

    async fn delete(&self, blob: &BlobRef) -> PortResult<()> {
        self.inner.delete(blob).await
    }
}
