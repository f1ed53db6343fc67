//! Annexa codes medical-device incident reports to IMDRF terms.
//!
//! Dependencies point inward: `core` knows nothing, `ports` know the core, roles know ports, adapters implement
//! ports, and only the binaries and `cli` pick adapters.

pub mod adapters;
pub mod aggregator;
pub mod catalog;
pub mod cli;
pub mod coding;
pub mod config;
pub mod consumer;
pub mod control;
pub mod core;
pub mod evaluate;
pub mod explain;
pub mod fleet;
pub mod inbox;
pub mod jobs;
pub mod notices;
pub mod outputs;
pub mod pacing;
pub mod ports;
pub mod precedents;
pub mod records;
pub mod report;
pub mod results;
pub mod review;
pub mod shown;
pub mod splitter;
pub mod telemetry;
pub mod terms;
pub mod verify;
pub mod worker;
