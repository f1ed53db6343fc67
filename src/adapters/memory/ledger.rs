//! A store in memory, and a ledger around any ledger whose answers get lost, late or stalled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::chaos::Chaos;
use crate::adapters::embedded::{Store, Tx, Work};
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
use crate::ports::Ledger;
use crate::ports::error::PortResult;
use crate::ports::ledger::{Created, Held};

#[derive(Default)]
struct State {
    jobs: BTreeMap<JobId, JobRecord>,
    chunks: BTreeMap<ChunkKey, ChunkRecord>,
    shared: BTreeMap<String, String>,
}

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

/// Writes are staged and seen by nobody before the transaction ends well.
struct MemoryTx<'s> {
    state: &'s State,
    jobs: BTreeMap<JobId, JobRecord>,
    chunks: BTreeMap<ChunkKey, ChunkRecord>,
    shared: BTreeMap<String, String>,
}

impl MemoryTx<'_> {
    fn of_generation(&self, job_id: &JobId, generation: Generation) -> Vec<ChunkRecord> {
        let first = ChunkKey {
            job_id: job_id.clone(),
            generation,
            chunk: 0,
        };
        let last = ChunkKey {
            chunk: ChunkNo::MAX,
            ..first.clone()
        };
        let mut all: BTreeMap<ChunkNo, &ChunkRecord> = BTreeMap::new();
        for (key, chunk) in self.state.chunks.range(first.clone()..=last.clone()) {
            all.insert(key.chunk, chunk);
        }
        for (key, chunk) in self.chunks.range(first..=last) {
            all.insert(key.chunk, chunk);
        }
        all.into_values().cloned().collect()
    }
}

impl Tx for MemoryTx<'_> {
    fn job(&mut self, job_id: &JobId) -> PortResult<Option<JobRecord>> {
        Ok(self
            .jobs
            .get(job_id)
            .or_else(|| self.state.jobs.get(job_id))
            .cloned())
    }

    fn jobs(&mut self) -> PortResult<Vec<JobRecord>> {
        let mut jobs: Vec<JobRecord> = self.state.jobs.values().cloned().collect();
        jobs.sort_by(|a, b| (b.created_ms, &b.job_id).cmp(&(a.created_ms, &a.job_id)));
        Ok(jobs)
    }

    fn put_job(&mut self, job: &JobRecord) -> PortResult<()> {
        self.jobs.insert(job.job_id.clone(), job.clone());
        Ok(())
    }

    fn chunk(&mut self, key: &ChunkKey) -> PortResult<Option<ChunkRecord>> {
        Ok(self
            .chunks
            .get(key)
            .or_else(|| self.state.chunks.get(key))
            .cloned())
    }

    fn put_chunk(&mut self, key: &ChunkKey, chunk: &ChunkRecord) -> PortResult<()> {
        self.chunks.insert(key.clone(), chunk.clone());
        Ok(())
    }

    fn chunks(
        &mut self,
        job_id: &JobId,
        generation: Generation,
        from: ChunkNo,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        let all = self.of_generation(job_id, generation);
        Ok(all
            .into_iter()
            .filter(|c| c.range.chunk >= from)
            .take(max as usize)
            .collect())
    }

    fn chunks_with_status(
        &mut self,
        job_id: &JobId,
        generation: Generation,
        status: u8,
        touched_upto_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        let all = self.of_generation(job_id, generation);
        Ok(all
            .into_iter()
            .filter(|c| c.status.number() == status && c.touched_ms <= touched_upto_ms)
            .take(max as usize)
            .collect())
    }

    fn shared(&mut self, key: &str) -> PortResult<Option<String>> {
        let staged = self.shared.get(key);
        Ok(staged.or_else(|| self.state.shared.get(key)).cloned())
    }

    fn put_shared(&mut self, key: &str, record: &str) -> PortResult<()> {
        self.shared.insert(key.to_string(), record.to_string());
        Ok(())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn transact<R: Send + 'static>(&self, work: Work<R>) -> PortResult<R> {
        let mut state = self.0.lock().expect("no panic while held");
        let mut tx = MemoryTx {
            state: &state,
            jobs: BTreeMap::new(),
            chunks: BTreeMap::new(),
            shared: BTreeMap::new(),
        };
        let result = work(&mut tx)?;
        let (jobs, chunks, shared) = (tx.jobs, tx.chunks, tx.shared);
        state.jobs.extend(jobs);
        state.chunks.extend(chunks);
        state.shared.extend(shared);
        Ok(result)
    }
}

