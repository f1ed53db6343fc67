//! Which models a run on this machine can use.

use std::sync::{Arc, Mutex};

use crate::adapters::local::{precedents, rehearsal};
use crate::core::problem::Problem;
use crate::core::spec::JobSpec;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::ModelInfo;
use crate::ports::{Clock, Model, Models};
use crate::precedents::Precedents;
use crate::terms::{Term, TermTable};

/// What is fixed about the model with this id; none: there is none here.
pub fn info(model_id: &str) -> Option<ModelInfo> {
    match model_id {
        precedents::MODEL_ID => Some(precedents::info()),
        rehearsal::MODEL_ID => Some(rehearsal::info()),
        _ => None,
    }
}

/// Under which confidence rows are marked for review where nobody says. The offline model's confidence is calibrated:
/// under this it is more often wrong than right. Of other models self-stated confidence is no guide (DESIGN §8).
pub fn default_review_below(model_id: &str) -> Option<f64> {
    matches!(model_id, precedents::MODEL_ID | rehearsal::MODEL_ID).then_some(0.4)
}

/// What the offline model cannot do with a user's own table: it knows IMDRF's codes and their meaning there.
pub fn warnings(model_id: &str, terms: &TermTable) -> Vec<String> {
    let (Some(_), Ok(precedents)) = (default_review_below(model_id), Precedents::builtin()) else {
        return Vec::new();
    };
    let builtin = TermTable::builtin();
    let mut warnings = Vec::new();
    for problem in Problem::ALL {
        let selectable: Vec<&Term> = terms.selectable(problem).collect();
        let known = |term: &&&Term| precedents.codes(problem).any(|code| code == term.code());
        let count = selectable.iter().filter(known).count();
        if count < selectable.len() {
            warnings.push(format!(
                "the offline model can give {count} of the {} selectable {} codes of this table",
                selectable.len(),
                problem.name()
            ));
        }
        let differs = |term: &&&Term| {
            builtin
                .by_code(term.code())
                .is_some_and(|own| own.term() != term.term())
        };
        let other: Vec<&str> = selectable
            .iter()
            .filter(differs)
            .map(|term| term.code())
            .collect();
        if let Some(first) = other.first() {
            warnings.push(format!(
                "{} codes of this table have another term than IMDRF's ({first} is the first); the offline model goes by \
                 code and means IMDRF's",
                other.len()
            ));
        }
    }
    warnings
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
