//! Which models a run on this machine can use.

use std::sync::Arc;
use std::time::Duration;

use super::args::RunArgs;
use crate::adapters::aws::bedrock::{BedrockClients, BedrockModel, BedrockSetup};
use crate::adapters::aws::config::AwsConfig;
use crate::adapters::local::{precedents, rehearsal};
use crate::catalog::{Catalog, ModelFacts};
use crate::core::problem::Problem;
use crate::core::spec::JobSpec;
use crate::ports::error::{PortError, PortResult};
use crate::ports::{Clock, Model, Models};
use crate::precedents::Precedents;
use crate::terms::{Term, TermTable};

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

/// A model that is ready to answer, and what its user should be told first.
pub struct Opened {
    /// The model.
    pub model: Arc<dyn Model>,
    /// Warnings.
    pub notes: Vec<String>,
}

/// Opens the model that the flags name.
///
/// # Errors
/// All that is wrong, each with what to do.
pub async fn open(
    args: &RunArgs,
    terms: &Arc<TermTable>,
    clock: &Arc<dyn Clock>,
) -> Result<Opened, Vec<String>> {
    let said = |error: PortError| vec![error.to_string()];
    let model: Arc<dyn Model> = match args.model.as_str() {
        precedents::MODEL_ID => {
            Arc::new(precedents::PrecedentsModel::open(terms.clone()).map_err(said)?)
        }
        rehearsal::MODEL_ID => {
            let model = rehearsal::RehearsalModel::open(terms.clone(), clock.clone());
            Arc::new(model.map_err(said)?)
        }
        _ => return bedrock(args, terms).await,
    };
    Ok(Opened {
        model,
        notes: Vec::new(),
    })
}

/// A Claude model on Bedrock. Nothing is called yet: Region, id, lifecycle and price are looked at.
async fn bedrock(args: &RunArgs, terms: &TermTable) -> Result<Opened, Vec<String>> {
    let catalog = crate::cli::models::open(args.models.as_deref())
        .map_err(|error| vec![format!("--models: {error:#}")])?
        .map_err(|error| vec![error.to_string()])?;
    if !args.model.contains(['.', ':']) {
        return Err(vec![no_such_model(&args.model, &catalog)]);
    }
    let aws = AwsConfig::load(args.region.as_deref()).await;
    let said = |error: PortError| vec![error.to_string()];
    let known = catalog.check(&args.model, aws.region().map_err(said)?)?;
    let timeout = Duration::from_secs(args.call_timeout_s.into());
    let setup = BedrockSetup {
        calls_in_flight: args.max_workers,
        read_timeout: timeout,
        call_timeout: timeout,
        ..BedrockSetup::default()
    };
    let clients = BedrockClients::new(&aws, &setup).map_err(said)?;
    let mut facts = known
        .facts
        .unwrap_or_else(|| ModelFacts::cautious(&args.model));
    // As it is to be called here, for the advice in errors.
    facts.replacement = catalog.replacement_in(&facts, clients.region());
    let (model_id, price) = (&args.model, known.price);
    let model = BedrockModel::new(clients, model_id, &facts, price, terms, args.problem);
    let notes = aws.warnings().into_iter().chain(known.warnings);
    Ok(Opened {
        model: Arc::new(model.map_err(said)?),
        notes: notes.map(|note| format!("warning: {note}")).collect(),
    })
}

/// What is said of a name that is no model's id.
fn no_such_model(name: &str, catalog: &Catalog) -> String {
    let near = catalog.near(name, 3);
    let meant = match near.is_empty() {
        true => String::new(),
        false => format!("; {} may be meant", near.join(", ")),
    };
    format!(
        "--model '{name}' is no model{meant}: take {}, the offline model, or an id that annexa models lists",
        precedents::MODEL_ID
    )
}

/// The one model of a run.
pub struct TheModel(pub Arc<dyn Model>);

impl Models for TheModel {
    fn open(&self, spec: &JobSpec, _: &Arc<TermTable>) -> PortResult<Arc<dyn Model>> {
        let info = self.0.info();
        if (&spec.model_id, &spec.prompt_version) != (&info.model_id, &info.prompt_version) {
            return Err(PortError::permanent_job(format!(
                "the job was made for model {} ({}), and this run has {} ({})",
                spec.model_id, spec.prompt_version, info.model_id, info.prompt_version
            )));
        }
        Ok(self.0.clone())
    }
}
