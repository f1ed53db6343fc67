//! What a lane is set up with, what a call asks of it, and what it shows of itself.

use std::time::Duration;

use crate::pacing::quota::QuotaSetup;

/// How a lane is set up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneSetup {
    /// The quota, as far as it is known. A limit that is none is not told: the lane finds it. `bucket` is an assumption
    /// about what may be reserved at once; `refill` and `burndown` are the service's affair and not used.
    pub quota: QuotaSetup,
    /// Calls in flight that a lane begins with when no limit is told; each answer allows one more.
    pub first_in_flight: u32,
    /// The quota is shared with other processes: nothing starts until the fleet has given a part of it
    /// ([`super::Lane::set_share`]), and refusals are told and not acted upon alone.
    pub is_shared: bool,
    /// Calls are spaced evenly, and nothing is saved up beyond one call: for a rate that is a promise and not a quota.
    pub is_even: bool,
}

impl Default for LaneSetup {
    fn default() -> Self {
        LaneSetup {
            quota: QuotaSetup::default(),
            first_in_flight: 10,
            is_shared: false,
            is_even: false,
        }
    }
}

impl LaneSetup {
    /// A lane of which nothing but these limits a minute is known.
    pub fn told(tokens_per_minute: Option<u64>, requests_per_minute: Option<u64>) -> LaneSetup {
        LaneSetup {
            quota: QuotaSetup {
                tokens_per_minute,
                requests_per_minute,
                ..QuotaSetup::default()
            },
            ..LaneSetup::default()
        }
    }

    /// The same, as one part of a fleet's.
    pub fn shared(self) -> LaneSetup {
        LaneSetup {
            is_shared: true,
            ..self
        }
    }

    /// Why no call could ever start, one line each; empty: it is good. A lane that is made all the same starts nothing
    /// (quota of zero), or takes the least that makes sense (the rest).
    pub fn problems(&self) -> Vec<String> {
        let told = [
            ("tokens", self.quota.tokens_per_minute),
            ("requests", self.quota.requests_per_minute),
        ];
        let mut problems: Vec<String> = told
            .into_iter()
            .filter(|(_, told)| *told == Some(0))
            .map(|(what, _)| {
                format!(
                    "lane quota: 0 {what} a minute, so that no call could start; ask for a quota, or leave it out to \
                     let the lane find it"
                )
            })
            .collect();
        if self.quota.bucket.is_zero() {
            problems.push("lane quota: a bucket of 0 s holds nothing; 60 s is usual".to_string());
        }
        if self.first_in_flight == 0 {
            problems.push("lane: 0 calls in flight at first; at least 1 is needed".to_string());
        }
        problems
    }
}

/// What a call asks of the token quota. A demand that is larger than all that the lane may hold starts when the lane is
/// full; the service decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// What it takes at its start: [`crate::pacing::quota::reserved_tokens`].
    pub reserved_tokens: u64,
    /// What it is predicted to settle at: [`crate::pacing::quota::settled_tokens`] of the predicted usage.
    pub expected_tokens: u64,
}

/// A lane at one moment, for progress and summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSnapshot {
    /// Present limit of settled tokens a minute; none: not limited.
    pub tokens_per_minute: Option<u64>,
    /// Present limit of requests a minute; none: not limited.
    pub requests_per_minute: Option<u64>,
    /// Nothing starts for so long, after refusals.
    pub paused: Duration,
    /// Calls that wait to start, without those that pause after a refusal.
    pub waiting: u64,
    /// Calls that were started and have not ended.
    pub in_flight: u64,
    /// Tokens reserved by these.
    pub reserved_tokens: u64,
    /// Calls started so far; each is in flight, settled, throttled or failed.
    pub started: u64,
    /// Calls answered so far.
    pub settled: u64,
    /// Calls refused by the quota so far.
    pub throttled: u64,
    /// Calls that ended otherwise so far.
    pub failed: u64,
    /// How often the lane was lowered.
    pub lowered: u64,
    /// Tokens settled so far.
    pub settled_tokens: u64,
}
