//! Which models a run on this machine can use.

use std::sync::Arc;
use std::time::Duration;

use super::args::RunArgs;
use crate::adapters::aws::bedrock::{BedrockClients, BedrockSetup};
use crate::adapters::aws::config::AwsConfig;
use crate::adapters::local::{precedents, rehearsal};
use crate::adapters::models::{self, Opened};
use crate::coding::examples::ExamplesSetting;
use crate::core::money::Price;
use crate::core::problem::Problem;
use crate::core::spec::{JobSpec, defaults};
use crate::ports::error::{PortError, PortResult};
use crate::ports::{Clock, Library, Model, Models};
use crate::precedents::{CodedReports, Precedents};
use crate::terms::{Term, TermTable};

/// Under which confidence rows are marked for review where nobody says. The offline model's confidence is calibrated:
/// under this it is more often wrong than right. Of other models self-stated confidence is no guide (DESIGN §8).
pub fn default_review_below(model_id: &str) -> Option<f64> {
    matches!(model_id, precedents::MODEL_ID | rehearsal::MODEL_ID)
        .then_some(defaults::PRECEDENTS_REVIEW_BELOW)
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

/// Opens the model that the flags name; `coded`: the coded reports that they name.
///
/// # Errors
/// All that is wrong, each with what to do.
pub async fn open(
    args: &RunArgs,
    terms: &Arc<TermTable>,
    clock: &Arc<dyn Clock>,
    coded: Option<&CodedReports>,
) -> Result<Opened, Vec<String>> {
    let said = |error: PortError| vec![error.to_string()];
    if let Some(model) = models::offline(&args.model, terms, clock, coded).map_err(said)? {
        let notes = Vec::new();
        return Ok(Opened { model, notes });
    }
    let catalog = crate::cli::models::open(args.models.as_deref())
        .map_err(|error| vec![format!("--models: {error:#}")])?
        .map_err(|error| vec![error.to_string()])?;
    if let Some(problem) = models::no_model(&args.model, &catalog) {
        return Err(vec![format!("--model {problem}")]);
    }
    let aws = AwsConfig::load(args.region.as_deref()).await;
    let timeout = Duration::from_secs(args.call_timeout_s.into());
    let setup = BedrockSetup {
        calls_in_flight: args.max_workers,
        read_timeout: timeout,
        call_timeout: timeout,
        ..BedrockSetup::default()
    };
    let clients = BedrockClients::new(&aws, &setup).map_err(said)?;
    let examples = ExamplesSetting::of(args.precedents, coded);
    let opened = models::bedrock(
        &args.model,
        args.problem,
        terms,
        &catalog,
        clients,
        examples.as_ref(),
    )?;
    let notes = aws.warnings().into_iter().chain(opened.notes);
    Ok(Opened {
        notes: notes.map(|note| format!("warning: {note}")).collect(),
        ..opened
    })
}

/// The one model of a run.
pub struct TheModel(pub Arc<dyn Model>);

impl Models for TheModel {
    fn open(
        &self,
        spec: &JobSpec,
        _: &Arc<TermTable>,
        _: Option<&CodedReports>,
    ) -> PortResult<Arc<dyn Model>> {
        let info = self.0.info();
        if (&spec.model_id, &spec.prompt_version) != (&info.model_id, &info.prompt_version) {
            return Err(PortError::permanent_job(format!(
                "the job was made for model {} ({}), and this run has {} ({})",
                spec.model_id, spec.prompt_version, info.model_id, info.prompt_version
            )));
        }
        Ok(self.0.clone())
    }

    fn price(&self, _: &JobSpec) -> Option<Price> {
        self.0.info().price
    }

    fn library(&self, terms: &Arc<TermTable>, coded: &CodedReports) -> Arc<dyn Library> {
        models::library(terms, coded)
    }
}
