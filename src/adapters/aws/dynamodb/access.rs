//! How the ledger's operations reach their items: read, apply a rule of the core, write if nobody was faster, else again.

use std::sync::Arc;

use super::chunk_item::{KeptChunk, from_item, to_item};
use super::counters::{base, budget_spent, closings, count_budget, count_shard, moves};
use super::item::{Item, Reader, under};
use super::job_item::{KeptJob, unknown};
use super::keys::{Key, budget_sk, counters_prefix, head_range, job_pk};
use super::pages::Pages;
use super::query::Range;
use super::rounds::Rounds;
use super::table::Table;
use super::write::Write;
use crate::adapters::aws::AwsConfig;
use crate::core::chunk::{ChunkLimits, ChunkRecord, Claim};
use crate::core::ids::{ChunkKey, JobId};
use crate::core::job::{Counters, JobRecord};
use crate::ports::Clock;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::ledger::Held;

/// The ledger of a fleet: jobs, chunk index, chunks and counters in one DynamoDB table (docs/LEDGER.md).
#[derive(Debug)]
pub struct DynamoLedger {
    pub(super) table: Table,
    pub(super) pages: Pages,
    pub(super) limits: ChunkLimits,
}

/// A job and its counters from their items; none: there is no such job.
pub(super) fn head_of(items: &[Item]) -> PortResult<Option<Head>> {
    let Some(first) = items.first() else {
        return Ok(None);
    };
    if Reader(first).sk()? != super::keys::JOB {
        return Ok(None);
    }
    let mut kept = KeptJob::from_item(first)?;
    let mut counters = Counters::default();
    let shards = counters_prefix(kept.job.generation);
    let budget = budget_sk(kept.job.generation);
    let mut budget_item: Option<&Item> = None;
    for item in &items[1..] {
        let sk = Reader(item).sk()?;
        if sk == budget {
            budget_item = Some(item);
            count_budget(&mut counters, item)?;
        } else if sk.starts_with(&shards) {
            count_shard(&mut counters, item)?;
        }
    }
    kept.job.counters = counters;
    let budget_spent = budget_spent(budget_item)?;
    Ok(Some(Head { kept, budget_spent }))
}

/// A job with its counters.
pub(super) struct Head {
    pub(super) kept: KeptJob,
    /// What of the counters' spending the budget's item holds; the rest lies in the shards.
    pub(super) budget_spent: u64,
}

impl DynamoLedger {
    /// A ledger in the table `table`, where `aws` says. Nothing is called yet; a table that is missing shows with the
    /// first operation, as a `PermanentJob` error.
    pub fn new(
        aws: &AwsConfig,
        table: &str,
        clock: Arc<dyn Clock>,
        limits: ChunkLimits,
    ) -> DynamoLedger {
        DynamoLedger {
            table: Table::new(aws, table, clock),
            pages: Pages::default(),
            limits,
        }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.table.clock.0
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock().now_ms()
    }

    /// A job without its counters.
    pub(super) async fn kept(&self, job_id: &JobId) -> PortResult<Option<KeptJob>> {
        let item = self.table.get(&Key::job(job_id)).await?;
        item.as_ref().map(KeptJob::from_item).transpose()
    }

    /// A job without its counters; an unknown one is a bug of the caller.
    pub(super) async fn known(&self, job_id: &JobId) -> PortResult<KeptJob> {
        self.kept(job_id).await?.ok_or_else(|| unknown(job_id))
    }

    /// A job with its counters, in one query. Items are read one after the other and not as one picture: committed and
    /// quarantined only grow, so they may be too low beside the job's own fields, and never too high.
    pub(super) async fn head(&self, job_id: &JobId) -> PortResult<Option<Head>> {
        head_of(&self.head_items(job_id).await?)
    }

    /// The items of [`DynamoLedger::head`], as they lie there.
    pub(super) async fn head_items(&self, job_id: &JobId) -> PortResult<Vec<Item>> {
        let range = Range {
            between: Some(head_range()),
            ..Range::all(job_pk(job_id))
        };
        self.table.query(&range).await
    }

