//! Roles as a service composes them, on adapters in memory and in virtual time: what a stop does to paid work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::roles::{RolePorts, RoleSetup};
use crate::adapters::embedded::{EmbeddedLedger, Store};
use crate::adapters::memory::answers::MemoryAnswers;
use crate::adapters::memory::blobs::MemoryBlobs;
use crate::adapters::memory::chaos::Chaos;
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::ledger::MemoryStore;
use crate::adapters::memory::model::{MemoryModel, OneModel, PaidLog};
use crate::adapters::memory::queue::{MemoryQueue, QueueSetup};
use crate::consumer::{Consumer, DrainReport, Handler, Setup, Watch};
use crate::core::chunk::{ChunkLimits, ChunkRecord, ChunkStatus, ClaimOutcome};
use crate::core::identity;
use crate::core::ids::{ChunkKey, JobId};
use crate::core::lane::Rates;
use crate::core::messages::{SplitMessage, encode};
use crate::core::problem::ProblemType;
use crate::core::spec::{BlobRef, JobSpec};
use crate::jobs::window::Window;
use crate::ports::blobs::Put;
use crate::ports::error::PortResult;
use crate::ports::model::{Answer, ModelInfo, Request};
use crate::ports::{Blobs, Clock, Ledger, Model, Queue, send, signals};
use crate::telemetry::{Count, Gauge};
use crate::terms::TermTable;
use crate::worker::SharedLanes;

#[path = "tests_notices.rs"]
mod notices;

const CALLS_IN_FLIGHT: u32 = 4;
const ROWS: usize = 10;
const DRAIN: Duration = Duration::from_secs(110);

/// A model that is paid at once and answers late.
struct Late {
    inner: MemoryModel,
    clock: Arc<SimClock>,
    after: Duration,
}

#[async_trait]
impl Model for Late {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        let answer = self.inner.answer(request).await;
        self.clock.sleep(self.after).await;
        answer
    }
}

struct Place {
    clock: Arc<SimClock>,
    chaos: Arc<Chaos>,
    store: Arc<MemoryStore>,
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn Blobs>,
    answers: Arc<MemoryAnswers>,
    chunks: Arc<dyn Queue>,
    done: Arc<dyn Queue>,
    paid: PaidLog,
    job_id: JobId,
}

impl Place {
    /// A job of one chunk, split and waiting for a worker.
    async fn new() -> Place {
        let clock = Arc::new(SimClock::new(3));
        let shared: Arc<dyn Clock> = clock.clone();
        let chaos = Chaos::none(shared.clone());
        let memory = MemoryBlobs::new(chaos.clone());
        let rows: String = (0..ROWS).map(|n| format!("{n},report {n}\n")).collect();
        let at = BlobRef::new("in", "reports.csv");
        let csv = format!("id,mdr_text\n{rows}");
        let Ok(Put::Written(head)) = memory.put(&at, csv.as_bytes(), true).await else {
            panic!("a calm put");
        };
        let spec: JobSpec = serde_json::from_value(serde_json::json!({
            "input_bucket": "in",
            "input_key": "reports.csv",
            "input_version": head.etag,
            "output_bucket": "out",
            "output_prefix": "results/",
            "model_id": "memory",
            "problem_type": ProblemType::Product,
            "batch_size": 1,
            "max_workers": CALLS_IN_FLIGHT,
            "terms_sha256": TermTable::builtin().sha256_hex(),
            "prompt_version": "1",
            "chunk_rows": 100,
            "max_text_chars": 24_000,
            "max_record_bytes": 1 << 20,
        }))
        .unwrap();
        let job_id = identity::job_id(&spec);
        let store = Arc::new(MemoryStore::default());
        let ledger: Arc<dyn Ledger> = Arc::new(EmbeddedLedger::new(
            store.clone(),
            shared.clone(),
            ChunkLimits::default(),
        ));
        ledger.create_job(&job_id, &spec).await.unwrap();
        let setup = QueueSetup {
            visibility: Duration::from_secs(120),
            max_receives: 100,
        };
        let queue = || -> Arc<dyn Queue> {
            Arc::new(MemoryQueue::new(shared.clone(), chaos.clone(), setup))
        };
        let (chunks, done, inbox) = (queue(), queue(), queue());
        let place = Place {
            answers: Arc::new(MemoryAnswers::new(chaos.clone())),
            blobs: Arc::new(memory),
            chunks,
            done,
            paid: PaidLog::default(),
            clock,
            chaos,
            store,
            ledger,
            job_id: job_id.clone(),
        };
        let body = encode(&SplitMessage { split_job: job_id });
        send::send_all(&*place.clock, &*inbox, "job", vec![body])
            .await
            .unwrap();
        let (ports, handle) = place.ports(Duration::ZERO);
        let splitter = Arc::new(ports.splitter(&setup_of_roles()));
        place
            .run(&inbox, splitter, Watch::default(), &handle, 1)
            .await;
        place
    }

