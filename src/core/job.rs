//! A job as the ledger keeps it, and the states it goes through.

use serde::{Deserialize, Serialize};

use super::ids::{Epoch, Generation, JobId};
use super::money::NanoUsd;
use super::plan::{Plan, SplitTotals};
use super::spec::JobSpec;
use super::tally::Tally;

/// The rules by which the rows of new jobs are marked for review. 1: also a primary code that has codes below it
/// (`heading_code`). A rule that is added, or changes, gets the next number, and holds from that number on: a job has one
/// set of rules, whichever versions of the program work on it. Not in the identity: equal work is one job.
pub const REVIEW_RULES: u32 = 1;

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its id.
    pub job_id: JobId,
    /// What was asked, frozen.
    pub spec: JobSpec,
    /// Which rules mark its rows for review: [`REVIEW_RULES`] as it was when the job was made; 0 of jobs of before there was
    /// such a number. It stands here and not in the spec, which programs of earlier versions refuse whole where they
    /// do not know a field; they drop it here if they write the job while an upgrade is under way.
    #[serde(default)]
    pub review_rules: u32,
    /// Which pass over it this is.
    pub generation: Generation,
    /// How far it is.
    pub phase: Phase,
    /// Set aside, and why.
    pub paused: Option<PauseReason>,
    /// To be ended before all is done, and why.
    pub stopping: Option<Stop>,
    /// The frozen plan, once the splitter made it.
    pub plan: Option<Plan>,
    /// Chunks whose ranges are stored.
    pub stored_chunks: u32,
    /// What the splitter counted, once it is through.
    pub split: Option<SplitTotals>,
    /// Every chunk below this one was sent at least once.
    pub sent_upto: u32,
    /// Exact counters, moved in the transactions of chunks.
    pub counters: Counters,
    /// Who writes the outputs.
    pub finisher: Option<Finisher>,
    /// Epoch of the newest election.
    pub finisher_epoch: Epoch,
    /// When it was created, in Unix milliseconds.
    pub created_ms: u64,
    /// When the last chunk was done (the first election of a finisher), in Unix milliseconds. Outputs name this
    /// time, so that every finisher writes the same bytes.
    pub completed_ms: Option<u64>,
    /// When it ended, in Unix milliseconds.
    pub ended_ms: Option<u64>,
}

impl JobRecord {
    /// A new job.
    pub fn new(job_id: JobId, spec: JobSpec, now_ms: u64) -> JobRecord {
        JobRecord {
            job_id,
            spec,
            review_rules: REVIEW_RULES,
            generation: 0,
            phase: Phase::Splitting,
            paused: None,
            stopping: None,
            plan: None,
            stored_chunks: 0,
            split: None,
            sent_upto: 0,
            counters: Counters::default(),
            finisher: None,
            finisher_epoch: 0,
            created_ms: now_ms,
            completed_ms: None,
            ended_ms: None,
        }
    }

    /// The state in the words of DESIGN §6.
    pub fn state(&self) -> &'static str {
        match (&self.phase, &self.paused) {
            (Phase::Splitting | Phase::Running, Some(_)) => "PAUSED",
            (Phase::Splitting, None) => "SPLITTING",
            (Phase::Running, None) => "RUNNING",
            (Phase::Finishing, _) => "FINISHING",
            (Phase::Ended(end), _) => end.name(),
        }
    }

    /// Whether chunks may be claimed and committed.
    pub fn is_live(&self) -> bool {
        self.stopping.is_none() && matches!(self.phase, Phase::Splitting | Phase::Running)
    }

    /// Whether it has ended for good.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Whether every chunk is final and the split is complete.
    pub fn is_done(&self) -> bool {
        self.split.as_ref().is_some_and(|split| {
            self.counters.committed + self.counters.quarantined == split.chunks
        })
    }

    /// Chunks that may be sent now; none of a job that is paused, stopping or over.
    pub fn room_in_window(&self, window_chunks: u32) -> u32 {
        if self.is_live() && self.paused.is_none() {
            window_chunks.saturating_sub(self.outstanding_chunks())
        } else {
            0
        }
    }

    /// Chunks that are out in the queue or in hand: what the window bounds.
    pub fn outstanding_chunks(&self) -> u32 {
        let done = self.counters.committed + self.counters.quarantined + self.counters.parked;
        self.sent_upto.saturating_sub(done)
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Chunk ranges are being found (workers are already at it).
    Splitting,
    /// All ranges are known.
    Running,
    /// All chunks are final, or the job is being stopped; outputs are being written.
    Finishing,
    /// Over.
    Ended(End),
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Every row has an answer or a stated non-answer.
    Completed,
    /// Complete, with failed rows.
    CompletedWithErrors,
    /// Could not be done.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
    /// Ended by its owner.
    Cancelled,
}

