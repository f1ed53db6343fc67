//! What is to be sent, what was sent, and what the sweep finds (I4, I7).
//!
//! A chunk gets an item when it is first claimed. One that was sent and never claimed has none, and counts from the time
//! that the job item keeps for the block in which it was taken. Below the job's watermark all chunks are final.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::access::DynamoLedger;
use super::chunk_item::{KeptChunk, STATUS, TOUCHED_MS, from_item, to_item};
use super::counters::{base, moves};
use super::item::{Reader, number};
use super::job_item::{KeptJob, unknown};
use super::keys::{Key, chunk_sk, job_pk};
use super::query::Range;
use super::rounds::Rounds;
use super::write::{VERSION, Write, Written};
use crate::core::chunk::{ChunkRecord, ChunkStatus};
use crate::core::ids::{ChunkKey, ChunkNo, JobId};
use crate::core::job::JobRecord;
use crate::core::transitions::chunk as rules;
use crate::ports::error::PortResult;

/// Parked chunks that one transaction unparks: with their shards and the job it takes 100 items.
const MOST_PARKED: u32 = 80;
/// Chunks that are marked at the same time.
const MARKS_AT_ONCE: usize = 8;
/// Statuses from this number on are final ([`ChunkStatus::number`]).
const FIRST_FINAL: u8 = 2;

impl DynamoLedger {
    /// Takes what should be sent next. Every taking writes the job item under its version, so that two never take the same.
    pub(super) async fn take(
        &self,
        job_id: &JobId,
        window_chunks: u32,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>> {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            let head = self.head(job_id).await?.ok_or_else(|| unknown(job_id))?;
            let mut before = head.kept;
            if before.job.counters.parked > 0 {
                // Chunks leave the park only by a taking, which changes the job's version. Counters that were read
                // between two looks at the same version hold no chunk as parked that is out again.
                let again = self.head(job_id).await?.ok_or_else(|| unknown(job_id))?;
                if again.kept.version != before.version {
                    rounds.next(self.clock(), "a job's item").await?;
                    continue;
                }
                before = again.kept;
            }
            let job = &before.job;
            let room = job.room_in_window(window_chunks).min(max);
            if room == 0 {
                return Ok(Vec::new());
            }
            let parked = self.parked(&before, room.min(MOST_PARKED)).await?;
            let is_park_empty = parked.len() < MOST_PARKED as usize;
            let fresh = (room - parked.len() as u32).min(job.stored_chunks - job.sent_upto);
            let fresh = if is_park_empty { fresh } else { 0 };
            if fresh == 0 && parked.is_empty() {
                return Ok(Vec::new());
            }
            let unsent = job.sent_upto..job.sent_upto + fresh;
            let early = self.items(job, unsent.clone()).await?;
            let is_open = |chunk: &ChunkNo| {
                let found = early.get(chunk);
                found.is_none_or(|found| found.record.status == ChunkStatus::Open)
            };
            let mut taken: Vec<ChunkNo> = parked.keys().copied().collect();
            taken.extend(unsent.clone().filter(is_open));
            let now_ms = self.now_ms();
            let mut after = before.clone();
            after.job.sent_upto += fresh;
            if fresh > 0 {
                after.sent.push(after.job.sent_upto, now_ms);
            }
            let unparked = unpark(job, &parked, now_ms, nonce);
            if self.write_job(&before, &after, nonce, unparked).await? {
                return Ok(taken);
            }
            rounds.next(self.clock(), "a job's item").await?;
        }
    }

    /// Up to `max` parked chunks, in order.
    async fn parked(&self, kept: &KeptJob, max: u32) -> PortResult<BTreeMap<ChunkNo, KeptChunk>> {
        let job = &kept.job;
        if job.counters.parked == 0 {
            return Ok(BTreeMap::new());
        }
        let range = Range {
            between: Some((
                chunk_sk(job.generation, kept.sent.done_upto),
                chunk_sk(job.generation, ChunkNo::MAX),
            )),
            only: Some((STATUS, number(ChunkStatus::Parked.number()))),
            max: max as usize,
            ..Range::all(job_pk(&job.job_id))
        };
        self.read_items(job, &range).await
    }

    /// The items of chunks with these numbers; those that have none are left out.
    pub(super) async fn items(
        &self,
        job: &JobRecord,
        chunks: std::ops::Range<ChunkNo>,
    ) -> PortResult<BTreeMap<ChunkNo, KeptChunk>> {
        if chunks.is_empty() {
            return Ok(BTreeMap::new());
        }
        let range = Range {
            between: Some((
                chunk_sk(job.generation, chunks.start),
                chunk_sk(job.generation, chunks.end - 1),
            )),
            ..Range::all(job_pk(&job.job_id))
        };
        self.read_items(job, &range).await
    }

    async fn read_items(
        &self,
        job: &JobRecord,
        range: &Range,
    ) -> PortResult<BTreeMap<ChunkNo, KeptChunk>> {
        let items = self.table.query(range).await?;
        items
            .iter()
            .map(|item| {
                let reader = Reader(item);
                let number = reader.sk()?.rsplit_once('#').map(|(_, number)| number);
                let number = number.and_then(|number| number.parse().ok());
                let chunk = number.ok_or_else(|| reader.odd(super::keys::SK))?;
                Ok((chunk, from_item(&key_of(job, chunk), item)?))
            })
            .collect()
    }

