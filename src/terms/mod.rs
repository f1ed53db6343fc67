//! The IMDRF terms: what a report may be coded to.
//!
//! A [`TermTable`] is the built-in release 2025 or a user's own CSV. It knows each code's place in the tree (parents come
//! from `parent_code` alone, because digits mislead: E1707 sits under E23), which codes may be chosen, and older wordings.
//! Source of the built-in tables: IMDRF AET, N43 Annexes A-G, release 2025, with FDA's code numbers.

mod builtin;
mod fault;
mod file;
mod fold;
mod header;
mod link;
mod load;
mod search;
mod table;
mod term;
#[cfg(test)]
mod tests_any;
#[cfg(test)]
mod tests_load;
#[cfg(test)]
mod tests_table;

pub use fault::{Fault, MAX_FAULTS, TermsError};
pub use search::{Hit, MatchedIn};
pub use table::TermTable;
pub use term::{Matched, Resolved, Term};
