//! A new generation: what failed in a job that has ended is done again, what was committed is reused (I2, I6, I8).
//!
//! Chunks of the new generation are a function of those of the old one and of nothing else (not even of the time), so
//! that writing them again after a crash writes the same. The job's own record changes last, in one step.

use super::budget::lose_calls;
use crate::core::chunk::{ChunkRecord, ChunkStatus, Commit, Isolation};
use crate::core::ids::{ChunkNo, Generation};
use crate::core::job::{Counters, End, JobRecord, NewGeneration, Phase};
use crate::core::spec::JobSpec;

/// Where workers write; what is there is removed when a job ends.
pub const WORK_PREFIX: &str = "_work/";

/// The name under the output prefix of what belongs to a retry (`retry-N/`); empty for the first pass.
pub fn retry_prefix(generation: Generation) -> String {
    if generation == 0 {
        String::new()
    } else {
        format!("retry-{generation}/")
    }
}

/// The name under the output prefix by which a commit's file is kept: a worker's file gets its place when the job of this
/// `generation` ends, a file that an earlier generation published stays where it is.
pub fn published_name(
    spec: &JobSpec,
    generation: Generation,
    chunk: ChunkNo,
    commit: &Commit,
) -> String {
    let key = &commit.blob_key;
    let name = key.strip_prefix(&spec.output_prefix).unwrap_or(key);
    if name.starts_with(WORK_PREFIX) {
        format!("{}chunks/{chunk:08}.csv", retry_prefix(generation))
    } else {
        name.to_string()
    }
}

/// Whether generation `ended` of the job can be followed by another; if not, what to answer.
pub fn may_follow(job: &JobRecord, ended: Generation) -> Result<(), NewGeneration> {
    let generation = job.generation;
    match &job.phase {
        Phase::Ended(_) if generation != ended => Err(NewGeneration::NotThis { generation }),
        Phase::Ended(End::Completed) => Err(NewGeneration::NothingToDo),
        Phase::Ended(_) => Ok(()),
        _ => Err(NewGeneration::NotThis { generation }),
    }
}

/// Ends what may still stand on a chunk of an ended job, so that no write under an old claim is accepted after the chunk
/// was carried over. What was intended and not settled may have been paid for. True: it was changed.
pub fn close(counters: &mut Counters, old: &mut ChunkRecord) -> bool {
    let is_open = old.lease.is_some();
    if is_open {
        lose_calls(counters, old);
        old.lease = None;
        old.epoch += 1;
    }
    is_open
}

/// The chunk of the next generation that follows from `old`, a closed chunk of `job`'s ended one.
///
/// Without failed rows it is carried over as committed. All else waits in the park, from where the window takes it: with
/// what was committed of it, so that only failed rows are asked for, unless that file is gone (`is_lost`). Failed and
/// abandoned attempts begin anew; an isolated chunk stays isolated, so that what killed workers once does not take
/// neighbours along.
pub fn carry(job: &JobRecord, old: &ChunkRecord, is_lost: bool) -> ChunkRecord {
    let kept = |commit: &Commit| Commit {
        blob_key: job
            .spec
            .output(&published_name(
                &job.spec,
                job.generation,
                old.range.chunk,
                commit,
            ))
            .key,
        ..commit.clone()
    };
    let (status, previous) = match &old.status {
        _ if is_lost => (ChunkStatus::Parked, None),
        ChunkStatus::Committed(commit) if commit.tally.failed == 0 => {
            (ChunkStatus::Committed(kept(commit)), None)
        }
        ChunkStatus::Committed(commit) => (ChunkStatus::Parked, Some(kept(commit))),
        ChunkStatus::Open | ChunkStatus::Parked | ChunkStatus::Quarantined { .. } => {
            (ChunkStatus::Parked, old.previous.clone())
        }
    };
    ChunkRecord {
        status,
        previous,
        epoch: old.epoch,
        lost_calls: old.lost_calls,
        spent: old.spent,
        possibly_spent: old.possibly_spent,
        isolation: old.isolation.as_ref().map(|_| Isolation::default()),
        ..ChunkRecord::new(old.range, job.ended_ms.unwrap_or_default())
    }
}

/// Adds a carried chunk to the counters of the new generation.
pub fn count(counters: &mut Counters, chunk: &ChunkRecord) {
    match &chunk.status {
        ChunkStatus::Committed(commit) => {
            counters.committed += 1;
            counters.tally += commit.tally;
        }
        ChunkStatus::Parked => counters.parked += 1,
        ChunkStatus::Open | ChunkStatus::Quarantined { .. } => {}
    }
    counters.budget.spent += chunk.spent;
}

/// The job goes on: `counters` are the sum over all carried chunks. Everything stored counts as sent, since what is to be
/// done waits in the park.
pub fn begin(job: &mut JobRecord, counters: Counters) -> NewGeneration {
    let needs_split = job.split.is_none();
    job.generation += 1;
    job.phase = if needs_split {
        Phase::Splitting
    } else {
        Phase::Running
    };
    job.paused = None;
    job.stopping = None;
    job.finisher = None;
    job.completed_ms = None;
    job.ended_ms = None;
    job.sent_upto = job.stored_chunks;
    job.counters = counters;
    NewGeneration::Begun {
        generation: job.generation,
        chunks: counters.parked,
        needs_split,
    }
}

#[cfg(test)]
#[path = "generation_tests.rs"]
mod tests;
