//! Pause, resume, cancel: what was said is in the ledger when these return; workers act on it with their next claim.

use super::{ControlError, ControlPorts, ControlResult};
use crate::core::job::{JobRecord, PauseReason, Stop};
use crate::core::money::NanoUsd;
use crate::core::spec::Limits;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::announce;

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steered {
    /// It was done.
    Done,
    /// It was so already.
    WasSo,
}

/// Sets a live job aside: chunks in hand are finished, nothing new begins.
pub async fn pause(ports: &ControlPorts, job: &JobRecord) -> ControlResult<Steered> {
    if job.paused.is_some() && job.is_live() {
        return Ok(Steered::WasSo);
    }
    let paused = retry(&*ports.clock, Backoff::STORAGE, || {
        ports.ledger.pause(&job.job_id, &PauseReason::ByUser)
    })
    .await?;
    if paused {
        return Ok(Steered::Done);
    }
    Err(not_live(ports, job, "paused").await?)
}

/// Lets a paused job go on, under another cost cap if one is given, and has its window filled.
pub async fn resume(
    ports: &ControlPorts,
    job: &JobRecord,
    max_cost: Option<NanoUsd>,
) -> ControlResult<Steered> {
    let (clock, ledger) = (&*ports.clock, &ports.ledger);
    if !job.is_live() {
        return Err(not_live(ports, job, "resumed").await?);
    }
    if max_cost.is_some() {
        let limits = Limits {
            max_cost,
            ..job.spec.limits()
        };
        retry(clock, Backoff::STORAGE, || {
            ledger.set_limits(&job.job_id, &limits)
        })
        .await?;
    }
    // Said again after a lost answer it finds nothing paused: what was read before decides what is told.
    let resumed = retry(clock, Backoff::STORAGE, || ledger.resume(&job.job_id)).await?;
    announce(clock, &*ports.done, &job.job_id).await?;
    Ok(if resumed || job.paused.is_some() {
        Steered::Done
    } else {
        Steered::WasSo
    })
}

/// Has a live job end with what is done so far.
pub async fn cancel(ports: &ControlPorts, job: &JobRecord) -> ControlResult<Steered> {
    let clock = &*ports.clock;
    let stopped = retry(clock, Backoff::STORAGE, || {
        ports.ledger.stop(&job.job_id, &Stop::Cancelled)
    })
    .await?;
    if !stopped {
        let now = again(ports, job).await?;
        if now.stopping != Some(Stop::Cancelled) || now.is_over() {
            return Err(refused(&now, "cancelled"));
        }
    }
    // Also where it was stopped before: perhaps nobody was told.
    announce(clock, &*ports.done, &job.job_id).await?;
    Ok(if stopped || job.stopping.is_none() {
        Steered::Done
    } else {
        Steered::WasSo
    })
}

async fn again(ports: &ControlPorts, job: &JobRecord) -> ControlResult<JobRecord> {
    let found = retry(&*ports.clock, Backoff::STORAGE, || {
        ports.ledger.job(&job.job_id)
    })
    .await?;
    Ok(found.unwrap_or_else(|| job.clone()))
}

async fn not_live(
    ports: &ControlPorts,
    job: &JobRecord,
    done: &str,
) -> ControlResult<ControlError> {
    Ok(refused(&again(ports, job).await?, done))
}

fn refused(job: &JobRecord, done: &str) -> ControlError {
    let state = match &job.stopping {
        Some(_) if !job.is_over() => "is being stopped".to_string(),
        _ => format!("is {}", job.state()),
    };
    let hint = match job.is_over() && job.state() != "COMPLETED" {
        true => "; annexa retry does again what failed or was not done",
        false => "",
    };
    ControlError::Refused(format!(
        "job {} {state} and cannot be {done}{hint}",
        job.job_id
    ))
}
