//! A job's counters, spread over items that take turns (I2): numbers of fixed count, moved by ADD in the transaction of
//! the chunk that moves them. Once a job is ending its counters are closed, and nothing moves them any more.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Item, Reader, number, under};
use super::keys::{Key, SHARDS};
use super::write::Write;
use crate::core::ids::{ChunkNo, Generation, JobId};
use crate::core::job::{Budget, Counters};
use crate::core::money::{NanoUsd, Usage};
use crate::core::tally::Tally;
use crate::ports::error::PortResult;

/// Set on counters that nothing may move any more.
pub(super) const CLOSED: &str = "x";
/// Of the budget: reserved, spent, and both together, which is what a reservation is held against.
const RESERVED: &str = "r";
const SPENT: &str = "s";
pub(super) const HELD: &str = "h";

/// Numbers of a tally.
pub(super) const TALLY_NUMBERS: usize = 21;

/// A tally as numbers, in the order of its fields.
pub(super) fn numbers_of(tally: &Tally) -> [u64; TALLY_NUMBERS] {
    // Destructured, so that a new counter cannot be forgotten here.
    let Tally {
        rows,
        coded,
        insufficient,
        empty,
        failed,
        review,
        usage,
        cost,
        calls,
        retries,
        throttles,
        paid_answers_reused,
        possibly_twice_paid_calls,
        overhead_usage,
        overhead_cost,
    } = *tally;
    [
        rows,
        coded,
        insufficient,
        empty,
        failed,
        review,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        cost.0,
        calls,
        retries,
        throttles,
        paid_answers_reused,
        possibly_twice_paid_calls,
        overhead_usage.input_tokens,
        overhead_usage.output_tokens,
        overhead_usage.cache_read_tokens,
        overhead_usage.cache_write_tokens,
        overhead_cost.0,
    ]
}

/// The reverse of [`numbers_of`].
pub(super) fn tally_of(n: &[u64; TALLY_NUMBERS]) -> Tally {
    let usage = |at: usize| Usage {
        input_tokens: n[at],
        output_tokens: n[at + 1],
        cache_read_tokens: n[at + 2],
        cache_write_tokens: n[at + 3],
    };
    Tally {
        rows: n[0],
        coded: n[1],
        insufficient: n[2],
        empty: n[3],
        failed: n[4],
        review: n[5],
        usage: usage(6),
        cost: NanoUsd(n[10]),
        calls: n[11],
        retries: n[12],
        throttles: n[13],
        paid_answers_reused: n[14],
        possibly_twice_paid_calls: n[15],
        overhead_usage: usage(16),
        overhead_cost: NanoUsd(n[20]),
    }
}

/// Names of a shard's attributes: committed, quarantined, parked, spent, then the tally's numbers.
fn names() -> impl Iterator<Item = String> {
    let own = ["c", "q", "p", SPENT].into_iter().map(String::from);
    own.chain((0..TALLY_NUMBERS).map(|at| format!("t{at}")))
}

/// A shard's numbers in the order of [`names`].
fn shard_numbers(counters: &Counters) -> Vec<u64> {
    let mut numbers = vec![
        u64::from(counters.committed),
        u64::from(counters.quarantined),
        u64::from(counters.parked),
        counters.budget.spent.0,
    ];
    numbers.extend(numbers_of(&counters.tally));
    numbers
}

/// What rules start from where the true counters are not read: far from nothing, so that a step down is a step.
pub(super) fn base() -> Counters {
    Counters {
        parked: 1 << 30,
        budget: Budget {
            reserved: NanoUsd(1 << 62),
            spent: NanoUsd::ZERO,
        },
        ..Counters::default()
    }
}

/// The writes that move the counters from `before` to `after` for what became of `chunk`. What is spent goes where it is
/// held against a cap, if there is one: into the budget; else into the chunk's shard.
pub(super) fn moves(
    job_id: &JobId,
    generation: Generation,
    chunk: ChunkNo,
    (before, after): (&Counters, &Counters),
    has_cap: bool,
) -> Vec<Write> {
    let reserved = difference(before.budget.reserved.0, after.budget.reserved.0);
    let spent = difference(before.budget.spent.0, after.budget.spent.0);
    let in_budget = reserved != 0 || (has_cap && spent != 0);
    let mut after = *after;
    if in_budget {
        after.budget.spent = before.budget.spent;
    }
    let steps: Vec<i128> = shard_numbers(before)
        .into_iter()
        .zip(shard_numbers(&after))
        .map(|(from, to)| difference(from, to))
        .collect();
    let mut writes = Vec::new();
    if steps.iter().any(|step| *step != 0) {
        let key = Key::counters(job_id, generation, chunk);
        writes.push(add(key, names().zip(steps)));
    }
    if in_budget {
        writes.push(move_budget(job_id, generation, reserved, spent));
    }
    writes
}

