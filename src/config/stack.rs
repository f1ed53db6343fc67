//! A fleet's configuration out of its CloudFormation stacks: which output is which flag, and what a flag that says
//! something else comes to.

use std::collections::BTreeMap;

use super::FleetArgs;
use super::check::{given, named};

/// The name of a stack and its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StackOutputs {
    /// The stack.
    pub name: String,
    /// Its outputs by their keys.
    pub outputs: BTreeMap<String, String>,
}

/// What the two stacks of a fleet say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FleetStacks {
    /// Of infra/storage.yaml: where things are.
    pub storage: StackOutputs,
    /// Of infra/fleet.yaml: model and quotas; none: there is none yet.
    pub fleet: Option<StackOutputs>,
}

/// The stack of infra/storage.yaml for the fleet that is deployed as `name`.
pub fn storage_stack(name: &str) -> String {
    format!("{name}-storage")
}

/// The stack of infra/fleet.yaml for the fleet that is deployed as `name`.
pub fn fleet_stack(name: &str) -> String {
    format!("{name}-fleet")
}

/// An output and the variable that it fills.
struct Filled {
    output: &'static str,
    variable: &'static str,
    is_needed: bool,
    place: fn(&mut FleetArgs) -> &mut Option<String>,
}

const fn needed(
    output: &'static str,
    variable: &'static str,
    place: fn(&mut FleetArgs) -> &mut Option<String>,
) -> Filled {
    Filled {
        output,
        variable,
        is_needed: true,
        place,
    }
}

/// Outputs of storage.yaml.
const STORAGE: [Filled; 7] = [
    needed("InboxQueueUrl", "ANNEXA_INBOX_QUEUE_URL", |args| {
        &mut args.inbox_queue_url
    }),
    needed("ChunkQueueUrl", "ANNEXA_CHUNK_QUEUE_URL", |args| {
        &mut args.chunk_queue_url
    }),
    needed("DoneQueueUrl", "ANNEXA_DONE_QUEUE_URL", |args| {
        &mut args.done_queue_url
    }),
    needed("Table", "ANNEXA_TABLE", |args| &mut args.table),
    needed("OutputBucket", "ANNEXA_OUTPUT_BUCKET", |args| {
        &mut args.output_bucket
    }),
    needed(INBOX_PREFIX, "ANNEXA_INBOX_PREFIX", |args| {
        &mut args.inbox_prefix
    }),
    needed("FleetName", "ANNEXA_FLEET", |args| &mut args.fleet),
];

/// Outputs of fleet.yaml; an empty one says nothing.
const FLEET: [Filled; 3] = [
    Filled {
        is_needed: false,
        ..needed("DefaultModelId", "DEFAULT_MODEL_ID", |args| {
            &mut args.default_model_id
        })
    },
    Filled {
        is_needed: false,
        ..needed("TokensPerMinute", "ANNEXA_TOKENS_PER_MINUTE", |args| {
            &mut args.tokens_per_minute
        })
    },
    Filled {
        is_needed: false,
        ..needed("RequestsPerMinute", "ANNEXA_REQUESTS_PER_MINUTE", |args| {
            &mut args.requests_per_minute
        })
    },
];

/// An empty one means every key.
const INBOX_PREFIX: &str = "InboxPrefix";

impl StackOutputs {
    /// What an output says to the services; none: nothing, or there is no such output.
    fn says(&self, output: &str) -> Option<String> {
        let value = self.outputs.get(output)?.trim();
        match (value, output) {
            ("", INBOX_PREFIX) => Some("*".to_string()),
            ("", _) => None,
            (value, _) => Some(value.to_string()),
        }
    }
}

impl FleetStacks {
    /// The stacks and what may be taken from each.
    fn parts(&self) -> impl Iterator<Item = (&StackOutputs, &'static [Filled])> {
        let storage = std::iter::once((&self.storage, &STORAGE[..]));
        storage.chain(self.fleet.iter().map(|fleet| (fleet, &FLEET[..])))
    }

    /// The services' environment, as the stacks say it: variables and values. With the inbox bucket, which no service needs
    /// and people do.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let bucket = self.storage.says("InboxBucket");
        let mut lines: Vec<_> = bucket
            .map(|bucket| ("ANNEXA_INBOX_BUCKET", bucket))
            .into_iter()
            .collect();
        for (stack, filled) in self.parts() {
            let says = |filled: &Filled| Some((filled.variable, stack.says(filled.output)?));
            lines.extend(filled.iter().filter_map(says));
        }
        lines
    }
}