    /// Chunk records from `from` on, with or without an item.
    pub(super) async fn records(
        &self,
        job_id: &JobId,
        from: ChunkNo,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        let kept = self.known(job_id).await?;
        let upto = from.saturating_add(max).min(kept.job.stored_chunks);
        if from >= upto {
            return Ok(Vec::new());
        }
        let mut items = self.items(&kept.job, from..upto).await?;
        let stored = self.pages.ranges(&self.table, job_id, from..upto).await?;
        let records = stored.into_iter().map(|(range, stored_ms)| {
            let record = match items.remove(&range.chunk) {
                Some(chunk) => chunk.record,
                None => ChunkRecord::new(range, stored_ms),
            };
            as_sent(&kept, record)
        });
        Ok(records.collect())
    }

    /// Chunks that were sent, are open and silent; on the way the watermark moves up, if it can.
    pub(super) async fn sweep(
        &self,
        job_id: &JobId,
        silent_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>> {
        let kept = self.known(job_id).await?;
        let job = &kept.job;
        if !job.is_live() || job.paused.is_some() {
            return Ok(Vec::new());
        }
        let now_ms = self.now_ms();
        let sent = kept.sent.done_upto..job.sent_upto;
        let mut items = self.items(job, sent.clone()).await?;
        let (mut suspects, mut done_upto) = (Vec::new(), kept.sent.done_upto);
        for chunk in sent {
            let is_suspect = match items.remove(&chunk) {
                Some(found) => {
                    if found.record.status.is_final() && done_upto == chunk {
                        done_upto += 1;
                    }
                    rules::is_orphan_suspect(&as_sent(&kept, found.record), now_ms, silent_ms)
                }
                // Nobody ever came for it.
                None => kept.sent.sent_ms(chunk).unwrap_or_default() + silent_ms <= now_ms,
            };
            if is_suspect && suspects.len() < max as usize {
                suspects.push(chunk);
            }
        }
        if done_upto > kept.sent.done_upto {
            let mut after = kept.clone();
            after.sent.set_done(done_upto);
            let nonce = self.clock().random();
            // If somebody was faster, the next sweep moves it.
            self.write_job(&kept, &after, nonce, Vec::new()).await?;
        }
        Ok(suspects)
    }

    /// Notes that chunks were sent again.
    pub(super) async fn mark(&self, job_id: &JobId, chunks: &[ChunkNo]) -> PortResult<()> {
        let kept = self.known(job_id).await?;
        let chunks: BTreeSet<&ChunkNo> = chunks.iter().collect();
        let stored = chunks
            .into_iter()
            .filter(|chunk| **chunk < kept.job.stored_chunks);
        let marks: Vec<_> = stored
            .map(|chunk| self.mark_one(key_of(&kept.job, *chunk)))
            .collect();
        stream::iter(marks)
            .buffer_unordered(MARKS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }

    async fn mark_one(&self, key: ChunkKey) -> PortResult<()> {
        let mut rounds = Rounds::default();
        loop {
            let now_ms = self.now_ms();
            let touch = format!("SET {TOUCHED_MS} = :now ADD {VERSION} :one");
            let touch = Write::update(Key::chunk(&key), &touch)
                .when(&format!(
                    "attribute_exists({VERSION}) AND {STATUS} < :final"
                ))
                .with(":now", number(now_ms))
                .with(":one", number(1))
                .with(":final", number(FIRST_FINAL));
            if let Written::Done = self.table.write(&[touch]).await? {
                return Ok(());
            }
            // Of a final chunk the time says when it became so.
            if let Some((_, chunk)) = self.read_chunk(&key).await?
                && chunk.record.status.is_final()
            {
                return Ok(());
            }
            let mut new = self.untouched(&key).await?.record;
            new.touched_ms = now_ms;
            let nonce = self.clock().random();
            let put = Write::put_after(to_item(&key, &new), 0, nonce);
            if self.table.write(&[put]).await?.stands(nonce) {
                return Ok(());
            }
            rounds.next(self.clock(), "a chunk's item").await?;
        }
    }
}

/// The writes that take `parked` chunks out of the park.
fn unpark(
    job: &JobRecord,
    parked: &BTreeMap<ChunkNo, KeptChunk>,
    now_ms: u64,
    nonce: u64,
) -> Vec<Write> {
    let has_cap = job.spec.max_cost_usd.is_some();
    let (mut writes, mut shards) = (Vec::new(), BTreeMap::new());
    for (number, chunk) in parked {
        let mut record = chunk.record.clone();
        let counters = shards
            .entry(number % super::keys::SHARDS)
            .or_insert_with(base);
        rules::mark_sent(counters, &mut record, now_ms);
        let item = to_item(&key_of(job, *number), &record);
        writes.push(Write::put_after(item, chunk.version, nonce));
    }
    for (shard, counters) in &shards {
        let moved = (&base(), counters);
        writes.extend(moves(&job.job_id, job.generation, *shard, moved, has_cap));
    }
    writes
}

/// A record as the sending of its block makes it: an open chunk was touched when it was sent, if not later.
fn as_sent(kept: &KeptJob, mut record: ChunkRecord) -> ChunkRecord {
    if record.status == ChunkStatus::Open
        && record.range.chunk < kept.job.sent_upto
        && let Some(sent_ms) = kept.sent.sent_ms(record.range.chunk)
    {
        record.touched_ms = record.touched_ms.max(sent_ms);
    }
    record
}

fn key_of(job: &JobRecord, chunk: ChunkNo) -> ChunkKey {
    ChunkKey {
        job_id: job.job_id.clone(),
        generation: job.generation,
        chunk,
    }
}
