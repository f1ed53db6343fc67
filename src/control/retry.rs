//! Retrying what failed in a job that has ended, or what it did not get to, as a new generation.

use std::collections::BTreeSet;

use super::status::{is_input_bad, was_refused};
use super::{ControlError, ControlPorts, ControlResult};
use crate::core::chunk::ChunkStatus;
use crate::core::ids::{ChunkNo, Generation};
use crate::core::job::{JobRecord, NewGeneration, Phase};
use crate::core::transitions::generation::published_name;
use crate::ports::retry::{Backoff, retry};
use crate::ports::send::{announce, ask_for_split};

/// Chunk records read at once.
const PAGE_CHUNKS: u32 = 500;

/// What became of the wish for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It goes on.
    Begun {
        /// Its generation now.
        generation: Generation,
        /// Known chunks that are done again, or for the first time.
        chunks: u32,
        /// The rest of the input is split first.
        needs_split: bool,
        /// Chunks whose files are gone: all their rows are asked for anew.
        lost: usize,
    },
    /// A retry is under way.
    UnderWay {
        /// Its generation.
        generation: Generation,
    },
    /// Every row has an answer or a stated non-answer.
    NothingToDo,
}

/// Begins the next generation of a job that has ended. Killed halfway, it is said again: it goes on where it was.
///
/// Where the files of committed chunks are gone, all their rows have to be asked for anew; that is refused unless `may_redo`.
pub async fn retry_job(
    ports: &ControlPorts,
    job: &JobRecord,
    may_redo: bool,
) -> ControlResult<Retried> {
    let clock = &*ports.clock;
    if !job.is_over() {
        if job.generation == 0 {
            return Err(ControlError::Refused(format!(
                "job {} is {}: what fails in it can be retried once it has ended",
                job.job_id,
                job.state()
            )));
        }
        // Perhaps the one who began it died before telling anybody.
        tell(ports, job, job.phase == Phase::Splitting).await?;
        return Ok(Retried::UnderWay {
            generation: job.generation,
        });
    }
    if was_refused(job) {
        return Err(ControlError::Refused(format!(
            "job {} was refused when it arrived, and no row of it can be asked for: mend what its reason names, and upload or \
             submit it again",
            job.job_id
        )));
    }
    if is_input_bad(job) {
        return Err(ControlError::Refused(format!(
            "job {} failed on its input, and reads the same version of it again: mend the file as its reason says (or name its \
             columns and encoding), and upload or submit it again",
            job.job_id
        )));
    }
    let lost = lost_chunks(ports, job).await?;
    if !lost.is_empty() && !may_redo {
        return Err(ControlError::Refused(format!(
            "the files of {} chunks of job {} are gone, so that all their rows would be asked for anew, and paid for where \
             their answers are no longer kept: put the files back, or say --yes",
            lost.len(),
            job.job_id
        )));
    }
    let begun = retry(clock, Backoff::STORAGE, || {
        ports
            .ledger
            .new_generation(&job.job_id, job.generation, &lost)
    })
    .await?;
    match begun {
        NewGeneration::NothingToDo => Ok(Retried::NothingToDo),
        NewGeneration::Begun {
            generation,
            chunks,
            needs_split,
        } => {
            tell(ports, job, needs_split).await?;
            Ok(Retried::Begun {
                generation,
                chunks,
                needs_split,
                lost: lost.len(),
            })
        }
        // Somebody was quicker, or the answer of our own first asking was lost.
        NewGeneration::NotThis { generation } => {
            tell(ports, job, job.split.is_none()).await?;
            Ok(Retried::UnderWay { generation })
        }
    }
}

/// Has the services look at the job. More messages than needed do no harm.
async fn tell(ports: &ControlPorts, job: &JobRecord, needs_split: bool) -> ControlResult<()> {
    let (clock, job_id) = (&*ports.clock, &job.job_id);
    if needs_split {
        ask_for_split(clock, &*ports.inbox, job_id).await?;
    }
    announce(clock, &*ports.done, job_id).await?;
    Ok(())
}

/// Chunks with a committed file that is no longer there: a stopped job leaves out what it cannot read, and people remove
/// damaged ones.
async fn lost_chunks(ports: &ControlPorts, job: &JobRecord) -> ControlResult<BTreeSet<ChunkNo>> {
    let (clock, spec) = (&*ports.clock, &job.spec);
    let mut there: BTreeSet<String> = BTreeSet::new();
    let folders = (0..=job.generation)
        .map(crate::core::transitions::generation::retry_prefix)
        .map(|prefix| spec.output(&format!("{prefix}chunks/")));
    for folder in folders {
        let keys = retry(clock, Backoff::STORAGE, || {
            ports.blobs.list(&folder.bucket, &folder.key)
        })
        .await?;
        there.extend(keys);
    }
    let (mut lost, mut from) = (BTreeSet::new(), 0);
    loop {
        let page = retry(clock, Backoff::STORAGE, || {
            ports.ledger.chunks(&job.job_id, from, PAGE_CHUNKS)
        })
        .await?;
        let Some(last) = page.last() else {
            return Ok(lost);
        };
        from = last.range.chunk + 1;
        for chunk in &page {
            let kept = match &chunk.status {
                ChunkStatus::Committed(commit) => Some(commit),
                _ => chunk.previous.as_ref(),
            };
            let Some(commit) = kept else { continue };
            let name = published_name(spec, job.generation, chunk.range.chunk, commit);
            if !there.contains(&spec.output(&name).key) {
                lost.insert(chunk.range.chunk);
            }
        }
    }
}
