//! The fleet as processes: services of their own, queues, table and buckets in the emulator, Bedrock simulated.

mod costs;
mod errands;
mod files;
mod held;
mod idle;
mod kills;
mod load;
mod needs;
mod outcome;
mod permissions;
pub mod place;
mod policy;
mod recorder;
mod s3;
mod stack;
mod stack_flag;
mod units;
mod upgrade;
mod walk;
