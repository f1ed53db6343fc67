//! The world of one seed: services in memory, one job, and how to start a process on them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use annexa::adapters::embedded::EmbeddedLedger;
use annexa::adapters::memory::answers::MemoryAnswers;
use annexa::adapters::memory::blobs::MemoryBlobs;
use annexa::adapters::memory::chaos::{Chaos, Rates};
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::ledger::{ChaosLedger, MemoryStore};
use annexa::adapters::memory::model::{MemoryModel, OneModel, PaidLog};
use annexa::adapters::memory::queue::{MemoryQueue, QueueSetup};
use annexa::adapters::stager::BlobStager;
use annexa::aggregator::{Aggregator, AggregatorPorts, AggregatorSetup};
use annexa::consumer::{Consumer, Handler, Setup};
use annexa::control::ControlPorts;
use annexa::core::chunk::ChunkLimits;
use annexa::core::identity;
use annexa::core::ids::JobId;
use annexa::core::messages::{SplitMessage, encode};
use annexa::core::opinion::SecondOpinion;
use annexa::core::problem::ProblemType;
use annexa::core::spec::{BlobRef, JobSpec};
use annexa::jobs::window::Window;
use annexa::ports::blobs::Put;
use annexa::ports::error::PortResult;
use annexa::ports::model::{Answer, ModelInfo, Request, ServiceFacts};
use annexa::ports::retry::Backoff;
use annexa::ports::{Blobs, Clock, Ledger, Model, Notifier, Queue, signals};
use annexa::splitter::{Splitter, SplitterPorts};
use annexa::terms::TermTable;
use annexa::worker::{AskSetup, SharedLanes, Worker, WorkerPorts, WorkerSetup};
use async_trait::async_trait;
use futures_util::FutureExt;

use super::dozing::DozingBlobs;
use super::inputs::{self, DEADLY, Input};
use super::process::{Process, Role, StandStill};
use super::receiver::Receiver;
use super::watch::{Seen, WatchLedger, WatchQueue};

pub const LEASE: Duration = Duration::from_secs(30);
pub const WINDOW_CHUNKS: u32 = 4;

type Inner = EmbeddedLedger<Arc<MemoryStore>>;

pub struct World {
    pub clock: Arc<SimClock>,
    pub chaos: Arc<Chaos>,
    pub store: Arc<MemoryStore>,
    pub ledger: Arc<WatchLedger<Inner>>,
    pub blobs: MemoryBlobs,
    pub chunks: Arc<MemoryQueue>,
    pub paid: PaidLog,
    pub input: Input,
    pub job_id: JobId,
    pub spec: JobSpec,
    pub terms: Arc<TermTable>,
    /// Who is told of the job's ends.
    pub receiver: Receiver,
    /// Numbers of processes that a deadly row has killed and that the supervisor has yet to bury.
    pub killed: Arc<Mutex<Vec<usize>>>,
    /// The model is behind a service, whose lane and prompt cache the workers share.
    has_service: bool,
    watched_chunks: Arc<WatchQueue<MemoryQueue, Inner>>,
    inbox: Arc<MemoryQueue>,
    done: Arc<MemoryQueue>,
    answers: Arc<MemoryAnswers>,
}

/// A model whose caller dies of some texts.
struct DeadlyModel {
    inner: MemoryModel,
    info: ModelInfo,
    process: usize,
    killed: Arc<Mutex<Vec<usize>>>,
}

#[async_trait]
impl Model for DeadlyModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        if request
            .incidents
            .iter()
            .any(|incident| incident.text.contains(DEADLY))
        {
            self.killed.lock().unwrap().push(self.process);
            std::future::pending::<()>().await;
        }
        self.inner.answer(request).await
    }
}

/// A service that says nothing of its quota, and caches no prompt.
fn service() -> ServiceFacts {
    ServiceFacts {
        lane: "memory".to_string(),
        burndown: 1,
        prefix_bytes: 4_000,
        prefix_sha256: "prefix".to_string(),
        bytes_per_token: 4.0,
        cache_minimum_tokens: Some(1),
        cache_ttl: Duration::from_secs(300),
        max_output_tokens: 4_096,
    }
}