    /// Ports with a model that answers after `late`.
    fn ports(&self, late: Duration) -> (RolePorts, signals::ShutdownHandle) {
        let (handle, shutdown) = signals::shutdown();
        let model = Late {
            inner: MemoryModel::new(
                "memory",
                TermTable::builtin(),
                self.chaos.clone(),
                self.paid.clone(),
            ),
            clock: self.clock.clone(),
            after: late,
        };
        let ports = RolePorts {
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            blobs: self.blobs.clone(),
            answers: self.answers.clone(),
            models: Arc::new(OneModel(Arc::new(model))),
            chunks: self.chunks.clone(),
            done: self.done.clone(),
            shutdown,
        };
        (ports, handle)
    }

    /// Runs a handler and asks for a drain after `seconds`; what the consumer reports.
    async fn run(
        &self,
        queue: &Arc<dyn Queue>,
        handler: Arc<dyn Handler>,
        watch: Watch,
        handle: &signals::ShutdownHandle,
        seconds: u64,
    ) -> DrainReport {
        let setup = Setup {
            concurrency: 6,
            poll_wait: Duration::from_secs(20),
            poll_margin: Duration::from_secs(10),
            backoff_first: Duration::from_millis(500),
            backoff_most: Duration::from_secs(30),
            drain_budget: DRAIN,
            give_up_after: None,
        };
        let consumer = Consumer::new("test", queue.clone(), self.clock.clone(), handler, setup);
        let consumer = consumer.with_watch(watch);
        let shutdown = handle.subscribe();
        let drain = async {
            self.clock.sleep(Duration::from_secs(seconds)).await;
            handle.drain();
        };
        tokio::join!(consumer.run(&shutdown), drain).0
    }

    /// Runs a worker whose model answers after `late`, and stops it after `seconds`: the report, and how long the stop
    /// took.
    async fn work(&self, late: Duration, seconds: u64, watch: Watch) -> (DrainReport, Duration) {
        let (ports, handle) = self.ports(late);
        let worker = ports.worker(&setup_of_roles());
        let worker = Arc::new(worker.with_metrics(watch.metrics.clone()));
        let began = self.clock.monotonic();
        let report = self
            .run(&self.chunks, worker, watch, &handle, seconds)
            .await;
        let took = self.clock.monotonic() - began;
        (report, took.saturating_sub(Duration::from_secs(seconds)))
    }

    /// Gives the chunk to somebody else, as if its claim had run out unseen (a worker that stood still).
    async fn steal(&self) {
        let key = ChunkKey {
            job_id: self.job_id.clone(),
            generation: 0,
            chunk: 0,
        };
        let stolen = key.clone();
        let expire = self.store.transact(Box::new(move |tx| {
            let mut chunk = tx.chunk(&stolen)?.expect("it is stored");
            chunk.lease.as_mut().expect("it is held").until_ms = 0;
            tx.put_chunk(&stolen, &chunk)
        }));
        expire.await.unwrap();
        let claimed = self.ledger.claim_chunk(&key, "other", 600_000).await;
        assert!(matches!(claimed, Ok(ClaimOutcome::Granted(_))));
    }

    async fn chunk(&self) -> ChunkRecord {
        let mut chunks = self.ledger.chunks(&self.job_id, 0, 10).await.unwrap();
        assert_eq!(chunks.len(), 1);
        chunks.remove(0)
    }

    /// How often each text was paid for.
    fn paid(&self) -> Vec<u64> {
        self.paid.lock().unwrap().values().copied().collect()
    }
}

