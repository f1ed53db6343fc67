//! How well four processes use one quota over real HTTP: `cargo bench --bench fleet`. Takes some two minutes.
//!
//! Real workers, each in a process of its own, against the simulator, with a token quota that is a part of what they could
//! send. They share a ledger, a queue and a folder on this machine. Told is the quota; counted are settled tokens a minute
//! after ramp-up, as a share of it, and the share of requests that it refused.
//!
//! In virtual time the same is proved by tests, for more workers and for workers that die (docs/PACING.md).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::bedrock::{BedrockClients, BedrockModel, BedrockSetup};
use annexa::adapters::aws::config::AwsConfig;
use annexa::adapters::embedded::EmbeddedLedger;
use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::local::files::FileBlobs;
use annexa::adapters::local::sqlite::{Db, SqliteAnswers, SqliteQueue, SqliteStore};
use annexa::adapters::memory::model::OneModel;
use annexa::adapters::memory::queue::QueueSetup;
use annexa::adapters::sim_bedrock::{Counts, Settings, SimBedrock, SimHandle, SimSetup};
use annexa::adapters::stager::BlobStager;
use annexa::catalog::Catalog;
use annexa::consumer::{Consumer, Handler, Setup};
use annexa::core::chunk::ChunkLimits;
use annexa::core::identity;
use annexa::core::lane::Rates;
use annexa::core::messages::{SplitMessage, encode};
use annexa::core::problem::ProblemType;
use annexa::core::spec::{BlobRef, JobSpec, defaults};
use annexa::jobs::window::Window;
use annexa::ports::blobs::Put;
use annexa::ports::send::send_all;
use annexa::ports::{Blobs, Clock, Ledger, Model, Queue, signals};
use annexa::splitter::{Splitter, SplitterPorts};
use annexa::terms::TermTable;
use annexa::worker::{AskSetup, SharedLanes, Worker, WorkerPorts, WorkerSetup};

const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
const REGION: &str = "us-east-1";
const PROBLEM: ProblemType = ProblemType::Product;
/// Median and 99th percentile of an answer's latency.
const SLOW: &str = "1500..4000";
const QUOTA: u64 = 1_200_000;
const WORKERS: usize = 4;
const ROWS: usize = 20_000;
const RAMP: Duration = Duration::from_secs(30);
const MEASURED: Duration = Duration::from_secs(80);
const LEASE: Duration = Duration::from_secs(120);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, folder, url, name] = &arguments[..]
        && role == "worker"
    {
        return runtime.block_on(work(Path::new(folder), url, name));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let sim = simulator(&runtime);
    runtime.block_on(split(folder.path(), &sim.url()));
    let workers: Vec<Process> = (0..WORKERS)
        .map(|number| Process::start(folder.path(), &sim.url(), number))
        .collect();
    wait(RAMP);
    let before = sim.stats().all;
    wait(MEASURED);
    let after = sim.stats().all;
    drop(workers);
    let settled = (after.settled_tokens - before.settled_tokens) as f64;
    let share = settled / (QUOTA as f64 * MEASURED.as_secs_f64() / 60.0);
    let refused = |counts: &Counts| counts.refused.values().sum::<u64>();
    println!(
        "{WORKERS} processes, told {QUOTA} tokens a minute: {:.1} % of the quota settled, {} of {} requests refused",
        100.0 * share,
        refused(&after) - refused(&before),
        after.requests - before.requests
    );
}

fn simulator(runtime: &tokio::runtime::Runtime) -> SimHandle {
    let setup = SimSetup {
        settings: Settings {
            tokens_per_minute: Some(QUOTA),
            latency: SLOW.parse().expect("a latency"),
            ..Settings::default()
        },
        // What it holds at first is used up within the ramp.
        bucket: Duration::from_secs(10),
        ..SimSetup::default()
    };
    let started = runtime.block_on(SimBedrock::start_here(setup));
    started.expect("the simulator starts")
}

/// What all processes share.
struct Shared {
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn Blobs>,
    answers: Arc<SqliteAnswers>,
    inbox: Arc<dyn Queue>,
    chunks: Arc<dyn Queue>,
    done: Arc<dyn Queue>,
    terms: Arc<TermTable>,
    model: Arc<dyn Model>,
}

fn open(folder: &Path, url: &str) -> Shared {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let schema = format!("{};{}", SqliteStore::SCHEMA, SqliteQueue::SCHEMA);
    let db = Db::open(&folder.join("fleet.sqlite"), &schema, 1, false).expect("a database");
    let setup = QueueSetup {
        visibility: LEASE,
        max_receives: 100,
    };
    let queue = |name| -> Arc<dyn Queue> {
        Arc::new(SqliteQueue::new(db.clone(), name, clock.clone(), setup))
    };
    let terms = TermTable::builtin();
    let catalog = Catalog::builtin();
    let known = catalog.check(MODEL, REGION).expect("a current model");
    let aws = AwsConfig::for_stand_in(REGION, url);
    let clients = BedrockClients::new(&aws, &BedrockSetup::default()).expect("clients");
    let facts = known.facts.expect("a known model");
    let model = BedrockModel::new(clients, MODEL, &facts, known.price, &terms, PROBLEM);
    let roots = [("here".to_string(), folder.to_path_buf())];
    let store = SqliteStore::new(db.clone());
    Shared {
        ledger: Arc::new(EmbeddedLedger::new(
            store,
            clock.clone(),
            ChunkLimits::default(),
        )),
        blobs: Arc::new(FileBlobs::new(roots)),
        answers: Arc::new(SqliteAnswers::open(&folder.join("answers.sqlite")).expect("answers")),
        inbox: queue("inbox"),
        chunks: queue("chunks"),
        done: queue("done"),
        model: Arc::new(model.expect("a model")),
        terms,
        clock,
    }
}

