//! A chunk: a run of consecutive rows, the unit of queueing and commit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{ChunkKey, ChunkNo, Epoch, RowNo};
use super::money::NanoUsd;
use super::tally::Tally;

/// Where a chunk lies in the source: whole records only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRange {
    /// Its number, from 0.
    pub chunk: ChunkNo,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Number of its first row, from 1.
    pub first_row: RowNo,
    /// How many rows it holds.
    pub rows: u32,
}

/// A chunk as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// Where it lies.
    pub range: ChunkRange,
    /// What has become of it.
    pub status: ChunkStatus,
    /// The epoch of the newest claim; 0 before the first.
    pub epoch: Epoch,
    /// The claim that holds it.
    pub lease: Option<Lease>,
    /// Attempts that were started and failed. Deploys, throttling, pauses and lost claims are none (S16).
    pub failed_attempts: u32,
    /// Claims that ran out with neither commit nor release: the owner died, or hung (S18).
    pub abandoned_claims: u32,
    /// Rows are done one by one since this chunk was abandoned too often.
    pub isolation: Option<Isolation>,
    /// Paid calls that the present claim intends and whose answers are not yet stored.
    pub intended_calls: u64,
    /// The same of claims that were lost: possibly paid twice (I8).
    pub lost_calls: u64,
    /// Set aside under the job's cost cap by the present claim.
    #[serde(default)]
    pub reserved: NanoUsd,
    /// Spent, or possibly spent, under the job's cost cap.
    #[serde(default)]
    pub spent: NanoUsd,
    /// Of that, what was set aside for calls whose end nobody saw.
    #[serde(default)]
    pub possibly_spent: NanoUsd,
    /// When it was sent or touched last, in Unix milliseconds: what the sweep goes by. Of a final chunk: when it became so.
    pub touched_ms: u64,
    /// Of a chunk that an earlier generation committed with failed rows: that commit. Its other rows are kept as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Commit>,
}

impl ChunkRecord {
    /// A new chunk that nobody has worked on.
    pub fn new(range: ChunkRange, now_ms: u64) -> ChunkRecord {
        ChunkRecord {
            range,
            status: ChunkStatus::Open,
            epoch: 0,
            lease: None,
            failed_attempts: 0,
            abandoned_claims: 0,
            isolation: None,
            intended_calls: 0,
            lost_calls: 0,
            reserved: NanoUsd::ZERO,
            spent: NanoUsd::ZERO,
            possibly_spent: NanoUsd::ZERO,
            touched_ms: now_ms,
            previous: None,
        }
    }
}

/// What has become of a chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every chunk ends as the large one"
)]
pub enum ChunkStatus {
    /// To be worked on, or being worked on.
    Open,
    /// Set aside while its job is paused; sent again when the job goes on.
    Parked,
    /// Its rows are final.
    Committed(Commit),
    /// Given up; the finisher writes its rows as failed for this reason.
    Quarantined {
        /// Why, for the rows' `error` column.
        reason: String,
    },
}

impl ChunkStatus {
    /// A stable number for storage and indexes.
    pub fn number(&self) -> u8 {
        match self {
            ChunkStatus::Open => 0,
            ChunkStatus::Parked => 1,
            ChunkStatus::Committed(_) => 2,
            ChunkStatus::Quarantined { .. } => 3,
        }
    }

    /// Whether nothing more will happen to it.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            ChunkStatus::Committed(_) | ChunkStatus::Quarantined { .. }
        )
    }
}

/// What a commit says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The claim's epoch; the blob's name carries it too (I3).
    pub epoch: Epoch,
    /// Key of the chunk's CSV in the output bucket.
    pub blob_key: String,
    /// SHA-256 of that CSV, in hex; the finisher checks it.
    pub sha256: String,
    /// Length of that CSV.
    pub bytes: u64,
    /// The chunk's counters, moved into the job's in the same transaction.
    pub tally: Tally,
}

/// A right to a chunk for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it (a process and claim, unique).
    pub owner: String,
    /// Until when, in Unix milliseconds.
    pub until_ms: u64,
}

/// Row-by-row work on a chunk that kills its workers: one row shall fail and not a hundred.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Isolation {
    /// The row that is being worked on.
    pub cursor: Option<RowNo>,
    /// How often a claim was lost while the cursor stood on a row.
    pub strikes: BTreeMap<RowNo, u32>,
}

/// A granted right to a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The chunk.
    pub key: ChunkKey,
    /// The fence: everything under an older epoch is refused.
    pub epoch: Epoch,
    /// Until when, in Unix milliseconds, unless renewed.
    pub until_ms: u64,
    /// Where the chunk lies.
    pub range: ChunkRange,
    /// Attempts that failed before this one.
    pub failed_attempts: u32,
    /// Set: do rows one by one, with the cursor.
    pub isolated: bool,
    /// Rows that killed their worker too often and fail without another try.
    pub poisoned_rows: Vec<RowNo>,
    /// What an earlier generation committed: only its failed rows are asked for, all others are kept byte for byte.
    pub previous: Option<Commit>,
}

/// Answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every claim is granted")]
pub enum ClaimOutcome {
    /// The chunk is ours.
    Granted(Claim),
    /// Committed or quarantined already: the message can go.
    Done,
    /// Somebody holds it until then (Unix milliseconds).
    Busy {
        /// End of the other claim.
        until_ms: u64,
    },
    /// The job is paused, or the chunk still waits in the park: recorded as parked, and the message can go.
    Parked,
    /// The job has ended, is ending, or never was: the message can go.
    JobOver,
}

/// How a claim is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Cut short from outside (shutdown, throttling, a lost message): no attempt is counted.
    Interrupted,
    /// Started and failed: an attempt is counted, and the last one quarantines the chunk.
    Failed {
        /// Why, for the rows of a quarantined chunk.
        reason: String,
    },
}

/// Answer to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// Free for the next claim.
    Released,
    /// That was the last attempt; the chunk is quarantined.
    Quarantined,
    /// A newer claim (or a final status) stands; nothing was changed.
    Lost,
}

/// Answer to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It counts (also when the very same commit is said again).
    Committed,
    /// Another commit, or a quarantine, came first.
    AlreadyDone,
    /// A newer claim was granted: this worker is a zombie.
    Fenced,
    /// The job has ended or is ending without this chunk.
    JobOver,
}

/// Answer to giving up a chunk that nobody holds (its message came too often without the chunk getting done).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// It is quarantined.
    Yes,
    /// Its job is paused, or it waits in the park: it is sent again when the job goes on.
    Parked,
    /// Somebody holds it: nothing was changed.
    Held,
    /// Committed or quarantined already.
    Final,
    /// The job has ended, is ending, goes on in another generation, or never was.
    JobOver,
}

/// When a chunk is isolated and when it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Failed attempts that quarantine a chunk.
    pub max_failed_attempts: u32,
    /// Abandoned claims after which rows are done one by one.
    pub isolate_after_abandoned: u32,
    /// Abandoned claims after which even isolation is given up.
    pub max_abandoned: u32,
    /// Lost claims on one row after which it fails untried.
    pub row_strikes: u32,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        ChunkLimits {
            max_failed_attempts: 5,
            isolate_after_abandoned: 3,
            max_abandoned: 12,
            row_strikes: 3,
        }
    }
}
