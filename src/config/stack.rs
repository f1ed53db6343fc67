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

/// Outputs of fleet.yaml; an empty one says nothing, and then nothing else may.
const FLEET: [Filled; 4] = [
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
    Filled {
        is_needed: false,
        ..needed("CallsInFlightPerWorker", "DEFAULT_MAX_WORKERS", |args| {
            &mut args.default_max_workers
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

    /// Whether an output is there and says nothing. A template of an older version may not have it at all.
    fn is_silent(&self, output: &str) -> bool {
        self.outputs.contains_key(output) && self.says(output).is_none()
    }
}

impl FleetStacks {
    /// The stacks and what may be taken from each.
    fn parts(&self) -> impl Iterator<Item = (&StackOutputs, &'static [Filled])> {
        let storage = std::iter::once((&self.storage, &STORAGE[..]));
        storage.chain(self.fleet.iter().map(|fleet| (fleet, &FLEET[..])))
    }

    /// The services' environment, as the stacks say it: variables and values, empty where a stack says nothing, so that
    /// nothing is left of another fleet. With the inbox bucket, which no service needs and people do.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let bucket = self.storage.says("InboxBucket");
        let mut lines: Vec<_> = bucket
            .map(|bucket| ("ANNEXA_INBOX_BUCKET", bucket))
            .into_iter()
            .collect();
        for (stack, filled) in self.parts() {
            let says = |filled: &Filled| {
                let is_silent = !filled.is_needed && stack.is_silent(filled.output);
                let said = stack.says(filled.output);
                Some((filled.variable, said.or(is_silent.then(String::new))?))
            };
            lines.extend(filled.iter().filter_map(says));
        }
        lines
    }
}

impl FleetArgs {
    /// Takes from the stacks what they say. A flag or variable that says the same is fine.
    ///
    /// # Errors
    /// All that does not fit: a flag or variable that says something else, or something of which the fleet's stack says
    /// nothing (it may be left from another fleet: neither wins), and outputs that are missing.
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
                    (None, Some(set)) if stack.is_silent(one.output) => problems.push(format!(
                        "{} is '{set}', and stack {} says nothing of it: unset it, or deploy the fleet with it",
                        named(one.variable),
                        stack.name
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
mod tests;
