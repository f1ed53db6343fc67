//! A new generation of a job, in pages: each page of chunks in a transaction of its own, the job itself in the last.

use std::collections::BTreeSet;

use super::access::{EmbeddedLedger, known_job};
use super::store::{Store, Tx};
use crate::core::ids::{ChunkKey, ChunkNo, Generation, JobId};
use crate::core::job::{Counters, JobRecord, NewGeneration};
use crate::core::transitions::generation as rules;
use crate::ports::error::PortResult;

/// Chunks carried over in one transaction.
const PAGE_CHUNKS: u32 = 500;

impl<S: Store> EmbeddedLedger<S> {
    /// See [`crate::ports::Ledger::new_generation`].
    pub(super) async fn begin_generation(
        &self,
        job_id: &JobId,
        ended: Generation,
        lost: &BTreeSet<ChunkNo>,
    ) -> PortResult<NewGeneration> {
        let mut counters = Counters::default();
        let mut from = Some(0);
        while let Some(first) = from {
            let job_id = job_id.clone();
            let lost: BTreeSet<ChunkNo> = lost.range(first..).copied().collect();
            let page = self
                .store
                .transact(Box::new(move |tx| {
                    let mut job = known_job(tx, &job_id)?;
                    if let Err(refused) = rules::may_follow(&job, ended) {
                        return Ok(Err(refused));
                    }
                    carry_page(tx, &mut job, first, &lost, counters).map(Ok)
                }))
                .await?;
            match page {
                Err(refused) => return Ok(refused),
                Ok((next, sum)) => (from, counters) = (next, sum),
            }
        }
        let job_id = job_id.clone();
        self.store
            .transact(Box::new(move |tx| {
                let mut job = known_job(tx, &job_id)?;
                if let Err(refused) = rules::may_follow(&job, ended) {
                    return Ok(refused);
                }
                let begun = rules::begin(&mut job, counters);
                tx.put_job(&job)?;
                Ok(begun)
            }))
            .await
    }
}

/// Carries one page over: where the next one begins (none: that was the last), and the counters with this one's.
fn carry_page(
    tx: &mut dyn Tx,
    job: &mut JobRecord,
    from: ChunkNo,
    lost: &BTreeSet<ChunkNo>,
    mut counters: Counters,
) -> PortResult<(Option<ChunkNo>, Counters)> {
    let key = |generation, chunk| ChunkKey {
        job_id: job.job_id.clone(),
        generation,
        chunk,
    };
    let (old_generation, new_generation) = (job.generation, job.generation + 1);
    let page = tx.chunks(&job.job_id, old_generation, from, PAGE_CHUNKS)?;
    let next = page.last().map(|last| last.range.chunk + 1);
    let mut old_counters = job.counters;
    for mut old in page {
        let chunk = old.range.chunk;
        if rules::close(&mut old_counters, &mut old) {
            tx.put_chunk(&key(old_generation, chunk), &old)?;
        }
        let carried = rules::carry(job, &old, lost.contains(&chunk));
        rules::count(&mut counters, &carried);
        tx.put_chunk(&key(new_generation, chunk), &carried)?;
    }
    if old_counters != job.counters {
        job.counters = old_counters;
        tx.put_job(job)?;
    }
    Ok((next, counters))
}