    /// Changes a job by a rule that needs no counters, and returns its answer; none: there is no such job. The rule may be
    /// asked again, about a newer job.
    pub(super) async fn change_job<R>(
        &self,
        job_id: &JobId,
        change: impl Fn(&mut KeptJob, u64) -> R + Send + Sync,
    ) -> PortResult<Option<R>>
    where
        R: Send,
    {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            let Some(before) = self.kept(job_id).await? else {
                return Ok(None);
            };
            let mut after = before.clone();
            let result = change(&mut after, self.now_ms());
            if after == before || self.write_job(&before, &after, nonce, Vec::new()).await? {
                return Ok(Some(result));
            }
            rounds.next(self.clock(), "a job's item").await?;
        }
    }

    /// Changes a job that the caller knows.
    pub(super) async fn change_known<R: Send>(
        &self,
        job_id: &JobId,
        change: impl Fn(&mut JobRecord, u64) -> R + Send + Sync,
    ) -> PortResult<R> {
        let changed = self.change_job(job_id, |kept, now_ms| change(&mut kept.job, now_ms));
        changed.await?.ok_or_else(|| unknown(job_id))
    }

    /// Changes a job while it is live. Of a job that is ending nothing changes any more: its outputs are a function of
    /// what the ledger holds.
    pub(super) async fn change_live<R: Send>(
        &self,
        job_id: &JobId,
        change: impl Fn(&mut JobRecord) -> R + Send + Sync,
    ) -> PortResult<R> {
        let changed = self.change_known(job_id, |job, _| job.is_live().then(|| change(job)));
        changed.await?.ok_or_else(|| over(job_id))
    }

    /// Writes a job as the version after `before`, together with `more`, its place in the indexes, and the closing of its
    /// counters where it stops being live. False: somebody was faster, and nothing was written.
    pub(super) async fn write_job(
        &self,
        before: &KeptJob,
        after: &KeptJob,
        nonce: u64,
        more: Vec<Write>,
    ) -> PortResult<bool> {
        let (from, to) = (&before.job, &after.job);
        let mut writes = vec![Write::put_after(after.to_item()?, before.version, nonce)];
        writes.extend(more);
        if from.is_live() && !to.is_live() {
            writes.extend(closings(&from.job_id, from.generation));
        }
        let ended = |job: &JobRecord| {
            let ended_ms = job.ended_ms.unwrap_or_default();
            Key::ended(&job.job_id, job.state(), ended_ms)
        };
        if !from.is_over() && to.is_over() {
            writes.push(Write::delete(Key::live(&from.job_id)));
            writes.push(Write::put(under(&ended(to))));
        }
        if from.is_over() && !to.is_over() {
            writes.push(Write::delete(ended(from)));
            writes.push(Write::put(under(&Key::live(&to.job_id))));
        }
        let written = self.table.write(&writes).await?;
        Ok(written.stands(nonce))
    }

    /// A job without counters and one of its chunks, in one request. None: there is no such job, generation or chunk.
    pub(super) async fn read_chunk(
        &self,
        key: &ChunkKey,
    ) -> PortResult<Option<(KeptJob, KeptChunk)>> {
        let keys = [Key::job(&key.job_id), Key::chunk(key)];
        let items = self.table.get_all(&keys).await?;
        let Some(job) = items.get(&keys[0]) else {
            return Ok(None);
        };
        let kept = KeptJob::from_item(job)?;
        let is_stored = key.chunk < kept.job.stored_chunks;
        if kept.job.generation != key.generation || !is_stored {
            return Ok(None);
        }
        let chunk = match items.get(&keys[1]) {
            Some(item) => from_item(key, item)?,
            None => self.untouched(key).await?,
        };
        Ok(Some((kept, chunk)))
    }

    /// A stored chunk that has no item yet: nobody has worked on it.
    pub(super) async fn untouched(&self, key: &ChunkKey) -> PortResult<KeptChunk> {
        let (range, stored_ms) = self
            .pages
            .range(&self.table, &key.job_id, key.chunk)
            .await?;
        Ok(KeptChunk {
            record: ChunkRecord::new(range, stored_ms),
            version: 0,
        })
    }

    /// Changes one chunk and perhaps its job's counters by a rule, and returns its answer; none: there is no such chunk,
    /// or the job is ending and its counters are closed. The rule sees counters that start anywhere.
    ///
    /// Where no counter moves this is one conditional put; else a transaction with the shard (and the budget).
    pub(super) async fn change_chunk<R: Send>(
        &self,
        key: &ChunkKey,
        change: impl Fn(&mut JobRecord, &mut ChunkRecord, u64) -> R + Send + Sync,
    ) -> PortResult<Option<R>> {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            let Some((kept, chunk)) = self.read_chunk(key).await? else {
                return Ok(None);
            };
            let (mut job, mut record) = (kept.job, chunk.record.clone());
            job.counters = base();
            let (is_live, has_cap) = (job.is_live(), job.spec.max_cost_usd.is_some());
            let result = change(&mut job, &mut record, self.now_ms());
            let moves = moves(
                &key.job_id,
                key.generation,
                key.chunk,
                (&base(), &job.counters),
                has_cap,
            );
            if !moves.is_empty() && !is_live {
                return Ok(None);
            }
            if record == chunk.record {
                return Ok(Some(result));
            }
            let put = Write::put_after(to_item(key, &record), chunk.version, nonce);
            let writes: Vec<Write> = [put].into_iter().chain(moves).collect();
            if self.table.write(&writes).await?.stands(nonce) {
                return Ok(Some(result));
            }
            // The chunk has changed, or the counters were closed meanwhile: then the job is read as ending.
            rounds.next(self.clock(), "a chunk's item").await?;
        }
    }

    /// The same under a claim.
    pub(super) async fn change_held(
        &self,
        claim: &Claim,
        change: impl Fn(&mut JobRecord, &mut ChunkRecord, u64) -> bool + Send + Sync,
    ) -> PortResult<Held> {
        let holds = self.change_chunk(&claim.key, change).await?;
        Ok(Held::from_bool(holds.unwrap_or(false)))
    }

    /// The keys of live jobs' places, and of ended ones', as job ids.
    pub(super) async fn indexed(&self, range: &Range) -> PortResult<Vec<JobId>> {
        let items = self.table.query(range).await?;
        let id = |item: &Item| {
            let sk = Reader(item).sk()?;
            let id = sk.split_once('#').map_or(sk, |(_, id)| id);
            Ok(JobId(id.to_string()))
        };
        items.iter().map(id).collect()
    }
}

/// What is said to whoever would add to a job that is ending.
pub(super) fn over(job_id: &JobId) -> PortError {
    let what = format!("job {job_id} is ending or over");
    PortError::new(ErrorClass::LostClaim, what)
}
