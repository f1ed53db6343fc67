//! Why a command did not do what it was asked for.

use crate::core::ids::JobId;
use crate::ports::PortError;

/// Names that an error lists.
const NAMED: usize = 5;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such job.
    #[error("there is no job {name:?}: {}", live_jobs(live))]
    UnknownJob {
        /// What was asked for.
        name: String,
        /// The jobs that have not ended.
        live: Vec<JobId>,
    },
    /// Several live jobs begin like this.
    #[error("{name:?} begins the ids of {} jobs ({}): give more of the id", found.len(), names(found))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// What begins with it.
        found: Vec<JobId>,
    },
    /// It cannot be done as things stand.
    #[error("{0}")]
    Refused(String),
    /// A service failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What control returns.
pub type ControlResult<T> = Result<T, ControlError>;

fn names(jobs: &[JobId]) -> String {
    let named: Vec<&str> = jobs.iter().take(NAMED).map(JobId::as_str).collect();
    let more = jobs.len().saturating_sub(NAMED);
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn live_jobs(jobs: &[JobId]) -> String {
    match jobs {
        [] => {
            "no job is live; of one that has ended give the whole id (annexa jobs --all lists them)"
                .to_string()
        }
        jobs => format!(
            "live are {}; of one that has ended give the whole id (annexa jobs --all lists them)",
            names(jobs)
        ),
    }
}