fn setup_of_roles() -> RoleSetup {
    RoleSetup {
        name: "test".to_string(),
        lease: super::roles::LEASE,
        window: Window::of(200),
        sweep_every: Duration::from_secs(60),
        shared_lanes: None,
    }
}

#[tokio::test(start_paused = true)]
async fn s21_calls_of_60_s_in_flight_are_stored_before_the_claim_is_released() {
    let place = Place::new().await;
    let (report, took) = place
        .work(Duration::from_secs(60), 10, Watch::default())
        .await;
    assert_eq!(report.abandoned, 0);
    assert!(took <= Duration::from_secs(51), "{took:?}");
    let chunk = place.chunk().await;
    assert_eq!((chunk.lease, chunk.failed_attempts), (None, 0));
    assert_eq!(chunk.intended_calls + chunk.lost_calls, 0, "all are stored");
    assert_eq!(place.paid(), [1; CALLS_IN_FLIGHT as usize]);
    assert_eq!(place.chunks.depth().await.unwrap().visible, 1);

    // Another process goes on, and pays for nothing again.
    let watch = Watch::default();
    place.work(Duration::from_secs(1), 60, watch.clone()).await;
    let chunk = place.chunk().await;
    assert!(matches!(chunk.status, ChunkStatus::Committed(_)));
    assert_eq!(place.paid(), [1; ROWS]);
    assert_eq!(watch.metrics.get(Count::Rows), ROWS as u64);
    assert_eq!(
        watch.metrics.get(Count::Calls),
        ROWS as u64 - u64::from(CALLS_IN_FLIGHT)
    );
}

#[tokio::test(start_paused = true)]
async fn s21_calls_that_outlast_the_drain_are_cut_booked_as_lost_and_their_chunk_goes_back_at_once()
{
    let place = Place::new().await;
    let (report, took) = place
        .work(Duration::from_secs(300), 10, Watch::default())
        .await;
    assert_eq!(report.abandoned, 1);
    assert!(took <= DRAIN, "{took:?}");
    let chunk = place.chunk().await;
    assert_eq!(
        chunk.lease, None,
        "nobody has to wait for the claim to run out"
    );
    assert_eq!(chunk.failed_attempts, 0, "S16: a stop is no failure");
    assert_eq!(chunk.lost_calls, u64::from(CALLS_IN_FLIGHT), "I8");
    assert_eq!(place.chunks.depth().await.unwrap().visible, 1);
}

#[tokio::test(start_paused = true)]
async fn s7_a_worker_whose_claim_is_lost_stops_and_touches_neither_chunk_nor_message() {
    let place = Place::new().await;
    let steal = async {
        place.clock.sleep(Duration::from_secs(15)).await;
        place.steal().await;
    };
    // Its last calls would start after the renewal that tells of the loss.
    let work = place.work(Duration::from_secs(30), 90, Watch::default());
    let ((report, _), ()) = tokio::join!(work, steal);
    assert_eq!(report.abandoned, 0);
    let chunk = place.chunk().await;
    assert_eq!(chunk.status, ChunkStatus::Open, "no commit");
    assert_eq!(chunk.lease.expect("it is held").owner, "other");
    assert_eq!(chunk.epoch, 2);
    let depth = place.chunks.depth().await.unwrap();
    assert_eq!(
        (depth.visible, depth.in_flight),
        (0, 1),
        "no delete, and no change of visibility"
    );
    assert!(place.paid().len() < ROWS, "the work was cancelled");
}

#[tokio::test(start_paused = true)]
async fn i4_s14_a_job_whose_split_message_is_lost_is_asked_for_again_and_given_up_in_the_end() {
    let place = Place::new().await;
    let mut spec = place.ledger.job(&place.job_id).await.unwrap().unwrap().spec;
    // Another job, of which nobody was told.
    spec.batch_size += 1;
    spec.output_prefix = "other/".to_string();
    let job_id = identity::job_id(&spec);
    place.ledger.create_job(&job_id, &spec).await.unwrap();
    let setup = QueueSetup {
        visibility: Duration::from_secs(120),
        max_receives: 100,
    };
    let shared: Arc<dyn Clock> = place.clock.clone();
    let inbox: Arc<dyn Queue> = Arc::new(MemoryQueue::new(shared, place.chaos.clone(), setup));
    let (ports, _handle) = place.ports(Duration::ZERO);
    let aggregator = ports
        .aggregator(&setup_of_roles())
        .with_inbox(inbox.clone());
    aggregator.sweep().await.unwrap();
    assert_eq!(
        inbox.depth().await.unwrap().visible,
        0,
        "it may be on its way"
    );
    place.clock.sleep(super::roles::LEASE * 2).await;
    aggregator.sweep().await.unwrap();
    let mut asked = inbox.receive(10, Duration::ZERO).await.unwrap();
    let body = asked.pop().expect("one message").body;
    assert_eq!(
        serde_json::from_str::<SplitMessage>(&body)
            .unwrap()
            .split_job,
        job_id
    );

    // Whoever splits it dies of it, each time.
    for _ in 0..40 {
        place.clock.sleep(super::roles::LEASE * 2).await;
        aggregator.sweep().await.unwrap();
    }
    let job = place.ledger.job(&job_id).await.unwrap().unwrap();
    assert!(job.stopping.is_some(), "a job always ends");
}

