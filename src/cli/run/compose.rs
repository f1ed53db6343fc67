//! The composition root of a run on one machine: which adapters, which roles, and when it is over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::meter::Meter;
use super::models::TheModel;
use super::prepare::Prepared;
use super::progress::Progress;
use crate::adapters::embedded::EmbeddedLedger;
use crate::adapters::local::sqlite::{Db, SqliteAnswers, SqliteQueue, SqliteStore};
use crate::adapters::memory::answers::MemoryAnswers;
use crate::adapters::memory::chaos::Chaos;
use crate::adapters::memory::queue::QueueSetup;
use crate::aggregator::Aggregator;
use crate::config::chunks_in_hand;
use crate::consumer::{Consumer, DrainReport, Setup};
use crate::core::chunk::ChunkLimits;
use crate::core::job::JobRecord;
use crate::core::spec::defaults;
use crate::fleet::roles::{LEASE, RolePorts, RoleSetup};
use crate::jobs::window::Window;
use crate::notices::When;
use crate::ports::error::{PortError, PortResult};
use crate::ports::send::{announce, ask_for_split};
use crate::ports::signals::ShutdownHandle;
use crate::ports::{Answers, Blobs, Clock, Ledger, Queue, Shutdown};

/// Schema version of the folder's database.
pub const SCHEMA_VERSION: u32 = 1;
/// Time between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// How often the run looks whether its job is over, and shows progress.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A run begins no try to tell of its end later than so many milliseconds after it.
const TELL_FOR_MS: u64 = 30_000;
/// Troubles in a row (a full disk, a broken database) after which the run gives up; the job can go on later.
const GIVE_UP_AFTER: u32 = 8;

/// How a run ended.
pub enum Ended {
    /// The job is over.
    Over(Box<JobRecord>),
    /// The job is paused and nothing is in hand.
    Paused(Box<JobRecord>),
    /// A signal came.
    Interrupted,
    /// The surroundings failed.
    GaveUp(PortError),
}

/// A composed run.
pub struct Run {
    job_id: crate::core::ids::JobId,
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    shutdown: Shutdown,
    aggregator: Arc<Aggregator>,
    consumers: Vec<Consumer>,
    started: Duration,
    meter: Option<Arc<Meter>>,
}

impl Run {
    /// Opens everything, lets go of what a dead process held, creates the job or finds it.
    pub async fn open(prepared: &Prepared, shutdown: Shutdown) -> PortResult<Run> {
        let clock = prepared.clock.clone();
        let started = clock.monotonic();
        let blobs: Arc<dyn Blobs> = Arc::new(prepared.blobs.clone());
        let path = prepared
            .folder
            .path()
            .join(super::folder::STATE_FOLDER)
            .join("job.sqlite");
        let schema = format!("{};{}", SqliteStore::SCHEMA, SqliteQueue::SCHEMA);
        // Commits survive the death of the process; after a loss of power the newest chunks may be done again, from
        // paid answers, which are synced.
        let db = Db::open(&path, &schema, SCHEMA_VERSION, false)?;
        let setup = QueueSetup {
            visibility: LEASE,
            max_receives: 100,
        };
        let queue = |name| Arc::new(SqliteQueue::new(db.clone(), name, clock.clone(), setup));
        let (inbox, chunks, done) = (queue("inbox"), queue("chunks"), queue("done"));
        let store = SqliteStore::new(db.clone());
        // The folder's lock is ours, so whoever held a claim or a message is dead.
        store.expire_claims().await?;
        for queue in [&inbox, &chunks, &done] {
            queue.expire_receipts().await?;
        }
        let ledger: Arc<dyn Ledger> = Arc::new(EmbeddedLedger::new(
            store,
            clock.clone(),
            ChunkLimits::default(),
        ));
        let answers: Arc<dyn Answers> = match &prepared.answers {
            Some(path) => Arc::new(SqliteAnswers::open(path)?),
            // Never asked: the model costs nothing.
            None => Arc::new(MemoryAnswers::new(Chaos::none(clock.clone()))),
        };
        let (inbox, chunks, done): (Arc<dyn Queue>, Arc<dyn Queue>, Arc<dyn Queue>) =
            (inbox, chunks, done);
        let ports = RolePorts {
            clock: clock.clone(),
            ledger: ledger.clone(),
            blobs,
            answers,
            models: Arc::new(TheModel(prepared.model.clone())),
            chunks: chunks.clone(),
            done: done.clone(),
            shutdown: shutdown.clone(),
        };
        let setup = RoleSetup {
            name: "run".to_string(),
            lease: LEASE,
            window: Window::of(defaults::WINDOW_CHUNKS),
            sweep_every: SWEEP_EVERY,
            // One process, one worker: there is nobody to share with.
            shared_lanes: None,
        };
        let splitter = ports.splitter(&setup);
        let worker = ports.worker(&setup);
        let aggregator = ports.aggregator(&setup);
        let aggregator = Arc::new(aggregator.with_notifiers(prepared.notifiers.clone()));
        let spec = &prepared.spec;
        let in_hand = chunks_in_hand(spec.max_workers, spec.batch_size, spec.chunk_rows);
        let consumers = vec![
            Consumer::new(
                "splitter",
                inbox.clone(),
                clock.clone(),
                Arc::new(splitter),
                behaviour(1),
            ),
            Consumer::new(
                "worker",
                chunks,
                clock.clone(),
                Arc::new(worker),
                behaviour(in_hand as usize),
            ),
            Consumer::new(
                "aggregator",
                done.clone(),
                clock.clone(),
                aggregator.clone(),
                behaviour(2),
            ),
        ];
        let job_id = prepared.job_id.clone();
        let run = Run {
            job_id,
            clock,
            ledger,
            shutdown,
            aggregator,
            consumers,
            started,
            meter: prepared.meter.clone(),
        };
        run.begin(prepared, &*inbox, &*done).await?;
        Ok(run)
    }

