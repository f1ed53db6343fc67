//! A Converse request: read, checked as the service checks it, and taken apart into what the simulator answers to.

use serde::Deserialize;
use serde_json::Value;

use super::errors::ServiceError;
use super::models::ModelRules;
use super::prefix::{self, CachePoint, Prefix};
use super::reports::{self, Report};
use crate::catalog::Thinking;
use crate::core::problem::{Problem, ProblemType};

/// The tool that reports are coded with (DESIGN §6).
pub(super) const TOOL: &str = "record_codes";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    messages: Vec<Message>,
    #[serde(default)]
    system: Vec<Block>,
    inference_config: Option<InferenceConfig>,
    tool_config: Option<ToolConfig>,
    additional_model_request_fields: Option<Value>,
    output_config: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Vec<Block>,
}

/// Content of a kind that is not read here counts nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Block {
    pub(super) text: Option<String>,
    pub(super) cache_point: Option<CachePoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InferenceConfig {
    max_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig {
    tools: Vec<Value>,
    tool_choice: Option<Value>,
}

/// A request that may be answered.
#[derive(Debug)]
pub(super) struct Asked {
    /// The reports, in order.
    pub(super) reports: Vec<Report>,
    /// What the tool's schema asks for; none: there is no tool `record_codes`.
    pub(super) problem_type: Option<ProblemType>,
    /// The tool has to be called.
    pub(super) is_forced: bool,
    /// The model thinks before it answers.
    pub(super) thinks: bool,
    /// The most output tokens; the model's own limit where the request names none.
    pub(super) max_tokens: u32,
    /// What is cached; none: no cachePoint.
    pub(super) prefix: Option<Prefix>,
    /// Bytes of tools, system and messages that are not in the prefix.
    pub(super) other_bytes: u64,
    /// The whole system prompt.
    pub(super) system: String,
}

impl Asked {
    /// Reads and checks a body.
    pub(super) fn read(body: &[u8], rules: &ModelRules) -> Result<Asked, ServiceError> {
        let body: Body = serde_json::from_slice(body).map_err(|error| {
            // serde's own words could quote the body.
            malformed(format!("line {}, column {}", error.line(), error.column()))
        })?;
        check_messages(&body.messages, rules)?;
        if body.output_config.is_some() {
            return Err(ServiceError::invalid(
                "refused_field",
                "output_config.format: Extra inputs are not permitted",
            ));
        }
        let max_tokens = check_inference(&body, rules)?;
        let (is_forced, problem_type) = check_tools(body.tool_config.as_ref())?;
        let thinks = check_thinking(&body, rules, is_forced)?;
        let tools = body.tool_config.iter().flat_map(|config| &config.tools);
        let (prefix, other_in_front) = prefix::cut(tools, &body.system)?;
        let texts = || {
            let blocks = body.messages.iter().flat_map(|message| &message.content);
            blocks.filter_map(|block| block.text.as_deref())
        };
        let reports = texts().flat_map(reports::find).collect();
        let system: Vec<&str> = body
            .system
            .iter()
            .filter_map(|block| block.text.as_deref())
            .collect();
        Ok(Asked {
            reports,
            problem_type,
            is_forced,
            thinks,
            max_tokens,
            prefix,
            other_bytes: other_in_front + texts().map(|text| text.len() as u64).sum::<u64>(),
            system: system.join("\n"),
        })
    }
}

pub(super) fn malformed(place: String) -> ServiceError {
    ServiceError::invalid(
        "malformed",
        format!("Malformed input request: {place}, please reformat your input and try again."),
    )
}

fn check_messages(messages: &[Message], rules: &ModelRules) -> Result<(), ServiceError> {
    let known = |message: &Message| matches!(message.role.as_str(), "user" | "assistant");
    if !messages.iter().all(known) {
        return Err(malformed("#/messages: role".to_string()));
    }
    if messages.first().is_none_or(|first| first.role != "user") {
        return Err(ServiceError::invalid(
            "messages",
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        ));
    }
    let is_prefilled = messages.last().is_some_and(|last| last.role == "assistant");
    if is_prefilled && rules.refuses_sampling {
        return Err(ServiceError::invalid(
            "refused_field",
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    Ok(())
}

fn check_inference(body: &Body, rules: &ModelRules) -> Result<u32, ServiceError> {
    let config = body.inference_config.as_ref();
    let more = body.additional_model_request_fields.as_ref();
    let sends = |name| more.is_some_and(|fields| fields.get(name).is_some());
    let refused = [
        (
            "temperature",
            config.is_some_and(|config| config.temperature.is_some()),
        ),
        (
            "top_p",
            config.is_some_and(|config| config.top_p.is_some()) || sends("top_p"),
        ),
        ("top_k", sends("top_k")),
    ];
    if let Some((name, _)) = refused.iter().find(|(_, is_sent)| *is_sent)
        && rules.refuses_sampling
    {
        return Err(ServiceError::invalid(
            "refused_field",
            format!("`{name}` is deprecated for this model."),
        ));
    }
    let limit = rules.max_output_tokens;
    match config.and_then(|config| config.max_tokens) {
        None => Ok(limit),
        Some(asked) if asked > i64::from(limit) => Err(ServiceError::invalid(
            "max_tokens",
            format!(
                "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens \
                 value that is lower than {limit}."
            ),
        )),
        Some(asked) => u32::try_from(asked)
            .ok()
            .filter(|asked| *asked > 0)
            .ok_or_else(|| malformed("#/inferenceConfig/maxTokens".to_string())),
    }
}

/// Whether the tool has to be called, and what its schema asks for.
fn check_tools(config: Option<&ToolConfig>) -> Result<(bool, Option<ProblemType>), ServiceError> {
    let Some(config) = config else {
        return Ok((false, None));
    };
    let specs = || config.tools.iter().filter_map(|tool| tool.get("toolSpec"));
    let called = |name: &str| specs().find(|spec| spec["name"] == name);
    if specs().next().is_none() {
        return Err(malformed("#/toolConfig/tools".to_string()));
    }
    if specs().any(|spec| spec["strict"] == true) {
        return Err(ServiceError::invalid(
            "refused_field",
            "tools.0.custom.strict: Extra inputs are not permitted",
        ));
    }
    let choice = config.tool_choice.as_ref();
    let named = choice.and_then(|choice| choice.get("tool"));
    if named.is_some_and(|tool| called(tool["name"].as_str().unwrap_or_default()).is_none()) {
        return Err(ServiceError::invalid(
            "tools",
            "The toolConfig's toolChoice names a tool that is not among its tools.",
        ));
    }
    let is_forced = named.is_some() || choice.is_some_and(|choice| choice.get("any").is_some());
    let Some(spec) = called(TOOL) else {
        return Ok((is_forced, None));
    };
    let schema = &spec["inputSchema"]["json"];
    let asks = |problem: Problem| has_property(schema, problem.name());
    match (asks(Problem::Product), asks(Problem::Patient)) {
        (true, true) => Ok((is_forced, Some(ProblemType::Both))),
        (true, false) => Ok((is_forced, Some(ProblemType::Product))),
        (false, true) => Ok((is_forced, Some(ProblemType::Patient))),
        (false, false) => Err(ServiceError::invalid(
            "not_ours",
            "annexa sim-bedrock: the schema of record_codes has neither a property 'product' nor 'patient'",
        )),
    }
}

/// Whether any object of a JSON schema has this property.
fn has_property(schema: &Value, name: &str) -> bool {
    match schema {
        Value::Object(fields) => {
            let has = |fields: &Value| fields.get(name).is_some();
            fields.get("properties").is_some_and(has)
                || fields.values().any(|value| has_property(value, name))
        }
        Value::Array(values) => values.iter().any(|value| has_property(value, name)),
        _ => false,
    }
}

fn check_thinking(body: &Body, rules: &ModelRules, is_forced: bool) -> Result<bool, ServiceError> {
    let fields = body.additional_model_request_fields.as_ref();
    let asked = fields.and_then(|fields| fields["thinking"]["type"].as_str());
    let thinks = match (rules.thinking, asked) {
        (Thinking::Always, Some("disabled")) => {
            return Err(ServiceError::invalid(
                "thinking",
                "thinking.type: disabled is not supported for this model",
            ));
        }
        (Thinking::Always, _) => true,
        (Thinking::OnByDefault, asked) => asked != Some("disabled"),
        (Thinking::Off, asked) => asked.is_some_and(|asked| asked != "disabled"),
    };
    if thinks && is_forced {
        return Err(ServiceError::invalid(
            "thinking",
            "Thinking may not be enabled when tool_choice forces tool use.",
        ));
    }
    Ok(thinks)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
