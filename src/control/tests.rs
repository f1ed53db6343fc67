//! Control of jobs that real roles work on, on adapters in memory and in virtual time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::queues::Which;
use super::retry::{Retried, retry_job};
use super::steer::{self, Steered};
use super::*;
use crate::adapters::embedded::EmbeddedLedger;
use crate::adapters::memory::answers::MemoryAnswers;
use crate::adapters::memory::blobs::MemoryBlobs;
use crate::adapters::memory::chaos::Chaos;
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::ledger::MemoryStore;
use crate::adapters::memory::model::{MemoryModel, OneModel, PaidLog};
use crate::adapters::memory::queue::{MemoryQueue, QueueSetup};
use crate::adapters::stager::BlobStager;
use crate::aggregator::{Aggregator, AggregatorPorts, AggregatorSetup};
use crate::consumer::{Consumer, Handler, Setup};
use crate::core::chunk::ChunkLimits;
use crate::core::identity;
use crate::core::ids::JobId;
use crate::core::invariants::{i2_counters_are_exact, i9_budget_is_exact};
use crate::core::job::JobRecord;
use crate::core::messages::{SplitMessage, encode};
use crate::core::problem::ProblemType;
use crate::core::spec::{BlobRef, JobSpec};
use crate::jobs::window::Window;
use crate::ports::blobs::Put;
use crate::ports::error::PortResult;
use crate::ports::model::{Answer, ModelInfo, Request, StopReason};
use crate::ports::queue::Outgoing;
use crate::ports::send::send_all;
use crate::ports::{Model, Models, signals};
use crate::report::manifest::Manifest;
use crate::report::summary::Summary;
use crate::splitter::{Splitter, SplitterPorts};
use crate::terms::TermTable;
use crate::worker::{AskSetup, Worker, WorkerPorts, WorkerSetup};

mod letters;
mod retries;
mod steering;

const LEASE: Duration = Duration::from_secs(30);
/// A report with this word is refused until the model is healed; it is paid for all the same.
const SICK: &str = "SICK";

/// A model that refuses some reports until it is healed.
struct Moody {
    inner: MemoryModel,
    clock: Arc<dyn Clock>,
    is_healed: Arc<AtomicBool>,
}

#[async_trait]
impl Model for Moody {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        self.clock.sleep(Duration::from_secs(1)).await;
        let answer = self.inner.answer(request).await?;
        let is_sick = request.incidents.iter().any(|i| i.text.contains(SICK));
        if is_sick && !self.is_healed.load(Ordering::Relaxed) {
            return Ok(Answer {
                stop: StopReason::Refusal,
                tool_input: None,
                ..answer
            });
        }
        Ok(answer)
    }
}

/// A fleet of one process and one job in it.
pub(crate) struct Place {
    pub(crate) ports: ControlPorts,
    pub(crate) spec: JobSpec,
    pub(crate) job_id: JobId,
    blobs: MemoryBlobs,
    answers: Arc<MemoryAnswers>,
    models: Arc<dyn Models>,
    paid: PaidLog,
    is_healed: Arc<AtomicBool>,
}

impl Place {
    /// A job over `rows` rows, two a chunk, of which those in `sick` fail at first. Its split is asked for.
    pub(crate) async fn new(rows: usize, sick: &[usize]) -> Place {
        let mut csv = b"id,mdr_text\n".to_vec();
        for row in 1..=rows {
            let word = if sick.contains(&row) { SICK } else { "FINE" };
            let text = format!("r{row},\"THE \"\"PUMP\"\" IS {word},\r\nCASE {row}.\"\n");
            csv.extend_from_slice(text.as_bytes());
        }
        Place::over(csv, 2).await
    }

