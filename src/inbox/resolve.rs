//! From what a user asks to a spec with everything filled in, looked up and pinned; or to all that is wrong with it.

use std::sync::Arc;

use super::corpus;
use super::pin::pin;
use super::place::{InboxPlace, RESULTS_PREFIX};
use super::request::JobRequest;
use super::terms;
use crate::catalog::Catalog;
use crate::coding::opinion::{Asked, Names};
use crate::config::{FleetConfig, JobDefaults};
use crate::core::identity::job_id;
use crate::core::ids::JobId;
use crate::core::outcome::AnsweredBy;
use crate::core::spec::{JobSpec, defaults};
use crate::ports::error::{ErrorClass, PortError};
use crate::ports::{Blobs, Clock, Models};
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// What specs are resolved under.
#[derive(Debug, Clone)]
pub struct ResolverSetup {
    /// Where results go unless a spec says so, and where the fleet keeps what it knows of arrivals.
    pub output_bucket: String,
    /// What holds where a spec is silent.
    pub defaults: JobDefaults,
    /// Where arrivals come from, and so where no output may go.
    pub place: InboxPlace,
    /// What is known of models.
    pub catalog: Arc<Catalog>,
    /// The Region in which models are called.
    pub region: String,
}

impl ResolverSetup {
    /// As the fleet is configured, for models in `region`.
    pub fn new(config: &FleetConfig, region: &str) -> ResolverSetup {
        ResolverSetup {
            output_bucket: config.output_bucket.clone(),
            defaults: config.defaults.clone(),
            place: InboxPlace {
                bucket: None,
                prefix: config.inbox_prefix.clone(),
            },
            catalog: config.catalog.clone(),
            region: region.to_string(),
        }
    }
}

/// A spec that a job can be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The job that it is.
    pub job_id: JobId,
    /// The spec.
    pub spec: JobSpec,
    /// What its user should be told.
    pub warnings: Vec<String>,
}

/// Why there is none.
#[derive(Debug, Clone)]
pub enum Unresolved {
    /// It can never be one: all reasons, each with what to do.
    Refused(Vec<String>),
    /// The surroundings failed; later it may be one.
    Trouble(PortError),
}

/// Resolves specs.
pub struct Resolver {
    clock: Arc<dyn Clock>,
    blobs: Arc<dyn Blobs>,
    models: Arc<dyn Models>,
    setup: ResolverSetup,
}

/// Keeps the value of a step that went well, and what is wrong with one that did not; trouble ends all.
fn noted<T>(
    result: Result<T, Unresolved>,
    problems: &mut Vec<String>,
) -> Result<Option<T>, Unresolved> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Unresolved::Refused(more)) => {
            problems.extend(more);
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}

impl Resolver {
    /// A resolver.
    pub fn new(
        clock: Arc<dyn Clock>,
        blobs: Arc<dyn Blobs>,
        models: Arc<dyn Models>,
        setup: ResolverSetup,
    ) -> Resolver {
        Resolver {
            clock,
            blobs,
            models,
            setup,
        }
    }

    /// What it resolves under.
    pub fn setup(&self) -> &ResolverSetup {
        &self.setup
    }

    /// Resolves `request`, whose input is pinned to `version` (a token of the store), or to what is there now.
    ///
    /// # Errors
    /// All that is wrong with it, or trouble.
    pub async fn resolve(
        &self,
        request: &JobRequest,
        version: Option<&str>,
    ) -> Result<Resolved, Unresolved> {
        let mut problems = Vec::new();
        let checked = noted(self.check(request).await, &mut problems)?;
        let mut version_there = None;
        match request.input() {
            Some(input) => {
                let pinned = pin(&*self.clock, &*self.blobs, "the input", &input, version).await;
                version_there = noted(pinned, &mut problems)?;
            }
            None => {
                problems.push("input_bucket and input_key are needed: name the CSV".to_string())
            }
        }
        let (Some((mut spec, warnings)), Some(head)) = (checked, version_there) else {
            return Err(Unresolved::Refused(problems));
        };
        spec.input_version = head.etag;
        let job_id = job_id(&spec);
        if request.output_prefix.is_none() {
            spec.output_prefix = format!("{RESULTS_PREFIX}{job_id}/");
        }
        Ok(Resolved {
            job_id,
            spec,
            warnings,
        })
    }

    /// Everything but the input: a spec in which only that, and what follows from it, is missing; and what its user should
    /// be told.
    ///
    /// # Errors
    /// As [`Resolver::resolve`].
    pub async fn check(&self, request: &JobRequest) -> Result<(JobSpec, Vec<String>), Unresolved> {
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let terms = terms::pinned(&*self.clock, &*self.blobs, request.terms()).await;
        let terms = noted(terms, &mut problems)?;
        let mut spec = self.filled_in(request);
        problems.extend(self.outputs_come_back(request, &spec));
        let table = match &terms {
            Some(terms) => terms.table.clone(),
            None => TermTable::builtin(),
        };
        spec.terms_sha256 = table.sha256_hex();
        spec.imdrf_version = terms.and_then(|terms| terms.version);
        let coded = corpus::pinned(&*self.clock, &*self.blobs, request).await;
        let coded = noted(coded, &mut problems)?.flatten();
        if let Some(coded) = &coded {
            spec.corpus_sha256 = Some(coded.reports.sha256().to_string());
            spec.corpus_version.clone_from(&coded.version);
        }
        match self.model_id(request) {
            Ok(model_id) => {
                spec.model_id = model_id;
                let reports = coded.as_ref().map(|coded| &coded.reports);
                let opened = self.open_model(&mut spec, &table, reports, &mut warnings);
                noted(opened, &mut problems)?;
            }
            Err(problem) => problems.push(problem),
        }
        match problems.is_empty() {
            true => Ok((spec, warnings)),
            false => Err(Unresolved::Refused(problems)),
        }
    }

