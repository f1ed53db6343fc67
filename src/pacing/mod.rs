//! How fast calls may start.

pub mod lane;
pub mod quota;
mod rate;

pub use rate::Pacer;
