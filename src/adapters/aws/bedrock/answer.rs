//! What came back, in the words of the port.

use std::time::Duration;

use aws_sdk_bedrockruntime::operation::RequestId;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::types::{ContentBlock, ConverseOutput as Output, TokenUsage};
use serde_json::Value;

use super::document::to_value;
use crate::coding::reply::tool_input_in;
use crate::coding::schema::TOOL_NAME;
use crate::core::money::Usage;
use crate::ports::error::{PortError, PortResult};
use crate::ports::model::{Answer, StopReason};

/// What the SDK puts where the service gave no stop reason.
const NO_STOP_REASON: &str = "no value was set";

/// Reads an answer.
///
/// # Errors
/// It is JSON, and not an answer of Converse: whoever gave it may have called the model.
pub(super) fn read(output: &ConverseOutput, latency: Duration) -> PortResult<Answer> {
    let stop_word = output.stop_reason().as_str();
    if stop_word == NO_STOP_REASON || output.usage().is_none() {
        return Err(PortError::unknown(
            "the answer has no stop reason or usage: look at what stands between here and Bedrock",
        ));
    }
    let content = match output.output() {
        Some(Output::Message(message)) => message.content(),
        _ => &[],
    };
    let stop = stop(stop_word);
    let tool_input = called(content).or_else(|| match stop {
        StopReason::EndTurn => tool_input_in(&said(content)),
        _ => None,
    });
    Ok(Answer {
        stop,
        tool_input,
        usage: output.usage().map(usage).unwrap_or_default(),
        latency,
        request_id: output.request_id().unwrap_or_default().to_string(),
    })
}

/// By its word: the SDK knows fewer than there are (FACTS §1: `refusal`).
fn stop(word: &str) -> StopReason {
    match word {
        "tool_use" => StopReason::ToolUse,
        "end_turn" => StopReason::EndTurn,
        "max_tokens" => StopReason::MaxTokens,
        "refusal" => StopReason::Refusal,
        other => StopReason::Other(other.to_string()),
    }
}

/// The tool's input. A model that calls the tool once for each incident means one list.
fn called(content: &[ContentBlock]) -> Option<Value> {
    let mut inputs = content
        .iter()
        .filter_map(|block| block.as_tool_use().ok())
        .filter(|tool| tool.name() == TOOL_NAME)
        .map(|tool| to_value(tool.input()));
    let mut first = inputs.next()?;
    for other in inputs {
        let more = other.get("incidents").and_then(Value::as_array);
        let list = first.get_mut("incidents").and_then(Value::as_array_mut);
        if let (Some(list), Some(more)) = (list, more) {
            list.extend(more.iter().cloned());
        }
    }
    Some(first)
}

fn said(content: &[ContentBlock]) -> String {
    let texts: Vec<&str> = content
        .iter()
        .filter_map(|block| block.as_text().ok().map(String::as_str))
        .collect();
    texts.join("\n")
}

/// Converse's `inputTokens` are without cache tokens (FACTS §1), as ours are.
pub(super) fn usage(usage: &TokenUsage) -> Usage {
    let tokens = |count: i32| u64::try_from(count).unwrap_or_default();
    Usage {
        input_tokens: tokens(usage.input_tokens()),
        output_tokens: tokens(usage.output_tokens()),
        cache_read_tokens: tokens(usage.cache_read_input_tokens().unwrap_or_default()),
        cache_write_tokens: tokens(usage.cache_write_input_tokens().unwrap_or_default()),
    }
}
