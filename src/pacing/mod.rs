//! How fast calls may start.

pub mod quota;
mod rate;

pub use rate::Pacer;
