//! The ledger: one suite in parts, and the desk at which each check sits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annexa::core::chunk::{
    ChunkLimits, ChunkRange, ChunkRecord, Claim, ClaimOutcome, Commit, CommitOutcome,
};
use annexa::core::identity;
use annexa::core::ids::{ChunkKey, ChunkNo, JobId};
use annexa::core::invariants::{i2_counters_are_exact, i4_no_orphan};
use annexa::core::job::{Election, JobRecord};
use annexa::core::money::{NanoUsd, Usage};
use annexa::core::plan::{Layout, Plan, SplitTotals, Terminator};
use annexa::core::problem::ProblemType;
use annexa::core::spec::{BlobRef, JobSpec, defaults};
use annexa::core::tally::Tally;
use annexa::ports::{Clock, Ledger};

use super::fixtures::LedgerFixture;

mod claims;
mod commits;
mod finishing;
mod isolation;
mod jobs;
mod lost_claims;
mod races;
mod ranges;
mod sending;

/// Rows of each chunk of these checks.
pub const ROWS: u32 = 10;

/// A spec of this suite; another `name` is another job.
pub fn spec(name: &str) -> JobSpec {
    JobSpec {
        input_bucket: "input".into(),
        input_key: "reports.csv".into(),
        input_version: "sha256:00".into(),
        output_bucket: "output".into(),
        output_prefix: "results/".into(),
        model_id: "precedents".into(),
        problem_type: ProblemType::Both,
        batch_size: defaults::BATCH_SIZE,
        max_workers: defaults::MAX_WORKERS,
        rate_limit: Some(0.1 + 0.2),
        imdrf_bucket: None,
        imdrf_key: None,
        terms_sha256: "11".into(),
        prompt_version: "1".into(),
        chunk_rows: ROWS,
        id_column: None,
        text_column: Some("Text \"x\", \u{bf}".into()),
        encoding: None,
        max_text_chars: defaults::MAX_TEXT_CHARS,
        max_record_bytes: u64::MAX,
        review_below: Some(1.0 / 3.0),
        again: Some(name.into()),
    }
}

/// The range of chunk number `chunk`: 100 bytes and [`ROWS`] rows each.
pub fn range(chunk: ChunkNo) -> ChunkRange {
    let start = 20 + 100 * u64::from(chunk);
    ChunkRange {
        chunk,
        start,
        end: start + 100,
        first_row: 1 + u64::from(ROWS * chunk),
        rows: ROWS,
    }
}

/// Ranges of chunks `0..chunks`.
pub fn ranges(chunks: u32) -> Vec<ChunkRange> {
    (0..chunks).map(range).collect()
}

/// What the splitter counts for `chunks` chunks.
pub fn totals(chunks: u32) -> SplitTotals {
    SplitTotals {
        chunks,
        rows: u64::from(chunks * ROWS),
        failed_records: 0,
    }
}

/// A plan over the version `etag`.
pub fn plan(etag: &str) -> Plan {
    Plan {
        source: BlobRef::new("input", "reports.csv"),
        source_etag: etag.into(),
        source_bytes: u64::from(u32::MAX) * 3,
        staged_from: Some("gzip".into()),
        layout: Layout {
            delimiter: b';',
            bom: true,
            terminator: Terminator::CrLf,
            columns: vec!["id".into(), "mdr_text".into(), "\u{df}, \"q\"".into()],
            id_index: 0,
            text_index: 1,
            data_start_byte: 20,
            scanner_version: 1,
            max_record_bytes: 1 << 20,
        },
        chunk_rows: ROWS,
    }
}

/// A tally with another number in each counter, and balanced over [`ROWS`] rows.
pub fn tally(n: u64) -> Tally {
    let usage = |k: u64| Usage {
        input_tokens: k * 1_000 + n,
        output_tokens: k * 100 + n,
        cache_read_tokens: k * 10 + n,
        cache_write_tokens: k + n,
    };
    Tally {
        rows: u64::from(ROWS),
        coded: 5,
        insufficient: 3,
        empty: 2,
        failed: 0,
        review: 4,
        usage: usage(7),
        cost: NanoUsd(1_000_000 + n),
        calls: 6,
        retries: n,
        throttles: 2 * n,
        paid_answers_reused: 1,
        possibly_twice_paid_calls: 0,
        overhead_usage: usage(3),
        overhead_cost: NanoUsd(77 + n),
    }
}

/// The commit that the holder of `claim` makes.
pub fn commit_of(claim: &Claim) -> Commit {
    Commit {
        epoch: claim.epoch,
        blob_key: format!("results/_work/{}-{}.csv", claim.key.chunk, claim.epoch),
        sha256: identity::sha256_hex(format!("{}/{}", claim.key.chunk, claim.epoch).as_bytes()),
        bytes: 1_234,
        tally: tally(u64::from(claim.key.chunk)),
    }
}

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

    /// I2 and I4 over all that is stored, for a queue that lost every message.
    pub async fn holds(&self) {
        let (job, chunks) = (self.job().await, self.chunks().await);
        i2_counters_are_exact(&job, &chunks).unwrap();
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
