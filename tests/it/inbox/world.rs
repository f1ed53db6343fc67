//! A fleet in memory: queues, ledger, buckets and the three roles' handlers, worked until nothing is left to do.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::config::AwsConfig;
use annexa::adapters::embedded::EmbeddedLedger;
use annexa::adapters::memory::answers::MemoryAnswers;
use annexa::adapters::memory::blobs::MemoryBlobs;
use annexa::adapters::memory::chaos::{Chaos, Rates};
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::ledger::{ChaosLedger, MemoryStore};
use annexa::adapters::memory::queue::{MemoryQueue, QueueSetup};
use annexa::adapters::stager::BlobStager;
use annexa::aggregator::{Aggregator, AggregatorPorts, AggregatorSetup};
use annexa::config::{FleetArgs, FleetConfig};
use annexa::consumer::{Disposition, Handler};
use annexa::core::chunk::ChunkLimits;
use annexa::core::job::{End, JobRecord, Phase};
use annexa::core::spec::BlobRef;
use annexa::fleet::FleetModels;
use annexa::inbox::{Intake, IntakePorts, ResolverSetup};
use annexa::jobs::window::Window;
use annexa::ports::blobs::Put;
use annexa::ports::queue::{Outgoing, Received};
use annexa::ports::signals::{self, ShutdownHandle};
use annexa::ports::{Blobs, Clock, Ledger, Queue};
use annexa::splitter::{Splitter, SplitterPorts};
use annexa::worker::{AskSetup, Worker, WorkerPorts, WorkerSetup};
use serde_json::{Value, json};

use super::store::Store;

/// Where the inbox is.
pub const REPORTS: &str = "reports";
/// Where results go.
pub const OUT: &str = "out-bucket";
const LEASE: Duration = Duration::from_secs(120);

/// A CSV of `rows` reports that `mark` tells from others.
pub fn csv(mark: &str, rows: usize) -> String {
    let mut csv = String::from("id,mdr_text\n");
    for row in 0..rows {
        csv.push_str(&format!(
            "{mark}-{row},CATHETER {mark} FRACTURED DURING USE {row}\n"
        ));
    }
    csv
}

/// What a fleet lives in: it outlasts the processes.
pub struct World {
    pub clock: Arc<SimClock>,
    pub store: Arc<Store>,
    pub ledger: Arc<dyn Ledger>,
    pub inbox: Arc<MemoryQueue>,
    pub chunks: Arc<MemoryQueue>,
    pub done: Arc<MemoryQueue>,
    pub config: FleetConfig,
    chaos: Arc<Chaos>,
    _handle: ShutdownHandle,
    shutdown: signals::Shutdown,
}

/// What a message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Deleted,
    Buried(String),
    Released,
    Left,
    Trouble(String),
}

/// The fleet's settings, with the offline model as the default: its answers cost nothing.
pub fn settings() -> FleetArgs {
    let text = |text: &str| Some(text.to_string());
    FleetArgs {
        inbox_queue_url: text("https://sqs.us-east-1.amazonaws.com/123456789012/inbox"),
        chunk_queue_url: text("https://sqs.us-east-1.amazonaws.com/123456789012/chunks"),
        done_queue_url: text("https://sqs.us-east-1.amazonaws.com/123456789012/done"),
        table: text("annexa"),
        output_bucket: text(OUT),
        default_model_id: text("precedents"),
        ..FleetArgs::default()
    }
}

impl World {
    pub fn new(keeps_versions: bool) -> World {
        World::with(settings(), keeps_versions)
    }

    pub fn with(args: FleetArgs, keeps_versions: bool) -> World {
        let clock = Arc::new(SimClock::new(5));
        let shared: Arc<dyn Clock> = clock.clone();
        let calm = Chaos::none(shared.clone());
        let setup = QueueSetup {
            visibility: LEASE,
            max_receives: 100,
        };
        let queue = || Arc::new(MemoryQueue::new(shared.clone(), calm.clone(), setup));
        let store = Arc::new(MemoryStore::default());
        let ledger = EmbeddedLedger::new(store, shared.clone(), ChunkLimits::default());
        let (handle, shutdown) = signals::shutdown();
        World {
            store: Arc::new(Store::new(MemoryBlobs::new(calm.clone()), keeps_versions)),
            ledger: Arc::new(ChaosLedger::new(Arc::new(ledger), calm.clone())),
            inbox: queue(),
            chunks: queue(),
            done: queue(),
            config: args.check().unwrap(),
            chaos: calm,
            clock,
            _handle: handle,
            shutdown,
        }
    }

