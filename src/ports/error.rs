//! The one error of the ports: a class that says what to do, and whether the effect may have happened.

use std::time::Duration;

/// What an error asks of the caller (DESIGN §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// Try again, with backoff.
    Transient,
    /// The lane's quota refused; slow the lane, count no attempt.
    Throttled,
    /// The lane takes nothing for long (a daily quota): pause the job.
    LaneParked,
    /// The job's cost cap leaves no room for another call: pause the job.
    CostCap,
    /// This row can never be answered; it fails with the reason.
    PermanentRow,
    /// No row can be answered (access, model, configuration): end the job with the reason.
    PermanentJob,
    /// Somebody else owns the work now: stop, change nothing.
    LostClaim,
    /// Ours to mend. Counts as a failed attempt.
    Bug,
}

impl ErrorClass {
    /// A stable name for logs and summaries.
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::Transient => "transient",
            ErrorClass::Throttled => "throttled",
            ErrorClass::LaneParked => "lane_parked",
            ErrorClass::CostCap => "cost_cap",
            ErrorClass::PermanentRow => "permanent_row",
            ErrorClass::PermanentJob => "permanent_job",
            ErrorClass::LostClaim => "lost_claim",
            ErrorClass::Bug => "bug",
        }
    }
}

/// An error at a port.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct PortError {
    /// What to do.
    pub class: ErrorClass,
    /// The request may have had its effect: read back, then decide (S11).
    pub unknown_outcome: bool,
    /// What went wrong, with the thing and the place; never report text.
    pub what: String,
    /// How long to wait at least, where the service said so.
    pub retry_after: Option<Duration>,
    /// Of a throttle: which quota refused, where the service said so.
    pub throttle: Option<Throttle>,
}

/// Which quota of a lane refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Tokens per minute.
    Tokens,
    /// Requests per minute.
    Requests,
}

impl PortError {
    /// An error of `class` that certainly had no effect.
    pub fn new(class: ErrorClass, what: impl Into<String>) -> PortError {
        PortError {
            class,
            unknown_outcome: false,
            what: what.into(),
            retry_after: None,
            throttle: None,
        }
    }

    /// Worth another try; nothing happened.
    pub fn transient(what: impl Into<String>) -> PortError {
        PortError::new(ErrorClass::Transient, what)
    }

    /// Nobody knows whether it happened.
    pub fn unknown(what: impl Into<String>) -> PortError {
        PortError {
            unknown_outcome: true,
            ..PortError::transient(what)
        }
    }

    /// Cannot work for any row of the job.
    pub fn permanent_job(what: impl Into<String>) -> PortError {
        PortError::new(ErrorClass::PermanentJob, what)
    }

    /// Ours to mend.
    pub fn bug(what: impl Into<String>) -> PortError {
        PortError::new(ErrorClass::Bug, what)
    }

    /// The same with `context` before it.
    pub fn context(mut self, context: impl std::fmt::Display) -> PortError {
        self.what = format!("{context}: {}", self.what);
        self
    }

    /// Whether the same request may be made again.
    pub fn is_retryable(&self) -> bool {
        matches!(self.class, ErrorClass::Transient | ErrorClass::Throttled)
    }
}

/// What every port call returns.
pub type PortResult<T> = Result<T, PortError>;
