//! From a message of the inbox queue to jobs: each arrival is looked up, resolved, frozen, created, and sent to be split.
//!
//! Every step may be said again: a crash in between repeats harmlessly. The split is a message of its own, with its own
//! receipt and its own retries; the message of the event is deleted once all its arrivals have their jobs.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::arrival::{Arrival, Ignored, ObjectEvent};
use super::counts::{Became, Counts};
use super::frozen::{self, ArrivalId, Frozen};
use super::pin::{pin, read_small};
use super::place::{Kind, kind_of};
use super::request::JobRequest;
use super::resolve::{Resolved, Resolver, ResolverSetup, Unresolved};
use super::{failed, shapes};
use crate::consumer::Disposition;
use crate::core::ids::JobId;
use crate::core::job::{JobRecord, Stop};
use crate::core::messages::{SplitMessage, encode};
use crate::core::spec::BlobRef;
use crate::jobs::prefix;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::ledger::Created;
use crate::ports::queue::Received;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::{announce, send_all};
use crate::ports::{Blobs, Clock, Ledger, Models, Queue};

/// The longest spec that is read.
const MOST_SPEC_BYTES: u64 = 256 << 10;

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
    ports: IntakePorts,
    resolver: Resolver,
    counts: Counts,
}

/// What a submission came to.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The job.
    pub job_id: JobId,
    /// The job as it was found; none: it is new.
    pub found: Option<Box<JobRecord>>,
    /// What its user should be told.
    pub warnings: Vec<String>,
}

/// Why an arrival made no job.
enum Undone {
    /// Nobody can say whose job would fail: a dead letter.
    Bury(String),
    Trouble(PortError),
}

impl From<PortError> for Undone {
    fn from(error: PortError) -> Undone {
        Undone::Trouble(error)
    }
}

/// An arrival that is being worked on.
struct Source<'a> {
    arrival: ArrivalId,
    /// What is said of it in logs.
    what: String,
    /// The object that came, if it was one.
    event: Option<&'a ObjectEvent>,
}

/// What is known of an arrival when it is refused.
struct Refused {
    request: JobRequest,
    version: Option<String>,
    problems: Vec<String>,
}

/// How far an arrival came.
enum Outcome {
    Ready(Box<(JobRequest, Resolved)>),
    Refused(Box<Refused>),
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
        let record = source
            .arrival
            .blob(&self.resolver.setup().output_bucket);
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

    /// A CSV, with the sidecar beside it if there is one.
    async fn reports(&self, event: &ObjectEvent) -> Result<Outcome, Undone> {
        let version = self.version_of(event);
        let input = &event.blob;
        let beside = BlobRef::new(&input.bucket, format!("{}.json", input.key));
        let mut request = JobRequest::default();
        let mut problems = Vec::new();
        match self.spec_at("the sidecar", &beside, None).await {
            Ok(None) => {}
            Ok(Some(Ok(said))) => request = said,
            Ok(Some(Err(more))) => {
                let place = |problem: String| format!("the sidecar {beside}: {problem}");
                problems.extend(more.into_iter().map(place));
            }
            Err(Unresolved::Refused(more)) => problems.extend(more),
            Err(Unresolved::Trouble(error)) => return Err(Undone::Trouble(error)),
        }
        let fits = |said: &Option<String>, is: &String| said.as_ref().is_none_or(|said| said == is);
        if !fits(&request.input_bucket, &input.bucket) || !fits(&request.input_key, &input.key) {
            problems.push(format!(
                "the sidecar {beside} names another input than the file beside it: leave input_bucket and input_key \
                 out, or drop it as a spec of its own"
            ));
        }
        request.input_bucket = Some(input.bucket.clone());
        request.input_key = Some(input.key.clone());
        self.resolved(request, version, problems).await
    }

    /// A spec that was dropped by itself.
    async fn spec_object(&self, event: &ObjectEvent) -> Result<Outcome, Undone> {
        let version = self.version_of(event);
        let read = self.spec_at("the spec", &event.blob, version.as_deref());
        let problems = match read.await {
            Ok(Some(Ok(request))) => return self.resolved(request, None, Vec::new()).await,
            Ok(Some(Err(problems))) => {
                let place = |problem: String| format!("the spec {}: {problem}", event.blob);
                problems.into_iter().map(place).collect()
            }
            Ok(None) => vec![format!("the spec {} is not there", event.blob)],
            Err(Unresolved::Refused(problems)) => problems,
            Err(Unresolved::Trouble(error)) => return Err(Undone::Trouble(error)),
        };
        Ok(Outcome::Refused(Box::new(Refused {
            request: JobRequest::default(),
            version,
            problems,
        })))
    }