impl World {
    /// The world of `seed`: services, the input, and the job with its split sent.
    pub async fn new(seed: u64, rates: Rates, deadly_rows: u64, max_receives: u32) -> World {
        let clock = Arc::new(SimClock::new(seed));
        let shared: Arc<dyn Clock> = clock.clone();
        let chaos = Chaos::none(shared.clone());
        let terms = TermTable::builtin();
        let chunk_rows = 3 + (clock.random() % 6) as u32;
        let input = inputs::make(&*clock, &terms, chunk_rows, deadly_rows);
        let blobs = MemoryBlobs::new(chaos.clone());
        let at = BlobRef::new("input", "reports.csv");
        let Ok(Put::Written(head)) = blobs.put(&at, &input.csv, true).await else {
            panic!("calm put")
        };
        let spec = JobSpec {
            input_bucket: at.bucket,
            input_key: at.key,
            input_version: head.etag,
            output_bucket: "output".into(),
            output_prefix: "results/".into(),
            model_id: "memory".into(),
            problem_type: ProblemType::Both,
            batch_size: 1 + (clock.random() % 3) as u32,
            max_workers: 4,
            rate_limit: None,
            tokens_per_minute: None,
            requests_per_minute: None,
            max_cost_usd: None,
            imdrf_bucket: None,
            imdrf_key: None,
            imdrf_version: None,
            terms_sha256: terms.sha256_hex(),
            prompt_version: "1".into(),
            chunk_rows,
            id_column: None,
            text_column: None,
            encoding: None,
            max_text_chars: 24_000,
            max_record_bytes: 1 << 20,
            review_below: None,
            again: None,
            fresh: false,
            // Every fourth job asks once more.
            second_opinion: (seed % 4 == 1).then_some(SecondOpinion::Sample),
            precedents: 0,
            corpus_bucket: None,
            corpus_key: None,
            corpus_version: None,
            corpus_sha256: None,
            formats: Default::default(),
            no_text: false,
        };
        let job_id = identity::job_id(&spec);
        let store = Arc::new(MemoryStore::default());
        let inner = EmbeddedLedger::new(store.clone(), shared.clone(), ChunkLimits::default());
        let ledger = Arc::new(WatchLedger {
            inner,
            seen: Arc::new(Mutex::new(Seen::default())),
            clock: shared.clone(),
            chaos: chaos.clone(),
            window_chunks: WINDOW_CHUNKS,
        });
        let setup = QueueSetup {
            visibility: LEASE,
            max_receives,
        };
        let queue = || Arc::new(MemoryQueue::new(shared.clone(), chaos.clone(), setup));
        let (inbox, chunks, done) = (queue(), queue(), queue());
        ledger.create_job(&job_id, &spec).await.unwrap();
        let body = encode(&SplitMessage {
            split_job: job_id.clone(),
        });
        annexa::ports::send::send_all(&*clock, &*inbox, "job", vec![body])
            .await
            .unwrap();
        chaos.set_rates(rates);
        World {
            answers: Arc::new(MemoryAnswers::new(chaos.clone())),
            watched_chunks: Arc::new(WatchQueue::new(
                chunks.clone(),
                ledger.clone(),
                job_id.clone(),
            )),
            paid: PaidLog::default(),
            receiver: Receiver::new(chaos.clone()),
            killed: Arc::default(),
            has_service: seed % 2 == 1,
            clock,
            chaos,
            store,
            ledger,
            blobs,
            chunks,
            input,
            job_id,
            spec,
            terms,
            inbox,
            done,
        }
    }

    /// What control needs: a shell on the same services.
    pub fn control(&self) -> ControlPorts {
        ControlPorts {
            clock: self.clock.clone(),
            ledger: Arc::new(ChaosLedger::new(self.ledger.clone(), self.chaos.clone())),
            blobs: Arc::new(self.blobs.clone()),
            inbox: self.inbox.clone(),
            chunks: self.watched_chunks.clone(),
            done: self.done.clone(),
        }
    }

    /// What an independent observer sees of the ledger once `span` has passed.
    pub fn ledger_after(&self, span: Duration) -> Inner {
        struct Later(Arc<SimClock>, Duration);
        #[async_trait]
        impl Clock for Later {
            fn now_ms(&self) -> u64 {
                self.0.now_ms() + self.1.as_millis() as u64
            }
            fn monotonic(&self) -> Duration {
                self.0.monotonic() + self.1
            }
            async fn sleep(&self, duration: Duration) {
                self.0.sleep(duration).await;
            }
            fn random(&self) -> u64 {
                0
            }
        }
        let later = Arc::new(Later(self.clock.clone(), span));
        EmbeddedLedger::new(self.store.clone(), later, ChunkLimits::default())
    }

