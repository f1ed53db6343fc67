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
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(5));
        let chaos = Chaos::none(clock.clone());
        let blobs = MemoryBlobs::new(chaos.clone());
        let mut csv = b"id,mdr_text\n".to_vec();
        for row in 1..=rows {
            let word = if sick.contains(&row) { SICK } else { "FINE" };
            let text = format!("r{row},\"THE \"\"PUMP\"\" IS {word},\r\nCASE {row}.\"\n");
            csv.extend_from_slice(text.as_bytes());
        }
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
            chunk_rows: 2,
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
        self.consumer(&self.ports.inbox, Arc::new(Splitter::new(ports, 2)))
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
            window_chunks: 2,
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

#[tokio::test(start_paused = true)]
async fn i6_a_retry_asks_only_for_failed_rows_and_keeps_all_others_byte_for_byte() {
    let place = Place::new(9, &[3, 8]).await;
    let job = place.work_to_the_end().await;
    assert_eq!(
        (job.state(), job.counters.tally.failed),
        ("COMPLETED_WITH_ERRORS", 2)
    );
    let (first, before) = (
        place.read("results.csv").await,
        place.rows("results.csv").await,
    );
    let cost = job.counters.tally.total_cost();
    place.heal();
    let begun = Retried::Begun {
        generation: 1,
        chunks: 2,
        needs_split: false,
        lost: 0,
    };
    assert_eq!(place.retry().await, begun);
    assert_eq!(place.retry().await, Retried::UnderWay { generation: 1 });
    let job = place.work_to_the_end().await;

    assert_eq!((job.state(), job.generation), ("COMPLETED", 1));
    let after = place.rows("results.csv").await;
    assert_eq!(after.len(), 9);
    for (row, (record, failed)) in &before {
        assert!(!after[row].1, "row {row} has an answer now");
        assert_eq!(*failed, after[row].0 != *record, "row {row}");
    }
    assert_eq!(
        place.asked().iter().sum::<u64>(),
        9 + 2,
        "two reports were asked for twice"
    );
    let summary = place.summary().await;
    assert_eq!(
        (summary.generation, summary.status.as_str()),
        (1, "COMPLETED")
    );
    assert_eq!(summary.calls, 11);
    let total = job.counters.tally.total_cost();
    assert_eq!(summary.total_estimated_cost, Some(total.to_string()));
    assert!(
        total > cost && job.counters.tally.overhead_cost.0 > 0,
        "what failed rows took stays counted"
    );
    assert_eq!(total, job.counters.budget.spent);
    assert_eq!(
        place.published().await,
        [
            "chunks/00000000.csv",
            "retry-1/chunks/00000001.csv",
            "chunks/00000002.csv",
            "retry-1/chunks/00000003.csv",
            "chunks/00000004.csv"
        ]
    );
    assert_eq!(place.read("retry-1/before/results.csv").await, first);
    assert!(place.read("retry-1/before/manifest.json").await.is_some());
    assert_eq!(place.left_in_work().await, Vec::<String>::new());
    assert_eq!(place.retry().await, Retried::NothingToDo);
}

