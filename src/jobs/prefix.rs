//! One job owns an output place: `job.json` there names it (DESIGN §6, Identity).

use crate::core::ids::JobId;
use crate::core::spec::JobSpec;
use crate::ports::blobs::Put;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock};

/// Takes the output place of `spec` for `job_id`; taking it twice is harmless. Another job's is a `PermanentJob` error.
pub async fn take(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    job_id: &JobId,
    spec: &JobSpec,
) -> PortResult<()> {
    let blob = spec.output("job.json");
    let record = serde_json::json!({ "job_id": job_id, "spec": spec });
    let bytes = serde_json::to_vec_pretty(&record)
        .map_err(|error| PortError::bug(format!("cannot encode a spec: {error}")))?;
    let put = retry(clock, Backoff::STORAGE, || blobs.put(&blob, &bytes, true)).await?;
    if matches!(put, Put::Written(_)) {
        return Ok(());
    }
    let there = retry(clock, Backoff::STORAGE, || {
        blobs.get_range(&blob, 0, 1 << 20, None)
    })
    .await?;
    let owner = serde_json::from_slice::<serde_json::Value>(&there)
        .ok()
        .and_then(|record| record.get("job_id")?.as_str().map(str::to_string));
    if owner.as_deref() == Some(job_id.as_str()) {
        return Ok(());
    }
    Err(PortError::permanent_job(format!(
        "{blob} says that this output place belongs to {}; choose another for job {job_id}",
        owner.as_deref().unwrap_or("something else")
    )))
}
