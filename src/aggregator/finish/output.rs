//! An output that is being written: gathered, digested, and there once it is whole.

use sha2::{Digest, Sha256};

use super::super::AggregatorPorts;
use crate::core::identity::hex;
use crate::core::job::JobRecord;
use crate::ports::blobs::BlobWriter;
use crate::ports::error::PortResult;
use crate::ports::retry::{Backoff, retry};
use crate::report::manifest::ManifestEntry;

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// An output that is being written and digested.
pub(super) struct Output {
    name: String,
    writer: Box<dyn BlobWriter>,
    pub(super) buffer: Vec<u8>,
    hasher: Sha256,
    bytes: u64,
}

impl Output {
    /// Begins it with `header`, which may be empty.
    pub(super) async fn begin(
        ports: &AggregatorPorts,
        job: &JobRecord,
        name: String,
        header: &[u8],
    ) -> PortResult<Output> {
        let blob = job.spec.output(&name);
        let writer = retry(&*ports.clock, Backoff::STORAGE, || {
            ports.blobs.put_stream(&blob)
        })
        .await?;
        Ok(Output {
            name,
            writer,
            buffer: header.to_vec(),
            hasher: Sha256::new(),
            bytes: 0,
        })
    }

    /// Its name under the output prefix.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Adds what is written with the next flush.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes what is gathered once there is much of it.
    pub(super) async fn flush_if_full(&mut self) -> PortResult<()> {
        if self.buffer.len() >= WRITE_BYTES {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> PortResult<()> {
        self.hasher.update(&self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.writer.write(&self.buffer).await?;
        self.buffer.clear();
        Ok(())
    }

    /// Has it appear, whole; its entry in the manifest.
    pub(super) async fn complete(mut self) -> PortResult<ManifestEntry> {
        self.flush().await?;
        self.writer.complete(false).await?;
        let sha256 = hex(&self.hasher.finalize());
        Ok(ManifestEntry {
            name: self.name,
            bytes: self.bytes,
            sha256,
        })
    }
}
