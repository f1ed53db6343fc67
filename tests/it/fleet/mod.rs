//! The fleet as processes: services of their own, queues, table and buckets in the emulator, Bedrock simulated.

mod costs;
mod idle;
mod kills;
pub mod place;
mod recorder;
mod stack;
mod stack_flag;
mod units;
mod upgrade;
mod walk;
