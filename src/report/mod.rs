//! What a finished job says of itself: summary, manifest, report.

pub mod html;
pub mod manifest;
pub mod stats;
pub mod summary;
