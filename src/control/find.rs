//! Finding jobs: by id, by the beginning of the id of a live one, by state.

use super::{ControlError, ControlPorts, ControlResult};
use crate::core::ids::JobId;
use crate::core::job::JobRecord;
use crate::ports::retry::{Backoff, retry};

/// Ended jobs that a listing by state shows.
pub const ENDED_SHOWN: usize = 100;

/// Names of the states in which a job has ended.
pub const ENDED: [&str; 4] = ["COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"];
/// Names of the other states.
pub const LIVE: [&str; 4] = ["SPLITTING", "RUNNING", "FINISHING", "PAUSED"];

/// The job of this id, or the only live job whose id begins so.
pub async fn job(ports: &ControlPorts, name: &str) -> ControlResult<JobRecord> {
    let clock = &*ports.clock;
    let exact = JobId(name.to_string());
    if !name.is_empty()
        && let Some(job) = retry(clock, Backoff::STORAGE, || ports.ledger.job(&exact)).await?
    {
        return Ok(job);
    }
    let live = retry(clock, Backoff::STORAGE, || ports.ledger.live_jobs()).await?;
    let is_meant = |job: &JobRecord| !name.is_empty() && job.job_id.as_str().starts_with(name);
    let (mut found, others): (Vec<JobRecord>, Vec<JobRecord>) =
        live.into_iter().partition(is_meant);
    let ids = |jobs: Vec<JobRecord>| jobs.into_iter().map(|job| job.job_id).collect();
    match found.len() {
        0 => Err(ControlError::UnknownJob {
            name: name.to_string(),
            live: ids(others),
        }),
        1 => Ok(found.remove(0)),
        _ => Err(ControlError::Ambiguous {
            name: name.to_string(),
            found: ids(found),
        }),
    }
}

/// What jobs a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'s> {
    /// Those that have not ended.
    Live,
    /// Those in the state of this name; of an ended one the newest [`ENDED_SHOWN`].
    State(&'s str),
    /// All there are: reads the whole ledger.
    All,
}

/// Jobs, newest first.
pub async fn jobs(ports: &ControlPorts, which: Which<'_>) -> ControlResult<Vec<JobRecord>> {
    let (clock, ledger) = (&*ports.clock, &ports.ledger);
    let backoff = Backoff::STORAGE;
    let jobs = match which {
        Which::All => retry(clock, backoff, || ledger.list_jobs()).await?,
        Which::Live => retry(clock, backoff, || ledger.live_jobs()).await?,
        Which::State(state) if ENDED.contains(&state) => {
            retry(clock, backoff, || ledger.ended_jobs(state, ENDED_SHOWN)).await?
        }
        Which::State(state) if LIVE.contains(&state) => {
            let mut jobs = retry(clock, backoff, || ledger.live_jobs()).await?;
            jobs.retain(|job| job.state() == state);
            jobs
        }
        Which::State(other) => {
            return Err(ControlError::Refused(format!(
                "there is no state {other:?}: the states are {}",
                [LIVE, ENDED].concat().join(", ")
            )));
        }
    };
    Ok(jobs)
}
