//! A new generation of a job: its chunks are written page by page, each page under the condition that the job still is
//! what it was, and the job with its counters last, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::access::DynamoLedger;
use super::chunk_item::{KeptChunk, to_item};
use super::counters::{base, shard_item};
use super::item::number;
use super::job_item::{KeptJob, Sent};
use super::keys::{Key, SHARDS};
use super::rounds::Rounds;
use super::write::{NONCE, VERSION, WRITES_A_TRANSACTION, Write};
use crate::core::chunk::ChunkRecord;
use crate::core::ids::{ChunkKey, ChunkNo, Generation, JobId};
use crate::core::job::{Counters, JobRecord, NewGeneration};
use crate::core::transitions::generation as rules;
use crate::ports::error::PortResult;

/// Chunks that are read at once.
const PAGE_CHUNKS: u32 = 500;
/// Chunks that one transaction carries over, beside the condition on the job.
const CARRIED_AT_ONCE: usize = WRITES_A_TRANSACTION / 2;

/// The counters of a new generation, shard by shard.
type Shards = BTreeMap<u32, Counters>;

impl DynamoLedger {
    /// See [`crate::ports::Ledger::new_generation`].
    pub(super) async fn begin_generation(
        &self,
        job_id: &JobId,
        ended: Generation,
        lost: &BTreeSet<ChunkNo>,
    ) -> PortResult<NewGeneration> {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        'again: loop {
            let before = self.known(job_id).await?;
            if let Err(refused) = rules::may_follow(&before.job, ended) {
                return Ok(refused);
            }
            let mut shards: Shards = (0..SHARDS).map(|n| (n, Counters::default())).collect();
            let mut from = 0;
            while from < before.job.stored_chunks {
                let upto = before
                    .job
                    .stored_chunks
                    .min(from.saturating_add(PAGE_CHUNKS));
                if !self.carry(&before, from..upto, lost, &mut shards).await? {
                    rounds.next(self.clock(), "a job's item").await?;
                    continue 'again;
                }
                from = upto;
            }
            let mut after = before.clone();
            let begun = rules::begin(&mut after.job, sum(&shards));
            // Every chunk has an item, and its own time in it.
            after.sent = Sent::all(after.job.sent_upto);
            let generation = after.job.generation;
            let counted = shards
                .iter()
                .map(|(n, counters)| Write::put(shard_item(job_id, generation, *n, counters)));
            if self
                .write_job(&before, &after, nonce, counted.collect())
                .await?
            {
                return Ok(begun);
            }
            rounds.next(self.clock(), "a job's item").await?;
        }
    }

    /// Closes chunks of the old generation and writes those of the next; false: the job has changed meanwhile.
    async fn carry(
        &self,
        kept: &KeptJob,
        chunks: std::ops::Range<ChunkNo>,
        lost: &BTreeSet<ChunkNo>,
        shards: &mut Shards,
    ) -> PortResult<bool> {
        let job = &kept.job;
        let mut items = self.items(job, chunks.clone()).await?;
        let stored = self.pages.ranges(&self.table, &job.job_id, chunks).await?;
        let mut puts = Vec::new();
        for (range, stored_ms) in stored {
            let found = items.remove(&range.chunk).unwrap_or(KeptChunk {
                record: ChunkRecord::new(range, stored_ms),
                version: 0,
            });
            let Some(old) = self.close(job, found).await? else {
                return Ok(false);
            };
            let carried = rules::carry(job, &old, lost.contains(&range.chunk));
            if let Some(counters) = shards.get_mut(&(range.chunk % SHARDS)) {
                rules::count(counters, &carried);
            }
            let key = key_of(job, job.generation + 1, range.chunk);
            let mut item = to_item(&key, &carried);
            item.insert(VERSION.to_string(), number(1));
            item.insert(NONCE.to_string(), number(self.clock().random()));
            puts.push(Write::put(item));
        }
        for slice in puts.chunks(CARRIED_AT_ONCE) {
            let unchanged = Write::check(Key::job(&job.job_id), &format!("{VERSION} = :read"))
                .with(":read", number(kept.version));
            let writes: Vec<Write> = [unchanged].into_iter().chain(slice.to_vec()).collect();
            if !self.table.write(&writes).await?.is_done() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends what stands on a chunk of the old generation; none: somebody else has just changed it. The old counters stay
    /// closed: what a lost claim set aside is counted in the new ones.
    async fn close(&self, job: &JobRecord, chunk: KeptChunk) -> PortResult<Option<ChunkRecord>> {
        let (mut counters, mut record) = (base(), chunk.record);
        if !rules::close(&mut counters, &mut record) {
            return Ok(Some(record));
        }
        let key = key_of(job, job.generation, record.range.chunk);
        let nonce = self.clock().random();
        let put = Write::put_after(to_item(&key, &record), chunk.version, nonce);
        let written = self.table.write(&[put]).await?;
        Ok(written.stands(nonce).then_some(record))
    }
}

fn key_of(job: &JobRecord, generation: Generation, chunk: ChunkNo) -> ChunkKey {
    ChunkKey {
        job_id: job.job_id.clone(),
        generation,
        chunk,
    }
}

/// What all shards count together.
fn sum(shards: &Shards) -> Counters {
    let mut sum = Counters::default();
    for counters in shards.values() {
        sum.committed += counters.committed;
        sum.quarantined += counters.quarantined;
        sum.parked += counters.parked;
        sum.tally += counters.tally;
        sum.budget.reserved += counters.budget.reserved;
        sum.budget.spent += counters.budget.spent;
    }
    sum
}
