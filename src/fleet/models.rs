//! The models of a fleet: opened for each job, shared by jobs that ask the same one for the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::adapters::aws::AwsConfig;
use crate::adapters::aws::bedrock::{BedrockClients, BedrockSetup};
use crate::adapters::models;
use crate::catalog::Catalog;
use crate::config::FleetConfig;
use crate::core::problem::ProblemType;
use crate::core::spec::JobSpec;
use crate::ports::error::{PortError, PortResult};
use crate::ports::{Clock, Model, Models};
use crate::terms::TermTable;

/// Models that are kept at once. Jobs hold theirs for themselves; forgetting one only opens it again.
const KEPT_MODELS: usize = 64;

/// Connections are there for this many calls in flight at least: a job may ask for more than the default, and a
/// connection is not opened before it is used.
const CALLS_IN_FLIGHT: u32 = 512;

/// What a model is opened for: its id, the terms by digest, the problem type.
type Key = (String, String, String);

/// Opens models for jobs.
pub struct FleetModels {
    catalog: Arc<Catalog>,
    clock: Arc<dyn Clock>,
    /// All of one Region, whatever the model; none: there is no Region, and offline models work all the same.
    clients: PortResult<Arc<BedrockClients>>,
    kept: Mutex<BTreeMap<Key, Arc<dyn Model>>>,
}

impl FleetModels {
    /// Models as `config` says, called as `aws` says. Nothing is called yet.
    pub fn new(config: &FleetConfig, aws: &AwsConfig, clock: Arc<dyn Clock>) -> FleetModels {
        let setup = BedrockSetup {
            calls_in_flight: config.defaults.max_workers.max(CALLS_IN_FLIGHT),
            connect_timeout: Duration::from_secs(3),
            read_timeout: config.call_timeout,
            call_timeout: config.call_timeout,
        };
        FleetModels {
            catalog: config.catalog.clone(),
            clock,
            clients: BedrockClients::new(aws, &setup),
            kept: Mutex::default(),
        }
    }

    /// The model `model_id`, answering for `problem_type` from `terms`.
    ///
    /// # Errors
    /// `PermanentJob`, with all that is wrong and what to do.
    pub fn model(
        &self,
        model_id: &str,
        problem_type: ProblemType,
        terms: &Arc<TermTable>,
    ) -> PortResult<Arc<dyn Model>> {
        let key = (
            model_id.to_string(),
            terms.sha256_hex(),
            problem_type.to_string(),
        );
        let mut kept = self.kept.lock().expect("no panic while held");
        if let Some(model) = kept.get(&key) {
            return Ok(model.clone());
        }
        let model = self.open_model(model_id, problem_type, terms)?;
        if kept.len() >= KEPT_MODELS {
            kept.clear();
        }
        kept.insert(key, model.clone());
        Ok(model)
    }

    fn open_model(
        &self,
        model_id: &str,
        problem_type: ProblemType,
        terms: &Arc<TermTable>,
    ) -> PortResult<Arc<dyn Model>> {
        if let Some(model) = models::offline(model_id, terms, &self.clock)? {
            return Ok(model);
        }
        if let Some(problem) = models::no_model(model_id, &self.catalog) {
            return Err(PortError::permanent_job(format!("model_id {problem}")));
        }
        let clients = self.clients.clone()?;
        let opened = models::bedrock(model_id, problem_type, terms, &self.catalog, clients)
            .map_err(|problems| PortError::permanent_job(problems.join("; ")))?;
        for note in opened.notes {
            tracing::warn!(model = model_id, "{note}");
        }
        Ok(opened.model)
    }
}

impl Models for FleetModels {
    fn open(&self, spec: &JobSpec, terms: &Arc<TermTable>) -> PortResult<Arc<dyn Model>> {
        let model = self.model(&spec.model_id, spec.problem_type, terms)?;
        let info = model.info();
        // Empty: the job is being made, and this is asked to know the version.
        if !spec.prompt_version.is_empty() && spec.prompt_version != info.prompt_version {
            return Err(PortError::permanent_job(format!(
                "the job was made for {} with prompt version {}, and this program asks with {}: finish it with the version \
                 it was begun with, or submit it anew",
                spec.model_id, spec.prompt_version, info.prompt_version
            )));
        }
        Ok(model)
    }
}
