//! What a worker knows of a job while it works on it: spec, plan, terms, model.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::coding::key::KeyBase;
use crate::core::ids::JobId;
use crate::core::plan::Plan;
use crate::core::spec::JobSpec;
use crate::jobs::terms;
use crate::pacing::Pacer;
use crate::ports::Model;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::results::ResultColumns;
use crate::terms::TermTable;

use super::WorkerPorts;

/// Jobs that are kept at once; the oldest is forgotten first and read again when it is needed.
const KEPT_JOBS: usize = 64;

/// A job, ready to be worked on.
pub(super) struct JobContext {
    pub(super) job_id: JobId,
    pub(super) job_created_ms: u64,
    pub(super) spec: JobSpec,
    pub(super) plan: Plan,
    pub(super) columns: ResultColumns,
    pub(super) terms: Arc<TermTable>,
    pub(super) model: Arc<dyn Model>,
    pub(super) keys: KeyBase,
    /// Calls in flight of this job in this process (`max_workers`).
    pub(super) calls: tokio::sync::Semaphore,
    /// Calls a second of this job (`rate_limit`).
    pub(super) pacer: Pacer,
}

/// The jobs that were met lately.
#[derive(Default)]
pub(super) struct Contexts(Mutex<BTreeMap<JobId, Arc<JobContext>>>);

impl Contexts {
    /// The job's context; what is frozen about a job is read once.
    pub(super) async fn get(
        &self,
        ports: &WorkerPorts,
        job_id: &JobId,
    ) -> PortResult<Arc<JobContext>> {
        if let Some(known) = self.0.lock().expect("no panic while held").get(job_id) {
            return Ok(known.clone());
        }
        let context = Arc::new(open(ports, job_id).await?);
        let mut kept = self.0.lock().expect("no panic while held");
        if kept.len() >= KEPT_JOBS {
            kept.pop_first();
        }
        Ok(kept.entry(job_id.clone()).or_insert(context).clone())
    }
}

async fn open(ports: &WorkerPorts, job_id: &JobId) -> PortResult<JobContext> {
    let job = retry(&*ports.clock, Backoff::STORAGE, || ports.ledger.job(job_id)).await?;
    let job = job
        .ok_or_else(|| PortError::bug(format!("job {job_id} is claimed but not in the ledger")))?;
    let plan = job
        .plan
        .ok_or_else(|| PortError::bug(format!("job {job_id} has chunks but no plan")))?;
    let spec = job.spec;
    let terms = terms::load(&*ports.clock, &*ports.blobs, &spec).await?;
    let model = ports.models.open(&spec, &terms)?;
    let info = model.info();
    let keys = KeyBase::new(
        &info.model_id,
        &info.prompt_version,
        &spec.terms_sha256,
        spec.problem_type,
    );
    Ok(JobContext {
        job_id: job_id.clone(),
        job_created_ms: job.created_ms,
        columns: ResultColumns::new(&plan.layout.columns, spec.problem_type),
        calls: tokio::sync::Semaphore::new(spec.max_workers.max(1) as usize),
        pacer: Pacer::new(ports.clock.clone(), spec.rate_limit),
        terms,
        model,
        keys,
        plan,
        spec,
    })
}
