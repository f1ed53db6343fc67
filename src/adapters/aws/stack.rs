//! A CloudFormation stack: how it stands and what its outputs say. Only the command line reads stacks; the services are
//! told by their task definitions.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::Builder;
use aws_sdk_cloudformation::config::retry::RetryConfig;
use aws_sdk_cloudformation::types;

use super::config::AwsConfig;
use super::failure::{Refusal, Request, explain, refusal};
use crate::ports::Clock;
use crate::ports::error::PortResult;
use crate::ports::retry::{Backoff, retry};

/// A stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its state, as `UPDATE_COMPLETE`.
    pub status: String,
    /// Its outputs by their keys.
    pub outputs: BTreeMap<String, String>,
}

/// Whether a stack's outputs can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They say how things are.
    Good,
    /// An update is under way or has failed: they say how things were before it. What holds data keeps its place.
    Changing,
    /// It is not made yet.
    Coming,
    /// It is being removed, or that failed halfway.
    Going,
    /// It was never made whole.
    Broken,
}

impl Stack {
    /// By its state (AWS: "View stack information: Stack status codes").
    pub fn standing(&self) -> Standing {
        match self.status.as_str() {
            "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE" => Standing::Good,
            status if status.starts_with("UPDATE_") || status.starts_with("IMPORT_") => {
                Standing::Changing
            }
            "CREATE_IN_PROGRESS" => Standing::Coming,
            "DELETE_IN_PROGRESS" | "DELETE_FAILED" => Standing::Going,
            _ => Standing::Broken,
        }
    }
}

/// The stack of this name; none: there is none in this Region.
///
/// # Errors
/// `PermanentJob` without permission, Region or credentials; transient where nobody answers.
pub async fn read(aws: &AwsConfig, name: &str, clock: &dyn Clock) -> PortResult<Option<Stack>> {
    let region = aws.region()?;
    let config = Builder::from(aws.sdk())
        .retry_config(RetryConfig::disabled())
        .timeout_config(aws.storage_timeouts())
        .build();
    let client = Client::from_conf(config);
    let request = Request::read(
        format!("stack {name} in {region}"),
        "cloudformation:DescribeStacks",
    );
    let ask = || async {
        let answer = client.describe_stacks().stack_name(name).send().await;
        let found = match answer {
            Err(error) if refusal(&error).is_some_and(|said| is_absent(&said)) => return Ok(None),
            answer => answer.map_err(|error| explain(&error, &request, |_| None))?,
        };
        // A change set that was never carried out leaves a name under which nothing is.
        let is_made =
            |stack: &types::Stack| stack.stack_status != Some(types::StackStatus::ReviewInProgress);
        let stack = found.stacks.unwrap_or_default().into_iter().find(is_made);
        Ok(stack.map(|stack| Stack {
            name: name.to_string(),
            status: stack
                .stack_status
                .map_or(String::new(), |status| status.as_str().to_string()),
            outputs: stack
                .outputs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|output| {
                    // An empty one says something, too: that nothing is told.
                    Some((output.output_key?, output.output_value.unwrap_or_default()))
                })
                .collect(),
        }))
    };
    retry(clock, Backoff::STORAGE, ask).await
}

/// CloudFormation has no code of its own for it: `ValidationError`, "Stack with id NAME does not exist" (AWS: DescribeStacks).
fn is_absent(said: &Refusal) -> bool {
    said.code == "ValidationError" && said.said.contains("does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_is_being_updated_still_says_where_things_are_and_one_that_failed_does_not() {
        for (status, standing) in [
            ("CREATE_COMPLETE", Standing::Good),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Standing::Good),
            ("UPDATE_ROLLBACK_COMPLETE", Standing::Good),
            ("UPDATE_IN_PROGRESS", Standing::Changing),
            ("UPDATE_ROLLBACK_FAILED", Standing::Changing),
            ("CREATE_IN_PROGRESS", Standing::Coming),
            ("ROLLBACK_COMPLETE", Standing::Broken),
            ("CREATE_FAILED", Standing::Broken),
            ("DELETE_IN_PROGRESS", Standing::Going),
            ("DELETE_FAILED", Standing::Going),
            ("", Standing::Broken),
        ] {
            let stack = Stack {
                name: "s".to_string(),
                status: status.to_string(),
                outputs: BTreeMap::new(),
            };
            assert_eq!(stack.standing(), standing, "{status}");
        }
    }
}
