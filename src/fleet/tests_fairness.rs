//! A small job beside a large one, in virtual time: three workers, one quota that holds them all back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::roles::{LEASE, RolePorts, RoleSetup};
use crate::adapters::embedded::EmbeddedLedger;
use crate::adapters::memory::answers::MemoryAnswers;
use crate::adapters::memory::blobs::MemoryBlobs;
use crate::adapters::memory::chaos::Chaos;
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::ledger::MemoryStore;
use crate::adapters::memory::model::{MemoryModel, OneModel, PaidLog};
use crate::adapters::memory::queue::{MemoryQueue, QueueSetup};
use crate::consumer::{Consumer, Handler, Setup};
use crate::core::chunk::ChunkLimits;
use crate::core::identity;
use crate::core::ids::JobId;
use crate::core::lane::Rates;
use crate::core::messages::{SplitMessage, encode};
use crate::core::spec::{BlobRef, JobSpec};
use crate::jobs::window::Window;
use crate::ports::blobs::Put;
use crate::ports::error::PortResult;
use crate::ports::model::{Answer, ModelInfo, Request, ServiceFacts};
use crate::ports::{Blobs, Clock, Ledger, Model, Queue, send, signals};
use crate::terms::TermTable;
use crate::worker::SharedLanes;

const WORKERS: usize = 3;
/// Chunks in hand of a worker: the default for the default spec.
const IN_HAND: usize = 6;
/// Requests a minute of the lane: five a second.
const QUOTA: f64 = 300.0;
/// Makes reports as long as they usually are.
const TEXT: &str = concat!(
    "the tip of the catheter broke when it was drawn back and stayed within the vessel, from where it was taken with a snare; ",
    "the device was not returned and the cause could not be found; the patient was well on the next day and went home. ",
    "no further information was given by the hospital although it was asked for three times in writing and once by phone; ",
    "the manufacturer looked at the records of the lot and found nothing that was out of its limits, and no other report ",
    "of this kind was known of the lot at that time; should more be learnt, another report will follow this one soon"
);
const LATENCY: Duration = Duration::from_secs(2);

/// A model behind a service, whose answers take their time.
struct Paced {
    inner: MemoryModel,
    info: ModelInfo,
    clock: Arc<SimClock>,
}

#[async_trait]
impl Model for Paced {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        self.clock.sleep(LATENCY).await;
        self.inner.answer(request).await
    }
}

fn service() -> ServiceFacts {
    ServiceFacts {
        lane: "memory".to_string(),
        burndown: 1,
        prefix_bytes: 4_000,
        prefix_sha256: "prefix".to_string(),
        bytes_per_token: 4.0,
        cache_minimum_tokens: None,
        cache_ttl: Duration::from_secs(300),
        max_output_tokens: 4_096,
    }
}

