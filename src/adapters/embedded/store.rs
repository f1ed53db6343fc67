//! What a store of the embedded ledger must offer.

use async_trait::async_trait;

use crate::core::chunk::ChunkRecord;
use crate::core::ids::{ChunkKey, ChunkNo, Generation, JobId};
use crate::core::job::JobRecord;
use crate::ports::error::PortResult;

/// One open transaction. Nothing of it is seen before it ends well.
pub trait Tx {
    /// A job.
    fn job(&mut self, job_id: &JobId) -> PortResult<Option<JobRecord>>;
    /// All jobs, newest first.
    fn jobs(&mut self) -> PortResult<Vec<JobRecord>>;
    /// Keeps a job.
    fn put_job(&mut self, job: &JobRecord) -> PortResult<()>;
    /// A chunk.
    fn chunk(&mut self, key: &ChunkKey) -> PortResult<Option<ChunkRecord>>;
    /// Keeps a chunk.
    fn put_chunk(&mut self, key: &ChunkKey, chunk: &ChunkRecord) -> PortResult<()>;
    /// Up to `max` chunks from number `from` on, in order.
    fn chunks(
        &mut self,
        job_id: &JobId,
        generation: Generation,
        from: ChunkNo,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>>;
    /// Up to `max` chunks with a status number (see [`crate::core::chunk::ChunkStatus::number`]) that were touched at
    /// `touched_upto_ms` or before, in order.
    fn chunks_with_status(
        &mut self,
        job_id: &JobId,
        generation: Generation,
        status: u8,
        touched_upto_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>>;
    /// What is shared under a key (a lane, a prefix), as JSON.
    fn shared(&mut self, key: &str) -> PortResult<Option<String>>;
    /// Keeps what is shared under a key.
    fn put_shared(&mut self, key: &str, record: &str) -> PortResult<()>;
}

/// The work of one transaction.
pub type Work<R> = Box<dyn FnOnce(&mut dyn Tx) -> PortResult<R> + Send>;

/// A store with serialisable transactions.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Runs `work` in one transaction: all of it on `Ok`, nothing of it on `Err`.
    async fn transact<R: Send + 'static>(&self, work: Work<R>) -> PortResult<R>;
}

#[async_trait]
impl<S: Store> Store for std::sync::Arc<S> {
    async fn transact<R: Send + 'static>(&self, work: Work<R>) -> PortResult<R> {
        (**self).transact(work).await
    }
}
