//! Everything that is tested from outside the crate, in one binary: it is linked once.

mod records;
mod simulation;
