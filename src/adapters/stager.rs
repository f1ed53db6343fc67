//! [`Stager`] over any blob store: the decoders read synchronously, so they run on a thread for blocking work, fed and
//! emptied through two short channels.

use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::core::spec::BlobRef;
use crate::ports::blobs::{BlobHead, Put};
use crate::ports::error::{PortError, PortResult};
use crate::ports::{Blobs, Stager};
use crate::records::{InputError, Normalise, normalised};

/// Bytes of one block on its way.
const BLOCK_BYTES: usize = 1 << 20;
/// Blocks that wait at each side.
const BLOCKS: usize = 2;

/// A stager over a blob store.
pub struct BlobStager {
    blobs: Arc<dyn Blobs>,
}

impl BlobStager {
    /// Over `blobs`.
    pub fn new(blobs: Arc<dyn Blobs>) -> BlobStager {
        BlobStager { blobs }
    }
}

type Block = std::io::Result<Vec<u8>>;

/// The reading end for the decoders.
struct Blocks {
    incoming: mpsc::Receiver<Block>,
    block: Vec<u8>,
    read: usize,
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.read == self.block.len() {
            match self.incoming.blocking_recv() {
                Some(block) => (self.block, self.read) = (block?, 0),
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.block.len() - self.read);
        buffer[..count].copy_from_slice(&self.block[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

fn decode(source: Blocks, normalise: &Normalise, out: &mpsc::Sender<Vec<u8>>) -> PortResult<()> {
    let refused = |error: InputError| PortError::permanent_job(error.to_string());
    let mut text = normalised(source, normalise).map_err(refused)?;
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        text.by_ref()
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut block)
            .map_err(|error| match InputError::from_io(&error) {
                Some(input) => refused(input.clone()),
                None => PortError::transient(format!("reading the input: {error}")),
            })?;
        // A closed channel means that the writer failed and says so itself.
        if block.is_empty() || out.blocking_send(block).is_err() {
            return Ok(());
        }
    }
}

#[async_trait]
impl Stager for BlobStager {
    async fn stage(
        &self,
        from: &BlobRef,
        etag: &str,
        normalise: &Normalise,
        to: &BlobRef,
    ) -> PortResult<BlobHead> {
        let (feed, incoming) = mpsc::channel::<Block>(BLOCKS);
        let (out, decoded) = mpsc::channel::<Vec<u8>>(BLOCKS);
        let normalise = normalise.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the adapter for blocking work; it is awaited"
        )]
        let decoding = tokio::task::spawn_blocking(move || {
            decode(
                Blocks {
                    incoming,
                    block: Vec::new(),
                    read: 0,
                },
                &normalise,
                &out,
            )
        });
        let reading = async {
            let mut start = 0;
            loop {
                let end = start + BLOCK_BYTES as u64;
                let block = self.blobs.get_range(from, start, end, Some(etag)).await;
                let (block, failed) = match block {
                    Ok(block) => (block, None),
                    Err(error) => (Vec::new(), Some(error)),
                };
                start += block.len() as u64;
                if let Some(error) = failed {
                    let _ = feed
                        .send(Err(std::io::Error::other(error.to_string())))
                        .await;
                    drop(feed);
                    return Err(error);
                }
                // The end, or a decoder that wants no more (it failed and says so itself).
                if block.is_empty() || feed.send(Ok(block)).await.is_err() {
                    drop(feed);
                    return Ok(());
                }
            }
        };
        let writing = async {
            // Owned, so that it closes when writing fails: a decoder that nobody hears would wait for ever.
            let mut decoded = decoded;
            let mut writer = self.blobs.put_stream(to).await?;
            while let Some(block) = decoded.recv().await {
                writer.write(&block).await?;
            }
            Ok(writer)
        };
        let (read, written, decoded) = tokio::join!(reading, writing, decoding);
        read?;
        decoded.unwrap_or_else(|error| {
            Err(PortError::bug(format!("a decoding task died: {error}")))
        })?;
        match written?.complete(true).await? {
            Put::Written(head) => Ok(head),
            // Somebody else staged the same version of the input in the same way: the same bytes, which ranges may refer to
            // by now.
            Put::Exists => self.blobs.head(to).await?.ok_or_else(|| {
                PortError::transient(format!("{to} was there and is gone; it is staged again"))
            }),
        }
    }
}
