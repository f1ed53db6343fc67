//! The fleet as processes: services of their own, queues, table and buckets in the emulator, Bedrock simulated.

mod kills;
pub mod place;
mod walk;
