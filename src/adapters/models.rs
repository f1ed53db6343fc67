//! Models by their ids: the offline one, its rehearsal, and the Claude models of Amazon Bedrock.

use std::sync::Arc;

use super::aws::bedrock::{BedrockClients, BedrockModel};
use super::local::{precedents, rehearsal};
use crate::catalog::{Catalog, ModelFacts};
use crate::core::problem::ProblemType;
use crate::ports::error::PortResult;
use crate::ports::{Clock, Model};
use crate::terms::TermTable;

/// A model that is ready to answer, and what its user should be told first.
pub struct Opened {
    /// The model.
    pub model: Arc<dyn Model>,
    /// Warnings.
    pub notes: Vec<String>,
}

/// A model that runs here; none: the id is not one of these.
///
/// # Errors
/// Why it cannot be opened.
pub fn offline(
    model_id: &str,
    terms: &Arc<TermTable>,
    clock: &Arc<dyn Clock>,
) -> PortResult<Option<Arc<dyn Model>>> {
    let model: Arc<dyn Model> = match model_id {
        precedents::MODEL_ID => Arc::new(precedents::PrecedentsModel::open(terms.clone())?),
        rehearsal::MODEL_ID => Arc::new(rehearsal::RehearsalModel::open(
            terms.clone(),
            clock.clone(),
        )?),
        _ => return Ok(None),
    };
    Ok(Some(model))
}

/// Why a name cannot be a model's id; none: it may be one.
pub fn no_model(name: &str, catalog: &Catalog) -> Option<String> {
    if name.contains(['.', ':']) {
        return None;
    }
    let near = catalog.near(name, 3);
    let meant = match near.is_empty() {
        true => String::new(),
        false => format!("; {} may be meant", near.join(", ")),
    };
    Some(format!(
        "'{name}' is no model{meant}: take {}, the offline model, or an id that annexa models lists",
        precedents::MODEL_ID
    ))
}

/// A Claude model on Bedrock, called through `clients`. Nothing is called yet: id, lifecycle and price are looked at.
///
/// # Errors
/// All that is wrong, each with what to do.
pub fn bedrock(
    model_id: &str,
    problem_type: ProblemType,
    terms: &TermTable,
    catalog: &Catalog,
    clients: Arc<BedrockClients>,
) -> Result<Opened, Vec<String>> {
    let known = catalog.check(model_id, clients.region())?;
    let mut facts = known
        .facts
        .unwrap_or_else(|| ModelFacts::cautious(model_id));
    // As it is to be called here, for the advice in errors.
    facts.replacement = catalog.replacement_in(&facts, clients.region());
    let model = BedrockModel::new(clients, model_id, &facts, known.price, terms, problem_type)
        .map_err(|error| vec![error.to_string()])?;
    Ok(Opened {
        model: Arc::new(model),
        notes: known.warnings,
    })
}
