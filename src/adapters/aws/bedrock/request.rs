//! A request: the prefix that is equal in all calls of a job, and the message of one call.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::operation::converse::builders::ConverseFluentBuilder;
use aws_sdk_bedrockruntime::types::{
    AutoToolChoice, CachePointBlock, CachePointType, ContentBlock, ConversationRole,
    InferenceConfiguration, Message, SpecificToolChoice, SystemContentBlock, Tool, ToolChoice,
    ToolConfiguration, ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::Document;
use serde_json::json;

use super::document::to_document;
use crate::catalog::{ModelFacts, Thinking};
use crate::coding::incidents::user_message;
use crate::coding::prompt::{PROMPT_VERSION, system_prompt};
use crate::coding::schema::{TOOL_DESCRIPTION, TOOL_NAME, tool_schema};
use crate::core::identity::sha256_hex;
use crate::core::problem::ProblemType;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::Request;
use crate::terms::TermTable;

/// How a model is asked, as its facts allow. Shapes answers, so it is part of the prompt's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// The tool is forced; else the model chooses.
    is_tool_forced: bool,
    /// Thinking is switched off by name.
    disables_thinking: bool,
    /// Temperature 0 is sent.
    is_temperature_sent: bool,
    /// The system prompt ends with a cache point.
    has_cache: bool,
}

impl Manner {
    /// As the facts say. Of an unknown model nothing is assumed but that a tool can be forced, which holds wherever thinking
    /// is off (FACTS §1): what it might refuse is not sent.
    pub(super) fn of(facts: Option<&ModelFacts>) -> Manner {
        let thinking = facts.map_or(Thinking::Off, |facts| facts.thinking);
        let refuses = |name: &str| {
            facts.is_none_or(|facts| facts.refuses.iter().any(|refused| refused == name))
        };
        Manner {
            is_tool_forced: thinking != Thinking::Always,
            disables_thinking: thinking == Thinking::OnByDefault,
            // A model that thinks takes no temperature but its own.
            is_temperature_sent: thinking != Thinking::Always && !refuses("temperature"),
            has_cache: facts.is_some_and(|facts| facts.cache_minimum_tokens.is_some()),
        }
    }

    /// Version of the prompt with all else that shapes answers, as `1+forced+temperature-0`.
    pub(super) fn prompt_version(self) -> String {
        let tool = if self.is_tool_forced {
            "+forced"
        } else {
            "+auto"
        };
        let thinking = if self.disables_thinking {
            "+thinking-off"
        } else {
            ""
        };
        let temperature = if self.is_temperature_sent {
            "+temperature-0"
        } else {
            ""
        };
        format!("{PROMPT_VERSION}{tool}{thinking}{temperature}")
    }

    /// Fields that Converse has no names for.
    pub(super) fn additional_fields(self) -> Option<Document> {
        self.disables_thinking
            .then(|| to_document(&json!({"thinking": {"type": "disabled"}})))
    }
}

/// What is equal in all calls, built once.
#[derive(Debug)]
pub(super) struct Prefix {
    system: Vec<SystemContentBlock>,
    tools: ToolConfiguration,
    manner: Manner,
    bytes: u64,
    sha256: String,
}

impl Prefix {
    /// For `problem_type` over the codes of `terms`.
    ///
    /// # Errors
    /// No code of an asked annex may be chosen in `terms`.
    pub(super) fn new(
        terms: &TermTable,
        problem_type: ProblemType,
        manner: Manner,
    ) -> PortResult<Prefix> {
        for problem in problem_type.problems() {
            if terms.selectable(*problem).next().is_none() {
                return Err(PortError::permanent_job(format!(
                    "{}: no code of annex {} may be chosen: give a table that has some, or code another problem type",
                    terms.name(),
                    problem.annexes().iter().collect::<String>()
                )));
            }
        }
        let prompt = system_prompt(terms, problem_type);
        let schema = tool_schema(problem_type);
        let cacheable = format!("{TOOL_NAME}\n{TOOL_DESCRIPTION}\n{schema}\n{prompt}");
        let mut system = vec![SystemContentBlock::Text(prompt)];
        if manner.has_cache {
            let point = CachePointBlock::builder()
                .r#type(CachePointType::Default)
                .build();
            system.push(SystemContentBlock::CachePoint(point.map_err(unbuilt)?));
        }
        let tool = ToolSpecification::builder()
            .name(TOOL_NAME)
            .description(TOOL_DESCRIPTION)
            .input_schema(ToolInputSchema::Json(to_document(&schema)))
            .build()
            .map_err(unbuilt)?;
        let choice = if manner.is_tool_forced {
            let tool = SpecificToolChoice::builder().name(TOOL_NAME).build();
            ToolChoice::Tool(tool.map_err(unbuilt)?)
        } else {
            ToolChoice::Auto(AutoToolChoice::builder().build())
        };
        let tools = ToolConfiguration::builder()
            .tools(Tool::ToolSpec(tool))
            .tool_choice(choice)
            .build()
            .map_err(unbuilt)?;
        Ok(Prefix {
            system,
            tools,
            manner,
            bytes: cacheable.len() as u64,
            sha256: sha256_hex(cacheable.as_bytes()),
        })
    }

    /// Bytes of prompt and tool.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of prompt and tool.
    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The call for `request`, ready to be sent. The SDK takes the prefix by value: it is copied, some 0.1 MB a call.
    pub(super) fn call(
        &self,
        client: &Client,
        model_id: &str,
        request: &Request,
        max_tokens: u32,
    ) -> PortResult<ConverseFluentBuilder> {
        Ok(client
            .converse()
            .model_id(model_id)
            .set_system(Some(self.system.clone()))
            .tool_config(self.tools.clone())
            .inference_config(inference(max_tokens, self.manner))
            .set_additional_model_request_fields(self.manner.additional_fields())
            .messages(message(user_message(&request.incidents))?))
    }
}

/// Limits and temperature.
pub(super) fn inference(max_tokens: u32, manner: Manner) -> InferenceConfiguration {
    InferenceConfiguration::builder()
        .max_tokens(i32::try_from(max_tokens).unwrap_or(i32::MAX))
        .set_temperature(manner.is_temperature_sent.then_some(0.0))
        .build()
}

/// A message of the user.
pub(super) fn message(text: String) -> PortResult<Message> {
    Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(text))
        .build()
        .map_err(unbuilt)
}

fn unbuilt(error: impl std::fmt::Display) -> PortError {
    PortError::bug(format!("the SDK does not take a request: {error}"))
}