    /// Starts process `number`.
    pub fn start(&self, role: Role, number: usize) -> Process {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let (handle, shutdown) = signals::shutdown();
        let ledger: Arc<dyn Ledger> =
            Arc::new(ChaosLedger::new(self.ledger.clone(), self.chaos.clone()));
        let stand_still = StandStill::default();
        let blobs: Arc<dyn Blobs> = Arc::new(DozingBlobs {
            inner: self.blobs.clone(),
            stand_still: stand_still.clone(),
            chaos: self.chaos.clone(),
            clock: clock.clone(),
        });
        let chunks: Arc<dyn Queue> = self.watched_chunks.clone();
        let done: Arc<dyn Queue> = self.done.clone();
        let inner = MemoryModel::new(
            "memory",
            self.terms.clone(),
            self.chaos.clone(),
            self.paid.clone(),
        );
        let model: Arc<dyn Model> = Arc::new(DeadlyModel {
            info: ModelInfo {
                service: self.has_service.then(service),
                ..inner.info().clone()
            },
            inner,
            process: number,
            killed: self.killed.clone(),
        });
        let models = Arc::new(OneModel(model));
        let consumer = |name, queue: &Arc<dyn Queue>, handler: Arc<dyn Handler>, concurrency| {
            Consumer::new(
                name,
                queue.clone(),
                clock.clone(),
                handler,
                behaviour(concurrency),
            )
        };
        let work = match role {
            Role::Splitter => {
                let stager = Arc::new(BlobStager::new(blobs.clone()));
                let (clock, ledger, shutdown) = (clock.clone(), ledger, shutdown.clone());
                let ports = SplitterPorts {
                    clock,
                    ledger,
                    blobs,
                    stager,
                    chunks,
                    done,
                    shutdown,
                };
                let inbox: Arc<dyn Queue> = self.inbox.clone();
                let consumer = consumer(
                    "splitter",
                    &inbox,
                    Arc::new(Splitter::new(ports, Window::of(WINDOW_CHUNKS))),
                    1,
                );
                drained(consumer, handle.subscribe())
            }
            Role::Worker => {
                let (clock, answers, shutdown) =
                    (clock.clone(), self.answers.clone(), shutdown.clone());
                let ports = WorkerPorts {
                    clock,
                    ledger,
                    blobs,
                    answers,
                    models,
                    done,
                    shutdown,
                };
                let backoff = |tries| Backoff {
                    tries,
                    first: Duration::from_secs(1),
                    most: Duration::from_secs(5),
                };
                let setup = WorkerSetup {
                    name: format!("w{number}"),
                    lease: LEASE,
                    // Whatever is refused while the weather is bad passes: a row that fails here failed for its own sake.
                    ask: AskSetup {
                        transient: backoff(1000),
                        throttled: backoff(u32::MAX),
                        repairs: 12,
                    },
                    shared_lanes: Some(SharedLanes::default()),
                };
                let worker = Arc::new(Worker::new(ports, setup));
                let consumer = consumer("worker", &chunks, worker.clone(), 2);
                let shutdown = handle.subscribe();
                async move {
                    tokio::join!(consumer.run(&shutdown), worker.keep_lanes_until_drained());
                }
                .boxed()
            }
            Role::Aggregator => {
                let (clock, shutdown) = (clock.clone(), shutdown.clone());
                let ports = AggregatorPorts {
                    clock,
                    ledger,
                    blobs,
                    models,
                    chunks,
                    done,
                    shutdown,
                };
                let setup = AggregatorSetup {
                    name: format!("a{number}"),
                    lease: LEASE,
                    window: Window::of(WINDOW_CHUNKS),
                    sweep_every: Duration::from_secs(20),
                    silent: LEASE * 2,
                };
                let receiver: Arc<dyn Notifier> = Arc::new(self.receiver.clone());
                let aggregator = Aggregator::new(ports, setup).with_notifiers(vec![receiver]);
                let aggregator = Arc::new(aggregator);
                let done: Arc<dyn Queue> = self.done.clone();
                let consumer = consumer("aggregator", &done, aggregator.clone(), 2);
                let shutdown = handle.subscribe();
                async move {
                    let beside = async {
                        tokio::join!(
                            aggregator.sweep_until_drained(),
                            aggregator.tell_until_drained()
                        )
                    };
                    tokio::join!(consumer.run(&shutdown), beside);
                }
                .boxed()
            }
        };
        Process::new(role, number, handle, work, stand_still)
    }
}

fn drained(
    consumer: Consumer,
    shutdown: signals::Shutdown,
) -> futures_util::future::BoxFuture<'static, ()> {
    async move {
        consumer.run(&shutdown).await;
    }
    .boxed()
}

fn behaviour(concurrency: usize) -> Setup {
    Setup {
        concurrency,
        poll_wait: Duration::from_secs(2),
        poll_margin: Duration::from_secs(5),
        backoff_first: Duration::from_millis(500),
        backoff_most: Duration::from_secs(5),
        drain_budget: Duration::from_secs(20),
        give_up_after: None,
    }
}
