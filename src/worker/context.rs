//! What a worker knows of a job while it works on it: spec, plan, terms, model; and its limits, which may change.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::coding::key::KeyBase;
use crate::coding::tokens::TokenBook;
use crate::core::answer::Payer;
use crate::core::ids::{ChunkNo, JobId};
use crate::core::job::JobRecord;
use crate::core::opinion::SecondOpinion;
use crate::core::plan::Plan;
use crate::core::spec::{JobSpec, Limits};
use crate::jobs::{corpus, terms};
use crate::pacing::Pacer;
use crate::pacing::lane::{Lane, LaneSetup, Line};
use crate::pacing::quota::QuotaSetup;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::ports::{Library, Model};
use crate::results::ResultColumns;
use crate::terms::TermTable;

use super::lanes::{JobPace, name_of_job, told, told_of_job};
use super::permits::CallPermits;
use super::{SharedLanes, Worker};

/// Jobs that are kept at once; of those that nobody works on, the one used longest ago is forgotten first, and read
/// again when it is needed.
const KEPT_JOBS: usize = 64;
/// Of these, jobs with coded reports of a user's own, which lie in memory with them.
const KEPT_CORPORA: usize = 4;

/// A job's limits are read again after so long, when a call is made.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A job of so much input is a small one.
const SMALL_JOB_BYTES: u64 = 1 << 20;
/// Calls of a small job that start for each one of a large job that the same worker is at: somebody waits for the small one.
/// A small job's few chunks are with few workers, and it has no more of the lane than these have.
const TURNS_OF_SMALL_JOB: u32 = 3;

/// A job, ready to be worked on.
pub(super) struct JobContext {
    pub(super) job_id: JobId,
    pub(super) job_created_ms: u64,
    /// Which rules mark its rows for review.
    pub(super) review_rules: u32,
    /// As it was when the job was met; what may change of it is in `limits`.
    pub(super) spec: JobSpec,
    pub(super) plan: Plan,
    pub(super) columns: ResultColumns,
    pub(super) terms: Arc<TermTable>,
    pub(super) model: Arc<dyn Model>,
    pub(super) keys: KeyBase,
    /// Of a job that uses no answers but its own: the keys under which others find what it paid for.
    pub(super) keys_for_others: Option<KeyBase>,
    /// The same two for second samples; none: none are asked for.
    pub(super) samples: Option<SampleKeys>,
    /// The coded reports, where they are a second opinion or shown as examples.
    pub(super) library: Option<Arc<dyn Library>>,
    /// Calls in flight of this job in this process (`max_workers`).
    pub(super) calls: CallPermits,
    /// What the service's quota is shared through; none: there is no service.
    pub(super) lane: Option<Arc<Lane>>,
    /// Where this job's calls wait for the lane, so that a large job keeps a small one waiting for few calls and not for all.
    pub(super) line: Line,
    /// What calls take.
    pub(super) tokens: TokenBook,
    limits: Mutex<Known>,
    pace_changed: Notify,
}

/// The keys of second samples.
pub(super) struct SampleKeys {
    pub(super) own: KeyBase,
    pub(super) for_others: Option<KeyBase>,
}

fn turns(plan: &Plan) -> u32 {
    match plan.source_bytes <= SMALL_JOB_BYTES {
        true => TURNS_OF_SMALL_JOB,
        false => 1,
    }
}

/// What was last known of a job's limits.
struct Known {
    limits: Limits,
    /// When they were read, on the monotonic clock.
    read: Duration,
    /// Calls a second of this job (`rate_limit`).
    pace: Arc<JobPace>,
}

impl JobContext {
    /// Whether an answer was paid for by a row of this job's chunk `chunk`.
    pub(super) fn is_payer(&self, payer: &Payer, chunk: ChunkNo) -> bool {
        payer.job_id == self.job_id
            && payer.job_created_ms == self.job_created_ms
            && payer.chunk == chunk
    }

    /// The job's limits, as they were last read.
    pub(super) fn limits(&self) -> Limits {
        self.limits.lock().expect("no panic while held").limits
    }

    /// Returns when the job's own limits let the next call, of so many tokens, start: the present ones, also for who waited by
    /// others.
    pub(super) async fn paced(&self, tokens: u64) {
        loop {
            let mut changed = pin!(self.pace_changed.notified());
            changed.as_mut().enable();
            let pace = {
                let known = self.limits.lock().expect("no panic while held");
                known.pace.clone()
            };
            tokio::select! {
                biased;
                () = pace.start(tokens) => return,
                () = changed => {}
            }
        }
    }

