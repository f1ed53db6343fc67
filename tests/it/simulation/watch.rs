//! A ledger that is watched: every operation goes into the trace, every accepted write is held against I2, I3, I6, I7.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use annexa::adapters::memory::chaos::Chaos;
use annexa::core::chunk::*;
use annexa::core::ids::{ChunkKey, ChunkNo, Epoch, Generation, JobId, RowNo};
use annexa::core::invariants::{self, Broken, EndWatch, EpochWatch};
use annexa::core::job::{
    Election, End, EndOutcome, JobRecord, NewGeneration, PauseReason, Reserved, Stop,
};
use annexa::core::lane::{LaneAsk, LaneRecord, LaneReport, LaneShare};
use annexa::core::messages::ChunkMessage;
use annexa::core::money::NanoUsd;
use annexa::core::notice::DueNotice;
use annexa::core::plan::{Plan, SplitTotals};
use annexa::core::prefix::{PrefixUse, PrefixWarm};
use annexa::core::spec::{JobSpec, Limits};
use annexa::ports::error::PortResult;
use annexa::ports::ledger::{Created, Held, Ledger};
use annexa::ports::queue::{Depth, Outgoing, Queue, Receipt, Received};
use annexa::ports::{Clock, PortError};
use async_trait::async_trait;

/// What was seen so far.
#[derive(Default)]
pub struct Seen {
    pub trace: Vec<String>,
    pub broken: Option<Broken>,
    pub epochs: EpochWatch,
    pub ends: EndWatch,
    /// Chunks that were ever parked: their messages may go although they are open again.
    pub parked: BTreeSet<(Generation, ChunkNo)>,
    commits: BTreeMap<(Generation, ChunkNo), Epoch>,
    finishers: BTreeSet<Epoch>,
}

/// A watched ledger.
pub struct WatchLedger<L> {
    pub inner: L,
    pub seen: Arc<Mutex<Seen>>,
    pub clock: Arc<dyn Clock>,
    pub chaos: Arc<Chaos>,
    pub window_chunks: u32,
}

impl<L: Ledger> WatchLedger<L> {
    fn note(&self, operation: &str, answer: &dyn std::fmt::Debug) {
        let millis = self.clock.monotonic().as_millis();
        let mut answer = format!("{answer:?}");
        answer.truncate(160);
        self.seen
            .lock()
            .unwrap()
            .trace
            .push(format!("{millis} {operation} {answer}"));
    }

    fn check(&self, result: Result<(), Broken>) {
        if let Err(broken) = result {
            self.seen.lock().unwrap().broken.get_or_insert(broken);
        }
    }

    fn held(&self, held: &PortResult<Held>, claim: &Claim) {
        match held {
            Ok(Held::Yes) => {
                let checked = self
                    .seen
                    .lock()
                    .unwrap()
                    .epochs
                    .wrote(claim.key.chunk, claim.epoch);
                self.check(checked);
            }
            Ok(Held::Lost) => self.chaos.saw("claim_lost"),
            Err(_) => {}
        }
    }

    /// I2 and I7 over the whole job.
    async fn check_job(&self, job_id: &JobId) {
        let Ok(Some(job)) = self.inner.job(job_id).await else {
            return;
        };
        let chunks = self
            .inner
            .chunks(job_id, 0, u32::MAX)
            .await
            .unwrap_or_default();
        self.check(invariants::i2_counters_are_exact(&job, &chunks));
        self.check(invariants::i9_budget_is_exact(&job, &chunks));
        self.check(invariants::i7_window(&job, self.window_chunks));
    }
}

#[async_trait]
impl<L: Ledger> Ledger for WatchLedger<L> {
    async fn create_job(&self, job_id: &JobId, spec: &JobSpec) -> PortResult<Created> {
        self.inner.create_job(job_id, spec).await
    }

    async fn job(&self, job_id: &JobId) -> PortResult<Option<JobRecord>> {
        self.inner.job(job_id).await
    }

