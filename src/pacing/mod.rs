//! How fast calls may start.

pub mod capacity;
pub mod keeper;
pub mod lane;
pub mod quota;
mod rate;
#[cfg(test)]
mod tests;

pub use rate::Pacer;
