//! The three roles put together from ports: the same on one machine and in a fleet.

use std::sync::Arc;
use std::time::Duration;

use crate::adapters::stager::BlobStager;
use crate::aggregator::{Aggregator, AggregatorPorts, AggregatorSetup};
use crate::jobs::window::Window;
use crate::ports::{Answers, Blobs, Clock, Ledger, Models, Queue, Shutdown};
use crate::splitter::{Splitter, SplitterPorts};
use crate::worker::{AskSetup, SharedLanes, Worker, WorkerPorts, WorkerSetup};

/// How long a claim, an election and a received message last unless they are renewed.
pub const LEASE: Duration = Duration::from_secs(120);

/// What the roles of a process work with.
#[derive(Clone)]
pub struct RolePorts {
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Jobs and chunks.
    pub ledger: Arc<dyn Ledger>,
    /// Input, chunk files, outputs.
    pub blobs: Arc<dyn Blobs>,
    /// Paid answers.
    pub answers: Arc<dyn Answers>,
    /// Models by their ids.
    pub models: Arc<dyn Models>,
    /// Chunks that wait for a worker.
    pub chunks: Arc<dyn Queue>,
    /// Progress of jobs.
    pub done: Arc<dyn Queue>,
    /// The wish to stop.
    pub shutdown: Shutdown,
}

/// How they behave.
#[derive(Debug, Clone)]
pub struct RoleSetup {
    /// Name of the process, for claims, elections and logs.
    pub name: String,
    /// How long a claim or an election lasts unless it is renewed.
    pub lease: Duration,
    /// Fills the windows of jobs; all roles that are made of this share it.
    pub window: Arc<Window>,
    /// Time between two sweeps.
    pub sweep_every: Duration,
    /// Lanes are shared with other workers; none: there is nobody to share with.
    pub shared_lanes: Option<SharedLanes>,
}

impl RolePorts {
    /// A splitter.
    pub fn splitter(&self, setup: &RoleSetup) -> Splitter {
        let ports = SplitterPorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: self.blobs.clone(),
            stager: Arc::new(BlobStager::new(self.blobs.clone())),
            chunks: self.chunks.clone(),
            done: self.done.clone(),
            shutdown: self.shutdown.clone(),
        };
        Splitter::new(ports, setup.window.clone())
    }

    /// A worker.
    pub fn worker(&self, setup: &RoleSetup) -> Worker {
        let ports = WorkerPorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: self.blobs.clone(),
            answers: self.answers.clone(),
            models: self.models.clone(),
            done: self.done.clone(),
            shutdown: self.shutdown.clone(),
        };
        let setup = WorkerSetup {
            name: format!("{}-worker", setup.name),
            lease: setup.lease,
            ask: AskSetup::default(),
            shared_lanes: setup.shared_lanes,
        };
        Worker::new(ports, setup)
    }

    /// An aggregator.
    pub fn aggregator(&self, setup: &RoleSetup) -> Aggregator {
        let ports = AggregatorPorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: self.blobs.clone(),
            models: self.models.clone(),
            chunks: self.chunks.clone(),
            done: self.done.clone(),
            shutdown: self.shutdown.clone(),
        };
        let told = setup.shared_lanes.as_ref().map(|lanes| lanes.told);
        let setup = AggregatorSetup {
            name: format!("{}-aggregator", setup.name),
            lease: setup.lease,
            window: setup.window.clone(),
            sweep_every: setup.sweep_every,
            silent: setup.lease * 2,
        };
        Aggregator::new(ports, setup).with_quota(told.unwrap_or_default())
    }
}
