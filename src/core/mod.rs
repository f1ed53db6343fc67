//! The pure part: words of the domain, state machines and what must hold.
//!
//! Nothing here does I/O, reads a clock or draws a random number; time comes in as milliseconds, so that simulation,
//! every ledger adapter and production run the very same rules.

pub mod answer;
pub mod chunk;
pub mod files;
pub mod format;
pub mod identity;
pub mod ids;
pub mod invariants;
pub mod job;
pub mod lane;
pub mod messages;
pub mod money;
pub mod notice;
pub mod opinion;
pub mod outcome;
pub mod plan;
pub mod prefix;
pub mod problem;
pub mod spec;
pub mod tally;
pub mod transitions;