#[tokio::test(start_paused = true)]
async fn i6_a_second_retry_builds_on_the_first() {
    let place = Place::new(6, &[2, 5]).await;
    place.work_to_the_end().await;
    // Nothing is mended: the same rows fail again, and their earlier costs are not forgotten.
    place.retry().await;
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.generation), ("COMPLETED_WITH_ERRORS", 1));
    assert_eq!(job.counters.tally.calls, 6 + 2);
    place.heal();
    place.retry().await;
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.generation), ("COMPLETED", 2));
    assert_eq!(job.counters.tally.calls, 6 + 4);
    assert_eq!(
        place.published().await,
        [
            "retry-2/chunks/00000000.csv",
            "chunks/00000001.csv",
            "retry-2/chunks/00000002.csv"
        ]
    );
    assert!(place.read("retry-2/before/summary.json").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn i1_a_cancelled_job_goes_on_with_the_rest_and_its_partial_files_go() {
    let place = Place::new(12, &[]).await;
    place.work(true, |job| job.counters.committed >= 2).await;
    let job = place.job().await;
    assert_eq!(
        steer::cancel(&place.ports, &job).await.unwrap(),
        Steered::Done
    );
    let job = place.work_to_the_end().await;
    assert_eq!(job.state(), "CANCELLED");
    let partial = place.read("results.partial.csv").await;
    assert!(partial.is_some());
    let done = job.counters.committed;
    let Retried::Begun { chunks, .. } = place.retry().await else {
        panic!("it was cancelled");
    };
    assert_eq!(chunks, 6 - done);
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    assert_eq!(place.rows("results.csv").await.len(), 12);
    assert_eq!(place.read("results.partial.csv").await, None);
    assert_eq!(
        place.read("retry-1/before/results.partial.csv").await,
        partial
    );
    assert!(place.asked().iter().all(|times| *times == 1), "I8");
}

#[tokio::test(start_paused = true)]
async fn i10_a_cancelled_retry_shows_what_was_answered_before_and_what_it_cost() {
    let place = Place::new(4, &[1]).await;
    let before = place.work_to_the_end().await;
    place.retry().await;
    let job = place.job().await;
    steer::cancel(&place.ports, &job).await.unwrap();
    place.work(false, JobRecord::is_over).await;
    assert_eq!(place.rows("results.partial.csv").await.len(), 4);
    assert_eq!(
        place.read("results.csv").await,
        None,
        "it is under retry-1/before/"
    );
    let summary = place.summary().await;
    let cost = before.counters.tally.total_cost().to_string();
    assert_eq!(summary.total_estimated_cost, Some(cost));
    place.heal();
    place.retry().await;
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_before_it_was_split_is_split_by_its_retry() {
    let place = Place::new(3, &[]).await;
    let taken = place.spec.output("job.json");
    let other = br#"{"job_id": "another"}"#;
    place.blobs.put(&taken, other, true).await.unwrap();
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.plan), ("FAILED", None));
    place.blobs.delete(&taken).await.unwrap();
    let Retried::Begun { needs_split, .. } = place.retry().await else {
        panic!("it failed");
    };
    assert!(needs_split);
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_chunk_whose_file_is_gone_is_done_anew_from_paid_answers() {
    let place = Place::new(6, &[5]).await;
    place.work_to_the_end().await;
    let lost = place.spec.output("chunks/00000000.csv");
    place.blobs.delete(&lost).await.unwrap();
    place.heal();
    let Retried::Begun { lost, chunks, .. } = place.retry().await else {
        panic!("a row failed");
    };
    assert_eq!((lost, chunks), (1, 2));
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    assert_eq!(
        place.asked().iter().sum::<u64>(),
        6 + 1,
        "I8: only the failed row is asked again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_fails_the_retry_and_says_what_to_do() {
    let place = Place::new(4, &[1]).await;
    place.work_to_the_end().await;
    let damaged = place.spec.output("chunks/00000000.csv");
    place.blobs.put(&damaged, b"id\n", false).await.unwrap();
    place.heal();
    place.retry().await;
    let job = place.work_to_the_end().await;
    let reason = status::JobStatus::new(&job).reason.unwrap();
    assert_eq!(job.state(), "FAILED");
    assert!(
        reason.contains("chunks/00000000.csv") && reason.contains("remove"),
        "{reason}"
    );
    place.blobs.delete(&damaged).await.unwrap();
    place.retry().await;
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    assert_eq!(place.rows("results.csv").await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn s26_dead_letters_of_chunks_are_given_up_so_that_the_job_ends_and_a_retry_does_them() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    place.kill_messages().await;
    let strange = Outgoing {
        body: "no message of ours".into(),
        group: "x".into(),
        delay: Duration::ZERO,
    };
    let dead = place.ports.chunks.dead_letters().unwrap();
    dead.send_batch(&[strange]).await.unwrap();
    place.work(false, JobRecord::is_over).await;
    let job = place.job().await;
    assert_eq!(
        (job.state(), job.counters.quarantined),
        ("COMPLETED_WITH_ERRORS", 2)
    );
    let rows = place.rows("results.csv").await;
    let says = "its message was received 3 times without the chunk getting done";
    assert!(
        rows.values()
            .all(|(row, failed)| *failed && row.iter().any(|f| f.contains(says)))
    );
    // S19: what cannot be read stays, with its body.
    let left = dead::list(&place.ports, &Which::ALL).await.unwrap();
    let letters: Vec<_> = left.iter().filter(|dead| !dead.is_chunk).collect();
    assert_eq!((letters.len(), left.len()), (1, 3));
    let shown = dead::show(&place.ports, &Which::ALL, &letters[0].id)
        .await
        .unwrap();
    assert_eq!(
        (shown.body.as_deref(), shown.is_ours),
        (Some("no message of ours"), false)
    );
    place.retry().await;
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn s16_a_dead_letter_of_a_held_or_paused_chunk_gives_nothing_up() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    let key = |chunk| crate::core::ids::ChunkKey {
        job_id: place.job_id.clone(),
        generation: 0,
        chunk,
    };
    let day_ms = 86_400_000;
    let claimed = place.ports.ledger.claim_chunk(&key(0), "w", day_ms).await;
    claimed.unwrap();
    place.kill_messages().await;
    let (_handle, shutdown) = signals::shutdown();
    let aggregator = place.aggregator(&shutdown);
    steer::pause(&place.ports, &place.job().await)
        .await
        .unwrap();
    aggregator.sweep().await.unwrap();
    let job = place.job().await;
    assert_eq!((job.counters.quarantined, job.counters.parked), (0, 1));
    let left = dead::list(&place.ports, &[Which::Chunk]).await.unwrap();
    assert_eq!(
        left.len(),
        1,
        "the held chunk's letter waits for the next sweep"
    );
}

#[tokio::test(start_paused = true)]
async fn s12_s13_a_chunk_whose_message_comes_twice_is_worked_on_once_and_both_messages_go() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    let job = place.job().await;
    let (clock, chunks) = (&*place.ports.clock, &*place.ports.chunks);
    crate::jobs::window::send_chunks(clock, chunks, &job, &[0, 1, 0])
        .await
        .unwrap();
    assert_eq!(chunks.depth().await.unwrap().visible, 5);
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.counters.committed), ("COMPLETED", 2));
    assert!(place.asked().iter().all(|times| *times == 1), "I8");
    place.ports.clock.sleep(LEASE * 2).await;
    assert_eq!(
        chunks.depth().await.unwrap(),
        crate::ports::queue::Depth::default()
    );
}

