//! A prompt prefix that a service caches: one call in the whole fleet writes it, the others wait for that and read it.
//! The rules are in [`crate::core::transitions::prefix`].

use serde::{Deserialize, Serialize};

/// How a prefix stands for who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixWarm {
    /// The call goes first, and the others wait for it.
    Lead,
    /// Somebody's call is on its way; ask again when it must have ended (Unix milliseconds), or before.
    Wait {
        /// The end of the lead.
        until_ms: u64,
    },
    /// It is cached until then (Unix milliseconds), and longer if it is used.
    Warm {
        /// When it cools down.
        until_ms: u64,
    },
    /// The service does not cache it: nobody waits.
    Uncached,
}

/// What a call found out about its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixUse {
    /// It was written or read, and is cached until then (Unix milliseconds).
    Warm {
        /// When it cools down.
        until_ms: u64,
    },
    /// It was neither written nor read.
    Uncached,
    /// The lead of `owner` ended without an answer: the next one may lead at once.
    GaveUp {
        /// Who led.
        owner: String,
    },
}

/// A prefix as the ledger keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefixRecord {
    /// Nobody has called with it.
    #[default]
    Cold,
    /// A call is writing it.
    Leading {
        /// Whose.
        owner: String,
        /// Until then at most (Unix milliseconds).
        until_ms: u64,
    },
    /// It is cached.
    Warm {
        /// Until then (Unix milliseconds).
        until_ms: u64,
    },
    /// It is not cached by the service.
    Uncached {
        /// Taken for so until then (Unix milliseconds): services change.
        until_ms: u64,
    },
}
