//! The services as processes: configuration, start, health, stop, and one job from the inbox to its results.

mod configuration;
mod names;
mod place;
mod privacy;
mod stops;
mod whole;