    /// A spec that came as the message.
    async fn spec(&self, object: Map<String, Value>) -> Result<Outcome, Undone> {
        let salvaged = JobRequest::salvaged(&object);
        match JobRequest::from_object(object) {
            Ok(request) if request.input_bucket.is_some() => {
                self.resolved(request, None, Vec::new()).await
            }
            Err(problems) if salvaged.input_bucket.is_some() => {
                Ok(Outcome::Refused(Box::new(Refused {
                    request: salvaged,
                    version: None,
                    problems,
                })))
            }
            Ok(_) => Err(Undone::Bury(
                "a job spec without input_bucket: name the input".to_string(),
            )),
            Err(_) => Err(Undone::Bury(
                "a job spec without input_bucket, and with other errors: name the input, and correct it as annexa \
                 submit --spec says"
                    .to_string(),
            )),
        }
    }

    /// Resolves a request; `problems` are known of it before.
    async fn resolved(
        &self,
        request: JobRequest,
        version: Option<String>,
        mut problems: Vec<String>,
    ) -> Result<Outcome, Undone> {
        match self.resolver.resolve(&request, version.as_deref()).await {
            Ok(resolved) if problems.is_empty() => {
                Ok(Outcome::Ready(Box::new((request, resolved))))
            }
            Err(Unresolved::Trouble(error)) => Err(Undone::Trouble(error)),
            other => {
                if let Err(Unresolved::Refused(more)) = other {
                    problems.extend(more);
                }
                Ok(Outcome::Refused(Box::new(Refused {
                    request,
                    version,
                    problems,
                })))
            }
        }
    }

    /// What is to be frozen of a job that can be begun: the spec that it has already, or the new one, whose output place
    /// is taken now.
    async fn begin(
        &self,
        (request, resolved): (JobRequest, Resolved),
    ) -> PortResult<Result<Frozen, Box<Refused>>> {
        let Resolved {
            job_id, spec, ..
        } = resolved;
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

    async fn take_prefix(
        &self,
        job_id: &JobId,
        spec: &crate::core::spec::JobSpec,
    ) -> PortResult<()> {
        prefix::take(&*self.ports.clock, &*self.ports.blobs, job_id, spec).await
    }

    /// The job of this id, under the limits that the request names; an error if it writes elsewhere than the request wants.
    async fn found(
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
    async fn open(&self, frozen: &Frozen, from: &str) -> PortResult<Became> {
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
            let split = encode(&SplitMessage {
                split_job: job_id.clone(),
            });
            send_all(clock, &**inbox, job_id.as_str(), vec![split]).await?;
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

    /// Resolves a request that a person makes, creates its job or finds it, and sends it to be split.
    ///
    /// # Errors
    /// All that is wrong with the request (then nothing was begun), or trouble.
    pub async fn submit(&self, request: &JobRequest) -> Result<Submitted, Unresolved> {
        let resolved = self.resolver.resolve(request, None).await?;
        let (job_id, warnings) = (resolved.job_id.clone(), resolved.warnings.clone());
        let one = |problem: String| Unresolved::Refused(vec![problem]);
        let found = self.found(request, &job_id).await;
        let found = found
            .map_err(Unresolved::Trouble)?
            .transpose()
            .map_err(one)?;
        if found.is_none() {
            self.take_prefix(&job_id, &resolved.spec)
                .await
                .map_err(|error| match error.class {
                    ErrorClass::PermanentJob => Unresolved::Refused(vec![error.what]),
                    _ => Unresolved::Trouble(error),
                })?;
        }
        let frozen = Frozen {
            job_id: job_id.clone(),
            spec: resolved.spec,
            failed: None,
        };
        self.open(&frozen, "a submission")
            .await
            .map_err(Unresolved::Trouble)?;
        Ok(Submitted {
            job_id,
            found: found.map(Box::new),
            warnings,
        })
    }

    /// The store's token for the version that an event is about; none: the event does not say, what is there is meant.
    fn version_of(&self, event: &ObjectEvent) -> Option<String> {
        let etag = event.etag.as_ref()?;
        let version_id = event.version_id.as_deref();
        Some(self.ports.blobs.version_token(etag, version_id))
    }

    /// The spec at `blob`, or what is wrong with it; none: it is not there and nobody said that it would be.
    async fn spec_at(
        &self,
        what: &str,
        blob: &BlobRef,
        version: Option<&str>,
    ) -> Result<Option<Result<JobRequest, Vec<String>>>, Unresolved> {
        let (clock, blobs) = (&*self.ports.clock, &*self.ports.blobs);
        let head = match version {
            Some(_) => pin(clock, blobs, what, blob, version).await?,
            None => {
                let head = retry(clock, Backoff::STORAGE, || blobs.head(blob)).await;
                match head.map_err(|error| super::pin::sorted(what, error))? {
                    Some(head) => head,
                    None => return Ok(None),
                }
            }
        };
        let bytes = read_small(clock, blobs, what, blob, &head, MOST_SPEC_BYTES).await?;
        Ok(Some(JobRequest::parse(&bytes)))
    }
}

/// Says what is ignored: somebody may wait for it.
fn ignored(why: Ignored, what: impl std::fmt::Display) -> Became {
    tracing::info!(%what, reason = why.name(), "ignored");
    Became::Ignored(why)
}