    /// What is asked, with what nobody has to look up filled in.
    pub(super) fn filled_in(&self, request: &JobRequest) -> JobSpec {
        let own = &self.setup.defaults;
        JobSpec {
            input_bucket: request.input_bucket.clone().unwrap_or_default(),
            input_key: request.input_key.clone().unwrap_or_default(),
            input_version: String::new(),
            output_bucket: request
                .output_bucket
                .clone()
                .unwrap_or_else(|| self.setup.output_bucket.clone()),
            output_prefix: request
                .output_prefix
                .clone()
                .unwrap_or_else(|| RESULTS_PREFIX.to_string()),
            model_id: String::new(),
            problem_type: request.problem_type.unwrap_or(own.problem_type),
            batch_size: request.batch_size.unwrap_or(own.batch_size),
            max_workers: request.max_workers.unwrap_or(own.max_workers),
            rate_limit: request.rate_limit.or(own.rate_limit),
            tokens_per_minute: request.tokens_per_minute,
            requests_per_minute: request.requests_per_minute,
            max_cost_usd: request.max_cost_usd,
            imdrf_bucket: request.imdrf_bucket.clone(),
            imdrf_key: request.imdrf_key.clone(),
            imdrf_version: None,
            terms_sha256: String::new(),
            prompt_version: String::new(),
            chunk_rows: request.chunk_rows.unwrap_or(defaults::CHUNK_ROWS),
            id_column: request.id_column.clone(),
            text_column: request.text_column.clone(),
            encoding: request.encoding.clone(),
            max_text_chars: request.max_text_chars.unwrap_or(defaults::MAX_TEXT_CHARS),
            max_record_bytes: defaults::MAX_RECORD_BYTES,
            review_below: request.review_below,
            again: request.again.clone(),
            fresh: request.fresh,
            second_opinion: request.second_opinion,
            precedents: request.precedents.unwrap_or(0),
            corpus_bucket: request.corpus_bucket.clone(),
            corpus_key: request.corpus_key.clone(),
            corpus_version: None,
            corpus_sha256: None,
            formats: request.formats.clone().unwrap_or_default(),
            no_text: request.no_text.unwrap_or_default(),
        }
    }

    /// Outputs in the inbox would be jobs of their own, without end.
    fn outputs_come_back(&self, request: &JobRequest, spec: &JobSpec) -> Option<String> {
        let place = &self.setup.place;
        let input_bucket = request.input_bucket.as_deref().unwrap_or_default();
        place
            .would_take(input_bucket, &spec.output_bucket, &spec.output_prefix)
            .then(|| {
                format!(
                    "the output place {}/{} lies in the inbox ({place}): choose another output_bucket or output_prefix",
                    spec.output_bucket, spec.output_prefix
                )
            })
    }

    /// Who is to answer.
    fn model_id(&self, request: &JobRequest) -> Result<String, String> {
        let named = request
            .model_id
            .as_ref()
            .or(self.setup.defaults.model_id.as_ref());
        match named {
            Some(model_id) => Ok(model_id.clone()),
            None => {
                let default = self.setup.catalog.default_for_region(&self.setup.region);
                default.map(|default| default.model_id)
            }
        }
    }

    /// Checks the model and takes from it what shapes answers.
    fn open_model(
        &self,
        spec: &mut JobSpec,
        table: &Arc<TermTable>,
        coded: Option<&CodedReports>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Unresolved> {
        let known = self.setup.catalog.check(&spec.model_id, &self.setup.region);
        let known = known.map_err(Unresolved::Refused)?;
        let model = self
            .models
            .open(spec, table, coded)
            .map_err(|error| match error.class {
                ErrorClass::PermanentJob => Unresolved::Refused(vec![error.what]),
                _ => Unresolved::Trouble(error),
            })?;
        let info = model.info();
        let asked = Asked {
            second_opinion: spec.second_opinion,
            examples: spec.precedents,
            own_corpus: coded.filter(|_| spec.corpus_bucket.is_some()),
            problem_type: spec.problem_type,
        };
        let problems = asked.problems(info, &Names::FIELDS);
        if !problems.is_empty() {
            return Err(Unresolved::Refused(problems));
        }
        if spec.max_cost_usd.is_some() && info.is_paid && info.price.is_none() {
            return Err(Unresolved::Refused(vec![format!(
                "max_cost_usd cannot be kept: the price of {} is not known; give it in a models file",
                info.model_id
            )]));
        }
        if info.is_paid {
            warnings.extend(known.warnings);
        }
        spec.model_id.clone_from(&info.model_id);
        spec.prompt_version.clone_from(&info.prompt_version);
        if spec.review_below.is_none() && info.answered_by == AnsweredBy::Precedents {
            spec.review_below = Some(defaults::PRECEDENTS_REVIEW_BELOW);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
