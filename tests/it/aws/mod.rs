//! The adapters for AWS against a stand-in that runs on this machine.

pub mod canned;
pub mod connector;
mod dynamodb;
mod dynamodb_trouble;
pub mod emulator;
mod refusals;
mod s3;
mod sqs;
