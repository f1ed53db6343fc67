//! The window: at most so many chunks of a job are outstanding in the queue (DESIGN §2, I7). The splitter opens it, the
//! aggregator tops it up.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::core::ids::{ChunkKey, ChunkNo, JobId};
use crate::core::job::JobRecord;
use crate::core::messages::{ChunkMessage, encode};
use crate::ports::error::PortResult;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::send_all;
use crate::ports::{Clock, Ledger, Queue};

/// Chunks taken at once: what a crash between taking and sending leaves to the sweep.
const TAKE_AT_ONCE: u32 = 50;

/// Chunks that a job may have outstanding before one of them is done. Few, so that a small job that comes at the same time
/// does not wait until hands come free: three workers take more at once.
const FIRST_CHUNKS: u32 = 16;

/// How many more with each chunk that is done: what is outstanding doubles in the time that a chunk takes.
const MORE_WITH_EACH: u32 = 2;

/// The windows that a process fills. Roles of one process share it.
#[derive(Debug)]
pub struct Window {
    most_chunks: u32,
    /// Who fills one. Two at a time could send what they took in another order than they took it, and equal texts would be asked for by
    /// another chunk than the first that holds them.
    turn: Mutex<()>,
}

impl Window {
    /// At most `most_chunks` chunks of a job are outstanding.
    pub fn of(most_chunks: u32) -> Arc<Window> {
        Arc::new(Window {
            most_chunks,
            turn: Mutex::default(),
        })
    }

    /// How wide a job's window is now: it opens as chunks get done.
    pub fn width(&self, job: &JobRecord) -> u32 {
        let done = job.counters.committed + job.counters.quarantined;
        let open = FIRST_CHUNKS.saturating_add(done.saturating_mul(MORE_WITH_EACH));
        self.most_chunks.min(open)
    }

    /// Sends what the window takes.
    pub async fn top_up(
        &self,
        clock: &dyn Clock,
        ledger: &dyn Ledger,
        queue: &dyn Queue,
        job_id: &JobId,
    ) -> PortResult<()> {
        let _turn = self.turn.lock().await;
        loop {
            let Some(job) = retry(clock, Backoff::STORAGE, || ledger.job(job_id)).await? else {
                return Ok(());
            };
            let width = self.width(&job);
            if job.room_in_window(width) == 0 {
                return Ok(());
            }
            // If the answer is lost, what it took is found by the sweep, and the second asking takes others.
            let taken = retry(clock, Backoff::STORAGE, || {
                ledger.take_sendable(job_id, width, TAKE_AT_ONCE)
            })
            .await?;
            if taken.is_empty() {
                return Ok(());
            }
            send_chunks(clock, queue, &job, &taken).await?;
        }
    }
}

/// Sends messages for `chunks` of a job.
pub async fn send_chunks(
    clock: &dyn Clock,
    queue: &dyn Queue,
    job: &JobRecord,
    chunks: &[ChunkNo],
) -> PortResult<()> {
    let body = |chunk: &ChunkNo| {
        let key = ChunkKey {
            job_id: job.job_id.clone(),
            generation: job.generation,
            chunk: *chunk,
        };
        encode(&ChunkMessage::from(&key))
    };
    send_all(
        clock,
        queue,
        job.job_id.as_str(),
        chunks.iter().map(body).collect(),
    )
    .await
}
