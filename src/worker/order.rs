//! Chunks choose their texts in the order of the file: where two of them hold the same text, the earlier one asks. So the
//! calls of an undisturbed run are a function of the file, and an estimate can count them.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::core::ids::{ChunkKey, ChunkNo, JobId};

/// A chunk in hand, and a number of its own: a copy of its message may be in hand, too.
type Key = (JobId, ChunkNo, u64);

/// Chunks that are in hand and have not chosen yet.
#[derive(Default)]
pub(super) struct Order {
    before: Mutex<BTreeSet<Key>>,
    entered: AtomicU64,
    changed: Notify,
}

/// A place in the order; given up on drop.
pub(super) struct Place<'o> {
    order: &'o Order,
    key: Key,
}

impl Order {
    /// Takes the chunk's place.
    pub(super) fn enter(&self, key: &ChunkKey) -> Place<'_> {
        let number = self.entered.fetch_add(1, Ordering::Relaxed);
        let key = (key.job_id.clone(), key.chunk, number);
        let mut before = self.before.lock().expect("no panic while held");
        before.insert(key.clone());
        Place { order: self, key }
    }
}

impl Place<'_> {
    /// Returns when no earlier chunk of the job has yet to choose. Whoever waits here holds nothing that an earlier chunk
    /// could wait for.
    pub(super) async fn turn(&self) {
        loop {
            let mut changed = std::pin::pin!(self.order.changed.notified());
            changed.as_mut().enable();
            {
                let before = self.order.before.lock().expect("no panic while held");
                let (job_id, chunk, _) = &self.key;
                let earlier = (job_id.clone(), 0, 0)..(job_id.clone(), *chunk, 0);
                if before.range(earlier).next().is_none() {
                    return;
                }
            }
            changed.await;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut before = self.order.before.lock().expect("no panic while held");
        before.remove(&self.key);
        drop(before);
        self.order.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn key(job: &str, chunk: ChunkNo) -> ChunkKey {
        ChunkKey {
            job_id: JobId(job.into()),
            generation: 0,
            chunk,
        }
    }

    #[tokio::test]
    async fn an_earlier_chunk_chooses_first_and_other_jobs_do_not_matter() {
        let order = Order::default();
        let (first, second) = (order.enter(&key("a", 3)), order.enter(&key("a", 4)));
        let other = order.enter(&key("b", 9));
        first.turn().await;
        other.turn().await;
        let mut waiting = std::pin::pin!(second.turn());
        assert!(waiting.as_mut().now_or_never().is_none());
        // A copy of the first one's message comes and goes: that is no turn yet.
        drop(order.enter(&key("a", 3)));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        waiting.await;
    }
}
