//! The aggregator: tops up windows, elects itself to finish jobs that are done, sweeps for what was lost.
//!
//! It learns of progress from the done queue; what that queue loses, the sweep finds (I4). A job always ends, also
//! when every process that touched it died (S14).

mod dead_letters;
mod finish;
mod standing;
mod sweep;
mod unsplit;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::consumer::{Disposition, Handler};
use crate::core::ids::JobId;
use crate::core::job::{Election, EndOutcome, JobRecord, Stop};
use crate::core::lane::Rates;
use crate::core::messages::DoneMessage;
use crate::core::transitions::job::verdict;
use crate::jobs::window::Window;
use crate::notices::{self, Teller};
use crate::ports::clock::full_jitter;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::lease;
use crate::ports::queue::Received;
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock, Ledger, Models, Notifier, Queue, Shutdown};
use crate::telemetry::Gauge;

pub use standing::Standing;

/// A window is topped up once so many parts of it (a tenth) are free.
const TOP_UP_PART: u32 = 10;

/// What an aggregator needs of the world.
#[derive(Clone)]
pub struct AggregatorPorts {
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Jobs and chunks.
    pub ledger: Arc<dyn Ledger>,
    /// Chunk files and outputs.
    pub blobs: Arc<dyn Blobs>,
    /// Models by their ids, for their prices.
    pub models: Arc<dyn Models>,
    /// Where chunk messages go.
    pub chunks: Arc<dyn Queue>,
    /// Where progress is announced.
    pub done: Arc<dyn Queue>,
    /// The wish to stop.
    pub shutdown: Shutdown,
}

/// How an aggregator behaves.
#[derive(Debug, Clone)]
pub struct AggregatorSetup {
    /// Its name, for elections and logs.
    pub name: String,
    /// How long an election lasts unless it is renewed.
    pub lease: Duration,
    /// Fills the windows of jobs.
    pub window: Arc<Window>,
    /// Time between two sweeps.
    pub sweep_every: Duration,
    /// A chunk that was sent and then neither held nor touched for this long is sent again.
    pub silent: Duration,
}

/// An aggregator: a [`Handler`] of done messages, and a sweeper.
pub struct Aggregator {
    ports: AggregatorPorts,
    setup: AggregatorSetup,
    told: dead_letters::Told,
    /// Where splits are asked for; none: whoever makes jobs sees to that.
    inbox: Option<Arc<dyn Queue>>,
    unsplit: unsplit::Unsplit,
    standing: Standing,
    /// Tells of jobs that have ended; none: nobody is told, and nothing is kept for it.
    teller: Option<Teller>,
}

impl Aggregator {
    /// An aggregator.
    pub fn new(ports: AggregatorPorts, setup: AggregatorSetup) -> Aggregator {
        Aggregator {
            ports,
            setup,
            told: dead_letters::Told::default(),
            inbox: None,
            unsplit: unsplit::Unsplit::default(),
            standing: Standing::default(),
            teller: None,
        }
    }

    /// The same, asking again for splits that do not get on.
    pub fn with_inbox(mut self, inbox: Arc<dyn Queue>) -> Aggregator {
        self.inbox = Some(inbox);
        self
    }

    /// The same, knowing the quota that the fleet's owner tells: jobs that share a small one move on slowly.
    pub fn with_quota(mut self, told: Rates) -> Aggregator {
        self.standing = Standing::of(told);
        self
    }

    /// The same, telling of every job that ends.
    pub fn with_notifiers(mut self, notifiers: Vec<Arc<dyn Notifier>>) -> Aggregator {
        let (clock, ledger) = (self.ports.clock.clone(), self.ports.ledger.clone());
        self.teller = match notifiers.is_empty() {
            true => None,
            false => Some(Teller::new(clock, ledger, notifiers)),
        };
        self
    }

