//! The window: at most so many chunks of a job are outstanding in the queue (DESIGN §2, I7). The splitter opens it, the
//! aggregator tops it up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

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
    /// Who fills a job's window. Two at a time could send what they took in another order than they took it, and equal texts
    /// would be asked for by another chunk than the first that holds them.
    turns: Mutex<BTreeMap<JobId, Weak<Turn>>>,
}

/// Held by whoever fills the window of one job.
type Turn = tokio::sync::Mutex<()>;

impl Window {
    /// At most `most_chunks` chunks of a job are outstanding.
    pub fn of(most_chunks: u32) -> Arc<Window> {
        Arc::new(Window {
            most_chunks,
            turns: Mutex::default(),
        })
    }

    /// The turn of a job; that of another job is another one, so that no job waits for what another one cannot do.
    fn turn(&self, job_id: &JobId) -> Arc<Turn> {
        let mut turns = self.turns.lock().expect("no panic while held");
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(job_id).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(job_id.clone(), Arc::downgrade(&turn));
        turn
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
        let turn = self.turn(job_id);
        let _mine = turn.lock().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fills_the_window_of_one_job_waits_for_that_job_alone_and_leaves_nothing_behind() {
        let window = Window::of(200);
        let (one, other) = (JobId("job-1".into()), JobId("job-2".into()));
        let turn = window.turn(&one);
        let _mine = turn.try_lock().unwrap();
        assert!(window.turn(&one).try_lock().is_err());
        assert!(window.turn(&other).try_lock().is_ok());
        assert_eq!(window.turns.lock().unwrap().len(), 2);
        window.turn(&one);
        assert_eq!(window.turns.lock().unwrap().len(), 1);
    }
}
