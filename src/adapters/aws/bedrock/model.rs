//! The model port on Bedrock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::clients::BedrockClients;
use super::request::{Manner, Prefix, send};
use super::{answer, errors};
use crate::catalog::ModelFacts;
use crate::coding::examples::ExamplesSetting;
use crate::core::money::Price;
use crate::core::outcome::AnsweredBy;
use crate::core::problem::ProblemType;
use crate::ports::Model;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::{Answer, ModelInfo, Request, ServiceFacts};
use crate::terms::TermTable;

/// How long Bedrock keeps a cached prefix after its last use, unless asked otherwise (FACTS §1).
const CACHE_TTL: Duration = Duration::from_secs(5 * 60);

/// A model, a problem type and a table of terms: what a job fixes.
#[derive(Debug)]
pub struct BedrockModel {
    info: ModelInfo,
    clients: Arc<BedrockClients>,
    manner: Manner,
    prefix: Prefix,
    problem_type: ProblemType,
    max_output_tokens: u32,
    replacement: Option<String>,
}

/// Bytes of prompt and tool that all calls of a job share, as a model of these facts is asked.
///
/// # Errors
/// `terms` has no code that may be chosen for `problem_type`.
pub fn prefix_bytes(
    facts: &ModelFacts,
    terms: &TermTable,
    problem_type: ProblemType,
) -> PortResult<u64> {
    Ok(Prefix::new(terms, problem_type, Manner::of(facts), false)?.bytes())
}

impl BedrockModel {
    /// `model_id` is the id of a model or profile, or its ARN. `facts` are of the model behind it
    /// ([`ModelFacts::cautious`] of one that nobody knows). `price` is that of this id in this Region.
    ///
    /// # Errors
    /// `terms` has no code that may be chosen for `problem_type`.
    pub fn new(
        clients: Arc<BedrockClients>,
        model_id: &str,
        facts: &ModelFacts,
        price: Option<Price>,
        terms: &TermTable,
        problem_type: ProblemType,
    ) -> PortResult<BedrockModel> {
        let manner = Manner::of(facts);
        let prefix = Prefix::new(terms, problem_type, manner, false)?;
        let service = ServiceFacts {
            lane: format!("{}/{model_id}", clients.region()),
            burndown: facts.burndown,
            prefix_bytes: prefix.bytes(),
            prefix_sha256: prefix.sha256().to_string(),
            bytes_per_token: facts.bytes_per_token,
            cache_minimum_tokens: facts.cache_minimum_tokens,
            cache_ttl: CACHE_TTL,
            max_output_tokens: facts.max_output_tokens,
        };
        Ok(BedrockModel {
            info: ModelInfo {
                model_id: model_id.to_string(),
                prompt_version: version(manner, None, &clients),
                answered_by: AnsweredBy::Model,
                price,
                is_paid: true,
                answers_repeat: false,
                service: Some(service),
            },
            clients,
            manner,
            prefix,
            problem_type,
            max_output_tokens: facts.max_output_tokens,
            replacement: facts.replacement.clone(),
        })
    }

    /// The same, told what the examples in its messages are; none: there are none.
    ///
    /// # Errors
    /// As of [`BedrockModel::new`].
    pub fn with_examples(
        mut self,
        examples: Option<&ExamplesSetting>,
        terms: &TermTable,
    ) -> PortResult<BedrockModel> {
        if examples.is_some() {
            self.prefix = Prefix::new(terms, self.problem_type, self.manner, true)?;
            self.info.prompt_version = version(self.manner, examples, &self.clients);
            if let Some(service) = &mut self.info.service {
                service.prefix_bytes = self.prefix.bytes();
                service.prefix_sha256 = self.prefix.sha256().to_string();
            }
        }
        Ok(self)
    }
}

/// Part of the key of paid answers, and in every row.
fn version(manner: Manner, examples: Option<&ExamplesSetting>, clients: &BedrockClients) -> String {
    let version = manner.prompt_version(examples);
    match clients.stand_in() {
        Some(host) => format!("{version}+stand-in-{host}"),
        None => version,
    }
}

#[async_trait]
impl Model for BedrockModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// One call. More tokens than the model gives are not asked for: Bedrock refuses the whole call.
    #[expect(
        clippy::disallowed_methods,
        reason = "an adapter may look at the clock; it only says how long the call took"
    )]
    async fn answer(&self, request: &Request) -> PortResult<Answer> {
        if request.problem_type != self.problem_type {
            return Err(PortError::bug(format!(
                "the model was opened for {} and is asked for {}",
                self.problem_type, request.problem_type
            )));
        }
        let place = errors::Place {
            region: self.clients.region(),
            model_id: &self.info.model_id,
            replacement: self.replacement.as_deref(),
            call_timeout: self.clients.setup().call_timeout,
        };
        let max_tokens = request.max_tokens.min(self.max_output_tokens);
        let client = self.clients.next();
        let began = Instant::now();
        let body = self.prefix.body(request, max_tokens);
        match send(client, &self.info.model_id, body).await {
            Ok(output) => answer::read(&output, began.elapsed())
                .map_err(|error| error.context(place.to_string())),
            Err(error) => {
                let texts: Vec<&str> = request
                    .incidents
                    .iter()
                    .map(|incident| incident.text.as_str())
                    .collect();
                Err(errors::of_call(&error, &place, &texts))
            }
        }
    }
}
