//! A lane that a fleet shares: what its workers say of their calls, what each of them may use of the quota, and the record
//! that holds both. The rules are in [`crate::core::transitions::lane`].
//!
//! All of a lane is one record, changed by one rule at a time. A worker's part is a lease: a rate of its own for a stated
//! time, counted from before it asked (S3). What it does not use within that time is nobody's; nothing is saved up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Limits a minute; none: not limited, or not told.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rates {
    /// Tokens a minute, as they settle.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
    /// Requests a minute.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<f64>,
}

impl Rates {
    /// The lower of both, limit by limit.
    pub fn min(self, other: Rates) -> Rates {
        let lower = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Rates {
            tokens: lower(self.tokens, other.tokens),
            requests: lower(self.requests, other.requests),
        }
    }
}

/// What became of a worker's calls since it last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneNews {
    /// The lane's epoch under which the refused calls had started: refusals of an older one are the same event.
    pub epoch: u64,
    /// The time that this is about.
    pub passed_ms: u64,
    /// For so much of it the worker's tokens held a call back.
    pub held_tokens_ms: u64,
    /// For so much of it the worker's requests did, or it had no share at all.
    pub held_requests_ms: u64,
    /// Calls that started and were not refused. Below zero where more turned out to be refused than started.
    pub accepted: i64,
    /// Tokens that the service took: what settled, and what calls in flight reserve. Below zero where it gave back.
    pub taken_tokens: i64,
    /// Calls that the token quota refused, or nobody knows which.
    pub refused_tokens: u64,
    /// Calls that the request quota refused, or nobody knows which.
    pub refused_requests: u64,
}

/// A worker asks for its part of a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneAsk {
    /// Another number than the ask before: the same said again (an answer was lost) counts its news once.
    pub number: u64,
    /// What the worker was told of the lane's whole quota. Where workers were told different things, the lowest holds.
    pub told: Rates,
    /// How much it has to do, against the others: its calls in progress. Zero is taken for one.
    pub weight: u64,
    /// It does not ask more often than this.
    pub gap_ms: u64,
    /// What became of its calls.
    pub news: LaneNews,
}

/// What a worker tells without asking for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneReport {
    /// As in [`LaneAsk`].
    pub number: u64,
    /// What became of its calls.
    pub news: LaneNews,
    /// It has nothing to do any more: its part is free at once.
    pub leaves: bool,
    /// The service takes nothing from anybody: no worker starts a call for so long. At most
    /// [`crate::core::transitions::lane::MOST_PAUSE_MS`].
    pub pause_ms: u64,
}

/// A worker's part of a lane. Its times count from before the worker asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneShare {
    /// What it may use; none: not limited; zero: nothing is free yet.
    pub rates: Rates,
    /// For so long.
    pub lease_ms: u64,
    /// It should ask again after this.
    pub renew_ms: u64,
    /// How often the lane was lowered: for [`LaneNews::epoch`].
    pub epoch: u64,
    /// It starts nothing for so long.
    pub pause_ms: u64,
}

/// A lane as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LaneRecord {
    /// Who has a part of it, or asks for one.
    #[serde(default)]
    pub members: BTreeMap<String, Member>,
    /// The limit on tokens.
    #[serde(default)]
    pub tokens: LaneLimit,
    /// The limit on requests.
    #[serde(default)]
    pub requests: LaneLimit,
    /// How often it was lowered.
    #[serde(default)]
    pub epoch: u64,
    /// Nothing starts before this (Unix milliseconds).
    #[serde(default)]
    pub pause_until_ms: u64,
    /// The latest time that a rule was given: one that lies before it is taken for this one.
    #[serde(default)]
    pub now_ms: u64,
}

/// A worker's place in a lane. Its names are short in the record: it is written often.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Member {
    /// Its last ask.
    #[serde(rename = "n")]
    pub number: u64,
    /// How much it has to do.
    #[serde(rename = "w")]
    pub weight: u64,
    /// Its part, and its place, end then (Unix milliseconds).
    #[serde(rename = "u")]
    pub until_ms: u64,
    /// What it has leased.
    #[serde(rename = "l")]
    pub leased: Rates,
    /// What it was told.
    #[serde(rename = "q")]
    pub told: Rates,
    /// What it can use; none: whatever it gets.
    #[serde(rename = "x")]
    pub wants: Rates,
    /// What it used lately: tokens and requests a minute.
    #[serde(rename = "y")]
    pub uses: (u64, u64),
}

/// One limit of a lane: told, or found from what the service refuses.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LaneLimit {
    /// What was told last, a minute.
    pub told: Option<f64>,
    /// What may be leased, a minute; none: not limited.
    pub rate: Option<f64>,
    /// Refusals that calls have not made up for yet.
    pub strain: f64,
    /// The rate was set at a first refusal and not measured yet.
    pub is_fresh: bool,
    /// Calls held back since the strain was gone.
    pub calm_calls: f64,
    /// Since when (Unix milliseconds).
    pub calm_since_ms: Option<u64>,
    /// What the service took in all: tokens, or requests.
    pub taken: f64,
    /// Calls that it accepted in all.
    pub accepted: f64,
    /// For how long, in all, the fleet asked for all that it had.
    pub pushed_ms: f64,
    /// How far things were at lowerings, the oldest first.
    pub marks: Vec<LaneMark>,
    /// What had been taken when (Unix milliseconds), over the last minute and some seconds.
    pub lately: Vec<(u64, f64)>,
    /// Since when refusals follow each other (Unix milliseconds), and what had been taken by then.
    pub dry: Option<(u64, f64)>,
    /// Pauses in a row between which next to nothing was accepted.
    pub fruitless: u32,
    /// When a worker last told (Unix milliseconds).
    pub told_ms: u64,
}

/// How far a limit was when it was lowered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LaneMark {
    /// [`LaneLimit::taken`] then.
    pub taken: f64,
    /// [`LaneLimit::accepted`] then.
    pub accepted: f64,
    /// [`LaneLimit::pushed_ms`] then.
    pub pushed_ms: f64,
}
