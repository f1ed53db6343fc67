//! [`Ledger`] over a [`Store`]: load, apply a rule of the core, keep, in one transaction.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::access::{EmbeddedLedger, key_of, known_job, over};
use super::store::Store;
use crate::core::chunk::{
    ChunkRange, ChunkRecord, ChunkStatus, Claim, ClaimOutcome, Commit, CommitOutcome, GivenUp,
    Release, ReleaseOutcome,
};
use crate::core::ids::{ChunkKey, ChunkNo, Epoch, Generation, JobId, RowNo};
use crate::core::job::{
    Election, End, EndOutcome, JobRecord, NewGeneration, PauseReason, Reserved, Stop,
};
use crate::core::lane::{LaneAsk, LaneRecord, LaneReport, LaneShare};
use crate::core::money::NanoUsd;
use crate::core::notice::DueNotice;
use crate::core::plan::{Plan, SplitTotals};
use crate::core::prefix::{PrefixUse, PrefixWarm};
use crate::core::spec::{JobSpec, Limits};
use crate::core::transitions::{
    budget as budget_rules, chunk as chunk_rules, job as job_rules, lane as lane_rules,
    prefix as prefix_rules,
};
use crate::ports::error::{PortError, PortResult};
use crate::ports::ledger::{Created, Held, Ledger};