    /// How its jobs stand, and what it counted, for metrics.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What it counted since the start, for metrics.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let told = self.teller.iter().flat_map(Teller::counts);
        self.standing.counts().into_iter().chain(told).collect()
    }

    /// Its gauges as they stand now, for metrics. A job whose notice waits still wants an aggregator.
    pub fn gauges(&self) -> Vec<Gauge> {
        let waiting = self.teller.as_ref().map_or(0, Teller::waiting);
        self.standing.gauges(self.ports.clock.monotonic(), waiting)
    }

    /// Tells of jobs that have ended, beside everything else, until a drain is asked for; never ends before, also where
    /// nobody is to be told.
    pub async fn tell_until_drained(&self) {
        match &self.teller {
            Some(teller) => {
                let every = self.setup.sweep_every;
                teller.tell_until_drained(every, &self.ports.shutdown).await;
            }
            None => self.ports.shutdown.draining().await,
        }
    }

    /// Who tells; none: nobody is told.
    pub fn teller(&self) -> Option<&Teller> {
        self.teller.as_ref()
    }

    /// Has a job go on or end, as far as it can.
    async fn progress(&self, job_id: &JobId) -> PortResult<Disposition> {
        let ports = &self.ports;
        let clock = &*ports.clock;
        let Some(job) = retry(clock, Backoff::STORAGE, || ports.ledger.job(job_id)).await? else {
            return Ok(Disposition::Delete);
        };
        if job.is_over() {
            // Whoever ended it may have died before it tidied up.
            self.standing.is_over(job_id);
            finish::clean_up(ports, &job).await;
            return Ok(Disposition::Delete);
        }
        self.standing.saw(&job, clock.monotonic());
        if job.is_done() || job.stopping.is_some() {
            return self.finish_if_elected(job_id).await;
        }
        // A tenth at a time: each taking is a write to the job, and as many chunks go into a batch of messages as they can.
        // While less is free, nine tenths are out, and their ends come here, too.
        let width = self.setup.window.width(&job);
        if job.room_in_window(width) * TOP_UP_PART >= width {
            self.top_up(job_id).await?;
        }
        Ok(Disposition::Delete)
    }

    async fn top_up(&self, job_id: &JobId) -> PortResult<()> {
        let AggregatorPorts {
            clock,
            ledger,
            chunks,
            ..
        } = &self.ports;
        let window = &self.setup.window;
        window.top_up(&**clock, &**ledger, &**chunks, job_id).await
    }

    async fn finish_if_elected(&self, job_id: &JobId) -> PortResult<Disposition> {
        let clock = &*self.ports.clock;
        let owner = format!("{}/{:016x}", self.setup.name, clock.random());
        let lease_ms = self.setup.lease.as_millis() as u64;
        let asked = clock.monotonic();
        // Said again by the same owner, it is elected again under a newer epoch: harmless.
        let election = retry(clock, Backoff::STORAGE, || {
            self.ports.ledger.elect_finisher(job_id, &owner, lease_ms)
        })
        .await?;
        let (epoch, job) = match election {
            Election::Elected { epoch, job } => (epoch, job),
            Election::Busy { until_ms } => {
                let left_ms = until_ms.saturating_sub(clock.now_ms());
                let jitter = full_jitter(clock, Duration::from_secs(2));
                return Ok(Disposition::Release(
                    Duration::from_millis(left_ms) + jitter,
                ));
            }
            Election::NotReady | Election::Over => return Ok(Disposition::Delete),
        };
        let renew = || self.ports.ledger.renew_finisher(job_id, epoch, lease_ms);
        let finished = tokio::select! {
            biased;
            finished = finish::write_outputs(&self.ports, &job) => finished,
            () = lease::keep(clock, self.setup.lease, asked + self.setup.lease, renew) => {
                tracing::warn!(job = %job_id, epoch, "election lost");
                return Ok(Disposition::Leave);
            }
            () = self.ports.shutdown.draining() => {
                // Outputs are a function of the ledger and the chunk files: whoever is elected next writes the same.
                return Ok(Disposition::Release(Duration::ZERO));
            }
        };
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => return self.cannot_finish(job_id, &job, error).await,
        };
        let end = verdict(&job);
        // In the same write as the end: whoever dies after it, somebody finds the notice.
        let due = self.teller.as_ref().map(|teller| {
            let finish::Finished { summary, outputs } = finished;
            teller.due(notices::notice(&job.spec, &summary, outputs))
        });
        let ended = retry(clock, Backoff::STORAGE, || {
            self.ports.ledger.end_job(job_id, epoch, &end, due.as_ref())
        })
        .await?;
        match ended {
            EndOutcome::Ended => {
                tracing::info!(job = %job_id, state = end.name(), "job ended");
                if let Some(teller) = &self.teller {
                    teller.wake();
                }
                self.standing.ended(job_id, &end);
                finish::clean_up(&self.ports, &job).await;
                Ok(Disposition::Delete)
            }
            EndOutcome::AlreadyEnded => Ok(Disposition::Delete),
            EndOutcome::Fenced => Ok(Disposition::Leave),
        }
    }

    /// Outputs that can never be written (a chunk file is gone or damaged, the books do not balance) end the job as
    /// failed; anything else is tried again.
    async fn cannot_finish(
        &self,
        job_id: &JobId,
        job: &JobRecord,
        error: PortError,
    ) -> PortResult<Disposition> {
        let is_final = matches!(error.class, ErrorClass::PermanentJob | ErrorClass::Bug);
        // A job that is being stopped is not stopped again: its outputs are tried for as long as it takes.
        if !is_final || job.stopping.is_some() {
            return Err(error);
        }
        tracing::error!(job = %job_id, %error, "outputs cannot be written");
        let stop = Stop::Failed {
            reason: format!("outputs cannot be written: {}", error.what),
        };
        retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.stop(job_id, &stop)
        })
        .await?;
        Ok(Disposition::Release(Duration::ZERO))
    }
}

#[async_trait]
impl Handler for Aggregator {
    async fn handle(&self, message: &Received) -> Disposition {
        let Ok(parsed) = serde_json::from_str::<DoneMessage>(&message.body) else {
            return Disposition::Bury("a done message of unknown shape".to_string());
        };
        self.progress(&parsed.progress_of)
            .await
            .unwrap_or_else(Disposition::Trouble)
    }
}
