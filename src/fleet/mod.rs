//! The fleet on AWS: its queues, table, buckets and models, opened from a configuration.

mod models;
pub mod roles;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use models::FleetModels;

use crate::adapters::aws::AwsConfig;
use crate::config::FleetConfig;
use crate::ports::error::{PortError, PortResult};
use crate::ports::{Answers, Blobs, Clock, Ledger, Queue};

/// Everything that the services and the commands about a fleet work on.
#[derive(Clone)]
pub struct Fleet {
    /// Jobs, chunks, lanes.
    pub ledger: Arc<dyn Ledger>,
    /// Inputs, chunk files, outputs.
    pub blobs: Arc<dyn Blobs>,
    /// Paid answers.
    pub answers: Arc<dyn Answers>,
    /// Events, specs, and jobs that wait for their split.
    pub inbox: Arc<dyn Queue>,
    /// Chunks that wait for a worker.
    pub chunks: Arc<dyn Queue>,
    /// Progress of jobs.
    pub done: Arc<dyn Queue>,
    /// Models by their ids.
    pub models: Arc<FleetModels>,
}

impl Fleet {
    /// Opens everything; the queues are looked at.
    ///
    /// # Errors
    /// `PermanentJob` for what is not there or not allowed: all of it at once, each with what to do.
    pub async fn open(
        _config: &FleetConfig,
        _aws: &AwsConfig,
        _clock: Arc<dyn Clock>,
    ) -> PortResult<Fleet> {
        Err(PortError::permanent_job(
            "this build has no adapters for SQS, DynamoDB and S3",
        ))
    }
}
