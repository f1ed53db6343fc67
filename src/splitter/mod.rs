//! The splitter: freezes a job's plan, streams its input once in bounded memory, stores chunk ranges in the index, and
//! sends messages that only point at chunks.
//!
//! Killed halfway it begins again: stored ranges are verified, not written twice.
//!
//! In a fleet its queue is the inbox: what arrives there becomes a job first (see [`crate::inbox`]), whose split is then a
//! message of its own.

mod plan;
mod scan;

use std::sync::Arc;

use async_trait::async_trait;

use crate::consumer::{Disposition, Handler};
use crate::core::ids::JobId;
use crate::core::job::Stop;
use crate::core::messages::SplitMessage;
use crate::inbox::Intake;
use crate::jobs::window::Window;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::queue::Received;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::announce;
use crate::ports::{Blobs, Clock, Ledger, Queue, Shutdown, Stager};

/// What a splitter needs of the world.
#[derive(Clone)]
pub struct SplitterPorts {
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Jobs and chunks.
    pub ledger: Arc<dyn Ledger>,
    /// The input.
    pub blobs: Arc<dyn Blobs>,
    /// For compressed and non-UTF-8 input.
    pub stager: Arc<dyn Stager>,
    /// Where chunk messages go.
    pub chunks: Arc<dyn Queue>,
    /// Where progress is announced.
    pub done: Arc<dyn Queue>,
    /// The wish to stop.
    pub shutdown: Shutdown,
}

/// A splitter: a [`Handler`] of split messages and, with an intake, of whatever arrives in the inbox.
pub struct Splitter {
    ports: SplitterPorts,
    /// Makes jobs of what arrives; none: on one machine nothing does.
    intake: Option<Arc<Intake>>,
    window: Arc<Window>,
}

/// How a split ended.
enum SplitEnd {
    Complete,
    Interrupted,
}

impl Splitter {
    /// A splitter.
    pub fn new(ports: SplitterPorts, window: Arc<Window>) -> Splitter {
        Splitter {
            ports,
            intake: None,
            window,
        }
    }

    /// The same with an inbox: messages that are no splits go to `intake`.
    pub fn with_intake(self, intake: Arc<Intake>) -> Splitter {
        Splitter {
            intake: Some(intake),
            ..self
        }
    }

    async fn split(&self, job_id: &JobId) -> PortResult<SplitEnd> {
        let job = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.job(job_id)
        })
        .await?;
        let job =
            job.ok_or_else(|| PortError::bug(format!("job {job_id} is not in the ledger")))?;
        if !job.is_live() || job.split.is_some() {
            return Ok(SplitEnd::Complete);
        }
        let plan = match job.plan {
            Some(plan) => plan,
            None => {
                let plan = plan::make(&self.ports, job_id, &job.spec).await?;
                retry(&*self.ports.clock, Backoff::STORAGE, || {
                    self.ports.ledger.freeze_plan(job_id, &plan)
                })
                .await?
            }
        };
        self.scan(job_id, &plan).await
    }
}

#[async_trait]
impl Handler for Splitter {
    async fn handle(&self, message: &Received) -> Disposition {
        let Ok(parsed) = serde_json::from_str::<SplitMessage>(&message.body) else {
            return match &self.intake {
                Some(intake) => intake.take(message).await,
                None => Disposition::Bury("an inbox message of unknown shape".to_string()),
            };
        };
        let job_id = parsed.split_job;
        let ended = match self.split(&job_id).await {
            Err(error) if error.class == ErrorClass::PermanentJob => {
                tracing::error!(job = %job_id, %error, "the job cannot be split");
                let stop = Stop::Failed { reason: error.what };
                let ledger = &self.ports.ledger;
                retry(&*self.ports.clock, Backoff::STORAGE, || {
                    ledger.stop(&job_id, &stop)
                })
                .await
                .map(|_| SplitEnd::Complete)
            }
            // The job ended meanwhile (somebody cancelled it, or another splitter was quicker).
            Err(error) if error.class == ErrorClass::LostClaim => Ok(SplitEnd::Complete),
            ended => ended,
        };
        match ended {
            Ok(SplitEnd::Interrupted) => Disposition::Release(std::time::Duration::ZERO),
            // Announced before the message goes: a job without rows must end, too.
            Ok(SplitEnd::Complete) => {
                match announce(&*self.ports.clock, &*self.ports.done, &job_id).await {
                    Ok(()) => Disposition::Delete,
                    Err(error) => Disposition::Trouble(error),
                }
            }
            Err(error) => Disposition::Trouble(error),
        }
    }
}