impl FleetArgs {
    /// Takes from the stacks what they say. A flag or variable that says the same is fine.
    ///
    /// # Errors
    /// All that does not fit: a flag or variable that says something else (it may be left from another fleet: neither wins),
    /// and outputs that are missing.
    pub fn fill_from(&mut self, stacks: &FleetStacks) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        for (stack, filled) in stacks.parts() {
            for one in filled {
                let place = (one.place)(self);
                match (stack.says(one.output), given(place)) {
                    (None, _) if one.is_needed => problems.push(format!(
                        "stack {} has no output {}: it is not made from this version's infra/storage.yaml; deploy it anew with \
                         infra/deploy",
                        stack.name, one.output
                    )),
                    (None, _) => {}
                    (Some(says), Some(set)) if set != says => problems.push(format!(
                        "{} is '{set}', and stack {} says '{says}': unset it, or name the stack that it belongs to",
                        named(one.variable),
                        stack.name
                    )),
                    (Some(says), _) => *place = Some(says),
                }
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUES: [(&str, &str); 3] = [
        ("InboxQueueUrl", "inbox"),
        ("ChunkQueueUrl", "chunks"),
        ("DoneQueueUrl", "done"),
    ];

    fn outputs(name: &str, pairs: &[(&str, &str)]) -> StackOutputs {
        let pairs = pairs.iter();
        StackOutputs {
            name: name.to_string(),
            outputs: pairs
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
        }
    }

    fn stacks() -> FleetStacks {
        let urls = QUEUES.map(|(key, name)| {
            let url = format!("https://sqs.us-east-1.amazonaws.com/123456789012/ours-{name}");
            (key, url)
        });
        let mut pairs = vec![
            ("Table", "ours"),
            ("OutputBucket", "ours-results"),
            ("InboxBucket", "ours-inbox"),
            ("InboxPrefix", "drop/"),
            ("FleetName", "ours"),
        ];
        pairs.extend(urls.iter().map(|(key, url)| (*key, url.as_str())));
        let fleet = [
            ("DefaultModelId", "us.anthropic.claude-haiku-5-5"),
            ("TokensPerMinute", "2000000"),
            ("RequestsPerMinute", ""),
        ];
        FleetStacks {
            storage: outputs("ours-storage", &pairs),
            fleet: Some(outputs("ours-fleet", &fleet)),
        }
    }

    #[test]
    fn a_stack_fills_the_whole_configuration() {
        let mut args = FleetArgs::default();
        args.fill_from(&stacks()).unwrap();
        let config = args.check().unwrap();
        assert!(config.chunk_queue_url.ends_with("/ours-chunks"));
        assert_eq!(
            (config.table.as_str(), config.fleet.as_str()),
            ("ours", "ours")
        );
        assert_eq!(config.output_bucket, "ours-results");
        assert_eq!(config.inbox_prefix, "drop/");
        let model = config.defaults.model_id.as_deref();
        assert_eq!(model, Some("us.anthropic.claude-haiku-5-5"));
        assert_eq!(config.tokens_per_minute, Some(2_000_000));
        assert_eq!(
            config.requests_per_minute, None,
            "an empty output says nothing"
        );

        let mut without_fleet = FleetArgs::default();
        let stacks = FleetStacks {
            fleet: None,
            ..stacks()
        };
        without_fleet.fill_from(&stacks).unwrap();
        assert_eq!(without_fleet.check().unwrap().defaults.model_id, None);
    }

    #[test]
    fn what_is_set_to_something_else_is_an_error_that_names_both_and_all_are_said_at_once() {
        let mut args = FleetArgs {
            table: Some("theirs".to_string()),
            inbox_queue_url: Some("http://127.0.0.1:4566/000000000000/theirs".to_string()),
            default_model_id: Some("precedents".to_string()),
            // The same is no contradiction.
            output_bucket: Some("ours-results".to_string()),
            ..FleetArgs::default()
        };
        let mut stacks = stacks();
        stacks.storage.outputs.remove("DoneQueueUrl");
        let problems = args.fill_from(&stacks).unwrap_err();
        assert_eq!(
            problems,
            [
                "ANNEXA_INBOX_QUEUE_URL (--inbox-queue-url) is 'http://127.0.0.1:4566/000000000000/theirs', and stack \
                 ours-storage says 'https://sqs.us-east-1.amazonaws.com/123456789012/ours-inbox': unset it, or name the \
                 stack that it belongs to",
                "stack ours-storage has no output DoneQueueUrl: it is not made from this version's infra/storage.yaml; \
                 deploy it anew with infra/deploy",
                "ANNEXA_TABLE (--table) is 'theirs', and stack ours-storage says 'ours': unset it, or name the stack that \
                 it belongs to",
                "DEFAULT_MODEL_ID (--default-model-id) is 'precedents', and stack ours-fleet says \
                 'us.anthropic.claude-haiku-5-5': unset it, or name the stack that it belongs to",
            ]
        );
    }

    #[test]
    fn an_empty_inbox_prefix_means_every_key() {
        let mut stacks = stacks();
        stacks
            .storage
            .outputs
            .insert("InboxPrefix".to_string(), String::new());
        let mut args = FleetArgs::default();
        args.fill_from(&stacks).unwrap();
        assert_eq!(args.check().unwrap().inbox_prefix, "");
    }

    #[test]
    fn the_outputs_that_are_read_are_outputs_of_the_templates() {
        let outputs = |template: &'static str| template.split_once("\nOutputs:\n").unwrap().1;
        let is_there = |outputs: &str, name: &str| {
            let begins = format!("  {name}:");
            outputs.lines().any(|line| line.starts_with(&begins))
        };
        let storage = outputs(include_str!("../../infra/storage.yaml"));
        let read = STORAGE.iter().map(|filled| filled.output);
        for name in read.chain(["InboxBucket"]) {
            assert!(is_there(storage, name), "{name}");
        }
        let fleet = outputs(include_str!("../../infra/fleet.yaml"));
        for filled in &FLEET {
            assert!(is_there(fleet, filled.output), "{}", filled.output);
        }
        assert!(!is_there(storage, FLEET[0].output), "that is fleet.yaml's");
    }
}
