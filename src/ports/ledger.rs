//! The ledger: jobs, the chunk index, claims, commits and counters, as operations of the domain.
//!
//! Every operation is atomic. An error with `unknown_outcome` may have had its effect: read back (or say the same
//! again, where that is harmless), then decide (S11). Rules are those of [`crate::core::transitions`].

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::error::PortResult;
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

/// Answer to [`Ledger::create_job`].
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It is new.
    New,
    /// It was there, perhaps under other rates; the first spec stands.
    Exists(Box<JobRecord>),
}

/// Answer to operations under a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Done; the claim holds.
    Yes,
    /// The claim is lost; nothing was done.
    Lost,
}

impl Held {
    /// From "it holds".
    pub fn from_bool(holds: bool) -> Held {
        if holds { Held::Yes } else { Held::Lost }
    }
}

/// A ledger.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Creates a job, or finds it: harmless to say again.
    async fn create_job(&self, job_id: &JobId, spec: &JobSpec) -> PortResult<Created>;

    /// A job with its counters; none: there is none.
    async fn job(&self, job_id: &JobId) -> PortResult<Option<JobRecord>>;

    /// All jobs, newest first. May read everything there is: for people who ask for it, not for roles.
    async fn list_jobs(&self) -> PortResult<Vec<JobRecord>>;

    /// The jobs that have not ended, newest first.
    async fn live_jobs(&self) -> PortResult<Vec<JobRecord>> {
        let mut jobs = self.list_jobs().await?;
        jobs.retain(|job| !job.is_over());
        Ok(jobs)
    }

    /// Up to `max` jobs that ended in the state of this name ([`End::name`]), the one that ended last first.
    async fn ended_jobs(&self, state: &str, max: usize) -> PortResult<Vec<JobRecord>> {
        let mut jobs = self.list_jobs().await?;
        jobs.retain(|job| job.is_over() && job.state() == state);
        jobs.sort_by_key(|job| std::cmp::Reverse(job.ended_ms));
        jobs.truncate(max);
        Ok(jobs)
    }

    /// Freezes the plan and returns the one that stands. Of a job that is ending or over nothing is changed: this and
    /// the two below then fail with class `LostClaim`.
    async fn freeze_plan(&self, job_id: &JobId, plan: &Plan) -> PortResult<Plan>;

    /// Stores ranges that are new and verifies those that are not; a difference is a `PermanentJob` error.
    async fn put_ranges(&self, job_id: &JobId, ranges: &[ChunkRange]) -> PortResult<()>;

    /// Says that all ranges are stored; other totals than a split before, or than the ranges, are a `PermanentJob` error.
    async fn split_complete(&self, job_id: &JobId, totals: &SplitTotals) -> PortResult<()>;

    /// Takes up to `max` chunks that should be sent next, within a window of `window_chunks` outstanding ones: parked
    /// ones of a job that runs, then stored ones never sent. They count as sent from now on, so that the window holds
    /// whoever else asks; what a crash leaves unsent is found by [`Ledger::sweep_list`]. Empty for a job that is
    /// paused, stopping or over.
    async fn take_sendable(
        &self,
        job_id: &JobId,
        window_chunks: u32,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>>;

    /// Says that messages for these chunks, taken earlier, were sent again: the sweep leaves them alone for a while. Nothing
    /// changes of chunks that are final: their time says when they became so, and outputs show it.
    async fn mark_sent(&self, job_id: &JobId, chunks: &[ChunkNo]) -> PortResult<()>;

    /// Up to `max` chunks that were sent, are open, and that nobody has held or touched for `silent_ms` (I4).
    async fn sweep_list(
        &self,
        job_id: &JobId,
        silent_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>>;

    /// Up to `max` chunk records from number `from` on, in order.
    async fn chunks(&self, job_id: &JobId, from: ChunkNo, max: u32)
    -> PortResult<Vec<ChunkRecord>>;

    /// Asks for the right to a chunk for `lease_ms`. An unknown chunk of a known job is `JobOver`.
    async fn claim_chunk(
        &self,
        key: &ChunkKey,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<ClaimOutcome>;

    /// Extends a claim to `lease_ms` from now.
    async fn renew_claim(&self, claim: &Claim, lease_ms: u64) -> PortResult<Held>;

    /// Gives a claim back.
    async fn release_claim(&self, claim: &Claim, how: &Release) -> PortResult<ReleaseOutcome>;

    /// Notes that `calls` paid calls are about to start; on `Lost` they must not.
    async fn calls_intended(&self, claim: &Claim, calls: u64) -> PortResult<Held>;

    /// Notes that the answers of `calls` intended calls are stored.
    async fn calls_settled(&self, claim: &Claim, calls: u64) -> PortResult<Held>;

    /// Sets `amount` aside under the job's cost cap before a paid call that costs so much at most (I9). Said twice, it is
    /// set aside twice: too much rather than too little. Not called for a job without a cap.
    async fn budget_reserve(&self, claim: &Claim, amount: NanoUsd) -> PortResult<Reserved>;

    /// Ends a reservation of which `spent` was used. Not to be said twice: what is not settled counts as spent when the
    /// claim ends.
    async fn budget_settle(
        &self,
        claim: &Claim,
        reserved: NanoUsd,
        spent: NanoUsd,
    ) -> PortResult<Held>;

    /// Asks for a worker's part of a lane that the fleet shares: a lease on a rate, within what others have (I9). Said
    /// again with the same number, its news counts once. A worker that has nothing to do does not ask. A lane is made by the
    /// first who asks; names are the callers' affair (a lane of a service, `job/` and a job's id).
    async fn lane_reserve(&self, lane: &str, worker: &str, ask: &LaneAsk) -> PortResult<LaneShare>;

    /// Tells of a worker's calls without asking for more: it leaves the lane, or the whole lane has to pause. Saying the
    /// same again is harmless.
    async fn lane_report(&self, lane: &str, worker: &str, report: &LaneReport) -> PortResult<()>;

    /// A lane as it stands, for people who look: nothing is changed. None: nobody has asked for a part of it.
    async fn lane(&self, lane: &str) -> PortResult<Option<LaneRecord>>;

    /// Asks how the prompt prefix `key` stands; the first to ask leads for `lead_ms`. Harmless to say again. Not asked
    /// for each call: a worker remembers what it was told.
    async fn prefix_warm(&self, key: &str, owner: &str, lead_ms: u64) -> PortResult<PrefixWarm>;

    /// Says what a call found out about a prefix: after it led, and now and then while the prefix is in use. Harmless to
    /// say again.
    async fn prefix_used(&self, key: &str, what: &PrefixUse) -> PortResult<()>;

    /// Sets an isolated chunk's cursor.
    async fn set_cursor(&self, claim: &Claim, row: Option<RowNo>) -> PortResult<Held>;

    /// Makes a chunk's rows final and moves the job's counters in one transaction. Saying the same again is harmless.
    async fn commit_chunk(&self, claim: &Claim, commit: &Commit) -> PortResult<CommitOutcome>;

    /// Gives a chunk up; its rows will be written as failed for `reason`.
    async fn quarantine_chunk(&self, claim: &Claim, reason: &str) -> PortResult<Held>;

    /// Sets a chunk aside until its job goes on.
    async fn park_chunk(&self, claim: &Claim) -> PortResult<Held>;

    /// Sets a live job aside; false: it is not live.
    async fn pause(&self, job_id: &JobId, reason: &PauseReason) -> PortResult<bool>;

    /// Lets a paused job go on; false: it was not paused.
    async fn resume(&self, job_id: &JobId) -> PortResult<bool>;

    /// Changes what may change about a job.
    async fn set_limits(&self, job_id: &JobId, limits: &Limits) -> PortResult<()>;

    /// Has a job end before all is done (failure or cancel); false: it is past that.
    async fn stop(&self, job_id: &JobId, stop: &Stop) -> PortResult<bool>;

    /// Asks for the right to write a job's outputs for `lease_ms`.
    async fn elect_finisher(
        &self,
        job_id: &JobId,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<Election>;

    /// Extends a finisher's right.
    async fn renew_finisher(&self, job_id: &JobId, epoch: Epoch, lease_ms: u64)
    -> PortResult<Held>;

    /// Ends a job under a finisher's epoch (I6), and keeps the `notice` of it in the same write: if this ends the job, the
    /// notice is kept, and else it is not. Said again, nothing is kept anew.
    async fn end_job(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        end: &End,
        notice: Option<&DueNotice>,
    ) -> PortResult<EndOutcome>;

    // Notices: what somebody still has to be told (rules: `crate::core::transitions::notice`).

    /// Up to `max` notices that are kept, the one that is due first first, whether its time has come or not. One that cannot
    /// be read (another version wrote it) is left out and left where it is, and keeps nothing from going on.
    async fn notices(&self, max: usize) -> PortResult<Vec<DueNotice>>;

    /// Keeps `to` in place of `from`, or nothing where the notice is through. False: there is no such notice any more (see
    /// [`DueNotice::is`]), somebody else has it, and nothing was changed. Said again it is false, and harmless.
    async fn move_notice(&self, from: &DueNotice, to: Option<&DueNotice>) -> PortResult<bool>;

    // Control: what people and the sweep ask for beside the flow.

    /// Quarantines an open chunk that nobody holds, without a claim, and moves the counters in the same transaction. An
    /// unknown chunk of a known job, or one of another generation, is `JobOver`. Harmless to say again.
    async fn give_up_chunk(&self, key: &ChunkKey, reason: &str) -> PortResult<GivenUp>;

    /// Has a job whose generation `ended` has ended go on in the next one, under the rules of
    /// [`crate::core::transitions::generation`]: committed chunks without failed rows are carried over, all else is done
    /// again. `lost`: committed chunks whose files are gone, which are done anew as a whole.
    ///
    /// Chunks are written in pages before the job itself changes: killed halfway, nothing has changed, and saying it again
    /// does all of it. Said again after it was done, it answers `NotThis` and changes nothing.
    async fn new_generation(
        &self,
        job_id: &JobId,
        ended: Generation,
        lost: &BTreeSet<ChunkNo>,
    ) -> PortResult<NewGeneration>;
}
