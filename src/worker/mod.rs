//! The worker: takes a chunk, answers its rows, writes its CSV, commits.
//!
//! S7, S9 to S13, S15 to S18 and S21 of DESIGN §5 are kept here; the message loop is [`crate::consumer`]'s.

mod ask;
mod chunk;
mod claim;
mod context;
mod flights;
mod lanes;
mod order;
mod permits;
mod retry_budget;
mod second;
mod warm;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tracing::Instrument;

pub use ask::AskSetup;
pub use lanes::SharedLanes;

use crate::consumer::{Disposition, Handler};
use crate::core::chunk::{Claim, ClaimOutcome, Release};
use crate::core::ids::{ChunkKey, JobId};
use crate::core::messages::ChunkMessage;
use crate::pacing::lane::LaneSnapshot;
use crate::ports::clock::full_jitter;
use crate::ports::queue::{Receipt, Received};
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::announce;
use crate::ports::{Answers, Blobs, Clock, Ledger, Models, Queue, Shutdown};
use crate::telemetry::{Count, Metrics};

/// What a worker needs of the world.
#[derive(Clone)]
pub struct WorkerPorts {
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Jobs and chunks.
    pub ledger: Arc<dyn Ledger>,
    /// Input and chunk files.
    pub blobs: Arc<dyn Blobs>,
    /// Paid answers.
    pub answers: Arc<dyn Answers>,
    /// Models by their ids.
    pub models: Arc<dyn Models>,
    /// Where finished chunks are announced.
    pub done: Arc<dyn Queue>,
    /// The wish to stop.
    pub shutdown: Shutdown,
}

/// How a worker behaves.
#[derive(Debug, Clone)]
pub struct WorkerSetup {
    /// Its name, for claims and logs.
    pub name: String,
    /// How long a claim lasts unless it is renewed; renewed at a third of it.
    pub lease: Duration,
    /// How calls are made and repeated.
    pub ask: AskSetup,
    /// Lanes, job rates and warm prefixes are shared with other workers through the ledger; then
    /// [`Worker::keep_lanes_until_drained`] must run beside the consumer, and no two workers have one name. None: all of
    /// them are this process's own.
    pub shared_lanes: Option<SharedLanes>,
}

/// A worker: a [`Handler`] of chunk messages.
pub struct Worker {
    ports: WorkerPorts,
    setup: WorkerSetup,
    contexts: context::Contexts,
    lanes: lanes::Lanes,
    flights: flights::Flights,
    order: order::Order,
    prefixes: warm::Prefixes,
    retries: retry_budget::RetryBudget,
    /// Shared by chunks that are asked for, held alone by one that is done in isolation: if the process dies then, it
    /// died of that chunk's row and of no other (S18).
    turns: tokio::sync::RwLock<()>,
    metrics: Arc<Metrics>,
    /// Claims by the receipts of their messages: what a cut has to let go of.
    held: Mutex<BTreeMap<Receipt, Claim>>,
}

impl Worker {
    /// A worker.
    pub fn new(ports: WorkerPorts, setup: WorkerSetup) -> Worker {
        let fleet = setup.shared_lanes.map(|_| warm::Fleet {
            ledger: ports.ledger.clone(),
            owner: setup.name.clone(),
        });
        Worker {
            contexts: context::Contexts::default(),
            lanes: lanes::Lanes::default(),
            flights: flights::Flights::default(),
            order: order::Order::default(),
            prefixes: warm::Prefixes::new(ports.clock.clone(), fleet),
            retries: retry_budget::RetryBudget::default(),
            ports,
            setup,
            turns: tokio::sync::RwLock::default(),
            metrics: Arc::default(),
            held: Mutex::default(),
        }
    }

    /// The same, counting into `metrics`.
    pub fn with_metrics(mut self, metrics: Arc<Metrics>) -> Worker {
        self.metrics = metrics;
        self
    }

    /// The lanes of this process as they stand, by name.
    pub fn lanes(&self) -> Vec<(String, LaneSnapshot)> {
        self.lanes.snapshots()
    }

    /// Work under a claim that `message` brought.
    async fn hold(
        &self,
        message: &Received,
        claim: &Claim,
        place: order::Place<'_>,
        valid_until: Duration,
    ) -> Disposition {
        let held = || self.held.lock().expect("no panic while held");
        held().insert(message.receipt.clone(), claim.clone());
        // All that S25 asks for in one span, so that a line shows it whole.
        let span = tracing::info_span!(
            "chunk",
            job = %claim.key.job_id,
            generation = claim.key.generation,
            chunk = claim.key.chunk,
            epoch = claim.epoch,
            attempt = message.receive_count,
            message_id = %message.message_id,
        );
        let work = self.under_claim(claim, place, valid_until);
        let disposition = work.instrument(span).await;
        held().remove(&message.receipt);
        disposition
    }

    /// Tells the aggregator that something of the job was finished. Best effort: its sweep finds what is not told.
    async fn announce(&self, job_id: &JobId) {
        let sent = announce(&*self.ports.clock, &*self.ports.done, job_id).await;
        if let Err(error) = sent {
            tracing::warn!(job = %job_id, %error, "progress not announced; the sweep will see it");
        }
    }
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, message: &Received) -> Disposition {
        let Ok(parsed) = serde_json::from_str::<ChunkMessage>(&message.body) else {
            // S19: kept with its body; after enough receives it is a dead letter.
            return Disposition::Bury("a chunk message of unknown shape".to_string());
        };
        let key = ChunkKey::from(parsed);
        // Before the first wait: messages come in the order of the file, claims are granted in any.
        let place = self.order.enter(&key);
        let owner = format!("{}/{:016x}", self.setup.name, self.ports.clock.random());
        let lease_ms = self.setup.lease.as_millis() as u64;
        let asked = self.ports.clock.monotonic();
        // Harmless to say again: a claim of the same owner is the same claim.
        let claimed = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.claim_chunk(&key, &owner, lease_ms)
        })
        .await;
        match claimed {
            Err(error) => Disposition::Trouble(error),
            Ok(ClaimOutcome::Granted(claim)) => {
                tracing::debug!(chunk = %claim.key, epoch = claim.epoch, isolated = claim.isolated, "claimed");
                let valid_until = asked + self.setup.lease;
                self.hold(message, &claim, place, valid_until).await
            }
            Ok(ClaimOutcome::Done) => {
                // It asks for nothing any more: nobody waits until its end is told.
                drop(place);
                self.metrics.one(Count::Duplicates);
                // A redelivery; perhaps the first one died before it could tell.
                self.announce(&key.job_id).await;
                Disposition::Delete
            }
            Ok(ClaimOutcome::Parked | ClaimOutcome::JobOver) => Disposition::Delete,
            Ok(ClaimOutcome::Busy { until_ms }) => {
                self.metrics.one(Count::Duplicates);
                let left_ms = until_ms.saturating_sub(self.ports.clock.now_ms());
                let jitter = full_jitter(&*self.ports.clock, Duration::from_secs(2));
                Disposition::Release(Duration::from_millis(left_ms) + jitter)
            }
        }
    }

    async fn cut(&self, message: &Received) {
        let claim = {
            let mut held = self.held.lock().expect("no panic while held");
            held.remove(&message.receipt)
        };
        if let Some(claim) = claim {
            tracing::warn!(chunk = %claim.key, epoch = claim.epoch, "work cut; its claim is given back");
            // Calls in flight stay booked as possibly lost (I8).
            self.give_back(&claim, &Release::Interrupted).await;
        }
    }
}
