//! How the ledger's operations reach their records: one job, one chunk, or a chunk under a claim, in one transaction.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use super::store::{Store, Tx};
use crate::core::chunk::{ChunkLimits, ChunkRecord, Claim};
use crate::core::ids::{ChunkKey, ChunkNo, JobId};
use crate::core::job::JobRecord;
use crate::ports::Clock;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::ledger::Held;

/// The ledger of one process.
pub struct EmbeddedLedger<S> {
    pub(super) store: S,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: ChunkLimits,
}

impl<S: Store> EmbeddedLedger<S> {
    /// A ledger over `store`.
    pub fn new(store: S, clock: Arc<dyn Clock>, limits: ChunkLimits) -> Self {
        EmbeddedLedger {
            store,
            clock,
            limits,
        }
    }

    /// The store, for what is not a ledger's business (recovery after a crash of the only process).
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Changes one job; an unknown one is a bug of the caller.
    pub(super) async fn with_job<R: Send + 'static>(
        &self,
        job_id: &JobId,
        change: impl FnOnce(&mut JobRecord, u64) -> R + Send + 'static,
    ) -> PortResult<R> {
        let (job_id, now_ms) = (job_id.clone(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                let mut job = known_job(tx, &job_id)?;
                let before = job.clone();
                let result = change(&mut job, now_ms);
                if job != before {
                    tx.put_job(&job)?;
                }
                Ok(result)
            }))
            .await
    }

    /// Changes one job while it is live. Of a job that is ending nothing changes any more: its outputs are a function
    /// of what the ledger holds.
    pub(super) async fn with_live_job<R: Send + 'static>(
        &self,
        job_id: &JobId,
        change: impl FnOnce(&mut JobRecord) -> R + Send + 'static,
    ) -> PortResult<R> {
        let changed = self.with_job(job_id, move |job, _| job.is_live().then(|| change(job)));
        changed.await?.ok_or_else(|| over(job_id))
    }

    /// Changes one chunk and perhaps its job's counters; none: there is no such chunk, or the job is ending and its
    /// counters are closed.
    pub(super) async fn with_chunk<R: Send + 'static>(
        &self,
        key: &ChunkKey,
        change: impl FnOnce(&mut JobRecord, &mut ChunkRecord, u64) -> R + Send + 'static,
    ) -> PortResult<Option<R>> {
        let (key, now_ms) = (key.clone(), self.clock.now_ms());
        self.store
            .transact(Box::new(move |tx| {
                let Some(mut job) = tx.job(&key.job_id)? else {
                    return Ok(None);
                };
                let Some(mut chunk) = tx.chunk(&key)? else {
                    return Ok(None);
                };
                if job.generation != key.generation {
                    return Ok(None);
                }
                let (job_before, chunk_before) = (job.clone(), chunk.clone());
                let result = change(&mut job, &mut chunk, now_ms);
                // What a job that is ending counts does not change any more: its outputs say it.
                if job.counters != job_before.counters && !job_before.is_live() {
                    return Ok(None);
                }
                if chunk != chunk_before {
                    tx.put_chunk(&key, &chunk)?;
                }
                if job != job_before {
                    tx.put_job(&job)?;
                }
                Ok(Some(result))
            }))
            .await
    }

    /// What is shared under a key, as it stands.
    pub(super) async fn shared<T>(&self, key: String) -> PortResult<Option<T>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.store
            .transact(Box::new(move |tx| {
                let text = tx.shared(&key)?;
                text.map(|text| read_shared(&key, &text)).transpose()
            }))
            .await
    }

    /// Changes what is shared under a key; new, it is the default.
    pub(super) async fn with_shared<T, R>(
        &self,
        key: String,
        change: impl FnOnce(&mut T, u64) -> R + Send + 'static,
    ) -> PortResult<R>
    where
        T: Clone + Default + PartialEq + Serialize + DeserializeOwned,
        R: Send + 'static,
    {
        let now_ms = self.clock.now_ms();
        self.store
            .transact(Box::new(move |tx| {
                let known: Option<T> = tx
                    .shared(&key)?
                    .map(|text| read_shared(&key, &text))
                    .transpose()?;
                let mut record = known.clone().unwrap_or_default();
                let result = change(&mut record, now_ms);
                if known.as_ref() != Some(&record) {
                    let text = serde_json::to_string(&record).map_err(|error| {
                        PortError::bug(format!("the record of {key} cannot be written: {error}"))
                    })?;
                    tx.put_shared(&key, &text)?;
                }
                Ok(result)
            }))
            .await
    }

    /// Changes a chunk under a claim.
    pub(super) async fn held(
        &self,
        claim: &Claim,
        change: impl FnOnce(&mut JobRecord, &mut ChunkRecord, &Claim, u64) -> bool + Send + 'static,
    ) -> PortResult<Held> {
        let owned = claim.clone();
        let holds = self
            .with_chunk(&claim.key, move |job, chunk, now_ms| {
                change(job, chunk, &owned, now_ms)
            })
            .await?;
        Ok(Held::from_bool(holds.unwrap_or(false)))
    }
}

fn read_shared<T: DeserializeOwned>(key: &str, text: &str) -> PortResult<T> {
    serde_json::from_str(text)
        .map_err(|error| PortError::bug(format!("the record of {key} cannot be read: {error}")))
}

pub(super) fn known_job(tx: &mut dyn Tx, job_id: &JobId) -> PortResult<JobRecord> {
    tx.job(job_id)?
        .ok_or_else(|| PortError::bug(format!("job {job_id} is not in the ledger")))
}

pub(super) fn over(job_id: &JobId) -> PortError {
    let what = format!("job {job_id} is ending or over");
    PortError::new(ErrorClass::LostClaim, what)
}

pub(super) fn key_of(job: &JobRecord, chunk: ChunkNo) -> ChunkKey {
    ChunkKey {
        job_id: job.job_id.clone(),
        generation: job.generation,
        chunk,
    }
}
