//! The ledger and the paid answers of a fleet in one DynamoDB table. Keys, sizes and costs are in docs/LEDGER.md.

mod access;
mod answer_value;
mod answers;
mod budget;
mod chunk_item;
mod counters;
mod fault;
mod generations;
mod held;
mod item;
mod job_item;
mod jobs;
mod keys;
mod ledger;
mod notices;
mod packed;
mod pages;
mod query;
mod rounds;
pub mod schema;
mod sending;
mod shared;
mod table;
mod write;

pub use access::DynamoLedger;
pub use answers::DynamoAnswers;