/// Moves what is held against the cap.
pub(super) fn move_budget(
    job_id: &JobId,
    generation: Generation,
    reserved: i128,
    spent: i128,
) -> Write {
    let steps = [
        (RESERVED, reserved),
        (SPENT, spent),
        (HELD, reserved + spent),
    ];
    let steps = steps.map(|(name, step)| (name.to_string(), step));
    add(Key::budget(job_id, generation), steps)
}

fn difference(from: u64, to: u64) -> i128 {
    i128::from(to) - i128::from(from)
}

/// Adds to counters that are not closed.
fn add(key: Key, steps: impl IntoIterator<Item = (String, i128)>) -> Write {
    let moved: Vec<(String, i128)> = steps.into_iter().filter(|(_, step)| *step != 0).collect();
    let terms: Vec<String> = moved
        .iter()
        .map(|(name, _)| format!("{name} :{name}"))
        .collect();
    let mut write = Write::update(key, &format!("ADD {}", terms.join(", ")))
        .when(&format!("attribute_not_exists({CLOSED})"));
    for (name, step) in moved {
        write = write.with(&format!(":{name}"), number(step));
    }
    write
}

/// The writes that close a job's counters: all of them, so that no chunk slips through.
pub(super) fn closings(job_id: &JobId, generation: Generation) -> Vec<Write> {
    let close = |key| {
        Write::update(key, &format!("SET {CLOSED} = :closed"))
            .with(":closed", AttributeValue::Bool(true))
    };
    let shards = (0..SHARDS).map(|shard| close(Key::shard(job_id, generation, shard)));
    shards
        .chain([close(Key::budget(job_id, generation))])
        .collect()
}

/// A whole shard.
pub(super) fn shard_item(
    job_id: &JobId,
    generation: Generation,
    shard: u32,
    counters: &Counters,
) -> Item {
    let mut item = under(&Key::shard(job_id, generation, shard));
    for (name, count) in names().zip(shard_numbers(counters)) {
        item.insert(name, number(count));
    }
    item
}

/// Adds what a shard's item counts to `counters`.
pub(super) fn count_shard(counters: &mut Counters, item: &Item) -> PortResult<()> {
    let reader = Reader(item);
    counters.committed += reader.number::<u32>("c")?;
    counters.quarantined += reader.number::<u32>("q")?;
    // A chunk is parked and taken from the park under the same shard, so this is never below nothing.
    counters.parked += reader.number::<u32>("p")?;
    counters.budget.spent += NanoUsd(reader.number(SPENT)?);
    let mut numbers = [0; TALLY_NUMBERS];
    for (number, name) in numbers.iter_mut().zip(names().skip(4)) {
        *number = reader.number(&name)?;
    }
    counters.tally += tally_of(&numbers);
    Ok(())
}

/// Adds what the budget's item counts to `counters`.
pub(super) fn count_budget(counters: &mut Counters, item: &Item) -> PortResult<()> {
    let reader = Reader(item);
    counters.budget.reserved += NanoUsd(reader.number(RESERVED)?);
    counters.budget.spent += NanoUsd(reader.number(SPENT)?);
    Ok(())
}

/// What of `counters`' spending lies in the shards and not in the budget's item.
pub(super) fn budget_spent(item: Option<&Item>) -> PortResult<u64> {
    item.map_or(Ok(0), |item| Reader(item).number(SPENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_comes_back_from_its_numbers() {
        let mut numbers = [0; TALLY_NUMBERS];
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = 1_000 + at as u64;
        }
        assert_eq!(numbers_of(&tally_of(&numbers)), numbers);
        assert_eq!(names().count(), shard_numbers(&Counters::default()).len());
    }
}
