//! The ledger's rules as pure functions over records: an adapter loads, applies one of these, and stores in one
//! transaction. Written once, so that memory, SQLite and DynamoDB cannot disagree about what a claim is.

pub mod budget;
pub mod chunk;
pub mod generation;
pub mod job;
pub mod lane;
pub mod notice;
pub mod prefix;
