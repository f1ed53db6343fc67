//! The models of a fleet: opened for each job, shared by jobs that ask the same one for the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::adapters::aws::AwsConfig;
use crate::adapters::aws::bedrock::{BedrockClients, BedrockSetup};
use crate::adapters::models;
use crate::catalog::Catalog;
use crate::coding::examples::ExamplesSetting;
use crate::config::FleetConfig;
use crate::core::money::Price;
use crate::core::problem::ProblemType;
use crate::core::spec::JobSpec;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::{Clock, Library, Model, Models};
use crate::precedents::CodedReports;
use crate::terms::TermTable;

/// Models that are kept at once. Jobs hold theirs for themselves; forgetting one only opens it again.
const KEPT_MODELS: usize = 64;

/// Connections are there for this many calls in flight at least: a job may ask for more than the default, and a
/// connection is not opened before it is used.
const CALLS_IN_FLIGHT: u32 = 512;

/// What a model is opened for: its id, the terms by digest, the problem type, the coded reports by digest, and how many
/// of them are shown as examples.
type Key = (String, String, String, String, u32);

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

    /// The model `model_id`, answering for `problem_type` from `terms`, shown `examples` of `coded` with each report.
    ///
    /// # Errors
    /// `PermanentJob`, with all that is wrong and what to do.
    pub fn model(
        &self,
        model_id: &str,
        problem_type: ProblemType,
        terms: &Arc<TermTable>,
        coded: Option<&CodedReports>,
        examples: u32,
    ) -> PortResult<Arc<dyn Model>> {
        if coded.is_some() && models::is_offline(model_id) {
            // It holds them, which may be much. For as long as a job has them, they are shared by their digest anyway.
            let setting = ExamplesSetting::of(examples, coded);
            return self.open_model(model_id, problem_type, terms, coded, setting.as_ref());
        }
        let key = (
            model_id.to_string(),
            terms.sha256_hex(),
            problem_type.to_string(),
            coded.map_or(String::new(), |coded| coded.sha256().to_string()),
            examples,
        );
        let mut kept = self.kept.lock().expect("no panic while held");
        if let Some(model) = kept.get(&key) {
            return Ok(model.clone());
        }
        let setting = ExamplesSetting::of(examples, coded);
        let model = self.open_model(model_id, problem_type, terms, coded, setting.as_ref())?;
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
        coded: Option<&CodedReports>,
        examples: Option<&ExamplesSetting>,
    ) -> PortResult<Arc<dyn Model>> {
        if let Some(model) = models::offline(model_id, terms, &self.clock, coded)? {
            return Ok(model);
        }
        if let Some(problem) = models::no_model(model_id, &self.catalog) {
            return Err(PortError::permanent_job(format!("model_id {problem}")));
        }
        let clients = self.clients.clone()?;
        let catalog = &self.catalog;
        let opened = models::bedrock(model_id, problem_type, terms, catalog, clients, examples)
            .map_err(|problems| PortError::permanent_job(problems.join("; ")))?;
        for note in opened.notes {
            tracing::warn!(model = model_id, "{note}");
        }
        Ok(opened.model)
    }
}

impl Models for FleetModels {
    fn open(
        &self,
        spec: &JobSpec,
        terms: &Arc<TermTable>,
        coded: Option<&CodedReports>,
    ) -> PortResult<Arc<dyn Model>> {
        let JobSpec {
            model_id,
            problem_type,
            precedents,
            ..
        } = spec;
        let model = self.model(model_id, *problem_type, terms, coded, *precedents)?;
        let info = model.info();
        // Empty: the job is being made, and this is asked to know the version.
        if !spec.prompt_version.is_empty() && spec.prompt_version != info.prompt_version {
            // Answers of two prompts must not stand in one job unseen. Paused, it can go on with the right program, and
            // nothing that is paid for is lost.
            let what = format!(
                "the job was made for {} with prompt version {}, and this program asks with {}: resume it once workers of its \
                 own version run, or cancel it and submit it anew (stored answers of its version are not used then)",
                spec.model_id, spec.prompt_version, info.prompt_version
            );
            return Err(PortError::new(ErrorClass::LaneParked, what));
        }
        Ok(model)
    }

    fn price(&self, spec: &JobSpec) -> Option<Price> {
        let region = self.clients.as_ref().ok().map(|clients| clients.region());
        models::price(&spec.model_id, &self.catalog, region)
    }

