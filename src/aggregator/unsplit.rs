//! Jobs whose split does not get on: the message that asks for it may be lost with the process that was to send it, or lie
//! among the dead letters. It is sent again, and in the end the job is stopped: a job always ends (I4, S14).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::core::ids::JobId;
use crate::core::job::{JobRecord, Stop};
use crate::ports::error::PortResult;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::{announce, ask_for_split};

use super::Aggregator;

/// A split that was asked for so often without a chunk more is given up: its input kills whoever splits it.
const MOST_ASKED: u32 = 20;

/// Jobs that are not split yet, as this process has seen them.
#[derive(Default)]
pub(super) struct Unsplit(Mutex<BTreeMap<JobId, Seen>>);

struct Seen {
    stored_chunks: u32,
    /// Since when no more are stored, on the monotonic clock; or when the split was asked for last.
    since: Duration,
    asked: u32,
}

/// What is to be done about a split.
enum Next {
    Nothing,
    Ask,
    GiveUp,
}

impl Unsplit {
    fn look(&self, job: &JobRecord, now: Duration, silent: Duration) -> Next {
        let mut jobs = self.0.lock().expect("no panic while held");
        if job.split.is_some() {
            jobs.remove(&job.job_id);
            return Next::Nothing;
        }
        let new = || Seen {
            stored_chunks: job.stored_chunks,
            since: now,
            asked: 0,
        };
        let seen = jobs.entry(job.job_id.clone()).or_insert_with(new);
        if seen.stored_chunks != job.stored_chunks {
            *seen = new();
        }
        if now.saturating_sub(seen.since) < silent {
            return Next::Nothing;
        }
        if seen.asked >= MOST_ASKED {
            jobs.remove(&job.job_id);
            return Next::GiveUp;
        }
        seen.asked += 1;
        seen.since = now;
        Next::Ask
    }
}

impl Aggregator {
    /// Sees to it that a live job's split goes on, where the aggregator knows the inbox.
    pub(super) async fn see_to_split(&self, job: &JobRecord) -> PortResult<()> {
        let Some(inbox) = &self.inbox else {
            return Ok(());
        };
        let (clock, job_id) = (&*self.ports.clock, &job.job_id);
        match self.unsplit.look(job, clock.monotonic(), self.setup.silent) {
            Next::Nothing => Ok(()),
            Next::Ask => {
                tracing::warn!(job = %job_id, "the split does not get on; asking for it again");
                ask_for_split(clock, &**inbox, job_id).await
            }
            Next::GiveUp => {
                let reason = format!(
                    "the input cannot be split: {MOST_ASKED} splits in a row ended without a chunk more; look at the \
                     splitter's log"
                );
                tracing::error!(job = %job_id, reason, "a job is given up");
                let stop = Stop::Failed { reason };
                retry(clock, Backoff::STORAGE, || {
                    self.ports.ledger.stop(job_id, &stop)
                })
                .await?;
                announce(clock, &*self.ports.done, job_id).await
            }
        }
    }
}
