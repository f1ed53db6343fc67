//! Work under a claim: kept alive beside the work, given back in the way that fits how the work ended.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::Worker;
use super::order::Place;
use crate::consumer::Disposition;
use crate::core::chunk::{Claim, CommitOutcome, Release, ReleaseOutcome};
use crate::core::job::{PauseReason, Stop};
use crate::ports::clock::full_jitter;
use crate::ports::error::{ErrorClass, PortError};
use crate::ports::lease;
use crate::ports::retry::{Backoff, retry};
use crate::telemetry::Count;

/// How the work on a chunk ended.
#[derive(Debug)]
pub(super) enum ChunkEnd {
    /// The commit was answered.
    Answered(CommitOutcome),
    /// A drain cut it; all that is paid for is stored.
    Interrupted,
}

impl Worker {
    /// Works on a chunk, whose place in the order of choosing is `place`. `valid_until` is the monotonic time at which the
    /// claim ends unless it is renewed.
    pub(super) async fn under_claim(
        &self,
        claim: &Claim,
        place: Place<'_>,
        valid_until: Duration,
    ) -> Disposition {
        let lease_ms = self.setup.lease.as_millis() as u64;
        let renew = || self.ports.ledger.renew_claim(claim, lease_ms);
        let work = AssertUnwindSafe(self.work_on_chunk(claim, place)).catch_unwind();
        let ended = tokio::select! {
            biased;
            ended = work => ended,
            // S7: somebody else may have it by now. No commit, no delete, no visibility change.
            () = lease::keep(&*self.ports.clock, self.setup.lease, valid_until, renew) => {
                tracing::warn!("claim lost");
                self.metrics.one(Count::LostClaims);
                return Disposition::Leave;
            }
        };
        match ended {
            Ok(Ok(ChunkEnd::Answered(CommitOutcome::Committed))) => {
                self.announce(&claim.key.job_id).await;
                Disposition::Delete
            }
            Ok(Ok(ChunkEnd::Answered(CommitOutcome::AlreadyDone | CommitOutcome::JobOver))) => {
                Disposition::Delete
            }
            Ok(Ok(ChunkEnd::Answered(CommitOutcome::Fenced))) => Disposition::Leave,
            Ok(Ok(ChunkEnd::Interrupted)) => {
                self.give_back(claim, &Release::Interrupted).await;
                Disposition::Release(Duration::ZERO)
            }
            Ok(Err(error)) => self.failed(claim, error).await,
            // S15. The panic's text may hold report text, so it is not passed on.
            Err(_) => {
                self.failed(
                    claim,
                    PortError::bug("the program failed on this chunk (a panic)"),
                )
                .await
            }
        }
    }

    /// What an error asks for.
    async fn failed(&self, claim: &Claim, error: PortError) -> Disposition {
        let job_id = &claim.key.job_id;
        tracing::warn!(class = error.class.name(), %error, "chunk not done");
        if error.unknown_outcome {
            self.metrics.one(Count::UnknownOutcomes);
        }
        match error.class {
            ErrorClass::LostClaim => {
                self.metrics.one(Count::LostClaims);
                Disposition::Leave
            }
            ErrorClass::PermanentJob => {
                let stop = Stop::Failed {
                    reason: error.what.clone(),
                };
                let stopped = retry(&*self.ports.clock, Backoff::STORAGE, || {
                    self.ports.ledger.stop(job_id, &stop)
                })
                .await;
                self.give_back(claim, &Release::Interrupted).await;
                if let Err(error) = stopped {
                    return Disposition::Trouble(error);
                }
                self.announce(job_id).await;
                Disposition::Delete
            }
            ErrorClass::LaneParked | ErrorClass::CostCap => {
                let reason = match error.class {
                    ErrorClass::CostCap => PauseReason::CostCap,
                    _ => PauseReason::LaneParked {
                        detail: error.what.clone(),
                    },
                };
                let ledger = &self.ports.ledger;
                let paused = retry(&*self.ports.clock, Backoff::STORAGE, || {
                    ledger.pause(job_id, &reason)
                })
                .await;
                if let Err(error) = paused {
                    self.give_back(claim, &Release::Interrupted).await;
                    return Disposition::Trouble(error);
                }
                let parked = retry(&*self.ports.clock, Backoff::STORAGE, || {
                    ledger.park_chunk(claim)
                })
                .await;
                self.announce(job_id).await;
                match parked {
                    Ok(_) => Disposition::Delete,
                    Err(error) => Disposition::Trouble(error),
                }
            }
            // S16: the surroundings failed, not the chunk.
            ErrorClass::Transient | ErrorClass::Throttled => {
                self.give_back(claim, &Release::Interrupted).await;
                Disposition::Trouble(error)
            }
            ErrorClass::PermanentRow | ErrorClass::Bug => {
                match self
                    .give_back(claim, &Release::Failed { reason: error.what })
                    .await
                {
                    Some(ReleaseOutcome::Quarantined) => {
                        self.metrics.one(Count::Quarantined);
                        self.announce(job_id).await;
                        Disposition::Delete
                    }
                    Some(ReleaseOutcome::Released) => {
                        let ceiling = Duration::from_secs(1 << claim.failed_attempts.min(6));
                        Disposition::Release(full_jitter(&*self.ports.clock, ceiling))
                    }
                    Some(ReleaseOutcome::Lost) | None => Disposition::Leave,
                }
            }
        }
    }

    /// Gives a claim back; none: that could not be said, and the claim will run out by itself.
    pub(super) async fn give_back(&self, claim: &Claim, how: &Release) -> Option<ReleaseOutcome> {
        let released = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.release_claim(claim, how)
        })
        .await;
        released
            .inspect_err(|error| tracing::warn!(chunk = %claim.key, %error, "claim not given back"))
            .ok()
    }
}
