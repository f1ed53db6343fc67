//! What may become of a chunk, and when (I2, I3, I8; S9, S16, S18).

use super::budget::{lose_calls, spend};
use crate::core::chunk::{
    ChunkLimits, ChunkRecord, ChunkStatus, Claim, ClaimOutcome, Commit, CommitOutcome, GivenUp,
    Lease, Release, ReleaseOutcome,
};
use crate::core::ids::{ChunkKey, RowNo};
use crate::core::job::{Counters, JobRecord};
use crate::core::money::NanoUsd;
use crate::core::tally::Tally;

/// Asks for the right to `chunk` of `job` until `now_ms + lease_ms`.
///
/// `owner` is unique to one attempt at a claim: asked again by the same owner, the same claim is returned.
/// A claim that ran out unreleased counts as abandoned; its unsettled paid calls become possibly twice paid. Changes
/// the job's counters when the chunk is parked, taken out of the park, or given up.
pub fn claim(
    job: &mut JobRecord,
    chunk: &mut ChunkRecord,
    owner: &str,
    now_ms: u64,
    lease_ms: u64,
    limits: &ChunkLimits,
) -> ClaimOutcome {
    if chunk.status.is_final() {
        return ClaimOutcome::Done;
    }
    if !job.is_live() {
        return ClaimOutcome::JobOver;
    }
    if let Some(lease) = &chunk.lease
        && lease.until_ms > now_ms
    {
        if lease.owner == owner {
            // The answer to this owner's own claim was lost on the way (S11): it is the same claim, not a second one.
            return ClaimOutcome::Granted(granted(job, chunk, lease.until_ms, limits));
        }
        return ClaimOutcome::Busy {
            until_ms: lease.until_ms,
        };
    }
    if chunk.lease.take().is_some() {
        abandon(&mut job.counters, chunk);
    }
    chunk.touched_ms = now_ms;
    if job.paused.is_some() || chunk.status == ChunkStatus::Parked {
        // A parked chunk is sent again from the index; whoever comes with an old message of it would widen the window.
        set_parked(&mut job.counters, chunk);
        return ClaimOutcome::Parked;
    }
    if chunk.abandoned_claims >= limits.max_abandoned {
        let reason = format!(
            "its chunk was given up: {} workers in a row died or hung on it",
            chunk.abandoned_claims
        );
        set_quarantined(&mut job.counters, chunk, reason);
        return ClaimOutcome::Done;
    }
    if chunk.abandoned_claims >= limits.isolate_after_abandoned {
        chunk.isolation.get_or_insert_default();
    }
    chunk.epoch += 1;
    chunk.lease = Some(Lease {
        owner: owner.to_string(),
        until_ms: now_ms + lease_ms,
    });
    ClaimOutcome::Granted(granted(job, chunk, now_ms + lease_ms, limits))
}

/// The claim that stands on `chunk`.
fn granted(job: &JobRecord, chunk: &ChunkRecord, until_ms: u64, limits: &ChunkLimits) -> Claim {
    Claim {
        key: ChunkKey {
            job_id: job.job_id.clone(),
            generation: job.generation,
            chunk: chunk.range.chunk,
        },
        epoch: chunk.epoch,
        until_ms,
        range: chunk.range,
        failed_attempts: chunk.failed_attempts,
        isolated: chunk.isolation.is_some(),
        poisoned_rows: poisoned(chunk, limits),
        previous: chunk.previous.clone(),
    }
}

/// Whether `claim` still is the newest on an open chunk: the condition of every write under it (I3).
pub fn holds(chunk: &ChunkRecord, claim: &Claim) -> bool {
    chunk.epoch == claim.epoch && chunk.lease.is_some() && !chunk.status.is_final()
}

/// Extends `claim` to `now_ms + lease_ms`; false: lost.
pub fn renew(chunk: &mut ChunkRecord, claim: &Claim, now_ms: u64, lease_ms: u64) -> bool {
    if !holds(chunk, claim) {
        return false;
    }
    if let Some(lease) = &mut chunk.lease {
        lease.until_ms = lease.until_ms.max(now_ms + lease_ms);
    }
    chunk.touched_ms = now_ms;
    true
}

/// Gives `claim` back.
pub fn release(
    counters: &mut Counters,
    chunk: &mut ChunkRecord,
    claim: &Claim,
    how: &Release,
    now_ms: u64,
    limits: &ChunkLimits,
) -> ReleaseOutcome {
    if !holds(chunk, claim) {
        return ReleaseOutcome::Lost;
    }
    settle_at_end(counters, chunk);
    chunk.touched_ms = now_ms;
    if let Some(isolation) = &mut chunk.isolation {
        isolation.cursor = None;
    }
    if let Release::Failed { reason } = how {
        chunk.failed_attempts += 1;
        if chunk.failed_attempts >= limits.max_failed_attempts {
            let reason = format!(
                "its chunk failed {} times, at last: {reason}",
                chunk.failed_attempts
            );
            set_quarantined(counters, chunk, reason);
            return ReleaseOutcome::Quarantined;
        }
    }
    ReleaseOutcome::Released
}