    /// Whether the limits are to be read again; who asks first does it.
    fn is_due(&self, now: Duration) -> bool {
        let mut known = self.limits.lock().expect("no panic while held");
        let is_due = now.saturating_sub(known.read) >= LOOK_AGAIN;
        if is_due {
            known.read = now;
        }
        is_due
    }
}

/// The jobs that were met lately.
#[derive(Default)]
pub(super) struct Contexts(Mutex<BTreeMap<JobId, Met>>);

struct Met {
    context: Arc<JobContext>,
    /// On the monotonic clock.
    used: Duration,
}

impl Contexts {
    fn find(&self, job_id: &JobId, now: Duration) -> Option<Arc<JobContext>> {
        let mut met = self.0.lock().expect("no panic while held");
        let met = met.get_mut(job_id)?;
        met.used = now;
        Some(met.context.clone())
    }

    /// Keeps a context, unless somebody was faster. Also returns the jobs that were forgotten for it.
    fn keep(&self, context: JobContext, now: Duration) -> (Arc<JobContext>, Vec<JobId>) {
        let mut met = self.0.lock().expect("no panic while held");
        let mut forgotten = Vec::new();
        if !met.contains_key(&context.job_id) {
            let has_corpus = |context: &JobContext| context.spec.corpus_bucket.is_some();
            if has_corpus(&context) {
                forgotten.extend(too_many(&met, KEPT_CORPORA, has_corpus));
            }
            forgotten.retain(|job_id| met.remove(job_id).is_some());
            forgotten.extend(too_many(&met, KEPT_JOBS, |_| true));
            for job_id in &forgotten {
                met.remove(job_id);
            }
        }
        let new = Met {
            used: now,
            context: Arc::new(context),
        };
        let kept = met.entry(new.context.job_id.clone()).or_insert(new);
        (kept.context.clone(), forgotten)
    }
}

/// The job that nobody works on and that was used longest ago, if there are `most` or more of its kind.
fn too_many(
    met: &BTreeMap<JobId, Met>,
    most: usize,
    is_of_kind: impl Fn(&JobContext) -> bool,
) -> Option<JobId> {
    let of_kind = || met.iter().filter(|(_, met)| is_of_kind(&met.context));
    if of_kind().count() < most {
        return None;
    }
    let idle = of_kind().filter(|(_, met)| Arc::strong_count(&met.context) == 1);
    let oldest = idle.min_by_key(|(_, met)| met.used);
    oldest.map(|(job_id, _)| job_id.clone())
}

impl Worker {
    /// The job's context; what is frozen about a job is read once.
    pub(super) async fn context(&self, job_id: &JobId) -> PortResult<Arc<JobContext>> {
        let now = self.ports.clock.monotonic();
        if let Some(known) = self.contexts.find(job_id, now) {
            return Ok(known);
        }
        let context = self.open(job_id).await?;
        let (context, forgotten) = self.contexts.keep(context, now);
        for job_id in forgotten {
            self.lanes.forget(&name_of_job(&job_id));
        }
        Ok(context)
    }

