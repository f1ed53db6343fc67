//! [`Ledger`] over the table.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::access::DynamoLedger;
use crate::core::chunk::{
    ChunkRange, ChunkRecord, Claim, ClaimOutcome, Commit, CommitOutcome, GivenUp, Release,
    ReleaseOutcome,
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
    chunk as chunk_rules, job as job_rules, lane as lane_rules, prefix as prefix_rules,
};
use crate::ports::error::{PortError, PortResult};
use crate::ports::ledger::{Created, Held, Ledger};

#[async_trait]
impl Ledger for DynamoLedger {
    async fn create_job(&self, job_id: &JobId, spec: &JobSpec) -> PortResult<Created> {
        self.create(job_id, spec).await
    }

    async fn job(&self, job_id: &JobId) -> PortResult<Option<JobRecord>> {
        Ok(self.head(job_id).await?.map(|head| head.kept.job))
    }

    async fn list_jobs(&self) -> PortResult<Vec<JobRecord>> {
        self.all().await
    }

    async fn live_jobs(&self) -> PortResult<Vec<JobRecord>> {
        self.live().await
    }

    async fn ended_jobs(&self, state: &str, max: usize) -> PortResult<Vec<JobRecord>> {
        self.ended(state, max).await
    }

    async fn freeze_plan(&self, job_id: &JobId, plan: &Plan) -> PortResult<Plan> {
        self.change_live(job_id, |job| job_rules::freeze_plan(job, plan.clone()))
            .await
    }

    async fn put_ranges(&self, job_id: &JobId, ranges: &[ChunkRange]) -> PortResult<()> {
        self.store(job_id, ranges).await
    }

    async fn split_complete(&self, job_id: &JobId, totals: &SplitTotals) -> PortResult<()> {
        let agrees = self
            .change_live(job_id, |job| job_rules::split_complete(job, totals))
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
        self.take(job_id, window_chunks, max).await
    }

    async fn mark_sent(&self, job_id: &JobId, chunks: &[ChunkNo]) -> PortResult<()> {
        self.mark(job_id, chunks).await
    }

    async fn sweep_list(
        &self,
        job_id: &JobId,
        silent_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>> {
        self.sweep(job_id, silent_ms, max).await
    }

    async fn chunks(
        &self,
        job_id: &JobId,
        from: ChunkNo,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        self.records(job_id, from, max).await
    }

    async fn claim_chunk(
        &self,
        key: &ChunkKey,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<ClaimOutcome> {
        let outcome = self
            .change_chunk(key, |job, chunk, now_ms| {
                chunk_rules::claim(job, chunk, owner, now_ms, lease_ms, &self.limits)
            })
            .await?;
        Ok(outcome.unwrap_or(ClaimOutcome::JobOver))
    }

    async fn renew_claim(&self, claim: &Claim, lease_ms: u64) -> PortResult<Held> {
        self.renew(claim, lease_ms).await
    }

    async fn release_claim(&self, claim: &Claim, how: &Release) -> PortResult<ReleaseOutcome> {
        let outcome = self
            .change_chunk(&claim.key, |job, chunk, now_ms| {
                let counters = &mut job.counters;
                chunk_rules::release(counters, chunk, claim, how, now_ms, &self.limits)
            })
            .await?;
        Ok(outcome.unwrap_or(ReleaseOutcome::Lost))
    }

    async fn calls_intended(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        self.intend(claim, calls).await
    }

    async fn calls_settled(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        self.settle(claim, calls).await
    }

    async fn budget_reserve(&self, claim: &Claim, amount: NanoUsd) -> PortResult<Reserved> {
        self.reserve(claim, amount).await
    }

    async fn budget_settle(
        &self,
        claim: &Claim,
        reserved: NanoUsd,
        spent: NanoUsd,
    ) -> PortResult<Held> {
        self.settle_budget(claim, reserved, spent).await
    }

    async fn lane_reserve(&self, lane: &str, worker: &str, ask: &LaneAsk) -> PortResult<LaneShare> {
        self.change_shared(&format!("lane {lane}"), |record, now_ms| {
            lane_rules::reserve(record, worker, ask, now_ms)
        })
        .await
    }

    async fn lane_report(&self, lane: &str, worker: &str, report: &LaneReport) -> PortResult<()> {
        self.change_shared(&format!("lane {lane}"), |record, now_ms| {
            lane_rules::report(record, worker, report, now_ms);
        })
        .await
    }

    async fn lane(&self, lane: &str) -> PortResult<Option<LaneRecord>> {
        self.shared(&format!("lane {lane}")).await
    }

    async fn prefix_warm(&self, key: &str, owner: &str, lead_ms: u64) -> PortResult<PrefixWarm> {
        self.change_shared(&format!("prefix {key}"), |record, now_ms| {
            prefix_rules::warm(record, owner, lead_ms, now_ms)
        })
        .await
    }

    async fn prefix_used(&self, key: &str, what: &PrefixUse) -> PortResult<()> {
        self.change_shared(&format!("prefix {key}"), |record, now_ms| {
            prefix_rules::used(record, what, now_ms);
        })
        .await
    }

    async fn set_cursor(&self, claim: &Claim, row: Option<RowNo>) -> PortResult<Held> {
        self.point(claim, row).await
    }

    async fn commit_chunk(&self, claim: &Claim, commit: &Commit) -> PortResult<CommitOutcome> {
        let outcome = self
            .change_chunk(&claim.key, |job, chunk, now_ms| {
                chunk_rules::commit(job, chunk, claim, commit, now_ms)
            })
            .await?;
        Ok(outcome.unwrap_or(CommitOutcome::JobOver))
    }

    async fn quarantine_chunk(&self, claim: &Claim, reason: &str) -> PortResult<Held> {
        self.change_held(claim, |job, chunk, now_ms| {
            chunk_rules::quarantine(&mut job.counters, chunk, claim, reason, now_ms)
        })
        .await
    }

    async fn park_chunk(&self, claim: &Claim) -> PortResult<Held> {
        self.change_held(claim, |job, chunk, now_ms| {
            chunk_rules::park(&mut job.counters, chunk, claim, now_ms)
        })
        .await
    }

    async fn pause(&self, job_id: &JobId, reason: &PauseReason) -> PortResult<bool> {
        self.change_known(job_id, |job, _| job_rules::pause(job, reason.clone()))
            .await
    }

    async fn resume(&self, job_id: &JobId) -> PortResult<bool> {
        self.change_known(job_id, |job, _| job_rules::resume(job))
            .await
    }

    async fn set_limits(&self, job_id: &JobId, limits: &Limits) -> PortResult<()> {
        self.change_known(job_id, |job, _| job.spec.set_limits(limits))
            .await
    }

    async fn stop(&self, job_id: &JobId, stop: &Stop) -> PortResult<bool> {
        self.change_known(job_id, |job, _| job_rules::stop(job, stop.clone()))
            .await
    }

    async fn elect_finisher(
        &self,
        job_id: &JobId,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<Election> {
        self.elect(job_id, owner, lease_ms).await
    }

    async fn renew_finisher(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        lease_ms: u64,
    ) -> PortResult<Held> {
        self.change_known(job_id, |job, now_ms| {
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
        let given_up = self
            .change_chunk(key, |job, chunk, now_ms| {
                chunk_rules::give_up(job, chunk, reason, now_ms)
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