    /// A job over `csv`, `chunk_rows` rows a chunk. Its split is asked for.
    pub(crate) async fn over(csv: Vec<u8>, chunk_rows: u32) -> Place {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(5));
        let chaos = Chaos::none(clock.clone());
        let blobs = MemoryBlobs::new(chaos.clone());
        let at = BlobRef::new("input", "reports.csv");
        let Ok(Put::Written(head)) = blobs.put(&at, &csv, true).await else {
            panic!("a calm put")
        };
        let terms = TermTable::builtin();
        let spec = JobSpec {
            input_bucket: at.bucket,
            input_key: at.key,
            input_version: head.etag,
            output_bucket: "output".into(),
            output_prefix: "results/x/".into(),
            model_id: "memory".into(),
            problem_type: ProblemType::Product,
            batch_size: 1,
            chunk_rows,
            terms_sha256: terms.sha256_hex(),
            prompt_version: "1".into(),
            ..identity::tests::spec()
        };
        let job_id = identity::job_id(&spec);
        let setup = QueueSetup {
            visibility: LEASE,
            max_receives: 3,
        };
        let queue = || Arc::new(MemoryQueue::new(clock.clone(), chaos.clone(), setup));
        let limits = ChunkLimits::default();
        let ledger = EmbeddedLedger::new(MemoryStore::default(), clock.clone(), limits);
        ledger.create_job(&job_id, &spec).await.unwrap();
        let (paid, is_healed) = (PaidLog::default(), Arc::new(AtomicBool::new(false)));
        let model = Moody {
            inner: MemoryModel::new("memory", terms, chaos.clone(), paid.clone()),
            clock: clock.clone(),
            is_healed: is_healed.clone(),
        };
        let place = Place {
            ports: ControlPorts {
                clock: clock.clone(),
                ledger: Arc::new(ledger),
                blobs: Arc::new(blobs.clone()),
                inbox: queue(),
                chunks: queue(),
                done: queue(),
            },
            answers: Arc::new(MemoryAnswers::new(chaos)),
            models: Arc::new(OneModel(Arc::new(model))),
            spec,
            job_id,
            blobs,
            paid,
            is_healed,
        };
        place.ask_for_split().await;
        place
    }

    async fn ask_for_split(&self) {
        let body = encode(&SplitMessage {
            split_job: self.job_id.clone(),
        });
        let clock = &*self.ports.clock;
        send_all(clock, &*self.ports.inbox, "job", vec![body])
            .await
            .unwrap();
    }

    pub(crate) async fn job(&self) -> JobRecord {
        self.ports.ledger.job(&self.job_id).await.unwrap().unwrap()
    }

    fn splitter(&self, shutdown: &signals::Shutdown) -> Consumer {
        let ports = SplitterPorts {
            clock: self.ports.clock.clone(),
            ledger: self.ports.ledger.clone(),
            blobs: self.ports.blobs.clone(),
            stager: Arc::new(BlobStager::new(self.ports.blobs.clone())),
            chunks: self.ports.chunks.clone(),
            done: self.ports.done.clone(),
            shutdown: shutdown.clone(),
        };
        self.consumer(
            &self.ports.inbox,
            Arc::new(Splitter::new(ports, Window::of(2))),
        )
    }

    fn worker(&self, shutdown: &signals::Shutdown) -> Consumer {
        let ports = WorkerPorts {
            clock: self.ports.clock.clone(),
            ledger: self.ports.ledger.clone(),
            blobs: self.ports.blobs.clone(),
            answers: self.answers.clone(),
            models: self.models.clone(),
            done: self.ports.done.clone(),
            shutdown: shutdown.clone(),
        };
        let setup = WorkerSetup {
            name: "w".into(),
            lease: LEASE,
            ask: AskSetup {
                repairs: 0,
                ..AskSetup::default()
            },
            shared_lanes: None,
        };
        self.consumer(&self.ports.chunks, Arc::new(Worker::new(ports, setup)))
    }

    pub(crate) fn aggregator(&self, shutdown: &signals::Shutdown) -> Arc<Aggregator> {
        let ports = AggregatorPorts {
            clock: self.ports.clock.clone(),
            ledger: self.ports.ledger.clone(),
            blobs: self.ports.blobs.clone(),
            models: self.models.clone(),
            chunks: self.ports.chunks.clone(),
            done: self.ports.done.clone(),
            shutdown: shutdown.clone(),
        };
        let setup = AggregatorSetup {
            name: "a".into(),
            lease: LEASE,
            window: Window::of(2),
            sweep_every: Duration::from_secs(20),
            silent: LEASE * 20,
        };
        Arc::new(Aggregator::new(ports, setup))
    }

    fn consumer(&self, queue: &Arc<dyn Queue>, handler: Arc<dyn Handler>) -> Consumer {
        let setup = Setup {
            concurrency: 2,
            poll_wait: Duration::from_secs(2),
            poll_margin: Duration::from_secs(5),
            backoff_first: Duration::from_millis(500),
            backoff_most: Duration::from_secs(5),
            drain_budget: Duration::from_secs(20),
            give_up_after: None,
        };
        Consumer::new(
            "test",
            queue.clone(),
            self.ports.clock.clone(),
            handler,
            setup,
        )
    }

    /// Lets the roles work until the job is as it should be; without workers, chunks stay where they are.
    pub(crate) async fn work(&self, with_workers: bool, is_reached: impl Fn(&JobRecord) -> bool) {
        let (handle, shutdown) = signals::shutdown();
        let aggregator = self.aggregator(&shutdown);
        let (splitter, worker) = (self.splitter(&shutdown), self.worker(&shutdown));
        let done = self.consumer(&self.ports.done, aggregator.clone());
        let watch = async {
            let limit = self.ports.clock.monotonic() + Duration::from_secs(3600);
            while !is_reached(&self.job().await) {
                assert!(
                    self.ports.clock.monotonic() < limit,
                    "{:?}",
                    self.job().await
                );
                self.ports.clock.sleep(Duration::from_secs(1)).await;
            }
            // Whoever ended the job tidies up, too.
            self.ports.clock.sleep(Duration::from_secs(1)).await;
            handle.drain();
        };
        let worked = async {
            if with_workers {
                worker.run(&shutdown).await;
            }
        };
        tokio::join!(
            watch,
            async { splitter.run(&shutdown).await },
            worked,
            async { done.run(&shutdown).await },
            aggregator.sweep_until_drained()
        );
        let job = self.job().await;
        let chunks = self.ports.ledger.chunks(&self.job_id, 0, u32::MAX).await;
        let chunks = chunks.unwrap();
        i2_counters_are_exact(&job, &chunks).unwrap();
        i9_budget_is_exact(&job, &chunks).unwrap();
    }

    pub(crate) async fn work_to_the_end(&self) -> JobRecord {
        self.work(true, JobRecord::is_over).await;
        self.job().await
    }

    pub(crate) fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn retry(&self) -> Retried {
        retry_job(&self.ports, &self.job().await, true)
            .await
            .unwrap()
    }

    async fn read(&self, name: &str) -> Option<Vec<u8>> {
        let blob = self.spec.output(name);
        self.blobs.get_range(&blob, 0, u64::MAX, None).await.ok()
    }

    async fn summary(&self) -> Summary {
        serde_json::from_slice(&self.read("summary.json").await.unwrap()).unwrap()
    }

    /// Names of the manifest's chunks, each of which is there as it says.
    async fn published(&self) -> Vec<String> {
        let manifest: Manifest =
            serde_json::from_slice(&self.read("manifest.json").await.unwrap()).unwrap();
        for entry in manifest.chunks.iter().chain(&manifest.outputs) {
            let bytes = self.read(&entry.name).await.unwrap();
            assert_eq!(identity::sha256_hex(&bytes), entry.sha256, "{}", entry.name);
        }
        manifest
            .chunks
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    /// Each row's whole record by its number, and which of them failed.
    async fn rows(&self, name: &str) -> BTreeMap<u64, (csv::StringRecord, bool)> {
        let bytes = self.read(name).await.unwrap();
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let headers = reader.headers().unwrap().clone();
        let at = |name: &str| headers.iter().position(|h| h == name).unwrap();
        let (row, outcome) = (at("row"), at("outcome"));
        let records = reader.records().map(Result::unwrap);
        records
            .map(|r| {
                (
                    r[row].parse().unwrap(),
                    (r.clone(), &r[outcome] == "failed"),
                )
            })
            .collect()
    }

    async fn left_in_work(&self) -> Vec<String> {
        let prefix = self.spec.output("_work/");
        self.blobs.list(&prefix.bucket, &prefix.key).await.unwrap()
    }

    fn asked(&self) -> Vec<u64> {
        self.paid.lock().unwrap().values().copied().collect()
    }

    /// Receives messages of the chunk queue until all of them are dead letters.
    async fn kill_messages(&self) {
        for _ in 0..4 {
            loop {
                let some = self.ports.chunks.receive(10, Duration::ZERO).await.unwrap();
                if some.is_empty() {
                    break;
                }
            }
            self.ports.clock.sleep(LEASE * 2).await;
        }
        let depth = self.ports.chunks.depth().await.unwrap();
        assert_eq!((depth.visible, depth.in_flight), (0, 0));
        assert!(depth.dead > 0);
    }
}