/// Runs jobs of so many rows, submitted together in this order; how long the last of them took from then on.
async fn last_of(jobs: &[usize]) -> Duration {
    let clock = Arc::new(SimClock::new(5));
    let shared: Arc<dyn Clock> = clock.clone();
    let chaos = Chaos::none(shared.clone());
    let blobs: Arc<dyn Blobs> = Arc::new(MemoryBlobs::new(chaos.clone()));
    let ledger: Arc<dyn Ledger> = Arc::new(EmbeddedLedger::new(
        MemoryStore::default(),
        shared.clone(),
        ChunkLimits::default(),
    ));
    let queue = || -> Arc<dyn Queue> {
        let setup = QueueSetup {
            visibility: LEASE,
            max_receives: 100,
        };
        Arc::new(MemoryQueue::new(shared.clone(), chaos.clone(), setup))
    };
    let (inbox, chunks, done) = (queue(), queue(), queue());
    let inner = MemoryModel::new(
        "memory",
        TermTable::builtin(),
        chaos.clone(),
        PaidLog::default(),
    );
    let model = Paced {
        info: ModelInfo {
            service: Some(service()),
            ..inner.info().clone()
        },
        inner,
        clock: clock.clone(),
    };
    let (handle, shutdown) = signals::shutdown();
    let ports = RolePorts {
        clock: shared.clone(),
        ledger: ledger.clone(),
        blobs: blobs.clone(),
        answers: Arc::new(MemoryAnswers::new(chaos.clone())),
        models: Arc::new(OneModel(Arc::new(model))),
        chunks: chunks.clone(),
        done: done.clone(),
        shutdown,
    };
    let setup = |name: &str| RoleSetup {
        name: name.to_string(),
        lease: LEASE,
        window: Window::of(200),
        sweep_every: Duration::from_secs(60),
        shared_lanes: Some(SharedLanes {
            told: Rates {
                tokens: None,
                requests: Some(QUOTA),
            },
        }),
    };

    let mut last = None;
    for (number, rows) in jobs.iter().enumerate() {
        last = Some(submit(&*clock, &*blobs, &*ledger, &*inbox, number, *rows).await);
    }
    let last = last.expect("there is one");
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| Arc::new(ports.worker(&setup(&format!("w{number}")))))
        .collect();
    let consume = |queue: &Arc<dyn Queue>, handler: Arc<dyn Handler>, concurrency| {
        let behaviour = Setup {
            concurrency,
            poll_wait: Duration::from_secs(20),
            poll_margin: Duration::from_secs(10),
            backoff_first: Duration::from_millis(500),
            backoff_most: Duration::from_secs(30),
            drain_budget: Duration::from_secs(110),
            give_up_after: None,
        };
        let consumer = Consumer::new("test", queue.clone(), shared.clone(), handler, behaviour);
        let shutdown = handle.subscribe();
        async move {
            consumer.run(&shutdown).await;
        }
    };
    let watch = async {
        loop {
            clock.sleep(Duration::from_millis(50)).await;
            let job = ledger.job(&last).await.unwrap().expect("it was created");
            if let Some(ended_ms) = job.ended_ms {
                handle.drain();
                return Duration::from_millis(ended_ms - job.created_ms);
            }
        }
    };
    let splitter = Arc::new(ports.splitter(&setup("s")));
    let aggregator = Arc::new(ports.aggregator(&setup("a")));
    let (took, ..) = tokio::join!(
        watch,
        consume(&inbox, splitter, 4),
        consume(&done, aggregator, 10),
        join_all(
            workers
                .iter()
                .map(|worker| consume(&chunks, worker.clone(), IN_HAND))
        ),
        join_all(
            workers
                .iter()
                .map(|worker| worker.keep_lanes_until_drained())
        ),
    );
    took
}

async fn submit(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    ledger: &dyn Ledger,
    inbox: &dyn Queue,
    number: usize,
    rows: usize,
) -> JobId {
    let lines: String = (0..rows)
        .map(|n| format!("{n},report {n} of job {number} {TEXT}\n"))
        .collect();
    let at = BlobRef::new("in", format!("{number}.csv"));
    let csv = format!("id,mdr_text\n{lines}");
    let Ok(Put::Written(head)) = blobs.put(&at, csv.as_bytes(), true).await else {
        panic!("a calm put");
    };
    let spec: JobSpec = serde_json::from_value(serde_json::json!({
        "input_bucket": "in",
        "input_key": at.key,
        "input_version": head.etag,
        "output_bucket": "out",
        "output_prefix": format!("results/{number}/"),
        "model_id": "memory",
        "problem_type": "product",
        "batch_size": 2,
        "max_workers": 32,
        "terms_sha256": TermTable::builtin().sha256_hex(),
        "prompt_version": "1",
        "chunk_rows": 100,
        "max_text_chars": 24_000,
        "max_record_bytes": 1 << 20,
    }))
    .unwrap();
    let job_id = identity::job_id(&spec);
    ledger.create_job(&job_id, &spec).await.unwrap();
    let body = encode(&SplitMessage {
        split_job: job_id.clone(),
    });
    send::send_all(clock, inbox, job_id.as_str(), vec![body])
        .await
        .unwrap();
    job_id
}

#[tokio::test(start_paused = true)]
async fn a_small_job_beside_a_large_one_takes_no_more_than_three_times_what_it_takes_alone() {
    let alone = last_of(&[50]).await;
    let beside = last_of(&[2_000, 50]).await;
    println!("50 rows: {alone:?} alone, {beside:?} beside 2,000 rows that came first");
    assert!(alone > LATENCY, "{alone:?}");
    assert!(beside <= 3 * alone, "{beside:?} against {alone:?}");
}
