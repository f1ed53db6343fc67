//! The ledger: one suite in parts, and the desk at which each check sits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annexa::core::chunk::{ChunkLimits, ChunkRecord, Claim, ClaimOutcome, Commit, CommitOutcome};
use annexa::core::identity;
use annexa::core::ids::{ChunkKey, ChunkNo, JobId};
use annexa::core::invariants::{i2_counters_are_exact, i4_no_orphan, i9_budget_is_exact};
use annexa::core::job::{Election, JobRecord};
use annexa::ports::{Clock, Ledger};

use super::fixtures::LedgerFixture;
pub use data::{ROWS, commit_of, plan, range, ranges, spec, tally, totals};

mod budget;
mod claims;
mod commits;
mod data;
mod finishing;
mod generations;
mod isolation;
mod jobs;
mod lanes;
mod lost_claims;
pub mod notices;
mod prefixes;
mod races;
mod ranges;
mod sending;

/// One job in one ledger, and how it is talked to.
pub struct Desk {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// The job.
    pub job_id: JobId,
    /// How long claims last.
    pub lease: Duration,
}

impl Desk {
    /// A job called `name` that was just created.
    pub async fn with_job(fixture: &dyn LedgerFixture, name: &str, limits: ChunkLimits) -> Desk {
        let spec = spec(name);
        let job_id = identity::job_id(&spec);
        let ledger = fixture.ledger(limits).await;
        ledger.create_job(&job_id, &spec).await.unwrap();
        Desk {
            ledger,
            clock: fixture.clock(),
            job_id,
            lease: fixture.lease(),
        }
    }

    /// A job whose `chunks` chunks are stored and sent, and whose split is complete.
    pub async fn running(fixture: &dyn LedgerFixture, name: &str, chunks: u32) -> Desk {
        Desk::running_under(fixture, name, chunks, ChunkLimits::default()).await
    }

    /// The same under other limits.
    pub async fn running_under(
        fixture: &dyn LedgerFixture,
        name: &str,
        chunks: u32,
        limits: ChunkLimits,
    ) -> Desk {
        let desk = Desk::with_job(fixture, name, limits).await;
        desk.split(chunks).await;
        assert_eq!(desk.take(u32::MAX, u32::MAX).await.len(), chunks as usize);
        desk
    }

    /// Plans, stores `chunks` chunks, and says that these are all.
    pub async fn split(&self, chunks: u32) {
        let (ledger, job_id) = (&self.ledger, &self.job_id);
        ledger.freeze_plan(job_id, &plan("v1")).await.unwrap();
        ledger.put_ranges(job_id, &ranges(chunks)).await.unwrap();
        ledger
            .split_complete(job_id, &totals(chunks))
            .await
            .unwrap();
    }

    /// Takes what is to be sent.
    pub async fn take(&self, window: u32, max: u32) -> Vec<ChunkNo> {
        self.ledger
            .take_sendable(&self.job_id, window, max)
            .await
            .unwrap()
    }

    /// The lease in milliseconds.
    pub fn lease_ms(&self) -> u64 {
        self.lease.as_millis() as u64
    }

    /// Lets every lease run out.
    pub async fn outlast_leases(&self) {
        self.clock.sleep(self.lease * 2).await;
    }

    /// The key of a chunk.
    pub fn key(&self, chunk: ChunkNo) -> ChunkKey {
        ChunkKey {
            job_id: self.job_id.clone(),
            generation: 0,
            chunk,
        }
    }

    /// Asks for a chunk.
    pub async fn ask(&self, chunk: ChunkNo, owner: &str) -> ClaimOutcome {
        let (key, lease_ms) = (self.key(chunk), self.lease_ms());
        self.ledger
            .claim_chunk(&key, owner, lease_ms)
            .await
            .unwrap()
    }

    /// Claims a chunk that is to be had.
    pub async fn claim(&self, chunk: ChunkNo, owner: &str) -> Claim {
        match self.ask(chunk, owner).await {
            ClaimOutcome::Granted(claim) => claim,
            other => panic!("chunk {chunk} was to be had, the answer was {other:?}"),
        }
    }

    /// Commits the usual thing.
    pub async fn commit(&self, claim: &Claim) -> CommitOutcome {
        self.ledger
            .commit_chunk(claim, &commit_of(claim))
            .await
            .unwrap()
    }

    /// Claims and commits.
    pub async fn finish_chunk(&self, chunk: ChunkNo) -> Commit {
        let claim = self.claim(chunk, "w").await;
        assert_eq!(self.commit(&claim).await, CommitOutcome::Committed);
        commit_of(&claim)
    }

    /// Asks for the right to write the outputs.
    pub async fn elect(&self, owner: &str) -> Election {
        self.ledger
            .elect_finisher(&self.job_id, owner, self.lease_ms())
            .await
            .unwrap()
    }

    /// The job.
    pub async fn job(&self) -> JobRecord {
        self.ledger
            .job(&self.job_id)
            .await
            .unwrap()
            .expect("the job was created")
    }

    /// All chunks.
    pub async fn chunks(&self) -> Vec<ChunkRecord> {
        self.ledger.chunks(&self.job_id, 0, u32::MAX).await.unwrap()
    }

    /// One chunk.
    pub async fn chunk(&self, chunk: ChunkNo) -> ChunkRecord {
        let mut found = self.ledger.chunks(&self.job_id, chunk, 1).await.unwrap();
        let record = found.pop().expect("the chunk is stored");
        assert_eq!(record.range.chunk, chunk);
        record
    }

    /// I2, I4 and I9 over all that is stored, for a queue that lost every message.
    pub async fn holds(&self) {
        let (job, chunks) = (self.job().await, self.chunks().await);
        i2_counters_are_exact(&job, &chunks).unwrap();
        i9_budget_is_exact(&job, &chunks).unwrap();
        self.outlast_leases().await;
        let swept = self
            .ledger
            .sweep_list(&self.job_id, 1, u32::MAX)
            .await
            .unwrap();
        let swept: BTreeSet<ChunkNo> = swept.into_iter().collect();
        if job.paused.is_none() {
            i4_no_orphan(&job, &chunks, &BTreeSet::new(), &swept).unwrap();
        }
    }
}
