//! Objects in memory, with trouble.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::chaos::Chaos;
use crate::core::identity::sha256_hex;
use crate::core::spec::BlobRef;
use crate::ports::Blobs;
use crate::ports::blobs::{BlobHead, BlobWriter, Put};
use crate::ports::error::{PortError, PortResult};

type Objects = Arc<Mutex<BTreeMap<BlobRef, Arc<Vec<u8>>>>>;

/// Objects in memory.
#[derive(Clone)]
pub struct MemoryBlobs {
    objects: Objects,
    chaos: Arc<Chaos>,
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new(chaos: Arc<Chaos>) -> MemoryBlobs {
        MemoryBlobs {
            objects: Objects::default(),
            chaos,
        }
    }

    fn find(&self, blob: &BlobRef) -> Option<Arc<Vec<u8>>> {
        self.objects
            .lock()
            .expect("no panic while held")
            .get(blob)
            .cloned()
    }
}

fn head_of(bytes: &[u8]) -> BlobHead {
    BlobHead {
        etag: format!("sha256:{}", sha256_hex(bytes)),
        bytes: bytes.len() as u64,
    }
}

fn store(objects: &Objects, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> Put {
    let mut objects = objects.lock().expect("no panic while held");
    if if_none_match && objects.contains_key(blob) {
        return Put::Exists;
    }
    objects.insert(blob.clone(), Arc::new(bytes.to_vec()));
    Put::Written(head_of(bytes))
}

struct MemoryWriter {
    objects: Objects,
    chaos: Arc<Chaos>,
    blob: BlobRef,
    bytes: Vec<u8>,
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    async fn write(&mut self, bytes: &[u8]) -> PortResult<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    async fn complete(self: Box<Self>, if_none_match: bool) -> PortResult<Put> {
        self.chaos.before("complete").await?;
        let put = store(&self.objects, &self.blob, &self.bytes, if_none_match);
        self.chaos.after("complete", Ok(put))
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn get_range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        if_match: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        self.chaos.before("get_range").await?;
        let Some(bytes) = self.find(blob) else {
            return Err(PortError::permanent_job(format!("{blob} is not there")));
        };
        let etag = head_of(&bytes).etag;
        if if_match.is_some_and(|wanted| wanted != etag) {
            return Err(PortError::permanent_job(format!(
                "{blob} has changed: version {etag} is there, the job is pinned to another"
            )));
        }
        let length = bytes.len() as u64;
        let (start, end) = (start.min(length) as usize, end.min(length) as usize);
        self.chaos
            .after("get_range", Ok(bytes[start..end.max(start)].to_vec()))
    }

    async fn put(&self, blob: &BlobRef, bytes: &[u8], if_none_match: bool) -> PortResult<Put> {
        self.chaos.before("put").await?;
        let put = store(&self.objects, blob, bytes, if_none_match);
        self.chaos.after("put", Ok(put))
    }

    async fn put_stream(&self, blob: &BlobRef) -> PortResult<Box<dyn BlobWriter>> {
        self.chaos.before("put_stream").await?;
        Ok(Box::new(MemoryWriter {
            objects: self.objects.clone(),
            chaos: self.chaos.clone(),
            blob: blob.clone(),
            bytes: Vec::new(),
        }))
    }

    async fn copy(&self, from: &BlobRef, to: &BlobRef) -> PortResult<()> {
        self.chaos.before("copy").await?;
        let Some(bytes) = self.find(from) else {
            return Err(PortError::permanent_job(format!("{from} is not there")));
        };
        self.objects
            .lock()
            .expect("no panic while held")
            .insert(to.clone(), bytes);
        self.chaos.after("copy", Ok(()))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        self.chaos.before("list").await?;
        let objects = self.objects.lock().expect("no panic while held");
        Ok(objects
            .keys()
            .filter(|blob| blob.bucket == bucket && blob.key.starts_with(prefix))
            .map(|blob| blob.key.clone())
            .collect())
    }

    async fn head(&self, blob: &BlobRef) -> PortResult<Option<BlobHead>> {
        self.chaos.before("head").await?;
        Ok(self.find(blob).map(|bytes| head_of(&bytes)))
    }

    async fn delete(&self, blob: &BlobRef) -> PortResult<()> {
        self.chaos.before("delete").await?;
        self.objects
            .lock()
            .expect("no panic while held")
            .remove(blob);
        self.chaos.after("delete", Ok(()))
    }
}
