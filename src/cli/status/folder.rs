//! A run's folder, looked at from outside: its ledger while it is there, its summary where only outputs are. Nothing is
//! locked and nothing is written, so that a run at work in it does not notice.

use std::path::Path;

use anyhow::bail;

use super::{Look, is_capped};
use crate::adapters::embedded::Store;
use crate::adapters::local::clock::SystemClock;
use crate::adapters::local::sqlite::{Db, SqliteStore};
use crate::cli::run::{LEDGER_VERSION, STATE_FOLDER};
use crate::control::status::JobStatus;
use crate::control::status::work::AtWork;
use crate::core::chunk::{ChunkRecord, ChunkStatus};
use crate::core::job::JobRecord;
use crate::outputs::{OWNER, Owner, read_json};
use crate::ports::Clock;
use crate::ports::error::PortResult;
use crate::report::summary::Summary;

/// The job of `folder` as it is now.
///
/// # Errors
/// No job is there; says what to name.
pub(super) async fn look(folder: &Path) -> anyhow::Result<Look> {
    // A folder of outputs says whose it is; a run that has only just begun has not said so yet.
    let owner: Option<Owner> = match folder.join(OWNER).is_file() {
        true => Some(read_json(&folder.join(OWNER))?),
        false => None,
    };
    let wanted = owner.as_ref().map(|owner| owner.job_id.as_str());
    let found = match in_ledger(folder, wanted).await {
        // A run that has begun, or ended, while its file was read: it is read the other way now.
        Err(_) => in_ledger(folder, wanted).await,
        found => found,
    };
    if let Some((job, open)) = found? {
        return Ok(Look {
            status: JobStatus::new(&job),
            work: Some(AtWork::on_chunks(&open, SystemClock::new().now_ms())),
            is_folder: true,
            is_capped: is_capped(&job),
        });
    }
    let summary = folder.join("summary.json");
    if summary.is_file() {
        let summary: Summary = read_json(&summary)?;
        return Ok(Look {
            status: JobStatus::of_summary(&summary)?,
            work: None,
            is_folder: true,
            is_capped: false,
        });
    }
    bail!(
        "{} holds no job: name the folder that annexa run writes to, or a job's id",
        folder.display()
    )
}

/// The job and its open chunks that were sent, all of one moment; none: the ledger is not there, or does not have it.
async fn in_ledger(
    folder: &Path,
    wanted: Option<&str>,
) -> PortResult<Option<(JobRecord, Vec<ChunkRecord>)>> {
    let path = folder.join(STATE_FOLDER).join("job.sqlite");
    let Some(db) = Db::open_to_read(&path, LEDGER_VERSION)? else {
        return Ok(None);
    };
    let wanted = wanted.map(str::to_string);
    SqliteStore::new(db)
        .transact(Box::new(move |tx| {
            let is_wanted = |job: &JobRecord| match &wanted {
                Some(id) => job.job_id.as_str() == id,
                None => true,
            };
            let Some(job) = tx.jobs()?.into_iter().find(is_wanted) else {
                return Ok(None);
            };
            // Chunks are sent in their order, so that the first open ones are those that are out.
            let open = ChunkStatus::Open.number();
            let out = job.outstanding_chunks();
            let open = tx.chunks_with_status(&job.job_id, job.generation, open, u64::MAX, out)?;
            Ok(Some((job, open)))
        }))
        .await
}
