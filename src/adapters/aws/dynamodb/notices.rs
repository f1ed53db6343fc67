//! Notices: items of one partition, in the order in which they are due. Nothing is written and nothing asked of it in a
//! fleet that tells nobody; an item that nobody takes any more goes by its time to live.

use super::access::DynamoLedger;
use super::item::Item;
use super::keys::{Key, NOTICES, PK};
use super::query::Range;
use super::rounds::Rounds;
use super::shared::{read, to_item};
use super::write::Write;
use crate::core::ids::{Epoch, JobId};
use crate::core::job::{End, EndOutcome};
use crate::core::notice::DueNotice;
use crate::core::transitions::job as rules;
use crate::ports::error::PortResult;

/// Unreadable notices before the first readable one, at most.
const ODD_ONES: usize = 100;

impl DynamoLedger {
    /// See [`crate::ports::Ledger::end_job`]. The notice is one more write of the transaction that ends the job.
    pub(super) async fn end_and_keep(
        &self,
        job_id: &JobId,
        epoch: Epoch,
        end: &End,
        notice: Option<&DueNotice>,
    ) -> PortResult<EndOutcome> {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            let before = self.known(job_id).await?;
            let mut after = before.clone();
            let outcome = rules::end(&mut after.job, epoch, end, self.now_ms());
            if after == before {
                return Ok(outcome);
            }
            let kept = notice.map(|due| self.notice_item(due)).transpose()?;
            let more = kept.map(Write::put).into_iter().collect();
            if self.write_job(&before, &after, nonce, more).await? {
                return Ok(outcome);
            }
            rounds.next(self.clock(), "a job's item").await?;
        }
    }

    /// See [`crate::ports::Ledger::notices`].
    pub(super) async fn kept_notices(&self, max: usize) -> PortResult<Vec<DueNotice>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        // Some more, so that a few that cannot be read do not fill the answer.
        let range = Range {
            max: max.saturating_add(ODD_ONES),
            ..Range::all(NOTICES)
        };
        let items = self.table.query(&range).await?;
        let known = items.iter().filter_map(|item| match read(item) {
            Ok(due) => Some(due),
            // One that another version wrote keeps no other from being told.
            Err(error) => {
                tracing::error!(%error, "a notice cannot be read, and stays for the version that can");
                None
            }
        });
        Ok(known.take(max).collect())
    }

    /// See [`crate::ports::Ledger::move_notice`].
    pub(super) async fn replace_notice(
        &self,
        from: &DueNotice,
        to: Option<&DueNotice>,
    ) -> PortResult<bool> {
        let is_there = format!("attribute_exists({PK})");
        let goes = Write::delete(Key::notice(from)).when(&is_there);
        let writes = match to {
            None => vec![goes],
            Some(to) if to.is(from) => vec![Write::put(self.notice_item(to)?).when(&is_there)],
            Some(to) => vec![goes, Write::put(self.notice_item(to)?)],
        };
        Ok(self.table.write(&writes).await?.is_done())
    }

    fn notice_item(&self, due: &DueNotice) -> PortResult<Item> {
        to_item(&Key::notice(due), due, self.now_ms())
    }
}