impl End {
    /// The state's name.
    pub fn name(&self) -> &'static str {
        match self {
            End::Completed => "COMPLETED",
            End::CompletedWithErrors => "COMPLETED_WITH_ERRORS",
            End::Failed { .. } => "FAILED",
            End::Cancelled => "CANCELLED",
        }
    }
}

/// Why a job is to be ended before all is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It cannot be done.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
    /// Its owner said so.
    Cancelled,
}

/// Why a job is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Its owner said so.
    ByUser,
    /// Its cost cap is reached.
    CostCap,
    /// Its lane takes nothing for a long time (a daily quota).
    LaneParked {
        /// What the service said, and what to do.
        detail: String,
    },
}

/// A job's exact counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Committed chunks.
    pub committed: u32,
    /// Quarantined chunks.
    pub quarantined: u32,
    /// Parked chunks.
    pub parked: u32,
    /// Sum over committed and quarantined chunks.
    pub tally: Tally,
    /// What was spent and set aside.
    #[serde(default)]
    pub budget: Budget,
}

/// What a job's cost cap is held against (I9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Upper bounds of the calls in flight.
    pub reserved: NanoUsd,
    /// Spent, or possibly spent: the upper bound of a call whose end nobody saw counts as spent.
    pub spent: NanoUsd,
}

/// Answer to a reservation under a cost cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The call may start.
    Yes,
    /// Not before calls in flight have ended: what they do not use may suffice.
    Later,
    /// What is left does not suffice, whatever comes back.
    OverCap {
        /// The cap.
        cap: NanoUsd,
        /// What is spent of it, or possibly spent.
        spent: NanoUsd,
    },
    /// The claim is lost.
    Lost,
}

/// Who writes a job's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finisher {
    /// The process.
    pub owner: String,
    /// Until when, in Unix milliseconds.
    pub until_ms: u64,
}

/// Answer to an election.
#[derive(Debug, Clone, PartialEq)]
pub enum Election {
    /// Write the outputs, under this epoch.
    Elected {
        /// The fence for [`crate::core::transitions::job::end`].
        epoch: Epoch,
        /// The job as it stood; it will not change any more but for its end.
        job: Box<JobRecord>,
    },
    /// Somebody else is at it until then (Unix milliseconds).
    Busy {
        /// End of the other's lease.
        until_ms: u64,
    },
    /// Chunks are missing.
    NotReady,
    /// The job has ended, or never was.
    Over,
}

/// Answer to the wish for a new generation of a job that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewGeneration {
    /// The job is live again.
    Begun {
        /// Its generation now.
        generation: Generation,
        /// Known chunks that are done again, or for the first time.
        chunks: u32,
        /// Its split was not complete: a split message is needed.
        needs_split: bool,
    },
    /// It ended with an answer or a stated non-answer for every row.
    NothingToDo,
    /// Another generation than the asked one stands, or that one has not ended.
    NotThis {
        /// The one that stands.
        generation: Generation,
    },
}

/// Answer to the end of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOutcome {
    /// It ended by this (also when the same is said again).
    Ended,
    /// It had ended.
    AlreadyEnded,
    /// A newer finisher was elected.
    Fenced,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::identity::tests::spec;

    #[test]
    fn a_job_keeps_the_review_rules_that_it_was_made_under() {
        let new = JobRecord::new(JobId("job-1".to_string()), spec(), 1);
        assert_eq!(new.review_rules, REVIEW_RULES);
        let mut stored = serde_json::to_value(&new).unwrap();
        let read = |stored: &serde_json::Value| serde_json::from_value::<JobRecord>(stored.clone());
        assert_eq!(read(&stored).unwrap(), new);
        // As it was written before there were numbers of rules.
        stored.as_object_mut().unwrap().remove("review_rules");
        assert_eq!(read(&stored).unwrap().review_rules, 0);
    }
}