/// A ledger whose service is far away and not always well.
pub struct ChaosLedger<L> {
    inner: Arc<L>,
    chaos: Arc<Chaos>,
}

impl<L: Ledger> ChaosLedger<L> {
    /// Trouble of `chaos` around `inner`.
    pub fn new(inner: Arc<L>, chaos: Arc<Chaos>) -> Self {
        ChaosLedger { inner, chaos }
    }
}

/// Every operation the same way, so that none can be forgotten: trouble before, the real one, trouble after.
macro_rules! troubled {
    ($($name:ident ( $($arg:ident : $ty:ty),* ) -> $answer:ty;)*) => {
        #[async_trait]
        impl<L: Ledger> Ledger for ChaosLedger<L> {
            $(async fn $name(&self, $($arg: $ty),*) -> PortResult<$answer> {
                self.chaos.before(stringify!($name)).await?;
                let answer = self.inner.$name($($arg),*).await;
                self.chaos.after(stringify!($name), answer)
            })*
        }
    };
}

troubled! {
    create_job(job_id: &JobId, spec: &JobSpec) -> Created;
    job(job_id: &JobId) -> Option<JobRecord>;
    list_jobs() -> Vec<JobRecord>;
    live_jobs() -> Vec<JobRecord>;
    ended_jobs(state: &str, max: usize) -> Vec<JobRecord>;
    freeze_plan(job_id: &JobId, plan: &Plan) -> Plan;
    put_ranges(job_id: &JobId, ranges: &[ChunkRange]) -> ();
    split_complete(job_id: &JobId, totals: &SplitTotals) -> ();
    take_sendable(job_id: &JobId, window_chunks: u32, max: u32) -> Vec<ChunkNo>;
    mark_sent(job_id: &JobId, chunks: &[ChunkNo]) -> ();
    sweep_list(job_id: &JobId, silent_ms: u64, max: u32) -> Vec<ChunkNo>;
    chunks(job_id: &JobId, from: ChunkNo, max: u32) -> Vec<ChunkRecord>;
    claim_chunk(key: &ChunkKey, owner: &str, lease_ms: u64) -> ClaimOutcome;
    renew_claim(claim: &Claim, lease_ms: u64) -> Held;
    release_claim(claim: &Claim, how: &Release) -> ReleaseOutcome;
    calls_intended(claim: &Claim, calls: u64) -> Held;
    calls_settled(claim: &Claim, calls: u64) -> Held;
    budget_reserve(claim: &Claim, amount: NanoUsd) -> Reserved;
    budget_settle(claim: &Claim, reserved: NanoUsd, spent: NanoUsd) -> Held;
    lane_reserve(lane: &str, worker: &str, ask: &LaneAsk) -> LaneShare;
    lane_report(lane: &str, worker: &str, report: &LaneReport) -> ();
    lane(lane: &str) -> Option<LaneRecord>;
    prefix_warm(key: &str, owner: &str, lead_ms: u64) -> PrefixWarm;
    prefix_used(key: &str, what: &PrefixUse) -> ();
    set_cursor(claim: &Claim, row: Option<RowNo>) -> Held;
    commit_chunk(claim: &Claim, commit: &Commit) -> CommitOutcome;
    quarantine_chunk(claim: &Claim, reason: &str) -> Held;
    park_chunk(claim: &Claim) -> Held;
    pause(job_id: &JobId, reason: &PauseReason) -> bool;
    resume(job_id: &JobId) -> bool;
    set_limits(job_id: &JobId, limits: &Limits) -> ();
    stop(job_id: &JobId, stop: &Stop) -> bool;
    elect_finisher(job_id: &JobId, owner: &str, lease_ms: u64) -> Election;
    renew_finisher(job_id: &JobId, epoch: Epoch, lease_ms: u64) -> Held;
    end_job(job_id: &JobId, epoch: Epoch, end: &End, notice: Option<&DueNotice>) -> EndOutcome;
    notices(max: usize) -> Vec<DueNotice>;
    move_notice(from: &DueNotice, to: Option<&DueNotice>) -> bool;
    give_up_chunk(key: &ChunkKey, reason: &str) -> GivenUp;
    new_generation(job_id: &JobId, ended: Generation, lost: &BTreeSet<ChunkNo>) -> NewGeneration;
}
