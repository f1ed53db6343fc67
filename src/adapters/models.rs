//! Models by their ids: the offline one, its rehearsal, and the Claude models of Amazon Bedrock.

use std::sync::Arc;

use super::aws::bedrock::{BedrockClients, BedrockModel};
use super::local::{precedents, rehearsal};
use crate::catalog::{Catalog, ModelFacts};
use crate::coding::examples::ExamplesSetting;
use crate::core::money::Price;
use crate::core::problem::ProblemType;
use crate::ports::error::PortResult;
use crate::ports::{Clock, Library, Model};
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// A model that is ready to answer, and what its user should be told first.
pub struct Opened {
    /// The model.
    pub model: Arc<dyn Model>,
    /// Warnings.
    pub notes: Vec<String>,
}

/// Whether a model of this id runs here.
pub fn is_offline(model_id: &str) -> bool {
    matches!(model_id, precedents::MODEL_ID | rehearsal::MODEL_ID)
}

/// A model that runs here, answering from `coded`, or from the coded reports that come with the program; none: the id is
/// not one of these.
///
/// # Errors
/// Why it cannot be opened.
pub fn offline(
    model_id: &str,
    terms: &Arc<TermTable>,
    clock: &Arc<dyn Clock>,
    coded: Option<&CodedReports>,
) -> PortResult<Option<Arc<dyn Model>>> {
    if !is_offline(model_id) {
        return Ok(None);
    }
    let coded = match coded {
        Some(coded) => coded.clone(),
        None => precedents::builtin()?,
    };
    let model: Arc<dyn Model> = match model_id {
        precedents::MODEL_ID => Arc::new(precedents::PrecedentsModel::of(terms.clone(), &coded)),
        _ => Arc::new(rehearsal::RehearsalModel::open(
            terms.clone(),
            clock.clone(),
            &coded,
        )?),
    };
    Ok(Some(model))
}

/// What the tokens of a model cost in `region`, by its id alone; none: not known.
pub fn price(model_id: &str, catalog: &Catalog, region: Option<&str>) -> Option<Price> {
    match model_id {
        precedents::MODEL_ID => Some(precedents::PRICE),
        rehearsal::MODEL_ID => Some(rehearsal::PRICE),
        _ => catalog.find_in(model_id, region).price,
    }
}

/// Somebody who looks things up in `coded`, for terms of `terms`.
pub fn library(terms: &Arc<TermTable>, coded: &CodedReports) -> Arc<dyn Library> {
    Arc::new(precedents::PrecedentsModel::of(terms.clone(), coded))
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

/// A Claude model on Bedrock, called through `clients`; `examples`: how coded reports are shown to it. Nothing is called yet: id, lifecycle and price are looked at.
///
/// # Errors
/// All that is wrong, each with what to do.
pub fn bedrock(
    model_id: &str,
    problem_type: ProblemType,
    terms: &TermTable,
    catalog: &Catalog,
    clients: Arc<BedrockClients>,
    examples: Option<&ExamplesSetting>,
) -> Result<Opened, Vec<String>> {
    let known = catalog.check(model_id, clients.region())?;
    let mut facts = known
        .facts
        .unwrap_or_else(|| ModelFacts::cautious(model_id));
    // As it is to be called here, for the advice in errors.
    facts.replacement = catalog.replacement_in(&facts, clients.region());
    let model = BedrockModel::new(clients, model_id, &facts, known.price, terms, problem_type)
        .and_then(|model| model.with_examples(examples, terms))
        .map_err(|error| vec![error.to_string()])?;
    Ok(Opened {
        model: Arc::new(model),
        notes: known.warnings,
    })
}