    /// Takes over what has changed about a job's limits, if they have not been looked at for a while. Best effort: what
    /// cannot be read now is read the next time.
    pub(super) async fn look_again(&self, context: &JobContext) {
        if !context.is_due(self.ports.clock.monotonic()) {
            return;
        }
        match self.ports.ledger.job(&context.job_id).await {
            Ok(Some(job)) => self.take_over(context, job.spec.limits()),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(job = %context.job_id, %error, "limits not read again yet");
            }
        }
    }

    /// Looks again for as long as somebody waits: what a call waits for may be what has changed.
    pub(super) async fn keep_looking(&self, context: &JobContext) {
        loop {
            self.ports.clock.sleep(LOOK_AGAIN).await;
            self.look_again(context).await;
        }
    }

    fn take_over(&self, context: &JobContext, limits: Limits) {
        let mut known = context.limits.lock().expect("no panic while held");
        let before = std::mem::replace(&mut known.limits, limits);
        if before == limits {
            return;
        }
        tracing::info!(job = %context.job_id, ?limits, "limits have changed");
        context.calls.set(limits.max_workers);
        if told_of_job(&before) != told_of_job(&limits) {
            known.pace = Arc::new(self.pace(&context.job_id, &limits));
            context.pace_changed.notify_waiters();
        }
        let shared = self.setup.shared_lanes.as_ref();
        let told_now = told(shared, &limits);
        if let Some(lane) = &context.lane
            && told(shared, &before) != told_now
        {
            lane.tell(told_now);
        }
    }

    /// A job's own limits: `rate_limit` in one process, with its tokens and requests a minute in a fleet.
    fn pace(&self, job_id: &JobId, limits: &Limits) -> JobPace {
        if self.setup.shared_lanes.is_none() {
            return match limits.rate_limit {
                None => JobPace::Free,
                rate => JobPace::Own(Pacer::new(self.ports.clock.clone(), rate)),
            };
        }
        let Some(rates) = told_of_job(limits) else {
            return JobPace::Free;
        };
        let setup = LaneSetup {
            is_even: true,
            ..LaneSetup::default().shared()
        };
        let name = name_of_job(job_id);
        let lane = self.lanes.get(&self.ports.clock, &name, setup);
        lane.tell(rates);
        JobPace::Shared(lane)
    }

    /// The lane of a service's model. What the first job told of its quota stands until a job's quota changes.
    fn lane(&self, name: &str, limits: &Limits) -> Arc<Lane> {
        let shared: Option<&SharedLanes> = self.setup.shared_lanes.as_ref();
        let told = told(shared, limits);
        let setup = LaneSetup {
            quota: QuotaSetup {
                tokens_per_minute: told.tokens.map(|told| told as u64),
                requests_per_minute: told.requests.map(|told| told as u64),
                ..QuotaSetup::default()
            },
            is_shared: shared.is_some(),
            ..LaneSetup::default()
        };
        self.lanes.get(&self.ports.clock, name, setup)
    }

    async fn open(&self, job_id: &JobId) -> PortResult<JobContext> {
        let ports = &self.ports;
        let read = ports.clock.monotonic();
        let job = retry(&*ports.clock, Backoff::STORAGE, || ports.ledger.job(job_id)).await?;
        let job = job.ok_or_else(|| {
            PortError::bug(format!("job {job_id} is claimed but not in the ledger"))
        })?;
        let JobRecord {
            spec,
            plan,
            created_ms,
            review_rules,
            ..
        } = job;
        let plan =
            plan.ok_or_else(|| PortError::bug(format!("job {job_id} has chunks but no plan")))?;
        let terms = terms::load(&*ports.clock, &*ports.blobs, &spec).await?;
        let coded = corpus::load(&*ports.clock, &*ports.blobs, &spec).await?;
        let model = ports.models.open(&spec, &terms, coded.as_ref())?;
        let info = model.info();
        let keys = KeyBase::of_job(&spec, info);
        let of_others = spec.fresh.then(|| JobSpec {
            fresh: false,
            ..spec.clone()
        });
        let keys_for_others = of_others
            .as_ref()
            .map(|others| KeyBase::of_job(others, info));
        let has_samples = spec.second_opinion == Some(SecondOpinion::Sample);
        let samples = has_samples.then(|| SampleKeys {
            own: KeyBase::of_second_sample(&spec, info),
            for_others: of_others
                .as_ref()
                .map(|others| KeyBase::of_second_sample(others, info)),
        });
        let library = coded
            .filter(|_| spec.uses_coded_reports())
            .map(|coded| ports.models.library(&terms, &coded));
        let limits = spec.limits();
        let service = info.service.as_ref();
        let lane = service.map(|service| self.lane(&service.lane, &limits));
        let tokens = TokenBook::new(service, spec.problem_type.problems().len());
        let pace = Arc::new(self.pace(job_id, &limits));
        Ok(JobContext {
            job_id: job_id.clone(),
            job_created_ms: created_ms,
            review_rules,
            columns: ResultColumns::of_job(&plan.layout.columns, &spec),
            calls: CallPermits::new(limits.max_workers),
            lane,
            line: Line::new(turns(&plan)),
            tokens,
            terms,
            model,
            keys,
            keys_for_others,
            samples,
            library,
            plan,
            spec,
            limits: Mutex::new(Known { limits, read, pace }),
            pace_changed: Notify::new(),
        })
    }
}
