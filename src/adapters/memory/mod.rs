//! Adapters in memory that misbehave as the real services do, for simulation and conformance (FACTS §2).
//!
//! What goes wrong, and how often, is drawn from one seeded [`chaos::Chaos`], which also counts what it did, so that a
//! simulation can assert that each nasty path was really seen.

pub mod answers;
pub mod blobs;
pub mod chaos;
pub mod clock;
mod dead_letters;
pub mod ledger;
pub mod model;
pub mod notifier;
pub mod queue;
