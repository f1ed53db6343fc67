//! Notices: one shared record holds those that are still to be told. A store of one process has few: its jobs are those of
//! one folder.

use serde::Deserialize;
use serde_json::Value;

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
                        let mut kept = Kept::read(tx)?;
                        kept.known.push(notice);
                        kept.write(tx)?;
                    }
                }
                Ok(outcome)
            }))
            .await
    }

    /// See [`crate::ports::Ledger::notices`].
    pub(super) async fn kept_notices(&self, max: usize) -> PortResult<Vec<DueNotice>> {
        let read = self.store.transact(Box::new(Kept::read));
        let mut kept = read.await?;
        if !kept.odd.is_empty() {
            let number = kept.odd.len();
            tracing::error!(
                number,
                "notices cannot be read, and stay for the version that can"
            );
        }
        kept.known.truncate(max);
        Ok(kept.known)
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
                let mut kept = Kept::read(tx)?;
                let Some(place) = kept.known.iter().position(|kept| kept.is(&from)) else {
                    return Ok(false);
                };
                kept.known.remove(place);
                kept.known.extend(to);
                kept.write(tx)?;
                Ok(true)
            }))
            .await
    }
}

/// What the record holds.
struct Kept {
    /// The one that is due first first.
    known: Vec<DueNotice>,
    /// What another version wrote: it keeps no job from ending and no other notice from being told, and is kept as it is.
    odd: Vec<Value>,
}

impl Kept {
    fn read(tx: &mut dyn Tx) -> PortResult<Kept> {
        let text = tx.shared(KEY)?.unwrap_or_else(|| "[]".to_string());
        let records: Vec<Value> = serde_json::from_str(&text)
            // Not even a list: set aside as one odd record.
            .unwrap_or_else(|_| vec![Value::String(text)]);
        let mut kept = Kept {
            known: Vec::new(),
            odd: Vec::new(),
        };
        for record in records {
            match DueNotice::deserialize(&record) {
                Ok(due) => kept.known.push(due),
                Err(_) => kept.odd.push(record),
            }
        }
        Ok(kept)
    }

    fn write(mut self, tx: &mut dyn Tx) -> PortResult<()> {
        self.known.sort_by(|a, b| a.place().cmp(&b.place()));
        let known: Result<Vec<Value>, _> = self.known.iter().map(serde_json::to_value).collect();
        let mut records = known.map_err(unwritable)?;
        records.append(&mut self.odd);
        let text = serde_json::to_string(&records).map_err(unwritable)?;
        tx.put_shared(KEY, &text)
    }
}

fn unwritable(error: serde_json::Error) -> PortError {
    PortError::bug(format!("notices cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::memory::ledger::MemoryStore;
    use crate::core::notice::Target;
    use crate::core::transitions::notice::tests::notice;

    #[tokio::test]
    async fn what_another_version_keeps_stays_as_it_is_whatever_it_looks_like() {
        for (odd, after) in [
            (r#"[{"due":"first"}]"#, r#"[{"due":"first"}]"#),
            (r#"{"form":2}"#, r#"["{\"form\":2}"]"#),
            ("torn", r#"["torn"]"#),
        ] {
            let store = MemoryStore::default();
            let put = store.transact(Box::new(move |tx| tx.put_shared(KEY, odd)));
            put.await.unwrap();
            let kept = store.transact(Box::new(|tx| {
                let due = notice(&JobId("job-1".to_string()), "COMPLETED");
                let due = DueNotice::new(due, [Target::Webhook].into(), 1);
                let mut kept = Kept::read(tx)?;
                kept.known.push(due);
                kept.write(tx)?;
                let mut kept = Kept::read(tx)?;
                assert_eq!(kept.known.len(), 1);
                kept.known.clear();
                kept.write(tx)?;
                tx.shared(KEY)
            }));
            assert_eq!(kept.await.unwrap().as_deref(), Some(after));
        }
    }
}