    async fn list_jobs(&self) -> PortResult<Vec<JobRecord>> {
        self.inner.list_jobs().await
    }

    async fn live_jobs(&self) -> PortResult<Vec<JobRecord>> {
        self.inner.live_jobs().await
    }

    async fn ended_jobs(&self, state: &str, max: usize) -> PortResult<Vec<JobRecord>> {
        self.inner.ended_jobs(state, max).await
    }

    async fn freeze_plan(&self, job_id: &JobId, plan: &Plan) -> PortResult<Plan> {
        let answer = self.inner.freeze_plan(job_id, plan).await;
        self.note("freeze_plan", &answer.is_ok());
        answer
    }

    async fn put_ranges(&self, job_id: &JobId, ranges: &[ChunkRange]) -> PortResult<()> {
        let answer = self.inner.put_ranges(job_id, ranges).await;
        self.note("put_ranges", &(ranges.len(), &answer));
        answer
    }

    async fn split_complete(&self, job_id: &JobId, totals: &SplitTotals) -> PortResult<()> {
        let answer = self.inner.split_complete(job_id, totals).await;
        self.note("split_complete", &(totals, &answer));
        answer
    }

    async fn take_sendable(
        &self,
        job_id: &JobId,
        window: u32,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>> {
        let answer = self.inner.take_sendable(job_id, window, max).await;
        self.note("take_sendable", &answer);
        self.check_job(job_id).await;
        answer
    }

    async fn mark_sent(&self, job_id: &JobId, chunks: &[ChunkNo]) -> PortResult<()> {
        self.inner.mark_sent(job_id, chunks).await
    }

    async fn sweep_list(
        &self,
        job_id: &JobId,
        silent_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkNo>> {
        let answer = self.inner.sweep_list(job_id, silent_ms, max).await;
        if answer.as_ref().is_ok_and(|chunks| !chunks.is_empty()) {
            self.chaos.saw("swept");
            self.note("sweep_list", &answer);
        }
        answer
    }

    async fn chunks(
        &self,
        job_id: &JobId,
        from: ChunkNo,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        self.inner.chunks(job_id, from, max).await
    }

    async fn claim_chunk(
        &self,
        key: &ChunkKey,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<ClaimOutcome> {
        let before = self
            .inner
            .chunks(&key.job_id, key.chunk, 1)
            .await
            .ok()
            .and_then(|mut c| c.pop());
        let answer = self.inner.claim_chunk(key, owner, lease_ms).await;
        self.note(&format!("claim {} by {owner}", key.chunk), &answer);
        match &answer {
            Ok(ClaimOutcome::Granted(claim)) => {
                if claim.isolated {
                    self.chaos.saw("isolated");
                }
                if !claim.poisoned_rows.is_empty() {
                    self.chaos.saw("poisoned_row");
                }
                // The same owner's second asking is the same claim.
                if before.is_none_or(|before| before.epoch != claim.epoch) {
                    let checked = self
                        .seen
                        .lock()
                        .unwrap()
                        .epochs
                        .granted(key.chunk, claim.epoch);
                    self.check(checked);
                }
            }
            Ok(ClaimOutcome::Busy { .. }) => self.chaos.saw("claim_busy"),
            Ok(ClaimOutcome::Parked) => {
                self.chaos.saw("claim_parked");
                let mut seen = self.seen.lock().unwrap();
                seen.parked.insert((key.generation, key.chunk));
            }
            Ok(ClaimOutcome::Done) => self.chaos.saw("claim_done"),
            Ok(ClaimOutcome::JobOver) | Err(_) => {}
        }
        answer
    }

    async fn renew_claim(&self, claim: &Claim, lease_ms: u64) -> PortResult<Held> {
        let answer = self.inner.renew_claim(claim, lease_ms).await;
        self.note(
            &format!("renew {} e{}", claim.key.chunk, claim.epoch),
            &answer,
        );
        self.held(&answer, claim);
        answer
    }

    async fn release_claim(&self, claim: &Claim, how: &Release) -> PortResult<ReleaseOutcome> {
        let answer = self.inner.release_claim(claim, how).await;
        self.note(
            &format!("release {} e{} {how:?}", claim.key.chunk, claim.epoch),
            &answer,
        );
        let held = answer
            .as_ref()
            .map(|o| Held::from_bool(*o != ReleaseOutcome::Lost));
        self.held(&held.map_err(PortError::clone), claim);
        answer
    }

    async fn calls_intended(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        let answer = self.inner.calls_intended(claim, calls).await;
        self.note(
            &format!("intend {} e{}", claim.key.chunk, claim.epoch),
            &answer,
        );
        self.held(&answer, claim);
        answer
    }

    async fn calls_settled(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        let answer = self.inner.calls_settled(claim, calls).await;
        self.note(
            &format!("settle {} e{}", claim.key.chunk, claim.epoch),
            &answer,
        );
        self.held(&answer, claim);
        answer
    }

    async fn budget_reserve(&self, claim: &Claim, amount: NanoUsd) -> PortResult<Reserved> {
        let answer = self.inner.budget_reserve(claim, amount).await;
        self.note(
            &format!("reserve {} e{} {amount}", claim.key.chunk, claim.epoch),
            &answer,
        );
        let held = answer
            .as_ref()
            .map(|reserved| Held::from_bool(*reserved != Reserved::Lost));
        self.held(&held.map_err(PortError::clone), claim);
        if let Ok(Reserved::OverCap { .. }) = answer {
            self.chaos.saw("over_cap");
        }
        self.check_job(&claim.key.job_id).await;
        answer
    }

    async fn budget_settle(
        &self,
        claim: &Claim,
        reserved: NanoUsd,
        spent: NanoUsd,
    ) -> PortResult<Held> {
        let answer = self.inner.budget_settle(claim, reserved, spent).await;
        self.held(&answer, claim);
        answer
    }

    async fn lane_reserve(&self, lane: &str, worker: &str, ask: &LaneAsk) -> PortResult<LaneShare> {
        self.inner.lane_reserve(lane, worker, ask).await
    }

    async fn lane_report(&self, lane: &str, worker: &str, report: &LaneReport) -> PortResult<()> {
        self.inner.lane_report(lane, worker, report).await
    }

    async fn lane(&self, lane: &str) -> PortResult<Option<LaneRecord>> {
        self.inner.lane(lane).await
    }

    async fn prefix_warm(&self, key: &str, owner: &str, lead_ms: u64) -> PortResult<PrefixWarm> {
        self.inner.prefix_warm(key, owner, lead_ms).await
    }

    async fn prefix_used(&self, key: &str, what: &PrefixUse) -> PortResult<()> {
        self.inner.prefix_used(key, what).await
    }

    async fn set_cursor(&self, claim: &Claim, row: Option<RowNo>) -> PortResult<Held> {
        let answer = self.inner.set_cursor(claim, row).await;
        self.note(
            &format!("cursor {} e{} {row:?}", claim.key.chunk, claim.epoch),
            &answer,
        );
        self.held(&answer, claim);
        answer
    }

    async fn commit_chunk(&self, claim: &Claim, commit: &Commit) -> PortResult<CommitOutcome> {
        let answer = self.inner.commit_chunk(claim, commit).await;
        let chunk = claim.key.chunk;
        self.note(&format!("commit {chunk} e{}", claim.epoch), &answer);
        match &answer {
            Ok(CommitOutcome::Committed) => {
                let (first, checked) = {
                    let mut seen = self.seen.lock().unwrap();
                    let key = (claim.key.generation, chunk);
                    let first = *seen.commits.entry(key).or_insert(commit.epoch);
                    (first, seen.epochs.wrote(chunk, claim.epoch))
                };
                self.check(checked);
                if first != commit.epoch {
                    let what =
                        format!("chunk {chunk} committed under {first} and {}", commit.epoch);
                    self.check(Err(Broken { id: "I2", what }));
                }
                self.check_job(&claim.key.job_id).await;
            }
            // A zombie's: refused because another's stands, or because another is at it.
            Ok(CommitOutcome::AlreadyDone | CommitOutcome::Fenced) => {
                self.chaos.saw("commit_refused");
            }
            Ok(CommitOutcome::JobOver) | Err(_) => {}
        }
        answer
    }

    async fn quarantine_chunk(&self, claim: &Claim, reason: &str) -> PortResult<Held> {
        let answer = self.inner.quarantine_chunk(claim, reason).await;
        self.held(&answer, claim);
        self.check_job(&claim.key.job_id).await;
        answer
    }

    async fn park_chunk(&self, claim: &Claim) -> PortResult<Held> {
        let answer = self.inner.park_chunk(claim).await;
        self.note(
            &format!("park {} e{}", claim.key.chunk, claim.epoch),
            &answer,
        );
        self.held(&answer, claim);
        let key = (claim.key.generation, claim.key.chunk);
        self.seen.lock().unwrap().parked.insert(key);
        answer
    }

    async fn pause(&self, job_id: &JobId, reason: &PauseReason) -> PortResult<bool> {
        let answer = self.inner.pause(job_id, reason).await;
        self.note("pause", &answer);
        answer
    }

    async fn resume(&self, job_id: &JobId) -> PortResult<bool> {
        let answer = self.inner.resume(job_id).await;
        self.note("resume", &answer);
        answer
    }

    async fn set_limits(&self, job_id: &JobId, limits: &Limits) -> PortResult<()> {
        self.inner.set_limits(job_id, limits).await
    }

    async fn stop(&self, job_id: &JobId, stop: &Stop) -> PortResult<bool> {
        let answer = self.inner.stop(job_id, stop).await;
        self.note(&format!("stop {stop:?}"), &answer);
        answer
    }

    async fn elect_finisher(
        &self,
        job_id: &JobId,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<Election> {
        let answer = self.inner.elect_finisher(job_id, owner, lease_ms).await;
        if let Ok(Election::Elected { epoch, .. }) = &answer {
            self.note("elected", epoch);
            let mut seen = self.seen.lock().unwrap();
            seen.finishers.insert(*epoch);
            if seen.finishers.len() > 1 {
                self.chaos.saw("finisher_changed");
            }
        }
        answer
    }

    async fn renew_finisher(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        lease_ms: u64,
    ) -> PortResult<Held> {
        let answer = self.inner.renew_finisher(job_id, epoch, lease_ms).await;
        self.note(&format!("renew finisher e{epoch}"), &answer);
        answer
    }

    async fn end_job(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        end: &End,
        notice: Option<&DueNotice>,
    ) -> PortResult<EndOutcome> {
        let answer = self.inner.end_job(job_id, epoch, end, notice).await;
        self.note(&format!("end e{epoch} {end:?}"), &answer);
        match &answer {
            Ok(EndOutcome::Ended) => {
                let job = self.inner.job(job_id).await?;
                let generation = job.map(|job| job.generation).unwrap_or_default();
                let checked = {
                    let ends = &mut self.seen.lock().unwrap().ends;
                    ends.ended(job_id.as_str(), generation, epoch)
                };
                self.check(checked);
            }
            Ok(EndOutcome::AlreadyEnded | EndOutcome::Fenced) => {
                self.chaos.saw("end_fenced_or_again")
            }
            Err(_) => {}
        }
        answer
    }

    async fn notices(&self, max: usize) -> PortResult<Vec<DueNotice>> {
        self.inner.notices(max).await
    }

    async fn move_notice(&self, from: &DueNotice, to: Option<&DueNotice>) -> PortResult<bool> {
        self.inner.move_notice(from, to).await
    }

    async fn give_up_chunk(&self, key: &ChunkKey, reason: &str) -> PortResult<GivenUp> {
        let answer = self.inner.give_up_chunk(key, reason).await;
        self.note(&format!("give up {}", key.chunk), &answer);
        match &answer {
            Ok(GivenUp::Yes) => self.chaos.saw("chunk_given_up"),
            Ok(GivenUp::Parked) => {
                let mut seen = self.seen.lock().unwrap();
                seen.parked.insert((key.generation, key.chunk));
            }
            _ => {}
        }
        self.check_job(&key.job_id).await;
        answer
    }

    async fn new_generation(
        &self,
        job_id: &JobId,
        ended: Generation,
        lost: &BTreeSet<ChunkNo>,
    ) -> PortResult<NewGeneration> {
        let old = self.inner.chunks(job_id, 0, u32::MAX).await?;
        let answer = self.inner.new_generation(job_id, ended, lost).await;
        self.note(&format!("new generation after {ended}"), &answer);
        if let Ok(NewGeneration::Begun { generation, .. }) = &answer {
            let new = self.inner.chunks(job_id, 0, u32::MAX).await?;
            let all = new.iter().map(|chunk| (*generation, chunk.range.chunk));
            // All that is to be done begins in the park.
            self.seen.lock().unwrap().parked.extend(all);
            self.check(invariants::i6_generation_carries_over(&old, &new, lost));
        }
        self.check_job(job_id).await;
        answer
    }
}

/// The chunk queue, watched for I5: a message goes only when it is known that its chunk needs it no more.
pub struct WatchQueue<Q, L> {
    pub inner: Arc<Q>,
    pub ledger: Arc<WatchLedger<L>>,
    pub job_id: JobId,
    in_hand: Mutex<BTreeMap<Receipt, String>>,
}

impl<Q, L> WatchQueue<Q, L> {
    pub fn new(inner: Arc<Q>, ledger: Arc<WatchLedger<L>>, job_id: JobId) -> Self {
        WatchQueue {
            inner,
            ledger,
            job_id,
            in_hand: Mutex::default(),
        }
    }
}

#[async_trait]
impl<Q: Queue, L: Ledger> Queue for WatchQueue<Q, L> {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>> {
        self.inner.send_batch(entries).await
    }

    async fn receive(&self, max: usize, wait: std::time::Duration) -> PortResult<Vec<Received>> {
        let received = self.inner.receive(max, wait).await?;
        let mut in_hand = self.in_hand.lock().unwrap();
        for message in &received {
            in_hand.insert(message.receipt.clone(), message.body.clone());
        }
        Ok(received)
    }

    async fn extend(&self, receipt: &Receipt, hide_for: std::time::Duration) -> PortResult<()> {
        self.inner.extend(receipt, hide_for).await
    }

    async fn release(&self, receipt: &Receipt, after: std::time::Duration) -> PortResult<()> {
        self.inner.release(receipt, after).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        for receipt in receipts {
            let body = self.in_hand.lock().unwrap().get(receipt).cloned();
            let message = body.and_then(|b| serde_json::from_str::<ChunkMessage>(&b).ok());
            let Some(message) = message else { continue };
            let job = self.ledger.inner.job(&self.job_id).await?;
            let chunk = self
                .ledger
                .inner
                .chunks(&self.job_id, message.chunk, 1)
                .await?
                .pop();
            let key = (message.generation, message.chunk);
            if !self.ledger.seen.lock().unwrap().parked.contains(&key) {
                self.ledger.check(invariants::i5_deleted_when_known(
                    message.generation,
                    job.as_ref(),
                    chunk.as_ref(),
                ));
            }
        }
        self.inner.delete(receipts).await
    }

    async fn depth(&self) -> PortResult<Depth> {
        self.inner.depth().await
    }

    async fn bury(&self, message: &Received, reason: &str) -> PortResult<()> {
        self.inner.bury(message, reason).await
    }

    fn dead_letters(&self) -> Option<Arc<dyn Queue>> {
        self.inner.dead_letters()
    }

    fn visibility(&self) -> std::time::Duration {
        self.inner.visibility()
    }
}