    /// Creates the job and sends its split, or lets it go on.
    async fn begin(
        &self,
        prepared: &Prepared,
        inbox: &dyn Queue,
        done: &dyn Queue,
    ) -> PortResult<()> {
        let (ledger, clock) = (&self.ledger, &*self.clock);
        ledger.create_job(&self.job_id, &prepared.spec).await?;
        let job = self.job().await?;
        if job.is_over() {
            return Ok(());
        }
        let limits = prepared.spec.limits();
        ledger.set_limits(&self.job_id, &limits).await?;
        ledger.resume(&self.job_id).await?;
        if job.split.is_none() {
            // Perhaps a message is there from before: a second split only verifies the first.
            let depth = inbox.depth().await?;
            if depth.visible + depth.in_flight + depth.delayed == 0 {
                ask_for_split(clock, inbox, &self.job_id).await?;
            }
        }
        // What was lost with the process that died is found at once and not at the next sweep.
        self.aggregator.sweep().await?;
        announce(clock, done, &self.job_id).await
    }

    /// The job as the ledger has it.
    pub async fn job(&self) -> PortResult<JobRecord> {
        let job = self.ledger.job(&self.job_id).await?;
        job.ok_or_else(|| PortError::bug(format!("job {} is not in the ledger", self.job_id)))
    }

    /// Tells of the end of the job, for half a minute at most. False: somebody still has to be told.
    pub async fn tell(&self) -> bool {
        let Some(teller) = self.aggregator.teller() else {
            return true;
        };
        let until_ms = self.clock.now_ms() + TELL_FOR_MS;
        let mut when = When::Now;
        loop {
            // What goes wrong is in the log.
            let Ok(round) = teller.round(when).await else {
                return false;
            };
            when = When::Due;
            match round.next_ms {
                None => return true,
                Some(next_ms) if next_ms > until_ms => return false,
                Some(next_ms) => {
                    let left_ms = next_ms.saturating_sub(self.clock.now_ms());
                    self.clock.sleep(Duration::from_millis(left_ms)).await;
                }
            }
        }
    }

    /// When the run began, on the monotonic clock.
    pub fn started(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started)
    }

    /// Runs the three roles until the job is over, is paused, a drain is asked for, or one of them gives up. `is_quiet`: no
    /// progress is shown.
    pub async fn until_over(&self, handle: &ShutdownHandle, is_quiet: bool) -> Ended {
        let [splitter, worker, aggregator] = &self.consumers[..] else {
            unreachable!("three consumers are composed")
        };
        let mut roles = async {
            let (a, b, c, ()) = tokio::join!(
                self.watched(splitter, handle),
                self.watched(worker, handle),
                self.watched(aggregator, handle),
                self.aggregator.sweep_until_drained(),
            );
            [a, b, c].into_iter().find_map(|report| report.gave_up)
        }
        .boxed();
        let mut progress = Progress::new(self.clock.clone(), self.meter.clone(), is_quiet);
        let mut seen = None;
        let gave_up = loop {
            tokio::select! {
                biased;
                gave_up = &mut roles => break gave_up,
                () = self.clock.sleep(LOOK_EVERY) => {}
            }
            let Ok(job) = self.job().await else { continue };
            progress.show(&job);
            let nothing_left = job.paused.is_some() && job.outstanding_chunks() == 0;
            if job.is_over() || nothing_left {
                seen = Some(job);
                handle.drain();
            }
        };
        progress.finish();
        if let Some(error) = gave_up {
            return Ended::GaveUp(error);
        }
        match seen {
            Some(job) if job.is_over() => Ended::Over(Box::new(job)),
            Some(job) => Ended::Paused(Box::new(job)),
            // The last commit may have come while draining.
            None => match self.job().await {
                Ok(job) if job.is_over() => Ended::Over(Box::new(job)),
                _ => Ended::Interrupted,
            },
        }
    }

    /// A consumer; when it gives up, all are asked to stop.
    async fn watched(&self, consumer: &Consumer, handle: &ShutdownHandle) -> DrainReport {
        let report = consumer.run(&self.shutdown).await;
        if report.gave_up.is_some() {
            handle.drain();
        }
        report
    }
}

fn behaviour(concurrency: usize) -> Setup {
    Setup {
        concurrency,
        // Short: polls in flight are awaited at the end, and an idle poll costs one look into a local file.
        poll_wait: Duration::from_millis(100),
        poll_margin: Duration::from_secs(30),
        backoff_first: Duration::from_millis(500),
        backoff_most: Duration::from_secs(5),
        drain_budget: Duration::from_secs(110),
        give_up_after: Some(GIVE_UP_AFTER),
    }
}
