//! Everything that is tested from outside the crate, in one binary: it is linked once.

mod aws;
mod bedrock;
mod cli;
mod conformance;
mod differential;
mod explain;
mod fleet;
mod formats;
mod inbox;
mod live;
mod notices;
mod opinion;
mod records;
mod report;
mod review;
mod services;
mod sim_bedrock;
mod simulation;
mod tools;
mod verify;