/// Makes the chunk's rows final. The tally's `possibly_twice_paid_calls` is set here, from the ledger's own count.
pub fn commit(
    job: &mut JobRecord,
    chunk: &mut ChunkRecord,
    claim: &Claim,
    commit: &Commit,
    now_ms: u64,
) -> CommitOutcome {
    match &chunk.status {
        ChunkStatus::Committed(made)
            if made.epoch == commit.epoch && made.sha256 == commit.sha256 =>
        {
            return CommitOutcome::Committed;
        }
        ChunkStatus::Committed(_) | ChunkStatus::Quarantined { .. } => {
            return CommitOutcome::AlreadyDone;
        }
        ChunkStatus::Open | ChunkStatus::Parked => {}
    }
    if !job.is_live() {
        return CommitOutcome::JobOver;
    }
    if !holds(chunk, claim) {
        return CommitOutcome::Fenced;
    }
    settle_at_end(&mut job.counters, chunk);
    // What was paid before there was a cap, or under another one, counts from now on.
    let seen = chunk.spent.0.saturating_sub(chunk.possibly_spent.0);
    let unseen = commit.tally.total_cost().0.saturating_sub(seen);
    spend(&mut job.counters, chunk, NanoUsd(unseen));
    let tally = Tally {
        possibly_twice_paid_calls: chunk.lost_calls,
        ..commit.tally
    };
    chunk.status = ChunkStatus::Committed(Commit {
        tally,
        ..commit.clone()
    });
    chunk.touched_ms = now_ms;
    job.counters.committed += 1;
    job.counters.tally += tally;
    CommitOutcome::Committed
}

/// Gives the chunk up; false: the claim is lost or the chunk final.
pub fn quarantine(
    counters: &mut Counters,
    chunk: &mut ChunkRecord,
    claim: &Claim,
    reason: &str,
    now_ms: u64,
) -> bool {
    if !holds(chunk, claim) {
        return false;
    }
    settle_at_end(counters, chunk);
    chunk.touched_ms = now_ms;
    set_quarantined(counters, chunk, reason.to_string());
    true
}

/// Sets the chunk aside under its claim (a lane takes nothing for long); false: the claim is lost.
pub fn park(counters: &mut Counters, chunk: &mut ChunkRecord, claim: &Claim, now_ms: u64) -> bool {
    if !holds(chunk, claim) {
        return false;
    }
    settle_at_end(counters, chunk);
    chunk.touched_ms = now_ms;
    set_parked(counters, chunk);
    true
}

/// Notes that `calls` paid calls are about to start; false: the claim is lost and they must not.
pub fn intend_calls(chunk: &mut ChunkRecord, claim: &Claim, calls: u64) -> bool {
    let holds = holds(chunk, claim);
    if holds {
        chunk.intended_calls += calls;
    }
    holds
}

/// Notes that the answers of `calls` intended calls are stored (or that they were never made); false: the claim is
/// lost, and its open calls stay counted as possibly twice paid: too many rather than too few.
pub fn settle_calls(chunk: &mut ChunkRecord, claim: &Claim, calls: u64) -> bool {
    let holds = holds(chunk, claim);
    if holds {
        chunk.intended_calls = chunk.intended_calls.saturating_sub(calls);
        // It gets on: whoever dies or is killed from here on did not die of what is done.
        chunk.abandoned_claims = 0;
    }
    holds
}

/// Sets the cursor of an isolated chunk on `row` (or takes it off); false: the claim is lost.
pub fn set_cursor(chunk: &mut ChunkRecord, claim: &Claim, row: Option<RowNo>) -> bool {
    let holds = holds(chunk, claim);
    if holds && let Some(isolation) = &mut chunk.isolation {
        isolation.cursor = row;
    }
    holds
}

/// The message of this chunk is about to be sent: it is no longer parked, and the sweep leaves it alone for a while.
pub fn mark_sent(counters: &mut Counters, chunk: &mut ChunkRecord, now_ms: u64) {
    chunk.touched_ms = now_ms;
    unpark(counters, chunk);
}

