//! What a chunk's calls set aside, spend and lose under a job's cost cap (I8, I9).

use super::chunk::holds;
use crate::core::chunk::{ChunkRecord, Claim};
use crate::core::job::{Budget, Counters, JobRecord, Reserved};
use crate::core::money::NanoUsd;

/// Sets `amount` aside under the job's cost cap, if it has one, before a call that costs so much at most (I9).
pub fn budget_reserve(
    job: &mut JobRecord,
    chunk: &mut ChunkRecord,
    claim: &Claim,
    amount: NanoUsd,
) -> Reserved {
    if !holds(chunk, claim) {
        return Reserved::Lost;
    }
    let Budget { reserved, spent } = job.counters.budget;
    if let Some(cap) = job.spec.max_cost_usd {
        if spent + amount > cap {
            return Reserved::OverCap { cap, spent };
        }
        if spent + reserved + amount > cap {
            return Reserved::Later;
        }
    }
    job.counters.budget.reserved += amount;
    chunk.reserved += amount;
    Reserved::Yes
}

/// Ends a reservation: `spent` of `reserved` was used. False: the claim is lost, and the whole counts as spent.
pub fn budget_settle(
    counters: &mut Counters,
    chunk: &mut ChunkRecord,
    claim: &Claim,
    reserved: NanoUsd,
    spent: NanoUsd,
) -> bool {
    if !holds(chunk, claim) {
        return false;
    }
    unreserve(counters, chunk, reserved);
    spend(counters, chunk, spent);
    true
}

/// Calls whose end nobody saw may have been paid for: they count, and what was set aside for them is spent.
pub(super) fn lose_calls(counters: &mut Counters, chunk: &mut ChunkRecord) {
    let was_at_work = chunk.intended_calls > 0;
    chunk.lost_calls += std::mem::take(&mut chunk.intended_calls);
    let reserved = chunk.reserved;
    unreserve(counters, chunk, reserved);
    if was_at_work {
        spend(counters, chunk, reserved);
        chunk.possibly_spent += reserved;
    }
}

fn unreserve(counters: &mut Counters, chunk: &mut ChunkRecord, amount: NanoUsd) {
    let amount = amount.min(chunk.reserved);
    chunk.reserved.0 -= amount.0;
    counters.budget.reserved.0 = counters.budget.reserved.0.saturating_sub(amount.0);
}

/// Books what was spent.
pub(super) fn spend(counters: &mut Counters, chunk: &mut ChunkRecord, amount: NanoUsd) {
    chunk.spent += amount;
    counters.budget.spent += amount;
}