/// Makes the job, and splits it.
async fn split(folder: &Path, url: &str) {
    let shared = open(folder, url);
    let at = BlobRef::new("here", "reports.csv");
    let Ok(Put::Written(head)) = shared.blobs.put(&at, &reports(), true).await else {
        panic!("the input was not written");
    };
    let spec = spec(at, head.etag, &shared);
    let job_id = identity::job_id(&spec);
    let ledger = &shared.ledger;
    ledger.create_job(&job_id, &spec).await.expect("a job");
    let body = encode(&SplitMessage {
        split_job: job_id.clone(),
    });
    let sent = send_all(&*shared.clock, &*shared.inbox, "job", vec![body]);
    sent.await.expect("the split is sent");
    let (_handle, shutdown) = signals::shutdown();
    let ports = SplitterPorts {
        clock: shared.clock.clone(),
        ledger: shared.ledger.clone(),
        blobs: shared.blobs.clone(),
        stager: Arc::new(BlobStager::new(shared.blobs.clone())),
        chunks: shared.chunks.clone(),
        done: shared.done.clone(),
        shutdown: shutdown.clone(),
    };
    let splitter = Arc::new(Splitter::new(ports, Window::of(defaults::WINDOW_CHUNKS)));
    let consumer = consumer(&shared, &shared.inbox, splitter, 1);
    let is_split = async {
        loop {
            let job = ledger.job(&job_id).await.expect("a ledger");
            if job.is_some_and(|job| job.split.is_some()) {
                return;
            }
            shared.clock.sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = consumer.run(&shutdown) => panic!("the splitter gave up"),
        () = is_split => {}
    }
}

/// A worker, until it is killed.
async fn work(folder: &Path, url: &str, name: &str) {
    let shared = open(folder, url);
    let (_handle, shutdown) = signals::shutdown();
    let ports = WorkerPorts {
        clock: shared.clock.clone(),
        ledger: shared.ledger.clone(),
        blobs: shared.blobs.clone(),
        answers: shared.answers.clone(),
        models: Arc::new(OneModel(shared.model.clone())),
        done: shared.done.clone(),
        shutdown: shutdown.clone(),
    };
    let setup = WorkerSetup {
        name: name.to_string(),
        lease: LEASE,
        ask: AskSetup::default(),
        shared_lanes: Some(SharedLanes {
            told: Rates {
                tokens: Some(QUOTA as f64),
                requests: None,
            },
        }),
    };
    let worker = Arc::new(Worker::new(ports, setup));
    let consumer = consumer(&shared, &shared.chunks, worker.clone(), 4);
    tokio::join!(consumer.run(&shutdown), worker.keep_lanes_until_drained());
}

fn consumer(
    shared: &Shared,
    queue: &Arc<dyn Queue>,
    handler: Arc<dyn Handler>,
    concurrency: usize,
) -> Consumer {
    let setup = Setup {
        concurrency,
        poll_wait: Duration::from_millis(500),
        poll_margin: Duration::from_secs(30),
        backoff_first: Duration::from_millis(500),
        backoff_most: Duration::from_secs(5),
        drain_budget: Duration::from_secs(1),
        give_up_after: None,
    };
    Consumer::new("bench", queue.clone(), shared.clock.clone(), handler, setup)
}

fn spec(input: BlobRef, input_version: String, shared: &Shared) -> JobSpec {
    let info = shared.model.info();
    JobSpec {
        input_bucket: input.bucket,
        input_key: input.key,
        input_version,
        output_bucket: "here".to_string(),
        output_prefix: "results/".to_string(),
        model_id: info.model_id.clone(),
        problem_type: PROBLEM,
        batch_size: defaults::BATCH_SIZE,
        max_workers: defaults::MAX_WORKERS,
        rate_limit: None,
        tokens_per_minute: None,
        requests_per_minute: None,
        max_cost_usd: None,
        imdrf_bucket: None,
        imdrf_key: None,
        imdrf_version: None,
        terms_sha256: shared.terms.sha256_hex(),
        prompt_version: info.prompt_version.clone(),
        chunk_rows: defaults::CHUNK_ROWS,
        id_column: None,
        text_column: None,
        encoding: None,
        max_text_chars: defaults::MAX_TEXT_CHARS,
        max_record_bytes: defaults::MAX_RECORD_BYTES,
        review_below: None,
        again: None,
        fresh: false,
        second_opinion: None,
        precedents: 0,
        corpus_bucket: None,
        corpus_key: None,
        corpus_version: None,
        corpus_sha256: None,
        formats: Default::default(),
        no_text: false,
    }
}

/// A worker's process, killed on drop.
struct Process(Child);

impl Process {
    fn start(folder: &Path, url: &str, number: usize) -> Process {
        let program: PathBuf = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .arg("worker")
            .arg(folder)
            .arg(url)
            .arg(format!("worker-{number}"))
            .stdout(Stdio::null())
            .spawn()
            .expect("a worker starts");
        Process(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The examples again and again, each row with a number, so that no two are equal.
fn reports() -> Vec<u8> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maude_sample.csv");
    let mut reader = csv::Reader::from_path(sample).expect("the examples");
    let texts: Vec<String> = reader
        .records()
        .map(|record| record.expect("a record")[1].to_string())
        .collect();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["id", "mdr_text"]).expect("written");
    for number in 0..ROWS {
        let text = format!("{} (REPORT {number})", texts[number % texts.len()]);
        csv.write_record([number.to_string(), text])
            .expect("written");
    }
    csv.into_inner().expect("written")
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
