//! From a message of the inbox queue to jobs: each arrival is looked up, resolved, frozen, created, and sent to be split.
//!
//! Every step may be said again: a crash in between repeats harmlessly. The split is a message of its own, with its own
//! receipt and its own retries; the message of the event is deleted once all its arrivals have their jobs.

use std::sync::Arc;

use super::arrival::{Arrival, Ignored, ObjectEvent};
use super::counts::{Became, Counts};
use super::frozen::{self, ArrivalId, Frozen};
use super::place::{Kind, kind_of};
use super::request::JobRequest;
use super::resolve::{Resolved, Resolver, ResolverSetup};
use super::sources::{Outcome, Refused, Undone};
use super::{failed, shapes};
use crate::consumer::Disposition;
use crate::core::ids::JobId;
use crate::core::job::{JobRecord, Stop};
use crate::core::spec::JobSpec;
use crate::jobs::prefix;
use crate::ports::error::{ErrorClass, PortResult};
use crate::ports::ledger::Created;
use crate::ports::queue::Received;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::{announce, ask_for_split};
use crate::ports::{Blobs, Clock, Ledger, Models, Queue};

/// What an intake needs of the world.
#[derive(Clone)]
pub struct IntakePorts {
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Jobs.
    pub ledger: Arc<dyn Ledger>,
    /// Specs, terms and inputs, and what is known of arrivals.
    pub blobs: Arc<dyn Blobs>,
    /// Models by their ids.
    pub models: Arc<dyn Models>,
    /// Where splits are sent: the queue that messages come from.
    pub inbox: Arc<dyn Queue>,
    /// Where failed jobs are announced, so that they end.
    pub done: Arc<dyn Queue>,
}

/// Makes jobs of what arrives, and of what is submitted.
pub struct Intake {
    pub(super) ports: IntakePorts,
    pub(super) resolver: Resolver,
    counts: Counts,
}

/// An arrival that is being worked on.
struct Source<'a> {
    arrival: ArrivalId,
    /// What is said of it in logs.
    what: String,
    /// The object that came, if it was one.
    event: Option<&'a ObjectEvent>,
}

impl Intake {
    /// An intake.
    pub fn new(ports: IntakePorts, setup: ResolverSetup) -> Intake {
        let resolver = Resolver::new(
            ports.clock.clone(),
            ports.blobs.clone(),
            ports.models.clone(),
            setup,
        );
        Intake {
            ports,
            resolver,
            counts: Counts::default(),
        }
    }

    /// What became of arrivals so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Works on a message that is no split of ours.
    pub async fn take(&self, message: &Received) -> Disposition {
        let (mut trouble, mut unknown) = (None, None);
        // Each for itself: what is wrong with one keeps no other from its job (S20).
        for arrival in shapes::parse(&message.body) {
            match self.arrived(message, arrival).await {
                Ok(became) => self.counts.count(became),
                Err(Undone::Trouble(error)) => trouble = Some(error),
                Err(Undone::Bury(reason)) => {
                    self.counts.count(Became::Unknown);
                    unknown.get_or_insert(reason);
                }
            }
        }
        match (trouble, unknown) {
            // The others have their jobs, and find them again when the message comes back.
            (Some(error), _) => Disposition::Trouble(error),
            (None, Some(reason)) => Disposition::Bury(reason),
            (None, None) => Disposition::Delete,
        }
    }

    async fn arrived(&self, message: &Received, arrival: Arrival) -> Result<Became, Undone> {
        match arrival {
            Arrival::Ignored(why) => Ok(ignored(why, &message.message_id)),
            Arrival::Unknown(reason) => Err(Undone::Bury(reason.to_string())),
            Arrival::Spec(object) => {
                let source = Source {
                    arrival: ArrivalId::of_message(&message.body, &message.message_id),
                    what: format!("message {}", message.message_id),
                    event: None,
                };
                self.taken(&source, self.spec(object)).await
            }
            Arrival::Object(event) => {
                let blob = &event.blob;
                let place = &self.resolver.setup().place;
                let kind = kind_of(&blob.key);
                let why = match kind {
                    Kind::OwnOutput => Some(Ignored::OwnOutput),
                    _ if !place.holds(&blob.bucket, &blob.key) => Some(Ignored::OtherPlace),
                    Kind::Sidecar => Some(Ignored::SidecarAlone),
                    Kind::Other => Some(Ignored::OtherFile),
                    Kind::Reports | Kind::Spec => None,
                };
                if let Some(why) = why {
                    return Ok(ignored(why, blob));
                }
                let source = Source {
                    arrival: ArrivalId::of_object(&event, &message.message_id),
                    what: blob.to_string(),
                    event: Some(&event),
                };
                if kind == Kind::Spec {
                    self.taken(&source, self.spec_object(&event)).await
                } else {
                    self.taken(&source, self.reports(&event)).await
                }
            }
        }
    }

