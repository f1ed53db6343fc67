//! The fleet on AWS: its queues, table, buckets and models, opened from a configuration, and its three services.

mod closed;
mod compose;
mod models;
pub mod roles;
pub mod service;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_fairness;

use std::sync::Arc;

use closed::ClosedQueue;
pub use models::FleetModels;
use service::Service;

use crate::adapters::aws::AwsConfig;
use crate::adapters::aws::dynamodb::{DynamoAnswers, DynamoLedger};
use crate::adapters::aws::s3::S3Blobs;
use crate::adapters::aws::sqs::SqsQueue;
use crate::config::FleetConfig;
use crate::core::chunk::ChunkLimits;
use crate::core::ids::JobId;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Answers, Blobs, Clock, Ledger, Queue};

/// No job has this id, and no key begins with it.
const NOTHING: &str = "_annexa-looks-whether-it-may-read/";

/// Everything that the services and the commands about a fleet work on.
#[derive(Clone)]
pub struct Fleet {
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
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

/// Something that a service needs and does not find.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The variable that names it; none: no one does.
    about: Option<String>,
    /// What, where, and what to do.
    error: PortError,
}

impl Trouble {
    fn of(variable: &str, error: PortError) -> Trouble {
        Trouble {
            about: Some(variable.to_string()),
            error,
        }
    }

    /// One that no variable is about.
    pub(crate) fn general(error: PortError) -> Trouble {
        Trouble { about: None, error }
    }
}

/// The errors of `troubles`, each cause once, with all variables that it is about before it.
pub(crate) fn by_cause(troubles: Vec<Trouble>) -> Vec<PortError> {
    let mut causes: Vec<(Vec<String>, PortError)> = Vec::new();
    for Trouble { about, error } in troubles {
        match causes
            .iter_mut()
            .find(|(_, known)| known.what == error.what)
        {
            Some((names, _)) => names.extend(about),
            None => causes.push((about.into_iter().collect(), error)),
        }
    }
    let named = |(names, error): (Vec<String>, PortError)| match names.is_empty() {
        true => error,
        false => error.context(names.join(", ")),
    };
    causes.into_iter().map(named).collect()
}

impl Fleet {
    /// Opens everything; the queues are looked at.
    ///
    /// # Errors
    /// `PermanentJob` for what is not there or not allowed, transient for what may pass: all of it at once, each cause once.
    pub async fn open(
        config: &FleetConfig,
        aws: &AwsConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Fleet, Vec<PortError>> {
        let (fleet, troubles) = Fleet::open_for(&Service::ALL, config, aws, clock).await;
        match troubles.is_empty() {
            true => Ok(fleet),
            false => Err(by_cause(troubles)),
        }
    }

    /// Opens what `services` need; other queues stay closed, so that no permission on them is needed, and so do those of
    /// which a trouble is told.
    pub(crate) async fn open_for(
        services: &[Service],
        config: &FleetConfig,
        aws: &AwsConfig,
        clock: Arc<dyn Clock>,
    ) -> (Fleet, Vec<Trouble>) {
        let open = async |variable: &str, url: &str| {
            let opened = SqsQueue::open(aws, url, clock.clone()).await;
            let opened = opened.map(|queue| Arc::new(queue) as Arc<dyn Queue>);
            opened.map_err(|error| Trouble::of(variable, error))
        };
        let open_inbox = async {
            match services.iter().any(|service| *service != Service::Worker) {
                true => open("ANNEXA_INBOX_QUEUE_URL", &config.inbox_queue_url).await,
                false => Ok(Arc::new(ClosedQueue("inbox")) as Arc<dyn Queue>),
            }
        };
        let opened = tokio::join!(
            open_inbox,
            open("ANNEXA_CHUNK_QUEUE_URL", &config.chunk_queue_url),
            open("ANNEXA_DONE_QUEUE_URL", &config.done_queue_url),
        );
        let mut troubles = Vec::new();
        let mut or_closed = |name, opened: Result<Arc<dyn Queue>, Trouble>| {
            opened.unwrap_or_else(|trouble| {
                troubles.push(trouble);
                Arc::new(ClosedQueue(name))
            })
        };
        let inbox = or_closed("inbox", opened.0);
        let chunks = or_closed("chunk", opened.1);
        let done = or_closed("done", opened.2);
        let (table, days) = (&config.table, config.answers_days);
        let limits = ChunkLimits::default();
        let fleet = Fleet {
            ledger: Arc::new(DynamoLedger::new(aws, table, clock.clone(), limits)),
            blobs: Arc::new(S3Blobs::new(aws)),
            answers: Arc::new(DynamoAnswers::new(aws, table, clock.clone(), days)),
            models: Arc::new(FleetModels::new(config, aws, clock.clone())),
            inbox,
            chunks,
            done,
            clock,
        };
        (fleet, troubles)
    }

    /// What `services` need of table and bucket, looked at: that they are there, and may be read. The queues were looked
    /// at when they were opened.
    pub(crate) async fn look(&self, services: &[Service], config: &FleetConfig) -> Vec<Trouble> {
        let clock = &*self.clock;
        let nobody = JobId(NOTHING.to_string());
        let table = async {
            retry(clock, Backoff::STORAGE, || self.ledger.job(&nobody)).await?;
            if services.contains(&Service::Aggregator) {
                retry(clock, Backoff::STORAGE, || self.ledger.live_jobs()).await?;
            }
            Ok(())
        };
        let bucket = async {
            let listed = retry(clock, Backoff::STORAGE, || {
                self.blobs.list(&config.output_bucket, NOTHING)
            });
            listed.await.map(drop)
        };
        let (table, bucket): (PortResult<()>, PortResult<()>) = tokio::join!(table, bucket);
        let table = table.map_err(|error| Trouble::of("ANNEXA_TABLE", error));
        let bucket = bucket.map_err(|error| Trouble::of("ANNEXA_OUTPUT_BUCKET", error));
        [table.err(), bucket.err()].into_iter().flatten().collect()
    }
}