#[tokio::test(start_paused = true)]
async fn s14_a_job_that_is_done_is_told_of_often_and_ends_once_also_after_a_retry() {
    let place = Place::new(4, &[1]).await;
    let tell = async || {
        for _ in 0..5 {
            let (clock, done) = (&*place.ports.clock, &*place.ports.done);
            crate::ports::send::announce(clock, done, &place.job_id)
                .await
                .unwrap();
        }
    };
    tell().await;
    let first = place.work_to_the_end().await;
    tell().await;
    place.work(true, JobRecord::is_over).await;
    assert_eq!(place.job().await, first);
    place.heal();
    place.retry().await;
    tell().await;
    let second = place.work_to_the_end().await;
    assert_eq!(
        (second.state(), second.finisher_epoch),
        ("COMPLETED", first.finisher_epoch + 1)
    );
    tell().await;
    place.work(true, JobRecord::is_over).await;
    assert_eq!(place.job().await, second);
}

#[tokio::test(start_paused = true)]
async fn s19_s20_a_message_of_unknown_shape_is_set_aside_with_its_body_and_its_mates_are_done() {
    let place = Place::new(4, &[]).await;
    place.work(false, |job| job.sent_upto == 2).await;
    let body = r#"{"job":"job-1","generation":0,"chunk":"seven"}"#.to_string();
    let (clock, chunks) = (&*place.ports.clock, &*place.ports.chunks);
    send_all(clock, chunks, "job", vec![body.clone()])
        .await
        .unwrap();
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    let left = dead::list(&place.ports, &Which::ALL).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(
        left[0].reason.as_deref(),
        Some("a chunk message of unknown shape")
    );
    let shown = dead::show(&place.ports, &Which::ALL, &left[0].id)
        .await
        .unwrap();
    assert_eq!(shown.body, Some(body));
}