    /// From an arrival to its job: the one that it came to before, or the one that `outcome` makes of it.
    async fn taken(
        &self,
        source: &Source<'_>,
        outcome: impl Future<Output = Result<Outcome, Undone>>,
    ) -> Result<Became, Undone> {
        let (clock, blobs) = (&*self.ports.clock, &*self.ports.blobs);
        let record = source.arrival.blob(&self.resolver.setup().output_bucket);
        if let Some(frozen) = frozen::find(clock, blobs, &record).await? {
            self.open(&frozen, &source.what).await?;
            return Ok(Became::Repeated);
        }
        let made = match outcome.await? {
            Outcome::Ready(ready) => self.begin(*ready).await?,
            Outcome::Refused(refused) => Err(refused),
        };
        let to_freeze = made.unwrap_or_else(|refused| {
            let Refused {
                mut request,
                version,
                problems,
            } = *refused;
            if let Some(event) = source.event
                && request.input().is_none()
            {
                request.input_bucket = Some(event.blob.bucket.clone());
                request.input_key = Some(event.blob.key.clone());
            }
            failed::job(
                &self.resolver,
                &source.arrival,
                &request,
                version.as_deref(),
                &problems,
            )
        });
        let frozen = frozen::freeze(clock, blobs, &record, to_freeze).await?;
        Ok(self.open(&frozen, &source.what).await?)
    }

    /// What is to be frozen of a job that can be begun: the spec that it has already, or the new one, whose output place
    /// is taken now.
    async fn begin(
        &self,
        (request, resolved): (JobRequest, Resolved),
    ) -> PortResult<Result<Frozen, Box<Refused>>> {
        let Resolved { job_id, spec, .. } = resolved;
        let refused = |problem: String| {
            Ok(Err(Box::new(Refused {
                version: Some(spec.input_version.clone()),
                request: request.clone(),
                problems: vec![problem],
            })))
        };
        let frozen = |spec| Frozen {
            job_id: job_id.clone(),
            spec,
            failed: None,
        };
        match self.found(&request, &job_id).await? {
            Some(Ok(job)) => Ok(Ok(frozen(job.spec))),
            Some(Err(problem)) => refused(problem),
            None => match self.take_prefix(&job_id, &spec).await {
                Ok(()) => Ok(Ok(frozen(spec.clone()))),
                Err(error) if error.class == ErrorClass::PermanentJob => refused(error.what),
                Err(error) => Err(error),
            },
        }
    }

    pub(super) async fn take_prefix(&self, job_id: &JobId, spec: &JobSpec) -> PortResult<()> {
        prefix::take(&*self.ports.clock, &*self.ports.blobs, job_id, spec).await
    }

    /// The job of this id, under the limits that the request names; an error if it writes elsewhere than the request wants.
    pub(super) async fn found(
        &self,
        request: &JobRequest,
        job_id: &JobId,
    ) -> PortResult<Option<Result<JobRecord, String>>> {
        let (clock, ledger) = (&*self.ports.clock, &self.ports.ledger);
        let Some(job) = retry(clock, Backoff::STORAGE, || ledger.job(job_id)).await? else {
            return Ok(None);
        };
        if request.wants_elsewhere(&job.spec) {
            return Ok(Some(Err(format!(
                "this is job {job_id}, whose outputs go to {}: leave output_bucket and output_prefix out, or submit it \
                 with --again as another job",
                job.spec.output("")
            ))));
        }
        let limits = request.limits_over(job.spec.limits());
        if limits != job.spec.limits() && !job.is_over() {
            retry(clock, Backoff::STORAGE, || {
                ledger.set_limits(job_id, &limits)
            })
            .await?;
            tracing::info!(job = %job_id, "limits changed");
        }
        Ok(Some(Ok(job)))
    }

    /// Creates the job of `frozen` if it is not there, and has it go on: to its split, or to its end as failed.
    pub(super) async fn open(&self, frozen: &Frozen, from: &str) -> PortResult<Became> {
        let IntakePorts {
            clock,
            ledger,
            inbox,
            done,
            ..
        } = &self.ports;
        let clock = &**clock;
        let Frozen {
            job_id,
            spec,
            failed,
        } = frozen;
        let created = retry(clock, Backoff::STORAGE, || ledger.create_job(job_id, spec)).await?;
        let found = match created {
            Created::New => None,
            Created::Exists(job) => Some(job),
        };
        let is_new = found.is_none();
        if let Some(reason) = failed {
            if found.as_ref().is_none_or(|job| job.is_live()) {
                let stop = Stop::Failed {
                    reason: reason.clone(),
                };
                retry(clock, Backoff::STORAGE, || ledger.stop(job_id, &stop)).await?;
            }
            if found.as_ref().is_none_or(|job| !job.is_over()) {
                announce(clock, &**done, job_id).await?;
            }
            tracing::error!(job = %job_id, from, reason, "a job that cannot be done");
            return Ok(if is_new {
                Became::Failed
            } else {
                Became::Repeated
            });
        }
        let wants_split = found
            .as_ref()
            .is_none_or(|job| job.is_live() && job.split.is_none());
        if wants_split {
            ask_for_split(clock, &**inbox, job_id).await?;
        }
        match &found {
            None => tracing::info!(job = %job_id, from, "job created"),
            Some(job) => tracing::info!(job = %job_id, from, state = job.state(), "job found"),
        }
        Ok(if is_new {
            Became::Created
        } else {
            Became::Repeated
        })
    }
}

/// Says what is ignored: somebody may wait for it.
fn ignored(why: Ignored, what: impl std::fmt::Display) -> Became {
    tracing::info!(%what, reason = why.name(), "ignored");
    Became::Ignored(why)
}
