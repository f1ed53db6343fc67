//! Where outputs lie, read piece by piece through the Blobs port: a folder or a prefix in S3.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::core::identity::hex;
use crate::core::spec::BlobRef;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock};

/// Bytes read at once.
const BLOCK_BYTES: u64 = 4 << 20;
/// Bytes read at once where little is needed.
const SMALL_BLOCK_BYTES: u64 = 64 << 10;

/// A store that is read from outside of any runtime: each call waits for its answer.
///
/// Readers of files make what they can of an error; so that a store that fails is never taken for files that are damaged, the
/// first error that is no answer about an object is kept here, and nothing is read after it.
#[derive(Clone)]
pub struct Store {
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    runtime: Arc<Runtime>,
    trouble: Arc<Mutex<Option<PortError>>>,
}

impl Store {
    /// A store of `blobs`; `clock` is for tries again, and calls run in `runtime`.
    pub fn new(blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>, runtime: Arc<Runtime>) -> Store {
        Store {
            blobs,
            clock,
            runtime,
            trouble: Arc::default(),
        }
    }

    /// What kept the store from being read; none: nothing did.
    pub(super) fn trouble(&self) -> Option<PortError> {
        let trouble = self.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on after a refusal: what was asked for may be left out. An outage stays what it is.
    pub(super) fn pass_over_refusal(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_ref().is_some_and(is_refusal) {
            *trouble = None;
        }
    }

    /// A range of an object, of its version `version` if there is one.
    pub(super) fn range(
        &self,
        blob: &BlobRef,
        start: u64,
        end: u64,
        version: Option<&str>,
    ) -> PortResult<Vec<u8>> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        let read = self
            .runtime
            .block_on(retry(&*self.clock, Backoff::STORAGE, || {
                self.blobs.get_range(blob, start, end, version)
            }));
        if let Err(error) = &read
            && !(is_refusal(error) && self.is_gone(blob, version))
        {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            trouble.get_or_insert_with(|| error.clone());
        }
        read
    }

    /// Whether an object that could not be read is plainly not there, in the version that was asked for.
    fn is_gone(&self, blob: &BlobRef, version: Option<&str>) -> bool {
        let head = retry(&*self.clock, Backoff::STORAGE, || async {
            match version {
                Some(version) => self.blobs.head_version(blob, version).await,
                None => self.blobs.head(blob).await,
            }
        });
        matches!(self.runtime.block_on(head), Ok(None))
    }

    /// Keys that begin with `prefix`.
    pub(super) fn list(&self, bucket: &str, prefix: &str) -> PortResult<Vec<String>> {
        self.runtime
            .block_on(retry(&*self.clock, Backoff::STORAGE, || {
                self.blobs.list(bucket, prefix)
            }))
    }

    /// Reads an object from its beginning.
    pub(super) fn reader(&self, blob: BlobRef, version: Option<String>) -> BlobReader {
        BlobReader::new(self.clone(), blob, version, 0, BLOCK_BYTES)
    }

    /// Length and SHA-256 of an object.
    pub(super) fn digest(
        &self,
        blob: BlobRef,
        version: Option<String>,
    ) -> io::Result<(u64, String)> {
        let mut reader = self.reader(blob, version);
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        while reader.fill()? {
            hasher.update(&reader.block[reader.at..]);
            bytes += (reader.block.len() - reader.at) as u64;
            reader.at = reader.block.len();
        }
        Ok((bytes, hex(&hasher.finalize())))
    }
}

/// Whether the store answered, and will not answer otherwise.
fn is_refusal(error: &PortError) -> bool {
    error.class == ErrorClass::PermanentJob
}

/// Reads an object block by block.
pub(super) struct BlobReader {
    store: Store,
    blob: BlobRef,
    version: Option<String>,
    next: u64,
    block_bytes: u64,
    block: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl BlobReader {
    fn new(
        store: Store,
        blob: BlobRef,
        version: Option<String>,
        from: u64,
        block_bytes: u64,
    ) -> BlobReader {
        BlobReader {
            store,
            blob,
            version,
            next: from,
            block_bytes,
            block: Vec::new(),
            at: 0,
            is_over: false,
        }
    }

    /// Makes sure that there is something to read; false: that was all.
    fn fill(&mut self) -> io::Result<bool> {
        if self.at < self.block.len() {
            return Ok(true);
        }
        if self.is_over {
            return Ok(false);
        }
        let end = self.next + self.block_bytes;
        let version = self.version.as_deref();
        self.block = self
            .store
            .range(&self.blob, self.next, end, version)
            .map_err(io::Error::other)?;
        self.at = 0;
        self.next += self.block.len() as u64;
        self.is_over = (self.block.len() as u64) < self.block_bytes;
        Ok(!self.block.is_empty())
    }
}

impl Read for BlobReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || !self.fill()? {
            return Ok(0);
        }
        let count = into.len().min(self.block.len() - self.at);
        into[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// An object of known length, for readers that jump about in it.
pub(super) struct BlobFile {
    pub(super) store: Store,
    pub(super) blob: BlobRef,
    pub(super) bytes: u64,
}

impl Length for BlobFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for BlobFile {
    type T = BlobReader;

    fn get_read(&self, start: u64) -> Result<BlobReader, ParquetError> {
        let (store, blob) = (self.store.clone(), self.blob.clone());
        Ok(BlobReader::new(store, blob, None, start, SMALL_BLOCK_BYTES))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let read = self
            .store
            .range(&self.blob, start, start + length as u64, None);
        let bytes = read.map_err(|error| ParquetError::General(error.to_string()))?;
        match bytes.len() == length {
            true => Ok(Bytes::from(bytes)),
            false => Err(ParquetError::EOF("the file ends early".to_string())),
        }
    }
}
