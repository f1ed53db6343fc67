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

/// Lets a paused job go on, under another cost cap if one is given, and has its window filled. Refused where it would pause
/// again at once: it was paused by its cap and none is given, or one that is used up already.
pub async fn resume(
    ports: &ControlPorts,
    job: &JobRecord,
    max_cost: Option<NanoUsd>,
) -> ControlResult<Steered> {
    let (clock, ledger) = (&*ports.clock, &ports.ledger);
    if !job.is_live() {
        return Err(not_live(ports, job, "resumed").await?);
    }
    refuse_if_used_up(job, max_cost)?;
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

fn refuse_if_used_up(job: &JobRecord, max_cost: Option<NanoUsd>) -> ControlResult<()> {
    let (id, budget) = (&job.job_id, job.counters.budget);
    let counted = budget.spent + budget.reserved;
    let what_to_do = format!(
        "{counted} US dollars count under it: annexa resume {id} --max-cost-usd N, with N above that by what the next call may \
         cost (the worker's log says it)"
    );
    match (max_cost, job.spec.max_cost_usd) {
        (Some(cap), _) if cap <= counted => Err(ControlError::Refused(format!(
            "a cost cap of {cap} US dollars leaves job {id} no room: {what_to_do}"
        ))),
        (None, Some(cap)) if job.paused == Some(PauseReason::CostCap) => {
            Err(ControlError::Refused(format!(
                "job {id} is paused by its cost cap of {cap} US dollars: {what_to_do}"
            )))
        }
        _ => Ok(()),
    }
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
