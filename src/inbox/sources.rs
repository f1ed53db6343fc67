//! The three things that ask for a job: a CSV with or without a sidecar, a spec that lies in the inbox, and a spec that is
//! the message.

use serde_json::{Map, Value};

use super::arrival::ObjectEvent;
use super::intake::Intake;
use super::pin::{pin, read_small, sorted};
use super::request::JobRequest;
use super::resolve::{Resolved, Unresolved};
use crate::core::spec::BlobRef;
use crate::ports::error::PortError;
use crate::ports::retry::{Backoff, retry};

/// The longest spec that is read.
const MOST_SPEC_BYTES: u64 = 256 << 10;

/// Why an arrival made no job.
pub(super) enum Undone {
    /// Nobody can say whose job would fail: a dead letter.
    Bury(String),
    Trouble(PortError),
}

impl From<PortError> for Undone {
    fn from(error: PortError) -> Undone {
        Undone::Trouble(error)
    }
}

/// What is known of an arrival when it is refused.
pub(super) struct Refused {
    pub(super) request: JobRequest,
    pub(super) version: Option<String>,
    pub(super) problems: Vec<String>,
}

/// How far an arrival came.
pub(super) enum Outcome {
    Ready(Box<(JobRequest, Resolved)>),
    Refused(Box<Refused>),
}

impl Intake {
    /// A CSV, with the sidecar beside it if there is one.
    pub(super) async fn reports(&self, event: &ObjectEvent) -> Result<Outcome, Undone> {
        let version = self.version_of(event);
        let input = &event.blob;
        let beside = BlobRef::new(&input.bucket, format!("{}.json", input.key));
        let mut request = JobRequest::default();
        let mut problems = Vec::new();
        match self.spec_at("the sidecar", &beside, None).await {
            Ok(None) => {}
            Ok(Some((said, more))) => {
                request = said;
                problems.extend(placed(&format!("the sidecar {beside}"), more));
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
    pub(super) async fn spec_object(&self, event: &ObjectEvent) -> Result<Outcome, Undone> {
        let version = self.version_of(event);
        let read = self.spec_at("the spec", &event.blob, version.as_deref());
        let problems = match read.await {
            Ok(Some((request, problems))) => {
                let problems = placed(&format!("the spec {}", event.blob), problems);
                return self.resolved(request, None, problems).await;
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
    pub(super) async fn spec(&self, object: Map<String, Value>) -> Result<Outcome, Undone> {
        let (request, problems) = JobRequest::from_object(object);
        if request.input_bucket.is_none() {
            // Nothing is known that a job could be made of, not even one that fails.
            return Err(Undone::Bury(
                "a job spec without a usable input_bucket: correct it (annexa submit --spec FILE says all that is wrong)"
                    .to_string(),
            ));
        }
        self.resolved(request, None, problems).await
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
    ) -> Result<Option<(JobRequest, Vec<String>)>, Unresolved> {
        let (clock, blobs) = (&*self.ports.clock, &*self.ports.blobs);
        let head = match version {
            Some(_) => pin(clock, blobs, what, blob, version).await?,
            None => {
                let head = retry(clock, Backoff::STORAGE, || blobs.head(blob)).await;
                match head.map_err(|error| sorted(what, error))? {
                    Some(head) => head,
                    None => return Ok(None),
                }
            }
        };
        let bytes = read_small(clock, blobs, what, blob, &head, MOST_SPEC_BYTES).await?;
        Ok(Some(JobRequest::parse(&bytes)))
    }
}

/// Problems with the place where they are.
fn placed(place: &str, problems: Vec<String>) -> Vec<String> {
    let at = |problem: String| format!("{place}: {problem}");
    problems.into_iter().map(at).collect()
}
