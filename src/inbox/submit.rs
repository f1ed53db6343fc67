//! Submissions: a person asks and waits for the answer, so what is wrong is said and no failed job is made of it.

use super::frozen::Frozen;
use super::intake::Intake;
use super::request::JobRequest;
use super::resolve::Unresolved;
use crate::core::ids::JobId;
use crate::core::job::JobRecord;
use crate::core::money::NanoUsd;
use crate::ports::error::ErrorClass;

/// What a submission came to.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The job.
    pub job_id: JobId,
    /// The job as it was found; none: it is new.
    pub found: Option<Box<JobRecord>>,
    /// The cost cap of the found job, where this has changed it.
    pub new_cap: Option<NanoUsd>,
    /// What its user should be told.
    pub warnings: Vec<String>,
}

impl Intake {
    /// Checks everything about a request but its input, which may still have to be uploaded.
    ///
    /// # Errors
    /// As [`Intake::submit`].
    pub async fn check(&self, request: &JobRequest) -> Result<(), Unresolved> {
        self.resolver.check(request).await.map(drop)
    }

    /// Resolves a request that a person makes, creates its job or finds it, and sends it to be split.
    ///
    /// # Errors
    /// All that is wrong with the request (then nothing was begun), or trouble.
    pub async fn submit(&self, request: &JobRequest) -> Result<Submitted, Unresolved> {
        let resolved = self.resolver.resolve(request, None).await?;
        let (job_id, warnings) = (resolved.job_id.clone(), resolved.warnings.clone());
        let one = |problem: String| Unresolved::Refused(vec![problem]);
        let found = self.found(request, &job_id).await;
        let found = found
            .map_err(Unresolved::Trouble)?
            .transpose()
            .map_err(one)?;
        if found.is_none() {
            self.take_prefix(&job_id, &resolved.spec)
                .await
                .map_err(|error| match error.class {
                    ErrorClass::PermanentJob => Unresolved::Refused(vec![error.what]),
                    _ => Unresolved::Trouble(error),
                })?;
        }
        let frozen = Frozen {
            job_id: job_id.clone(),
            spec: resolved.spec,
            failed: None,
        };
        self.open(&frozen, "a submission")
            .await
            .map_err(Unresolved::Trouble)?;
        let changed = found.as_ref().filter(|job| !job.is_over()).and_then(|job| {
            let cap = request.limits_over(job.spec.limits()).max_cost;
            cap.filter(|_| cap != job.spec.max_cost_usd)
        });
        Ok(Submitted {
            new_cap: changed,
            job_id,
            found: found.map(Box::new),
            warnings,
        })
    }
}
