//! Counters of a chunk, a job or a shard: fixed size, additive, exact (I2).

use serde::{Deserialize, Serialize};

use super::money::{NanoUsd, Usage};
use super::outcome::Outcome;

/// What was done and what it took. Sums over committed chunks equal the job's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Result rows.
    pub rows: u64,
    /// Rows with a valid code for every asked problem type.
    pub coded: u64,
    /// Rows whose text does not suffice.
    pub insufficient: u64,
    /// Rows without text.
    pub empty: u64,
    /// Rows that could not be coded.
    pub failed: u64,
    /// Rows with at least one review reason.
    pub review: u64,
    /// Tokens of the rows.
    pub usage: Usage,
    /// Cost of the rows.
    pub cost: NanoUsd,
    /// Calls that answered these rows.
    pub calls: u64,
    /// Attempts beyond the first, over all calls.
    pub retries: u64,
    /// Calls that the model's quota refused.
    pub throttles: u64,
    /// Rows that took an answer paid for before.
    pub paid_answers_reused: u64,
    /// Calls that were intended under claims that were lost before their answers were stored: possibly paid twice (I8).
    pub possibly_twice_paid_calls: u64,
    /// Tokens of calls whose answers no row could use.
    pub overhead_usage: Usage,
    /// Cost of calls whose answers no row could use.
    pub overhead_cost: NanoUsd,
}

impl Tally {
    /// Counts one row.
    pub fn count(&mut self, outcome: Outcome) {
        self.rows += 1;
        match outcome {
            Outcome::Coded => self.coded += 1,
            Outcome::Insufficient => self.insufficient += 1,
            Outcome::Empty => self.empty += 1,
            Outcome::Failed => self.failed += 1,
        }
    }

    /// How many rows ended as `outcome`.
    pub fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Coded => self.coded,
            Outcome::Insufficient => self.insufficient,
            Outcome::Empty => self.empty,
            Outcome::Failed => self.failed,
        }
    }

    /// The balance: every row has exactly one outcome.
    pub fn balances(&self) -> bool {
        self.rows == Outcome::ALL.iter().map(|o| self.of(*o)).sum::<u64>()
    }

    /// Rows' cost and overhead together: what the job spent.
    pub fn total_cost(&self) -> NanoUsd {
        self.cost + self.overhead_cost
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
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
        } = other;
        self.rows += rows;
        self.coded += coded;
        self.insufficient += insufficient;
        self.empty += empty;
        self.failed += failed;
        self.review += review;
        self.usage += usage;
        self.cost += cost;
        self.calls += calls;
        self.retries += retries;
        self.throttles += throttles;
        self.paid_answers_reused += paid_answers_reused;
        self.possibly_twice_paid_calls += possibly_twice_paid_calls;
        self.overhead_usage += overhead_usage;
        self.overhead_cost += overhead_cost;
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(tallies: I) -> Tally {
        tallies.fold(Tally::default(), |mut total, tally| {
            total += tally;
            total
        })
    }
}