    pub fn models(&self) -> Arc<FleetModels> {
        // Claude models are opened, and never called.
        let aws = AwsConfig::for_stand_in("us-east-1", "http://127.0.0.1:1");
        Arc::new(FleetModels::new(&self.config, &aws, self.clock.clone()))
    }

    pub fn intake_ports(&self) -> IntakePorts {
        IntakePorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: self.store.clone(),
            models: self.models(),
            inbox: self.inbox.clone(),
            done: self.done.clone(),
        }
    }

    pub fn setup(&self) -> ResolverSetup {
        ResolverSetup::new(&self.config, "us-east-1")
    }

    /// A new process's intake.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::new(Intake::new(self.intake_ports(), self.setup()))
    }

    pub fn splitter_ports(&self) -> SplitterPorts {
        let blobs: Arc<dyn Blobs> = self.store.clone();
        SplitterPorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: blobs.clone(),
            stager: Arc::new(BlobStager::new(blobs)),
            chunks: self.chunks.clone(),
            done: self.done.clone(),
            shutdown: self.shutdown.clone(),
        }
    }

    fn splitter(&self, intake: Arc<Intake>) -> Splitter {
        Splitter::new(self.splitter_ports(), Window::of(200)).with_intake(intake)
    }

    fn worker(&self) -> Worker {
        let calm = Chaos::none(self.clock.clone());
        let ports = WorkerPorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: self.store.clone(),
            answers: Arc::new(MemoryAnswers::new(calm)),
            models: self.models(),
            done: self.done.clone(),
            shutdown: self.shutdown.clone(),
        };
        let setup = WorkerSetup {
            name: "worker".to_string(),
            lease: LEASE,
            ask: AskSetup::default(),
            shared_lanes: None,
        };
        Worker::new(ports, setup)
    }

    fn aggregator(&self) -> Aggregator {
        let ports = AggregatorPorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: self.store.clone(),
            models: self.models(),
            chunks: self.chunks.clone(),
            done: self.done.clone(),
            shutdown: self.shutdown.clone(),
        };
        let setup = AggregatorSetup {
            name: "aggregator".to_string(),
            lease: LEASE,
            window: Window::of(200),
            sweep_every: Duration::from_secs(60),
            silent: LEASE * 2,
        };
        Aggregator::new(ports, setup)
    }

    /// Writes an object and returns its version.
    pub async fn put(&self, key: &str, bytes: impl AsRef<[u8]>) -> String {
        let at = BlobRef::new(REPORTS, key);
        match self.store.put(&at, bytes.as_ref(), false).await.unwrap() {
            Put::Written(head) => head.etag,
            Put::Exists => unreachable!("an unconditional put"),
        }
    }

    pub async fn send(&self, body: impl Into<String>) {
        let entry = Outgoing {
            body: body.into(),
            group: "test".to_string(),
            delay: Duration::ZERO,
        };
        for result in self.inbox.send_batch(&[entry]).await.unwrap() {
            result.unwrap();
        }
    }

    /// Works on the messages of the inbox until it is empty or nothing can be done now; a new process each time.
    pub async fn split(&self) -> Vec<Came> {
        self.split_with(self.intake()).await
    }

    pub async fn split_with(&self, intake: Arc<Intake>) -> Vec<Came> {
        work(&*self.inbox, &self.splitter(intake)).await
    }

    /// A process that splits and is killed after `alive`; every request takes its time. Says whether it came through.
    pub async fn split_for(&self, alive: Duration) -> bool {
        self.chaos.set_rates(Rates {
            latency_ms: 10,
            ..Rates::default()
        });
        let came = tokio::select! {
            biased;
            came = self.split() => Some(came),
            () = self.clock.sleep(alive) => None,
        };
        self.chaos.set_rates(Rates::default());
        came.is_some()
    }

    /// Works on everything there is until nothing can be done now.
    pub async fn all(&self) -> Vec<Came> {
        let mut came = Vec::new();
        loop {
            let mut some = self.split().await;
            some.extend(work(&*self.chunks, &self.worker()).await);
            some.extend(work(&*self.done, &self.aggregator()).await);
            if some.is_empty() {
                return came;
            }
            came.extend(some);
        }
    }

    pub async fn jobs(&self) -> Vec<JobRecord> {
        let mut jobs = self.ledger.list_jobs().await.unwrap();
        jobs.sort_by(|a, b| (&a.spec.input_key, &a.job_id).cmp(&(&b.spec.input_key, &b.job_id)));
        jobs
    }

    /// The one job that there is.
    pub async fn job(&self) -> JobRecord {
        let mut jobs = self.jobs().await;
        assert_eq!(jobs.len(), 1, "{jobs:#?}");
        jobs.remove(0)
    }

    /// The one job that there is, which has failed: the reason, and the same in its summary.
    pub async fn failure(&self) -> String {
        let job = self.job().await;
        self.failure_of(&job).await
    }

    pub async fn failure_of(&self, job: &JobRecord) -> String {
        let Phase::Ended(End::Failed { reason }) = &job.phase else {
            panic!("the job has not failed: {job:#?}")
        };
        let summary = self.output(job, "summary.json").await;
        assert_eq!(summary["status"], "FAILED");
        assert_eq!(summary["reason"], json!(reason));
        reason.clone()
    }

    pub async fn output(&self, job: &JobRecord, name: &str) -> Value {
        serde_json::from_slice(&self.bytes(&job.spec.output(name)).await).unwrap()
    }

    pub async fn bytes(&self, blob: &BlobRef) -> Vec<u8> {
        self.store
            .get_range(blob, 0, u64::MAX, None)
            .await
            .unwrap_or_else(|error| panic!("{blob}: {error}"))
    }
}

