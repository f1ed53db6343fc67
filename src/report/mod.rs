//! What a finished job says of itself: summary, manifest, and the page for people.
//!
//! The page is a function of the summary, of what one pass over the rows found, and of the terms. The finisher and
//! `annexa report` come by these in different ways and write the same bytes.

pub mod findings;
pub mod manifest;
pub mod page;
pub mod stats;
pub mod summary;
pub mod throughput;
