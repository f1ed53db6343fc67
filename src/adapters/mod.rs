//! Implementations of the ports. Only the binaries and the CLI pick among them.
//!
//! Wall time, sleeping, randomness and threads belong here and nowhere else.

pub mod aws;
pub mod embedded;
pub mod health;
mod http;
pub mod local;
pub mod memory;
pub mod models;
pub mod signals;
pub mod sim_bedrock;
pub mod stager;
pub mod webhook;
