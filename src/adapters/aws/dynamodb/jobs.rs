//! Jobs: made once, listed by index, planned once, elected to be finished, ended.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::access::{DynamoLedger, Head, head_of, over};
use super::item::{Item, Reader, under};
use super::job_item::{KeptJob, Sent, unknown};
use super::keys::{JOB, Key, LIVE, RANGES_A_PAGE, ended_pk};
use super::pages::{Stored, page_of, to_item};
use super::query::Range;
use super::rounds::Rounds;
use super::write::Write;
use crate::core::chunk::ChunkRange;
use crate::core::ids::{ChunkNo, JobId};
use crate::core::job::{Election, JobRecord};
use crate::core::spec::JobSpec;
use crate::core::transitions::job as rules;
use crate::ports::error::{PortError, PortResult};
use crate::ports::ledger::Created;

/// Jobs that are read at the same time.
const READS_AT_ONCE: usize = 8;
/// Index pages that one transaction writes: far below its 4 MB.
const PAGES_AT_ONCE: u32 = 20;

impl DynamoLedger {
    pub(super) async fn create(&self, job_id: &JobId, spec: &JobSpec) -> PortResult<Created> {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            if let Some(head) = self.head(job_id).await? {
                return Ok(Created::Exists(Box::new(head.kept.job)));
            }
            let new = KeptJob {
                job: JobRecord::new(job_id.clone(), spec.clone(), self.now_ms()),
                sent: Sent::default(),
                version: 0,
            };
            let writes = [
                Write::put_after(new.to_item()?, 0, nonce),
                Write::put(under(&Key::live(job_id))),
            ];
            if self.table.write(&writes).await?.stands(nonce) {
                return Ok(Created::New);
            }
            rounds.next(self.clock(), "a new job's item").await?;
        }
    }

    /// The jobs of these ids, each with its counters; ids without a job, and jobs that cannot be read, are left out.
    async fn jobs(&self, ids: Vec<JobId>) -> PortResult<Vec<JobRecord>> {
        let reads: Vec<_> = ids.iter().map(|id| self.head_items(id)).collect();
        let items: Vec<Vec<Item>> = stream::iter(reads)
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let heads = ids.iter().zip(&items);
        let heads = heads.filter_map(|(id, items)| readable(id, items));
        Ok(heads.map(|head| head.kept.job).collect())
    }

    /// All jobs, newest first: reads the whole table.
    pub(super) async fn all(&self) -> PortResult<Vec<JobRecord>> {
        let items = self.table.scan(JOB).await?;
        let ids: PortResult<Vec<JobId>> = items
            .iter()
            .map(|item| {
                let pk = Reader(item).text(super::keys::PK).unwrap_or_default();
                let id = pk.strip_prefix("JOB#");
                id.map(|id| JobId(id.to_string()))
                    .ok_or_else(|| Reader(item).odd(super::keys::PK))
            })
            .collect();
        let mut jobs = self.jobs(ids?).await?;
        newest_first(&mut jobs);
        Ok(jobs)
    }

    /// Live jobs, newest first.
    pub(super) async fn live(&self) -> PortResult<Vec<JobRecord>> {
        let ids = self.indexed(&Range::all(LIVE)).await?;
        let mut jobs = self.jobs(ids).await?;
        jobs.retain(|job| !job.is_over());
        newest_first(&mut jobs);
        Ok(jobs)
    }

    /// Jobs that ended in `state`, the last first.
    pub(super) async fn ended(&self, state: &str, max: usize) -> PortResult<Vec<JobRecord>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let range = Range {
            is_backward: true,
            max,
            ..Range::all(ended_pk(state))
        };
        let ids = self.indexed(&range).await?;
        let mut jobs = self.jobs(ids).await?;
        jobs.retain(|job| job.is_over() && job.state() == state);
        Ok(jobs)
    }

    /// Verifies what is stored, and stores what is new page by page, each with the job's own count of them.
    pub(super) async fn store(&self, job_id: &JobId, ranges: &[ChunkRange]) -> PortResult<()> {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            let before = self.known(job_id).await?;
            if !before.job.is_live() {
                return Err(over(job_id));
            }
            let (stored, first) = self.stored(&before.job, ranges).await?;
            let lookup = |chunk: ChunkNo| {
                let place = chunk.checked_sub(first)? as usize;
                stored.get(place).map(|(range, _)| *range)
            };
            let new = rules::new_ranges(&before.job, ranges, lookup)
                .map_err(|refused| PortError::permanent_job(refused.to_string()))?;
            let Some(from) = new.first().map(|range| range.chunk) else {
                return Ok(());
            };
            // As many as one transaction takes, up to the end of a page.
            let upto = (page_of(from) + PAGES_AT_ONCE) * RANGES_A_PAGE;
            let now_ms = self.now_ms();
            let new: Vec<Stored> = new
                .iter()
                .take_while(|range| range.chunk < upto)
                .map(|range| (*range, now_ms))
                .collect();
            let is_all = from + new.len() as u32 == ranges.last().map_or(0, |last| last.chunk + 1);
            let mut after = before.clone();
            after.job.stored_chunks += new.len() as u32;
            let pages = self.new_pages(&before.job, &new).await?;
            // Each slice has a nonce of its own: an earlier one's must not pass for it.
            let nonce = nonce.wrapping_add(u64::from(from));
            if !self.write_job(&before, &after, nonce, pages).await? {
                rounds.next(self.clock(), "a job's item").await?;
            } else if is_all {
                return Ok(());
            }
        }
    }

    /// What is stored of the numbers in `ranges`, and the first number of it.
    async fn stored(
        &self,
        job: &JobRecord,
        ranges: &[ChunkRange],
    ) -> PortResult<(Vec<Stored>, ChunkNo)> {
        let known = ranges
            .iter()
            .map(|range| range.chunk)
            .filter(|chunk| *chunk < job.stored_chunks);
        let (Some(first), Some(last)) = (known.clone().min(), known.max()) else {
            return Ok((Vec::new(), 0));
        };
        let chunks = first..last + 1;
        let stored = self.pages.ranges(&self.table, &job.job_id, chunks);
        Ok((stored.await?, first))
    }

    /// The pages that `new` ranges make or fill up.
    async fn new_pages(&self, job: &JobRecord, new: &[Stored]) -> PortResult<Vec<Write>> {
        let page = page_of(job.stored_chunks);
        let begun = page * RANGES_A_PAGE..job.stored_chunks;
        let mut all = self.pages.ranges(&self.table, &job.job_id, begun).await?;
        all.extend_from_slice(new);
        let pages = all.chunks(RANGES_A_PAGE as usize).zip(page..);
        Ok(pages
            .map(|(ranges, page)| Write::put(to_item(&job.job_id, page, ranges)))
            .collect())
    }

    /// Elects a finisher. The first election closes the counters, and the job is returned with what they then say.
    pub(super) async fn elect(
        &self,
        job_id: &JobId,
        owner: &str,
        lease_ms: u64,
    ) -> PortResult<Election> {
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            let Some(head) = self.head(job_id).await? else {
                return Ok(Election::Over);
            };
            let mut after = head.kept.clone();
            match rules::elect(&mut after.job, owner, self.now_ms(), lease_ms) {
                Election::Elected { epoch, mut job } => {
                    if self
                        .write_job(&head.kept, &after, nonce, Vec::new())
                        .await?
                    {
                        let closed = self.head(job_id).await?.ok_or_else(|| unknown(job_id))?;
                        job.counters = closed.kept.job.counters;
                        return Ok(Election::Elected { epoch, job });
                    }
                }
                other => return Ok(other),
            }
            rounds.next(self.clock(), "a job's item").await?;
        }
    }
}

