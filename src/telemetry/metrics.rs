//! Counters of a service: atomics that everybody adds to, and that are read once a minute.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::core::money::{NanoUsd, Usage};
use crate::core::tally::Tally;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Result rows committed.
    Rows,
    /// Of these, rows that failed.
    RowsFailed,
    /// Rows that took an answer paid for before.
    PaidAnswersReused,
    /// Chunks committed.
    Chunks,
    /// Chunks given up.
    Quarantined,
    /// Calls that came to an answer.
    Calls,
    /// Calls repeated after a failure.
    Retries,
    /// Calls that the model's quota refused.
    Throttles,
    /// Tokens of the input that were not in the prompt cache.
    InputTokens,
    /// Tokens of the output.
    OutputTokens,
    /// Tokens read from the prompt cache.
    CacheReadTokens,
    /// Tokens written to the prompt cache.
    CacheWriteTokens,
    /// What calls cost, in nano-dollars.
    Cost,
    /// Messages received.
    Received,
    /// Messages of work that was done already, or is in another's hand.
    Duplicates,
    /// Messages given back.
    Released,
    /// Messages put to the dead letters.
    Buried,
    /// Claims that were lost while work went on.
    LostClaims,
    /// Requests of which nobody knows whether they had their effect.
    UnknownOutcomes,
    /// Work that failed for its surroundings' sake.
    Troubles,
    /// Receives that failed.
    ReceiveErrors,
    /// Messages whose work was cut by the end of a drain.
    Abandoned,
}

/// All counts: name and unit as CloudWatch shows them.
pub(super) const COUNTS: [(Count, &str, &str); 22] = [
    (Count::Rows, "Rows", "Count"),
    (Count::RowsFailed, "RowsFailed", "Count"),
    (Count::PaidAnswersReused, "PaidAnswersReused", "Count"),
    (Count::Chunks, "Chunks", "Count"),
    (Count::Quarantined, "Quarantined", "Count"),
    (Count::Calls, "Calls", "Count"),
    (Count::Retries, "Retries", "Count"),
    (Count::Throttles, "Throttles", "Count"),
    (Count::InputTokens, "InputTokens", "Count"),
    (Count::OutputTokens, "OutputTokens", "Count"),
    (Count::CacheReadTokens, "CacheReadTokens", "Count"),
    (Count::CacheWriteTokens, "CacheWriteTokens", "Count"),
    (Count::Cost, "CostUsd", "None"),
    (Count::Received, "Received", "Count"),
    (Count::Duplicates, "Duplicates", "Count"),
    (Count::Released, "Released", "Count"),
    (Count::Buried, "Buried", "Count"),
    (Count::LostClaims, "LostClaims", "Count"),
    (Count::UnknownOutcomes, "UnknownOutcomes", "Count"),
    (Count::Troubles, "Troubles", "Count"),
    (Count::ReceiveErrors, "ReceiveErrors", "Count"),
    (Count::Abandoned, "Abandoned", "Count"),
];

/// The counters of one service.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: [AtomicU64; COUNTS.len()],
    in_hand: AtomicU64,
    /// Age of the oldest message received since this was last taken, in milliseconds.
    oldest_ms: AtomicU64,
}

impl Metrics {
    /// Adds `n`.
    pub fn add(&self, count: Count, n: u64) {
        self.counts[count as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// Adds one.
    pub fn one(&self, count: Count) {
        self.add(count, 1);
    }

    /// So much since the start.
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }

    /// A call was answered and took so much.
    pub fn answered(&self, usage: &Usage, cost: NanoUsd) {
        self.one(Count::Calls);
        self.add(Count::InputTokens, usage.input_tokens);
        self.add(Count::OutputTokens, usage.output_tokens);
        self.add(Count::CacheReadTokens, usage.cache_read_tokens);
        self.add(Count::CacheWriteTokens, usage.cache_write_tokens);
        self.add(Count::Cost, cost.0);
    }

    /// A chunk was committed.
    pub fn committed(&self, tally: &Tally) {
        self.one(Count::Chunks);
        self.add(Count::Rows, tally.rows);
        self.add(Count::RowsFailed, tally.failed);
        self.add(Count::PaidAnswersReused, tally.paid_answers_reused);
    }

    /// A message of this age was received, in milliseconds since it was sent.
    pub fn received(&self, age_ms: u64) {
        self.one(Count::Received);
        self.oldest_ms.fetch_max(age_ms, Ordering::Relaxed);
    }

    /// So many messages are in hand now.
    pub fn hands(&self, in_hand: usize) {
        self.in_hand.store(in_hand as u64, Ordering::Relaxed);
    }

    /// Messages in hand.
    pub fn in_hand(&self) -> u64 {
        self.in_hand.load(Ordering::Relaxed)
    }

    /// The age of the oldest message received since this was last asked, in milliseconds.
    pub(super) fn take_oldest_ms(&self) -> u64 {
        self.oldest_ms.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_its_own_place_and_name() {
        for (position, (count, _, _)) in COUNTS.iter().enumerate() {
            assert_eq!(*count as usize, position);
        }
        let mut names: Vec<&str> = COUNTS.iter().map(|(_, name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNTS.len());
    }
}