/// Hands the messages of `queue` to `handler` until none is visible.
async fn work(queue: &dyn Queue, handler: &dyn Handler) -> Vec<Came> {
    let mut came = Vec::new();
    loop {
        let messages = queue.receive(1, Duration::ZERO).await.unwrap();
        let Some(message) = messages.into_iter().next() else {
            return came;
        };
        came.push(handled(queue, handler, &message).await);
    }
}

/// One message, as the consumer handles it.
async fn handled(queue: &dyn Queue, handler: &dyn Handler, message: &Received) -> Came {
    match handler.handle(message).await {
        Disposition::Delete => {
            let receipts = std::slice::from_ref(&message.receipt);
            queue.delete(receipts).await.unwrap();
            Came::Deleted
        }
        Disposition::Bury(reason) => {
            // Out of the way, as the dead-letter queue would have it.
            let receipts = std::slice::from_ref(&message.receipt);
            queue.delete(receipts).await.unwrap();
            Came::Buried(reason)
        }
        Disposition::Release(after) => {
            queue.release(&message.receipt, after).await.unwrap();
            Came::Released
        }
        Disposition::Leave => Came::Left,
        Disposition::Trouble(error) => Came::Trouble(error.what),
    }
}

/// An event of S3 about an object in [`REPORTS`], its key as it is.
pub fn created(key: &str, version: &str, sequencer: &str) -> String {
    json!({ "Records": [record(key, version, sequencer)] }).to_string()
}

/// One record of such an event.
pub fn record(key: &str, version: &str, sequencer: &str) -> Value {
    let encoded: String =
        percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC)
            .to_string()
            .replace("%20", "+");
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T10:00:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "inbox",
            "bucket": {"name": REPORTS, "arn": format!("arn:aws:s3:::{REPORTS}")},
            "object": {"key": encoded, "size": 1, "eTag": version, "sequencer": sequencer},
        },
    })
}

/// EventBridge's form of the same.
pub fn bridged(key: &str, version: &str, sequencer: &str) -> String {
    json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
        "source": "aws.s3", "account": "111122223333", "time": "2026-11-22T10:00:00Z", "region": "us-east-1",
        "resources": [format!("arn:aws:s3:::{REPORTS}")],
        "detail": {
            "version": "0", "bucket": {"name": REPORTS},
            "object": {"key": key, "size": 1, "etag": version, "sequencer": sequencer},
            "request-id": "N4N7GDK58NMKJ12R", "requester": "111122223333", "reason": "PutObject",
        },
    })
    .to_string()
}
