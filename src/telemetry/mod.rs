//! What a service says of itself: logs, metrics, signs of life.

mod emf;
mod flush;
mod health;
mod logs;
mod metrics;
pub mod names;

pub use flush::{Flusher, Gauge};
pub use health::{Health, Pulse};
pub use logs::{init, quiet_panics};
pub use metrics::{Count, Metrics};
