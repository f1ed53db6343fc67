//! The terms of a job: the built-in release or the user's own, pinned by version and digest when the job was made.

use std::sync::Arc;

use crate::core::spec::JobSpec;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Blobs, Clock};
use crate::terms::TermTable;

/// The terms that a spec names, checked against the digest that was pinned at creation.
pub async fn load(
    clock: &dyn Clock,
    blobs: &dyn Blobs,
    spec: &JobSpec,
) -> PortResult<Arc<TermTable>> {
    let terms = match spec.terms() {
        None => TermTable::builtin(),
        Some(blob) => {
            let bytes = retry(clock, Backoff::STORAGE, || {
                blobs.get_range(&blob, 0, u64::MAX, spec.imdrf_version.as_deref())
            })
            .await?;
            let table = TermTable::from_csv_bytes(&blob.key, &bytes)
                .map_err(|error| PortError::permanent_job(error.to_string()))?;
            Arc::new(table)
        }
    };
    if terms.sha256_hex() != spec.terms_sha256 {
        let what = spec
            .terms()
            .map_or("the built-in terms".to_string(), |blob| {
                format!("the terms {blob}")
            });
        return Err(PortError::permanent_job(format!(
            "{what} are not those that the job was made with; start a new job for them"
        )));
    }
    Ok(terms)
}
