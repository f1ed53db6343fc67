//! Everything that is tested from outside the crate, in one binary: it is linked once.

mod aws;
mod bedrock;
mod cli;
mod conformance;
mod differential;
mod explain;
mod fleet;
mod inbox;
mod notices;
mod opinion;
mod live;
mod records;
mod services;
mod sim_bedrock;
mod simulation;
mod tools;
