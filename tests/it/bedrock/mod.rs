//! The program against the simulator of Bedrock, over real HTTP: trust, cost, caching, faults, limits.

mod faults;
mod limits;
pub mod place;
mod whole;