/// A job as one of a list: one that another version of the program wrote must not hide all others. Whoever asks for it by its
/// id gets the error.
fn readable(job_id: &JobId, items: &[Item]) -> Option<Head> {
    head_of(items).unwrap_or_else(|error| {
        tracing::error!(job = %job_id, %error, "a job cannot be read, and nobody looks after it: the others go on");
        None
    })
}

fn newest_first(jobs: &mut [JobRecord]) {
    jobs.sort_by(|a, b| (b.created_ms, &b.job_id).cmp(&(a.created_ms, &a.job_id)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::dynamodb::item::text;
    use crate::core::identity::tests::spec;

    #[test]
    fn a_job_of_another_version_is_left_out_of_a_list_and_is_an_error_by_itself() {
        let id = JobId("job-1".to_string());
        let kept = KeptJob {
            job: JobRecord::new(id.clone(), spec(), 1),
            sent: Sent::default(),
            version: 1,
        };
        let item = kept.to_item().unwrap();
        let mut newer = item.clone();
        newer.insert("d".to_string(), text("as a later version writes it"));
        assert!(head_of(&[newer.clone()]).is_err());
        assert!(readable(&id, &[newer]).is_none());
        let found = readable(&id, &[item]).map(|head| head.kept.job);
        assert_eq!(found, Some(kept.job));
        assert!(readable(&id, &[]).is_none());
    }
}
