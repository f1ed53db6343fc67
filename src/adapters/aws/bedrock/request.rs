//! A request: the prefix that is equal in all calls of a job, and the message of one call.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::SdkError;
use aws_sdk_bedrockruntime::operation::converse::{ConverseError, ConverseOutput};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::catalog::{ModelFacts, Thinking};
use crate::coding::examples::ExamplesSetting;
use crate::coding::incidents::user_message;
use crate::coding::prompt::{PROMPT_VERSION, system_prompt_with};
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
    /// A temperature is sent: 0, and 1 for a second sample.
    is_temperature_sent: bool,
    /// The system prompt ends with a cache point.
    has_cache: bool,
}

impl Manner {
    /// As the facts say.
    pub(super) fn of(facts: &ModelFacts) -> Manner {
        let thinking = facts.thinking;
        let refuses = |name: &str| facts.refuses.iter().any(|refused| refused == name);
        Manner {
            is_tool_forced: thinking != Thinking::Always,
            disables_thinking: thinking == Thinking::OnByDefault,
            // A model that thinks takes no temperature but its own.
            is_temperature_sent: thinking != Thinking::Always && !refuses("temperature"),
            has_cache: facts.cache_minimum_tokens.is_some(),
        }
    }

    /// Version of the prompt with all else that shapes answers, as `1+forced+temperature-0`; with examples as
    /// `1+examples-10-ab12cd34+forced+temperature-0`.
    pub(super) fn prompt_version(self, examples: Option<&ExamplesSetting>) -> String {
        let examples = examples.map_or(String::new(), |setting| format!("+{}", setting.word()));
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
        format!("{PROMPT_VERSION}{examples}{tool}{thinking}{temperature}")
    }

    /// Fields that Converse has no names for: behind a comma, or nothing.
    pub(super) fn more_fields(self) -> &'static str {
        match self.disables_thinking {
            true => r#","additionalModelRequestFields":{"thinking":{"type":"disabled"}}"#,
            false => "",
        }
    }
}

/// What is equal in all calls, written once. The SDK would write it anew for every call, which takes two thirds of a call's
/// CPU time; so calls go through the SDK with a body of our own, and are signed, sent and read by it.
#[derive(Debug)]
pub(super) struct Prefix {
    /// The body's fields behind its message and limits, each behind a comma.
    rest: String,
    manner: Manner,
    bytes: u64,
    sha256: String,
}

impl Prefix {
    /// For `problem_type` over the codes of `terms`; `has_examples`: messages show examples.
    ///
    /// # Errors
    /// No code of an asked annex may be chosen in `terms`.
    pub(super) fn new(
        terms: &TermTable,
        problem_type: ProblemType,
        manner: Manner,
        has_examples: bool,
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
        let mut system =
            vec![json!({"text": system_prompt_with(terms, problem_type, has_examples)})];
        if manner.has_cache {
            system.push(json!({"cachePoint": {"type": "default"}}));
        }
        let schema = tool_schema(problem_type);
        let spec = json!({"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "inputSchema": {"json": schema}});
        let choice = match manner.is_tool_forced {
            true => json!({"tool": {"name": TOOL_NAME}}),
            false => json!({"auto": {}}),
        };
        let tools = json!({"tools": [{"toolSpec": spec}], "toolChoice": choice});
        let cacheable = format!(",\"system\":{},\"toolConfig\":{tools}", Value::from(system));
        let (bytes, sha256) = (cacheable.len() as u64, sha256_hex(cacheable.as_bytes()));
        Ok(Prefix {
            rest: cacheable + manner.more_fields(),
            manner,
            bytes,
            sha256,
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

    /// The body of the call for `request`.
    pub(super) fn body(&self, request: &Request, max_tokens: u32) -> String {
        let message = user_message(&request.incidents);
        let temperature = match (self.manner.is_temperature_sent, request.is_second_sample) {
            (false, _) => "",
            (true, false) => GREEDY,
            (true, true) => SAMPLED,
        };
        worded(message, max_tokens, temperature, &self.rest)
    }
}

/// The body of a call, JSON of the Converse operation: a message of the user, limits and temperature, and the fields of
/// `rest`.
pub(super) fn body(message: String, max_tokens: u32, manner: Manner, rest: &str) -> String {
    let temperature = match manner.is_temperature_sent {
        true => GREEDY,
        false => "",
    };
    worded(message, max_tokens, temperature, rest)
}

/// Fields of inferenceConfig, behind a comma.
const GREEDY: &str = ",\"temperature\":0.0";
const SAMPLED: &str = ",\"temperature\":1.0";

fn worded(message: String, max_tokens: u32, temperature: &str, rest: &str) -> String {
    let text = Value::from(message);
    format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":[{{\"text\":{text}}}]}}],\
         \"inferenceConfig\":{{\"maxTokens\":{max_tokens}{temperature}}}{rest}}}"
    )
}

/// Makes a call with this body.
pub(super) async fn send(
    client: &Client,
    model_id: &str,
    body: String,
) -> Result<ConverseOutput, SdkError<ConverseError, HttpResponse>> {
    let body = Bytes::from(body);
    client
        .converse()
        .model_id(model_id)
        .customize()
        // Before it is signed: the signature covers what is sent.
        .mutate_request(move |http| {
            http.headers_mut()
                .insert("content-length", body.len().to_string());
            *http.body_mut() = SdkBody::from(body.clone());
        })
        .send()
        .await
}
