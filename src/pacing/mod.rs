//! How fast calls may start.

mod rate;

pub use rate::Pacer;