#[tokio::test(start_paused = true)]
async fn i4_a_job_counts_as_live_from_the_first_sweep_to_its_end_however_long_its_chunks_are_in_work()
 {
    let place = Place::new().await;
    let (ports, handle) = place.ports(Duration::ZERO);
    let aggregator = Arc::new(ports.aggregator(&setup_of_roles()));
    let told = |name: &str| {
        let gauges = aggregator.gauges();
        let found = gauges.iter().find(|(told, _, _)| *told == name);
        found.expect("it is always told").2
    };
    assert_eq!(told("LiveJobs"), 0.0, "nothing is known yet");
    // Somebody has its chunk in hand, and nothing is announced.
    for minute in 0..90 {
        aggregator.sweep_once().await;
        assert_eq!((told("LiveJobs"), told("PausedJobs")), (1.0, 0.0));
        assert!(told("LongestStall") >= 60.0 * f64::from(minute));
        place.clock.sleep(Duration::from_secs(60)).await;
    }
    place
        .work(Duration::from_secs(1), 60, Watch::default())
        .await;
    place
        .run(
            &place.done,
            aggregator.clone(),
            Watch::default(),
            &handle,
            60,
        )
        .await;
    assert_eq!((told("LiveJobs"), told("LongestStall")), (0.0, 0.0));
    assert_eq!(
        aggregator.standing().counts(),
        [("JobsEnded", 1), ("JobsFailed", 0)]
    );
}

#[tokio::test(start_paused = true)]
async fn an_aggregator_knows_the_quota_that_its_fleet_is_told() {
    let place = Place::new().await;
    let (ports, _handle) = place.ports(Duration::ZERO);
    // One call in a thousand minutes.
    let told = Rates {
        tokens: None,
        requests: Some(0.001),
    };
    let setup = RoleSetup {
        shared_lanes: Some(SharedLanes { told }),
        ..setup_of_roles()
    };
    let aggregator = ports.aggregator(&setup);
    aggregator.sweep_once().await;
    place.clock.sleep(Duration::from_secs(3_600)).await;
    let stall = |(name, _, value): Gauge| (name == "LongestStall").then_some(value);
    let stalls: Vec<f64> = aggregator.gauges().into_iter().filter_map(stall).collect();
    assert_eq!(stalls, [0.0], "its chunk's turn may take that long");
}

#[test]
fn one_cause_is_told_once_with_all_variables_that_it_is_about() {
    use super::{Trouble, by_cause};
    use crate::ports::error::PortError;
    let nobody = || PortError::permanent_job("no AWS credentials found");
    let errors = by_cause(vec![
        Trouble::of("ANNEXA_INBOX_QUEUE_URL", nobody()),
        Trouble::of(
            "ANNEXA_CHUNK_QUEUE_URL",
            PortError::transient("no connection"),
        ),
        Trouble::of("ANNEXA_DONE_QUEUE_URL", nobody()),
        Trouble::general(nobody()),
    ]);
    let said: Vec<String> = errors.iter().map(PortError::to_string).collect();
    assert_eq!(
        said,
        [
            "ANNEXA_INBOX_QUEUE_URL, ANNEXA_DONE_QUEUE_URL: no AWS credentials found",
            "ANNEXA_CHUNK_QUEUE_URL: no connection"
        ]
    );
    assert!(!errors[0].is_retryable() && errors[1].is_retryable());
}
