//! Which models a run on this machine can use.

use std::sync::{Arc, Mutex};

use crate::adapters::local::{precedents, rehearsal};
use crate::core::spec::JobSpec;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::ModelInfo;
use crate::ports::{Clock, Model, Models};
use crate::terms::TermTable;

/// What is fixed about the model with this id; none: there is none here.
pub fn info(model_id: &str) -> Option<ModelInfo> {
    match model_id {
        precedents::MODEL_ID => Some(precedents::info()),
        rehearsal::MODEL_ID => Some(rehearsal::info()),
        _ => None,
    }
}

/// What is said of a model that is not here.
pub fn unknown(model_id: &str) -> String {
    format!(
        "model '{model_id}' is not available: this version answers offline, with --model {}; Claude models on Amazon \
         Bedrock come with a later version",
        precedents::MODEL_ID
    )
}

/// Opens models, each once.
pub struct LocalModels {
    clock: Arc<dyn Clock>,
    opened: Mutex<Vec<(String, Arc<dyn Model>)>>,
}

impl LocalModels {
    /// None is open yet.
    pub fn new(clock: Arc<dyn Clock>) -> LocalModels {
        LocalModels {
            clock,
            opened: Mutex::default(),
        }
    }
}

impl Models for LocalModels {
    fn open(&self, spec: &JobSpec, terms: &Arc<TermTable>) -> PortResult<Arc<dyn Model>> {
        let mut opened = self.opened.lock().expect("no panic while held");
        let key = format!("{} {}", spec.model_id, spec.terms_sha256);
        if let Some((_, model)) = opened.iter().find(|(known, _)| *known == key) {
            return Ok(model.clone());
        }
        let model: Arc<dyn Model> = match spec.model_id.as_str() {
            precedents::MODEL_ID => Arc::new(precedents::PrecedentsModel::open(terms.clone())?),
            rehearsal::MODEL_ID => Arc::new(rehearsal::RehearsalModel::open(
                terms.clone(),
                self.clock.clone(),
            )?),
            other => return Err(PortError::permanent_job(unknown(other))),
        };
        opened.push((key, model.clone()));
        Ok(model)
    }
}
