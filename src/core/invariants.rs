//! What must hold (DESIGN §5), as pure functions over a snapshot: simulation, tests and `verify` ask the same ones.

use std::collections::{BTreeMap, BTreeSet};

use super::chunk::{ChunkRecord, ChunkStatus, Commit};
use super::ids::{ChunkNo, Epoch, Generation, RowNo};
use super::job::{Budget, JobRecord};
use super::money::NanoUsd;
use super::tally::Tally;
use super::transitions::chunk::given_up_tally;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{id} broken: {what}")]
pub struct Broken {
    /// The promise: I1 to I10.
    pub id: &'static str,
    /// What was seen.
    pub what: String,
}

fn broken(id: &'static str, what: String) -> Result<(), Broken> {
    Err(Broken { id, what })
}

/// I1: rows 1..=n, each exactly once, in order, with the ids of the input.
pub fn i1_rows_in_order(
    expected_ids: &[String],
    results: impl IntoIterator<Item = (RowNo, String)>,
) -> Result<(), Broken> {
    let mut seen = 0usize;
    for (row, id) in results {
        let due = seen as u64 + 1;
        if row != due {
            return broken(
                "I1",
                format!("result row {row} came where row {due} was due"),
            );
        }
        if expected_ids.get(seen) != Some(&id) {
            return broken(
                "I1",
                format!("row {row} carries the id of another row, or is one too many"),
            );
        }
        seen += 1;
    }
    if seen != expected_ids.len() {
        return broken(
            "I1",
            format!("{seen} result rows for {} input rows", expected_ids.len()),
        );
    }
    Ok(())
}

/// I2: counters equal the sum over final chunks, and a tally balances.
pub fn i2_counters_are_exact<'c>(
    job: &JobRecord,
    chunks: impl IntoIterator<Item = &'c ChunkRecord>,
) -> Result<(), Broken> {
    let (mut committed, mut quarantined, mut parked) = (0, 0, 0);
    let mut tally = Tally::default();
    for chunk in chunks {
        match &chunk.status {
            ChunkStatus::Open => {}
            ChunkStatus::Parked => parked += 1,
            ChunkStatus::Committed(commit) => {
                committed += 1;
                tally += commit.tally;
                if commit.tally.rows != u64::from(chunk.range.rows) || !commit.tally.balances() {
                    return broken(
                        "I2",
                        format!("chunk {} does not balance", chunk.range.chunk),
                    );
                }
            }
            ChunkStatus::Quarantined { .. } => {
                quarantined += 1;
                tally += given_up_tally(chunk);
            }
        }
    }
    let counters = &job.counters;
    if (counters.committed, counters.quarantined, counters.parked)
        != (committed, quarantined, parked)
    {
        return broken(
            "I2",
            format!("counted {counters:?}, found {committed}/{quarantined}/{parked}"),
        );
    }
    if counters.tally != tally {
        return broken(
            "I2",
            format!("counted {:?}, chunks sum to {tally:?}", counters.tally),
        );
    }
    Ok(())
}

/// I9: what a job has set aside and spent is the sum over its chunks, and a committed chunk's spending is at least what
/// its rows say.
pub fn i9_budget_is_exact<'c>(
    job: &JobRecord,
    chunks: impl IntoIterator<Item = &'c ChunkRecord>,
) -> Result<(), Broken> {
    let mut sum = Budget::default();
    for chunk in chunks {
        sum.reserved += chunk.reserved;
        sum.spent += chunk.spent;
        if chunk.lease.is_none() && chunk.reserved > NanoUsd::ZERO {
            let number = chunk.range.chunk;
            return broken("I9", format!("chunk {number} reserves and nobody holds it"));
        }
        if let ChunkStatus::Committed(commit) = &chunk.status
            && commit.tally.total_cost() > chunk.spent
        {
            return broken(
                "I9",
                format!("chunk {} spent more than counted", chunk.range.chunk),
            );
        }
    }
    if sum != job.counters.budget {
        let counted = job.counters.budget;
        return broken("I9", format!("counted {counted:?}, chunks sum to {sum:?}"));
    }
    Ok(())
}

/// I3: follows one ledger's accepted writes; none may carry an epoch older than the newest granted.
#[derive(Debug, Default)]
pub struct EpochWatch {
    newest: BTreeMap<ChunkNo, Epoch>,
}

impl EpochWatch {
    /// A claim was granted.
    pub fn granted(&mut self, chunk: ChunkNo, epoch: Epoch) -> Result<(), Broken> {
        let newest = self.newest.entry(chunk).or_default();
        if epoch <= *newest {
            return broken(
                "I3",
                format!("chunk {chunk}: epoch {epoch} granted after {newest}"),
            );
        }
        *newest = epoch;
        Ok(())
    }

    /// A write under `epoch` was accepted.
    pub fn wrote(&self, chunk: ChunkNo, epoch: Epoch) -> Result<(), Broken> {
        let newest = self.newest.get(&chunk).copied().unwrap_or_default();
        if epoch < newest {
            return broken(
                "I3",
                format!("chunk {chunk}: write under {epoch} after {newest}"),
            );
        }
        Ok(())
    }
}