#[async_trait]
impl<S: Store> Ledger for EmbeddedLedger<S> {
    async fn create_job(&self, job_id: &JobId, spec: &JobSpec) -> PortResult<Created> {
        let new = JobRecord::new(job_id.clone(), spec.clone(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                if let Some(known) = tx.job(&new.job_id)? {
                    return Ok(Created::Exists(Box::new(known)));
                }
                tx.put_job(&new)?;
                Ok(Created::New)
            }))
            .await
    }

    async fn job(&self, job_id: &JobId) -> PortResult<Option<JobRecord>> {
        let job_id = job_id.clone();
        self.store
            .transact(Box::new(move |tx| tx.job(&job_id)))
            .await
    }

    async fn list_jobs(&self) -> PortResult<Vec<JobRecord>> {
        self.store.transact(Box::new(|tx| tx.jobs())).await
    }

    async fn freeze_plan(&self, job_id: &JobId, plan: &Plan) -> PortResult<Plan> {
        let plan = plan.clone();
        self.with_live_job(job_id, move |job| job_rules::freeze_plan(job, plan))
            .await
    }

    async fn put_ranges(&self, job_id: &JobId, ranges: &[ChunkRange]) -> PortResult<()> {
        let (job_id, ranges, now_ms) = (job_id.clone(), ranges.to_vec(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                let mut job = known_job(tx, &job_id)?;
                if !job.is_live() {
                    return Err(over(&job_id));
                }
                let mut known = std::collections::BTreeMap::new();
                for range in &ranges {
                    if let Some(record) = tx.chunk(&key_of(&job, range.chunk))? {
                        known.insert(range.chunk, record.range);
                    }
                }
                let new = job_rules::new_ranges(&job, &ranges, |chunk| known.get(&chunk).copied())
                    .map_err(|refused| PortError::permanent_job(refused.to_string()))?;
                for range in new {
                    let record = ChunkRecord::new(*range, now_ms);
                    tx.put_chunk(&key_of(&job, range.chunk), &record)?;
                }
                if !new.is_empty() {
                    job.stored_chunks += new.len() as u32;
                    tx.put_job(&job)?;
                }
                Ok(())
            }))
            .await
    }

    async fn split_complete(&self, job_id: &JobId, totals: &SplitTotals) -> PortResult<()> {
        let totals = totals.clone();
        let agrees = self
            .with_live_job(job_id, move |job| job_rules::split_complete(job, &totals))
            .await?;
        if agrees {
            return Ok(());
        }
        Err(PortError::permanent_job(
            "the split counted other totals than are stored: the input or the scanner has changed",
        ))
    }

    async fn take_sendable(
        &self,
        job_id: &JobId,
        window_chunks: u32,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>> {
        let (job_id, now_ms) = (job_id.clone(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                let mut job = known_job(tx, &job_id)?;
                let room = job.room_in_window(window_chunks).min(max);
                let parked = ChunkStatus::Parked.number();
                let mut taken =
                    tx.chunks_with_status(&job_id, job.generation, parked, u64::MAX, room)?;
                let fresh = (room - taken.len() as u32).min(job.stored_chunks - job.sent_upto);
                let stored = tx.chunks(&job_id, job.generation, job.sent_upto, fresh)?;
                // What was claimed before it was ever sent is parked and taken as such, or final and not sent at all.
                let is_open = |chunk: &ChunkRecord| chunk.status == ChunkStatus::Open;
                taken.extend(stored.into_iter().filter(is_open));
                for chunk in &mut taken {
                    chunk_rules::mark_sent(&mut job.counters, chunk, now_ms);
                    tx.put_chunk(&key_of(&job, chunk.range.chunk), chunk)?;
                }
                job.sent_upto += fresh;
                if fresh > 0 || !taken.is_empty() {
                    tx.put_job(&job)?;
                }
                Ok(taken.iter().map(|chunk| chunk.range.chunk).collect())
            }))
            .await
    }

    async fn mark_sent(&self, job_id: &JobId, chunks: &[ChunkNo]) -> PortResult<()> {
        let (job_id, chunks, now_ms) = (job_id.clone(), chunks.to_vec(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                let job = known_job(tx, &job_id)?;
                for number in chunks {
                    let key = key_of(&job, number);
                    let Some(mut chunk) = tx.chunk(&key)? else {
                        continue;
                    };
                    // Of a final chunk the time says when it became so.
                    if chunk.status.is_final() {
                        continue;
                    }
                    chunk.touched_ms = now_ms;
                    tx.put_chunk(&key, &chunk)?;
                }
                Ok(())
            }))
            .await
    }

    async fn sweep_list(
        &self,
        job_id: &JobId,
        silent_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>> {
        let (job_id, now_ms) = (job_id.clone(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                let job = known_job(tx, &job_id)?;
                if !job.is_live() || job.paused.is_some() {
                    return Ok(Vec::new());
                }
                let open = ChunkStatus::Open.number();
                let upto_ms = now_ms.saturating_sub(silent_ms);
                let chunks =
                    tx.chunks_with_status(&job_id, job.generation, open, upto_ms, u32::MAX)?;
                Ok(chunks
                    .iter()
                    .filter(|chunk| chunk.range.chunk < job.sent_upto)
                    .filter(|chunk| chunk_rules::is_orphan_suspect(chunk, now_ms, silent_ms))
                    .map(|chunk| chunk.range.chunk)
                    .take(max as usize)
                    .collect())
            }))
            .await
    }

    async fn chunks(
        &self,
        job_id: &JobId,
        from: ChunkNo,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        let job_id = job_id.clone();
        self.store
            .transact(Box::new(move |tx| {
                let generation = known_job(tx, &job_id)?.generation;
                tx.chunks(&job_id, generation, from, max)
            }))
            .await
    }

    async fn claim_chunk(
        &self,
        key: &ChunkKey,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<ClaimOutcome> {
        let (owner, limits) = (owner.to_string(), self.limits);
        let outcome = self
            .with_chunk(key, move |job, chunk, now_ms| {
                chunk_rules::claim(job, chunk, &owner, now_ms, lease_ms, &limits)
            })
            .await?;
        Ok(outcome.unwrap_or(ClaimOutcome::JobOver))
    }

    async fn renew_claim(&self, claim: &Claim, lease_ms: u64) -> PortResult<Held> {
        self.held(claim, move |_, chunk, claim, now_ms| {
            chunk_rules::renew(chunk, claim, now_ms, lease_ms)
        })
        .await
    }

    async fn release_claim(&self, claim: &Claim, how: &Release) -> PortResult<ReleaseOutcome> {
        let (owned, how, limits) = (claim.clone(), how.clone(), self.limits);
        let outcome = self
            .with_chunk(&claim.key, move |job, chunk, now_ms| {
                chunk_rules::release(&mut job.counters, chunk, &owned, &how, now_ms, &limits)
            })
            .await?;
        Ok(outcome.unwrap_or(ReleaseOutcome::Lost))
    }

    async fn calls_intended(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        self.held(claim, move |_, chunk, claim, _| {
            chunk_rules::intend_calls(chunk, claim, calls)
        })
        .await
    }

    async fn calls_settled(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        self.held(claim, move |_, chunk, claim, _| {
            chunk_rules::settle_calls(chunk, claim, calls)
        })
        .await
    }

    async fn budget_reserve(&self, claim: &Claim, amount: NanoUsd) -> PortResult<Reserved> {
        let owned = claim.clone();
        let reserved = self
            .with_chunk(&claim.key, move |job, chunk, _| {
                budget_rules::budget_reserve(job, chunk, &owned, amount)
            })
            .await?;
        Ok(reserved.unwrap_or(Reserved::Lost))
    }

    async fn budget_settle(
        &self,
        claim: &Claim,
        reserved: NanoUsd,
        spent: NanoUsd,
    ) -> PortResult<Held> {
        self.held(claim, move |job, chunk, claim, _| {
            budget_rules::budget_settle(&mut job.counters, chunk, claim, reserved, spent)
        })
        .await
    }

    async fn lane_reserve(&self, lane: &str, worker: &str, ask: &LaneAsk) -> PortResult<LaneShare> {
        let (worker, ask) = (worker.to_string(), *ask);
        self.with_shared(format!("lane {lane}"), move |record, now_ms| {
            lane_rules::reserve(record, &worker, &ask, now_ms)
        })
        .await
    }

    async fn lane_report(&self, lane: &str, worker: &str, report: &LaneReport) -> PortResult<()> {
        let (worker, report) = (worker.to_string(), *report);
        self.with_shared(format!("lane {lane}"), move |record, now_ms| {
            lane_rules::report(record, &worker, &report, now_ms);
        })
        .await
    }

    async fn lane(&self, lane: &str) -> PortResult<Option<LaneRecord>> {
        self.shared(format!("lane {lane}")).await
    }

    async fn prefix_warm(&self, key: &str, owner: &str, lead_ms: u64) -> PortResult<PrefixWarm> {
        let owner = owner.to_string();
        self.with_shared(format!("prefix {key}"), move |record, now_ms| {
            prefix_rules::warm(record, &owner, lead_ms, now_ms)
        })
        .await
    }

    async fn prefix_used(&self, key: &str, what: &PrefixUse) -> PortResult<()> {
        let what = what.clone();
        self.with_shared(format!("prefix {key}"), move |record, now_ms| {
            prefix_rules::used(record, &what, now_ms);
        })
        .await
    }

    async fn set_cursor(&self, claim: &Claim, row: Option<RowNo>) -> PortResult<Held> {
        self.held(claim, move |_, chunk, claim, _| {
            chunk_rules::set_cursor(chunk, claim, row)
        })
        .await
    }

    async fn commit_chunk(&self, claim: &Claim, commit: &Commit) -> PortResult<CommitOutcome> {
        let (owned, commit) = (claim.clone(), commit.clone());
        let outcome = self
            .with_chunk(&claim.key, move |job, chunk, now_ms| {
                chunk_rules::commit(job, chunk, &owned, &commit, now_ms)
            })
            .await?;
        Ok(outcome.unwrap_or(CommitOutcome::JobOver))
    }

    async fn quarantine_chunk(&self, claim: &Claim, reason: &str) -> PortResult<Held> {
        let reason = reason.to_string();
        self.held(claim, move |job, chunk, claim, now_ms| {
            chunk_rules::quarantine(&mut job.counters, chunk, claim, &reason, now_ms)
        })
        .await
    }

    async fn park_chunk(&self, claim: &Claim) -> PortResult<Held> {
        self.held(claim, move |job, chunk, claim, now_ms| {
            chunk_rules::park(&mut job.counters, chunk, claim, now_ms)
        })
        .await
    }

    async fn pause(&self, job_id: &JobId, reason: &PauseReason) -> PortResult<bool> {
        let reason = reason.clone();
        self.with_job(job_id, move |job, _| job_rules::pause(job, reason))
            .await
    }

    async fn resume(&self, job_id: &JobId) -> PortResult<bool> {
        self.with_job(job_id, move |job, _| job_rules::resume(job))
            .await
    }

    async fn set_limits(&self, job_id: &JobId, limits: &Limits) -> PortResult<()> {
        let limits = *limits;
        self.with_job(job_id, move |job, _| job.spec.set_limits(&limits))
            .await
    }

    async fn stop(&self, job_id: &JobId, stop: &Stop) -> PortResult<bool> {
        let stop = stop.clone();
        self.with_job(job_id, move |job, _| job_rules::stop(job, stop))
            .await
    }

    async fn elect_finisher(
        &self,
        job_id: &JobId,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<Election> {
        let (job_id, owner, now_ms) = (job_id.clone(), owner.to_string(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                let Some(mut job) = tx.job(&job_id)? else {
                    return Ok(Election::Over);
                };
                let election = job_rules::elect(&mut job, &owner, now_ms, lease_ms);
                if let Election::Elected { .. } = election {
                    tx.put_job(&job)?;
                }
                Ok(election)
            }))
            .await
    }

    async fn renew_finisher(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        lease_ms: u64,
    ) -> PortResult<Held> {
        self.with_job(job_id, move |job, now_ms| {
            Held::from_bool(job_rules::renew_finisher(job, epoch, now_ms, lease_ms))
        })
        .await
    }

    async fn end_job(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        end: &End,
        notice: Option<&DueNotice>,
    ) -> PortResult<EndOutcome> {
        self.end_and_keep(job_id, epoch, end, notice).await
    }

    async fn notices(&self, max: usize) -> PortResult<Vec<DueNotice>> {
        self.kept_notices(max).await
    }

    async fn move_notice(&self, from: &DueNotice, to: Option<&DueNotice>) -> PortResult<bool> {
        self.replace_notice(from, to).await
    }

    async fn give_up_chunk(&self, key: &ChunkKey, reason: &str) -> PortResult<GivenUp> {
        let reason = reason.to_string();
        let given_up = self
            .with_chunk(key, move |job, chunk, now_ms| {
                chunk_rules::give_up(job, chunk, &reason, now_ms)
            })
            .await?;
        Ok(given_up.unwrap_or(GivenUp::JobOver))
    }

    async fn new_generation(
        &self,
        job_id: &JobId,
        ended: Generation,
        lost: &BTreeSet<ChunkNo>,
    ) -> PortResult<NewGeneration> {
        self.begin_generation(job_id, ended, lost).await
    }
}
