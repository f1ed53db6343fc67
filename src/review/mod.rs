//! Review by people: which rows to read, what is shown of them, what a person decides, and where decisions are kept.
//!
//! The state machine ([`Session`]) and the drawing of it know neither a terminal nor a clock: the command hands in keys and does
//! what comes out ([`Effect`]). Decisions go through [`DecisionLog`] into three files beside the results, which are never touched:
//!
//! - `reviewed.history.csv`: every decision as it was made, appended and synced before the next key is read. What it holds, holds.
//! - `reviewed.csv`: the newest decision of each row, written from the history: after each decision while it is small, on quitting
//!   and on starting always. A kill in between loses nothing.
//! - `reviewed.json`: which results the decisions are about, by SHA-256.

mod change;
mod changing;
mod decision;
pub mod draw;
mod input;
mod keys;
mod log;
mod pin;
mod row;
mod session;
mod walk;
mod words;
mod wrap;

#[cfg(test)]
mod tests;

pub use change::{Change, Search};
pub use decision::{COLUMNS, Decision, Undo, Verdict};
pub use input::Input;
pub use log::{DecisionLog, HISTORY, Newest, REVIEWED, in_use};
pub use pin::{PIN, Pin};
pub use row::{Near, ShownAnswer, ShownCode, ShownRow};
pub use session::{Decisions, Draft, Effect, Focus, Job, Mode, Session};
pub use walk::{Pick, Stop, Walk};
pub use words::{agreement, reason};
