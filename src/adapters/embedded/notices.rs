//! Notices: one shared record holds those that are still to be told. A store of one process has few: its jobs are those of
//! one folder.

use super::access::{EmbeddedLedger, known_job};
use super::store::{Store, Tx};
use crate::core::ids::{Epoch, JobId};
use crate::core::job::{End, EndOutcome};
use crate::core::notice::DueNotice;
use crate::core::transitions::job as job_rules;
use crate::ports::error::{PortError, PortResult};

/// What the notices are shared under.
const KEY: &str = "notices";

impl<S: Store> EmbeddedLedger<S> {
    /// See [`crate::ports::Ledger::end_job`].
    pub(super) async fn end_and_keep(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        end: &End,
        notice: Option<&DueNotice>,
    ) -> PortResult<EndOutcome> {
        let (job_id, end, notice) = (job_id.clone(), end.clone(), notice.cloned());
        let now_ms = self.clock.now_ms();
        self.store
            .transact(Box::new(move |tx| {
                let mut job = known_job(tx, &job_id)?;
                let before = job.clone();
                let outcome = job_rules::end(&mut job, epoch, &end, now_ms);
                if job != before {
                    tx.put_job(&job)?;
                    if let Some(notice) = notice {
                        let mut kept = all(tx)?;
                        kept.push(notice);
                        keep(tx, kept)?;
                    }
                }
                Ok(outcome)
            }))
            .await
    }

    /// See [`crate::ports::Ledger::notices`].
    pub(super) async fn kept_notices(&self, max: usize) -> PortResult<Vec<DueNotice>> {
        let read = self.store.transact(Box::new(all));
        let mut kept = read.await?;
        kept.truncate(max);
        Ok(kept)
    }

    /// See [`crate::ports::Ledger::move_notice`].
    pub(super) async fn replace_notice(
        &self,
        from: &DueNotice,
        to: Option<&DueNotice>,
    ) -> PortResult<bool> {
        let (from, to) = (from.clone(), to.cloned());
        self.store
            .transact(Box::new(move |tx| {
                let mut kept = all(tx)?;
                let Some(place) = kept.iter().position(|kept| kept.is(&from)) else {
                    return Ok(false);
                };
                kept.remove(place);
                kept.extend(to);
                keep(tx, kept)?;
                Ok(true)
            }))
            .await
    }
}

/// All that are kept, the one that is due first first.
fn all(tx: &mut dyn Tx) -> PortResult<Vec<DueNotice>> {
    let Some(text) = tx.shared(KEY)? else {
        return Ok(Vec::new());
    };
    serde_json::from_str(&text).map_err(unreadable)
}

fn keep(tx: &mut dyn Tx, mut notices: Vec<DueNotice>) -> PortResult<()> {
    notices.sort_by(|a, b| a.place().cmp(&b.place()));
    let text = serde_json::to_string(&notices).map_err(unreadable)?;
    tx.put_shared(KEY, &text)
}

fn unreadable(error: serde_json::Error) -> PortError {
    PortError::bug(format!("the record of notices cannot be read: {error}"))
}
