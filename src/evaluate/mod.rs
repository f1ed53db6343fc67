//! How good answers are: predicted codes against the codes that reporters gave.
//!
//! Pure. An [`Evaluator`] takes reports one at a time and ends in a [`Report`]; [`Gold`] and [`Join`] bring a gold file and
//! results together; [`LabelShares`] says how frequent a code is, for the buckets of Macro-F1. The set measures are those of
//! MADE (arXiv 2604.15203): every code set, gold and predicted, is first closed upwards, that is, each code's ancestors are
//! added. Rules that the figures depend on:
//!
//! - **Gold codes.** A retired code is replaced by the code that an older wording or the release names as its successor; one
//!   without a successor is dropped, as is what the table does not have or what belongs to another problem. Headings are
//!   kept. A report all of whose codes were dropped stays in and counts as wrong: dropping never raises a figure.
//! - **Hits** (primary, first four, the same at level 1) are over the reports that have gold codes for the problem.
//!   Level 1 replaces each code by the top of its chain of parents.
//! - **Jaccard and Macro-F1** are over all reports. The predicted set is the primary code, and the others whose confidence
//!   is at least the threshold.
//! - **No answer** (failed, insufficient, empty, no result row) is an empty predicted set: wrong, wherever there is gold.
//! - **Specific**: the reporter gave at least one code that says something: not A24 to A27, not E2401 to E2403. The split
//!   chooses reports; an answer still counts when it is any of the report's gold codes.

mod codes;
mod evaluator;
mod gold;
mod made;
mod render;
mod report;
mod results;
mod shares;
mod tally;
#[cfg(test)]
mod tests;

pub use crate::core::outcome::Outcome;
pub use codes::{CodeNotes, DroppedCode, MappedCode};
pub use evaluator::{Evaluator, Prediction, Row, Side};
pub use gold::{Gold, GoldError, Join};
pub use made::made_line;
pub use render::render;
pub use report::{Block, Bucketed, F1, Hits, Measures, OnlyPredicted, Report};
pub use results::{Answer, ResultColumns, ResultsError};
pub use shares::{Bucket, LabelCounter, LabelShares, SharesError};

/// Others than the primary code count as predicted from this confidence on, unless another threshold is given.
pub const DEFAULT_THRESHOLD: f64 = 0.3;

/// The names of a header, for an error about it. A first line of data may be report text: then its number of values (I10).
fn names<S: AsRef<str>>(header: impl Iterator<Item = S>) -> String {
    let cells: Vec<S> = header.collect();
    let shown = crate::records::shown_names(&cells);
    match crate::records::look_like_names(&cells) {
        true => format!("'{shown}'"),
        false => shown,
    }
}