    fn library(&self, terms: &Arc<TermTable>, coded: &CodedReports) -> Arc<dyn Library> {
        models::library(terms, coded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::local::clock::SystemClock;
    use crate::config::FleetArgs;

    fn models() -> FleetModels {
        let text = |text: &str| Some(text.to_string());
        let args = FleetArgs {
            inbox_queue_url: text("http://127.0.0.1:1/1/inbox"),
            chunk_queue_url: text("http://127.0.0.1:1/1/chunks"),
            done_queue_url: text("http://127.0.0.1:1/1/done"),
            table: text("annexa"),
            output_bucket: text("annexa"),
            ..FleetArgs::default()
        };
        let aws = AwsConfig::for_stand_in("us-east-1", "http://127.0.0.1:1");
        FleetModels::new(&args.check().unwrap(), &aws, Arc::new(SystemClock::new()))
    }

    const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

    #[test]
    fn jobs_that_ask_one_model_for_the_same_share_it() {
        let (models, terms) = (models(), TermTable::builtin());
        let open = |problem| models.model(HAIKU, problem, &terms, None, 0).unwrap();
        let (one, other) = (open(ProblemType::Both), open(ProblemType::Both));
        assert!(Arc::ptr_eq(&one, &other));
        assert!(!Arc::ptr_eq(&one, &open(ProblemType::Product)));
        let coded = CodedReports::builtin().unwrap();
        let with = models.model(HAIKU, ProblemType::Both, &terms, Some(&coded), 10);
        let (with, without) = (with.unwrap(), one.info().clone());
        let word = format!("+examples-10-{}", coded.short());
        assert!(with.info().prompt_version.contains(&word));
        assert!(!without.prompt_version.contains("examples"));
        let prefix = |info: &crate::ports::model::ModelInfo| {
            info.service.as_ref().unwrap().prefix_sha256.clone()
        };
        assert_ne!(prefix(with.info()), prefix(&without));
    }

    #[test]
    fn i6_a_price_is_known_without_the_coded_reports_that_its_job_was_made_with() {
        let (models, terms) = (models(), TermTable::builtin());
        let opened = models
            .model(HAIKU, ProblemType::Both, &terms, None, 0)
            .unwrap();
        let mut spec = crate::core::identity::tests::spec();
        (spec.model_id, spec.precedents) = (HAIKU.to_string(), 10);
        spec.corpus_sha256 = Some("of coded reports that nobody has any more".to_string());
        assert!(
            models.open(&spec, &terms, None).is_err(),
            "its prompt is not known"
        );
        assert_eq!(models.price(&spec), opened.info().price);
        assert!(models.price(&spec).is_some());
        spec.model_id = "precedents".to_string();
        assert_eq!(models.price(&spec), Some(Price::default()));
        spec.model_id = "vendor.unheard-of".to_string();
        assert_eq!(models.price(&spec), None);
    }

    #[test]
    fn coded_reports_of_jobs_are_not_kept_in_memory_for_later_jobs() {
        let (models, terms) = (models(), TermTable::builtin());
        let coded = CodedReports::builtin().unwrap();
        let open = |model, coded| {
            models
                .model(model, ProblemType::Both, &terms, coded, 0)
                .unwrap()
        };
        let kept = || models.kept.lock().unwrap().len();
        let offline = open("precedents", Some(&coded));
        assert!(offline.info().prompt_version.ends_with(coded.short()));
        assert_eq!(kept(), 0);
        // The built-in ones lie in memory anyway, and a model that is called knows its examples by their digest.
        open("precedents", None);
        open(HAIKU, Some(&coded));
        assert_eq!(kept(), 2);
    }

    #[test]
    fn a_model_that_cannot_be_called_ends_its_job_with_the_reason() {
        let (models, terms) = (models(), TermTable::builtin());
        for (name, reason) in [
            ("haiku", "is no model"),
            (
                "anthropic.claude-3-5-sonnet-20240620-v1:0",
                "reached its end of life",
            ),
        ] {
            let error = models.model(name, ProblemType::Both, &terms, None, 0);
            let error = error.err().unwrap();
            assert_eq!(error.class, ErrorClass::PermanentJob);
            assert!(error.what.contains(reason), "{error}");
        }
    }
}
