//! What a worker knows of a job while it works on it: spec, plan, terms, model.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::coding::key::KeyBase;
use crate::coding::tokens::TokenBook;
use crate::core::answer::Payer;
use crate::core::ids::{ChunkNo, JobId};
use crate::core::plan::Plan;
use crate::core::spec::JobSpec;
use crate::jobs::terms;
use crate::pacing::Pacer;
use crate::pacing::lane::{Lane, LaneSetup, LaneSnapshot};
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::ServiceFacts;
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Clock, Model};
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
    /// Of a job that uses no answers but its own: the keys under which others find what it paid for.
    pub(super) keys_for_others: Option<KeyBase>,
    /// Calls in flight of this job in this process (`max_workers`).
    pub(super) calls: tokio::sync::Semaphore,
    /// Calls a second of this job (`rate_limit`).
    pub(super) pacer: Pacer,
    /// What the service's quota is shared through; none: there is no service.
    pub(super) lane: Option<Arc<Lane>>,
    /// What calls take.
    pub(super) tokens: TokenBook,
}

impl JobContext {
    /// Whether an answer was paid for by a row of this job's chunk `chunk`.
    pub(super) fn is_payer(&self, payer: &Payer, chunk: ChunkNo) -> bool {
        payer.job_id == self.job_id
            && payer.job_created_ms == self.job_created_ms
            && payer.chunk == chunk
    }
}

/// The lanes of a process: each has one quota, whoever asks.
#[derive(Default)]
pub(super) struct Lanes(Mutex<BTreeMap<String, Arc<Lane>>>);

impl Lanes {
    /// The lane of a service's model. What the first job told of its quota stands.
    fn get(&self, clock: &Arc<dyn Clock>, service: &ServiceFacts, spec: &JobSpec) -> Arc<Lane> {
        let mut lanes = self.0.lock().expect("no panic while held");
        let lane = lanes.entry(service.lane.clone()).or_insert_with(|| {
            let setup = LaneSetup::told(spec.tokens_per_minute, spec.requests_per_minute);
            Arc::new(Lane::new(clock.clone(), setup))
        });
        lane.clone()
    }
}

impl Lanes {
    /// All of them as they stand, by name.
    pub(super) fn snapshots(&self) -> Vec<(String, LaneSnapshot)> {
        let lanes = self.0.lock().expect("no panic while held");
        let shown = lanes.iter();
        shown
            .map(|(name, lane)| (name.clone(), lane.snapshot()))
            .collect()
    }
}

/// The jobs that were met lately.
#[derive(Default)]
pub(super) struct Contexts(Mutex<BTreeMap<JobId, Arc<JobContext>>>);

impl Contexts {
    /// The job's context; what is frozen about a job is read once.
    pub(super) async fn get(
        &self,
        ports: &WorkerPorts,
        lanes: &Lanes,
        job_id: &JobId,
    ) -> PortResult<Arc<JobContext>> {
        if let Some(known) = self.0.lock().expect("no panic while held").get(job_id) {
            return Ok(known.clone());
        }
        let context = Arc::new(open(ports, lanes, job_id).await?);
        let mut kept = self.0.lock().expect("no panic while held");
        if kept.len() >= KEPT_JOBS {
            kept.pop_first();
        }
        Ok(kept.entry(job_id.clone()).or_insert(context).clone())
    }
}

async fn open(ports: &WorkerPorts, lanes: &Lanes, job_id: &JobId) -> PortResult<JobContext> {
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
    let keys = KeyBase::of_job(&spec, info);
    let keys_for_others = spec.fresh.then(|| {
        let others = JobSpec {
            fresh: false,
            ..spec.clone()
        };
        KeyBase::of_job(&others, info)
    });
    let service = info.service.as_ref();
    let lane = service.map(|service| lanes.get(&ports.clock, service, &spec));
    let tokens = TokenBook::new(service, spec.problem_type.problems().len());
    Ok(JobContext {
        job_id: job_id.clone(),
        job_created_ms: job.created_ms,
        columns: ResultColumns::new(&plan.layout.columns, spec.problem_type),
        calls: tokio::sync::Semaphore::new(spec.max_workers.max(1) as usize),
        pacer: Pacer::new(ports.clock.clone(), spec.rate_limit),
        lane,
        tokens,
        terms,
        model,
        keys,
        keys_for_others,
        plan,
        spec,
    })
}
