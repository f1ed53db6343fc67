//! An answer as the service words it: content, stop reason and tokens.

use std::time::Duration;

use serde_json::{Value, json};

use super::faults::Fault;
use super::lane::Ticket;
use super::models::ModelRules;
use super::request::{Asked, TOOL};
use crate::core::money::Usage;

/// What a model says when it talks where it was to call the tool.
const PROSE: &str =
    "These reports describe events that I would rather talk about than code (annexa sim-bedrock).";
/// What precedes a tool call that was not forced.
const LEAD: &str = "I will record the codes of these reports.";
/// What a model thinks, where it does.
const THOUGHT: &str = "Each report has to be read and coded to terms of the list.";

/// What the model has said.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    content: Vec<Value>,
    stop: &'static str,
    /// Output tokens.
    pub(super) tokens: u64,
}

impl Said {
    /// Words `entries` (none: there is nothing that the tool could be called with).
    pub(super) fn new(
        entries: Option<Vec<Value>>,
        asked: &Asked,
        rules: &ModelRules,
        fault: Option<Fault>,
    ) -> Said {
        let text = |text: &str| json!({ "text": text });
        let mut content = Vec::new();
        if asked.thinks {
            content.push(json!({"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": "sim"}}}));
        }
        let (stop, entries) = match (fault, entries) {
            (Some(Fault::Refusal), _) => ("refusal", None),
            (Some(Fault::MalformedToolUse), _) => ("malformed_tool_use", None),
            (Some(Fault::Prose), _) | (_, None) => {
                content.push(text(PROSE));
                ("end_turn", None)
            }
            (Some(Fault::Cut), Some(entries)) => ("max_tokens", Some(entries)),
            (_, Some(entries)) => ("tool_use", Some(entries)),
        };
        if matches!(fault, Some(Fault::Refusal | Fault::MalformedToolUse)) {
            content.clear();
        }
        let Some(entries) = entries else {
            let tokens = tokens(&content, rules).min(u64::from(asked.max_tokens));
            return Said {
                content,
                stop,
                tokens,
            };
        };
        if !asked.is_forced {
            content.push(text(LEAD));
        }
        Said::call(content, stop, entries, asked.max_tokens, rules)
    }

    /// The tool's call behind `content`, cut where it does not fit.
    fn call(
        mut content: Vec<Value>,
        stop: &'static str,
        mut entries: Vec<Value>,
        max_tokens: u32,
        rules: &ModelRules,
    ) -> Said {
        let max_tokens = u64::from(max_tokens);
        let in_front = tokens(&content, rules);
        let input = |entries: &[Value]| json!({ "incidents": entries });
        let needed = in_front + rules.tokens(input(&entries).to_string().len() as u64);
        let is_cut = needed > max_tokens;
        if is_cut {
            // What is complete is kept; of the rest, the service's partial JSON holds nothing.
            let room = rules.bytes(max_tokens.saturating_sub(in_front));
            while !entries.is_empty() && input(&entries).to_string().len() as u64 > room {
                entries.pop();
            }
        }
        let input = if entries.is_empty() {
            json!({})
        } else {
            input(&entries)
        };
        content.push(json!({"toolUse": {"toolUseId": "", "name": TOOL, "input": input}}));
        Said {
            content,
            stop: if is_cut { "max_tokens" } else { stop },
            tokens: needed.min(max_tokens),
        }
    }

    /// The body of the answer. `id` makes the ids of tool calls.
    pub(super) fn body(
        mut self,
        usage: &Usage,
        ticket: &Ticket,
        latency: Duration,
        id: &str,
    ) -> Value {
        for block in &mut self.content {
            if let Some(call) = block.get_mut("toolUse") {
                call["toolUseId"] = Value::from(format!("tooluse_{id}"));
            }
        }
        let mut counted = json!({
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.prompt_tokens() + usage.output_tokens,
            "cacheReadInputTokens": usage.cache_read_tokens,
            "cacheWriteInputTokens": usage.cache_write_tokens,
        });
        if let Some(written) = ticket.cached.filter(|cached| !cached.is_read) {
            counted["cacheDetails"] =
                json!([{"inputTokens": usage.cache_write_tokens, "ttl": written.ttl_name()}]);
        }
        json!({
            "output": {"message": {"role": "assistant", "content": self.content}},
            "stopReason": self.stop,
            "usage": counted,
            "metrics": {"latencyMs": u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)},
        })
    }
}

/// The output tokens of content blocks without a tool call.
fn tokens(content: &[Value], rules: &ModelRules) -> u64 {
    let text = |block: &Value| {
        let thought = &block["reasoningContent"]["reasoningText"]["text"];
        let said = block["text"].as_str().or(thought.as_str());
        said.map_or(0, str::len) as u64
    };
    rules.tokens(content.iter().map(text).sum())
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