/// I4: every open chunk of a live job has a message, is above what was sent, or is found by the sweep.
///
/// `in_queue`: chunks with a message in the queue, visible or not. `swept`: what the ledger's sweep would list once
/// leases have run out and the silence has passed.
pub fn i4_no_orphan<'c>(
    job: &JobRecord,
    chunks: impl IntoIterator<Item = &'c ChunkRecord>,
    in_queue: &BTreeSet<ChunkNo>,
    swept: &BTreeSet<ChunkNo>,
) -> Result<(), Broken> {
    if !job.is_live() {
        return Ok(());
    }
    for chunk in chunks {
        let number = chunk.range.chunk;
        let reachable = chunk.status != ChunkStatus::Open
            || number >= job.sent_upto
            || in_queue.contains(&number)
            || swept.contains(&number);
        if !reachable {
            return broken("I4", format!("chunk {number} is out of everybody's reach"));
        }
    }
    Ok(())
}

/// I5: a deleted message's chunk is final or parked, or its job is over (`job` none: it never was), or goes on in another
/// generation than the message's.
pub fn i5_deleted_when_known(
    generation: Generation,
    job: Option<&JobRecord>,
    chunk: Option<&ChunkRecord>,
) -> Result<(), Broken> {
    let (Some(job), Some(chunk)) = (job, chunk) else {
        return Ok(());
    };
    let known = chunk.status.is_final()
        || chunk.status == ChunkStatus::Parked
        || !job.is_live()
        || job.generation != generation;
    if known {
        return Ok(());
    }
    broken(
        "I5",
        format!(
            "the message of chunk {} was deleted, the chunk is open",
            chunk.range.chunk
        ),
    )
}

/// I6: follows the ends of jobs; each generation ends once.
#[derive(Debug, Default)]
pub struct EndWatch {
    ended: BTreeMap<(String, Generation), Epoch>,
}

impl EndWatch {
    /// The end of a job's generation was accepted under `epoch` (the same end may be said again).
    pub fn ended(&mut self, job: &str, generation: Generation, epoch: Epoch) -> Result<(), Broken> {
        let key = (job.to_string(), generation);
        let first = *self.ended.entry(key).or_insert(epoch);
        if first != epoch {
            return broken(
                "I6",
                format!("{job} ended under epoch {first} and again under {epoch}"),
            );
        }
        Ok(())
    }
}

/// I2, I6, I8 over a new generation: every chunk of the old one is there once, what was committed is kept (whole, or as
/// what the failed rows are added to), and neither lost calls nor spending are forgotten.
///
/// `lost`: chunks whose files are gone, which are done anew.
pub fn i6_generation_carries_over(
    old: &[ChunkRecord],
    new: &[ChunkRecord],
    lost: &BTreeSet<ChunkNo>,
) -> Result<(), Broken> {
    if old.len() != new.len() {
        let what = format!("{} chunks became {}", old.len(), new.len());
        return broken("I6", what);
    }
    for (old, new) in old.iter().zip(new) {
        let number = old.range.chunk;
        if old.range != new.range {
            return broken("I6", format!("chunk {number} lies elsewhere now"));
        }
        if new.epoch < old.epoch {
            return broken("I3", format!("chunk {number} lost its epoch"));
        }
        if new.lost_calls < old.lost_calls || new.spent < old.spent {
            return broken("I8", format!("chunk {number} forgot calls or spending"));
        }
        if lost.contains(&number) {
            continue;
        }
        let digest = |commit: &Commit| (commit.sha256.clone(), commit.tally);
        let had = match &old.status {
            ChunkStatus::Committed(commit) => Some(commit),
            _ => old.previous.as_ref(),
        };
        let has = match &new.status {
            ChunkStatus::Committed(commit) => Some(commit),
            _ => new.previous.as_ref(),
        };
        if had.map(digest) != has.map(digest) {
            return broken("I6", format!("chunk {number} lost what was committed"));
        }
    }
    Ok(())
}

/// I7: what is outstanding in the queue stays within the window.
pub fn i7_window(job: &JobRecord, window_chunks: u32) -> Result<(), Broken> {
    let outstanding = job.outstanding_chunks();
    if outstanding > window_chunks {
        return broken(
            "I7",
            format!("{outstanding} chunks outstanding, window {window_chunks}"),
        );
    }
    Ok(())
}

/// I8: texts asked more than once are covered by the ledger's count of possibly twice-paid calls.
///
/// `asked` counts, for each distinct text, the paid calls that carried it.
pub fn i8_twice_paid_is_counted<'t>(
    asked: impl IntoIterator<Item = (&'t str, u64)>,
    counted: u64,
) -> Result<(), Broken> {
    let repeated: u64 = asked
        .into_iter()
        .map(|(_, times)| times.saturating_sub(1))
        .sum();
    if repeated > counted {
        return broken(
            "I8",
            format!("{repeated} paid calls were repeated, the ledger counts {counted}"),
        );
    }
    Ok(())
}

/// The balance of a finished job: rows in = coded + insufficient + empty + failed.
pub fn balance(rows_in: u64, tally: &Tally) -> Result<(), Broken> {
    if tally.rows != rows_in || !tally.balances() {
        return broken("I1", format!("{rows_in} rows in, out {tally:?}"));
    }
    Ok(())
}