/// Counts what is asked of dead letters.
struct Counted {
    inner: Arc<dyn Queue>,
    receives: Arc<std::sync::atomic::AtomicU64>,
}

#[async_trait]
impl Queue for Counted {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<PortResult<()>>> {
        self.inner.send_batch(entries).await
    }
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
    ) -> PortResult<Vec<crate::ports::queue::Received>> {
        self.receives.fetch_add(1, Ordering::Relaxed);
        self.inner.receive(max, wait).await
    }
    async fn extend(&self, receipt: &crate::ports::queue::Receipt, by: Duration) -> PortResult<()> {
        self.inner.extend(receipt, by).await
    }
    async fn release(
        &self,
        receipt: &crate::ports::queue::Receipt,
        after: Duration,
    ) -> PortResult<()> {
        self.inner.release(receipt, after).await
    }
    async fn delete(
        &self,
        receipts: &[crate::ports::queue::Receipt],
    ) -> PortResult<Vec<PortResult<()>>> {
        self.inner.delete(receipts).await
    }
    async fn depth(&self) -> PortResult<crate::ports::queue::Depth> {
        self.inner.depth().await
    }
    fn dead_letters(&self) -> Option<Arc<dyn Queue>> {
        Some(Arc::new(Counted {
            inner: self.inner.dead_letters()?,
            receives: self.receives.clone(),
        }))
    }
    fn visibility(&self) -> Duration {
        self.inner.visibility()
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_sweep_looks_at_dead_letters_once() {
    let mut place = Place::new(1, &[]).await;
    place.work_to_the_end().await;
    let receives = Arc::new(std::sync::atomic::AtomicU64::new(0));
    place.ports.chunks = Arc::new(Counted {
        inner: place.ports.chunks.clone(),
        receives: receives.clone(),
    });
    let (_handle, shutdown) = signals::shutdown();
    let aggregator = place.aggregator(&shutdown);
    for sweeps in 1..=3 {
        aggregator.sweep().await.unwrap();
        assert_eq!(receives.load(Ordering::Relaxed), sweeps);
    }
}

#[tokio::test(start_paused = true)]
async fn s26_pause_and_resume_hold_and_fill_the_window() {
    let place = Place::new(12, &[]).await;
    place.work(false, |job| job.split.is_some()).await;
    let job = place.job().await;
    assert_eq!(
        steer::pause(&place.ports, &job).await.unwrap(),
        Steered::Done
    );
    let job = place.job().await;
    assert_eq!(
        (job.state(), steer::pause(&place.ports, &job).await.unwrap()),
        ("PAUSED", Steered::WasSo)
    );
    place.work(true, |job| job.counters.parked == 2).await;
    assert_eq!(place.job().await.counters.committed, 0);
    let job = place.job().await;
    let cap = Some(crate::core::money::NanoUsd(5_000_000_000));
    assert_eq!(
        steer::resume(&place.ports, &job, cap).await.unwrap(),
        Steered::Done
    );
    assert_eq!(place.job().await.spec.max_cost_usd, cap);
    let job = place.work_to_the_end().await;
    assert_eq!(job.state(), "COMPLETED");
    for refused in [
        steer::pause(&place.ports, &job).await,
        steer::resume(&place.ports, &job, None).await,
        steer::cancel(&place.ports, &job).await,
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("is COMPLETED and cannot be"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn s26_dead_letters_are_sent_again_or_removed_and_others_are_left() {
    let place = Place::new(2, &[]).await;
    let bury = async |queue: &Arc<dyn Queue>, body: &str| {
        let entry = Outgoing {
            body: body.into(),
            group: "x".into(),
            delay: Duration::ZERO,
        };
        queue.send_batch(&[entry]).await.unwrap();
        let message = queue.receive(1, Duration::ZERO).await.unwrap().remove(0);
        queue
            .bury(&message, "a message of unknown shape")
            .await
            .unwrap();
        message.message_id
    };
    place.work_to_the_end().await;
    let ports = &place.ports;
    let (one, two) = (
        bury(&ports.done, "one").await,
        bury(&ports.done, "two").await,
    );
    bury(&ports.inbox, "three").await;
    let listed = dead::list(ports, &[Which::Done]).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        listed[0].reason.as_deref(),
        Some("a message of unknown shape")
    );
    let unknown = dead::redrive(ports, &Which::ALL, Some(&["none".to_string()])).await;
    assert!(unknown.unwrap_err().to_string().contains("annexa dlq list"));
    let moved = dead::redrive(ports, &[Which::Done], Some(std::slice::from_ref(&one)))
        .await
        .unwrap();
    assert_eq!(moved.done, [one]);
    let again = ports.done.receive(10, Duration::ZERO).await.unwrap();
    assert_eq!(
        again.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(),
        ["one"]
    );
    let purged = dead::purge(ports, &[Which::Done], None).await.unwrap();
    assert_eq!(purged.done, [two]);
    let depths = queues::depths(ports).await.unwrap();
    assert_eq!(depths.iter().map(|d| d.dead).collect::<Vec<_>>(), [1, 0, 0]);
    let chunk = "chunk:job-1/g0/3".to_string();
    let refused = dead::redrive(ports, &Which::ALL, Some(&[chunk]))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("annexa retry job-1"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_live_job_is_found_by_the_beginning_of_its_id_and_an_ended_one_by_all_of_it() {
    let place = Place::new(1, &[]).await;
    let id = place.job_id.as_str();
    let found = find::job(&place.ports, &id[..8]).await.unwrap();
    assert_eq!(found.job_id, place.job_id);
    let unknown = find::job(&place.ports, "nothing").await.unwrap_err();
    assert!(
        unknown.to_string().contains(id),
        "it names what is there: {unknown}"
    );
    place.work_to_the_end().await;
    assert!(find::job(&place.ports, &id[..8]).await.is_err());
    assert_eq!(
        find::job(&place.ports, id).await.unwrap().job_id,
        place.job_id
    );
    let of = async |state| find::jobs(&place.ports, find::Which::State(state)).await;
    assert_eq!(of("COMPLETED").await.unwrap().len(), 1);
    assert_eq!(of("RUNNING").await.unwrap().len(), 0);
    assert!(
        of("DONE")
            .await
            .unwrap_err()
            .to_string()
            .contains("COMPLETED_WITH_ERRORS")
    );
}

#[test]
fn the_pace_is_that_of_the_last_minute() {
    let mut pace = status::Pace::default();
    let at = Duration::from_secs;
    assert_eq!(pace.look(at(10), 5), None);
    assert_eq!(pace.look(at(20), 25), Some(2.0));
    for second in (30..=100).step_by(10) {
        pace.look(at(second), 25);
    }
    assert_eq!(pace.look(at(110), 25), Some(0.0));
    assert_eq!(
        pace.look(at(112), 3),
        None,
        "a retry begins with fewer rows"
    );
}