/// Whether its holder was at work on it: a booked call, or a row under the cursor. The other chunks that a process held
/// only waited for their turn, and it did not die of them.
pub fn is_at_work(chunk: &ChunkRecord) -> bool {
    let on_a_row = chunk
        .isolation
        .as_ref()
        .is_some_and(|isolation| isolation.cursor.is_some());
    chunk.lease.is_some() && (chunk.intended_calls > 0 || on_a_row)
}

/// Whether the sweep should send it again: sent long ago, and nobody holds it (I4).
pub fn is_orphan_suspect(chunk: &ChunkRecord, now_ms: u64, silent_ms: u64) -> bool {
    let held = chunk
        .lease
        .as_ref()
        .is_some_and(|lease| lease.until_ms > now_ms);
    matches!(chunk.status, ChunkStatus::Open) && !held && chunk.touched_ms + silent_ms <= now_ms
}

/// Lets go of a claim whose holder died and was not at work: it only waited, and nothing was paid. False: nobody held it.
pub fn let_go(counters: &mut Counters, chunk: &mut ChunkRecord) -> bool {
    let was_held = chunk.lease.is_some();
    settle_at_end(counters, chunk);
    was_held
}

/// Books a claim that ran out.
fn abandon(counters: &mut Counters, chunk: &mut ChunkRecord) {
    chunk.abandoned_claims += 1;
    lose_calls(counters, chunk);
    if let Some(isolation) = &mut chunk.isolation
        && let Some(row) = isolation.cursor.take()
    {
        *isolation.strikes.entry(row).or_default() += 1;
    }
}

/// Ends the present claim; what it intended and did not settle may have been paid.
fn settle_at_end(counters: &mut Counters, chunk: &mut ChunkRecord) {
    lose_calls(counters, chunk);
    chunk.lease = None;
}

fn poisoned(chunk: &ChunkRecord, limits: &ChunkLimits) -> Vec<RowNo> {
    let Some(isolation) = &chunk.isolation else {
        return Vec::new();
    };
    isolation
        .strikes
        .iter()
        .filter(|(_, strikes)| **strikes >= limits.row_strikes)
        .map(|(row, _)| *row)
        .collect()
}

fn set_parked(counters: &mut Counters, chunk: &mut ChunkRecord) {
    if chunk.status == ChunkStatus::Open {
        chunk.status = ChunkStatus::Parked;
        counters.parked += 1;
    }
}

fn unpark(counters: &mut Counters, chunk: &mut ChunkRecord) {
    if chunk.status == ChunkStatus::Parked {
        chunk.status = ChunkStatus::Open;
        counters.parked -= 1;
    }
}

fn set_quarantined(counters: &mut Counters, chunk: &mut ChunkRecord, reason: String) {
    unpark(counters, chunk);
    counters.quarantined += 1;
    counters.tally += given_up_tally(chunk);
    chunk.status = ChunkStatus::Quarantined { reason };
}

/// What a quarantined chunk adds to the job's counters: all its rows fail.
pub fn quarantine_tally(rows: u64, lost_calls: u64) -> Tally {
    Tally {
        rows,
        failed: rows,
        possibly_twice_paid_calls: lost_calls,
        ..Tally::default()
    }
}

/// What a chunk adds to the job's counters when it is given up: all its rows fail, but for those that an earlier
/// generation committed, which stay as they were.
pub fn given_up_tally(chunk: &ChunkRecord) -> Tally {
    match &chunk.previous {
        Some(previous) => Tally {
            possibly_twice_paid_calls: chunk.lost_calls,
            ..previous.tally
        },
        None => quarantine_tally(u64::from(chunk.range.rows), chunk.lost_calls),
    }
}

/// Gives up a chunk that nobody holds, without a claim: its message came too often without the chunk getting done.
///
/// A claim that ran out counts as abandoned, as in [`claim`]. A paused job's chunk is parked instead: a pause is no fault
/// of its chunks (S16).
pub fn give_up(job: &mut JobRecord, chunk: &mut ChunkRecord, reason: &str, now_ms: u64) -> GivenUp {
    if chunk.status.is_final() {
        return GivenUp::Final;
    }
    if !job.is_live() {
        return GivenUp::JobOver;
    }
    let is_held = |lease: &Lease| lease.until_ms > now_ms;
    if chunk.lease.as_ref().is_some_and(is_held) {
        return GivenUp::Held;
    }
    if chunk.lease.take().is_some() {
        abandon(&mut job.counters, chunk);
    }
    chunk.touched_ms = now_ms;
    if job.paused.is_some() || chunk.status == ChunkStatus::Parked {
        set_parked(&mut job.counters, chunk);
        return GivenUp::Parked;
    }
    set_quarantined(&mut job.counters, chunk, reason.to_string());
    GivenUp::Yes
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
