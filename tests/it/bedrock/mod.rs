//! The program against the simulator of Bedrock, over real HTTP: trust, cost, caching, faults, limits.

mod faults;
mod limits;
mod place;
mod whole;
