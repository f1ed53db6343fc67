//! `--stack NAME`: the configuration of a fleet out of its CloudFormation stacks, and `annexa config`, which prints it.

use std::io::Write;

use clap::Args;

use super::exit;
use crate::adapters::aws::AwsConfig;
use crate::adapters::aws::stack::{self, Stack, Standing};
use crate::adapters::local::clock::SystemClock;
use crate::config::{FleetArgs, FleetStacks, StackOutputs, fleet_stack, storage_stack};
use crate::ports::error::{PortError, PortResult};

/// Print the environment of a fleet's services, as its stacks say it.
///
/// One NAME=value a line, for `set -a; source <(annexa --stack NAME config); set +a`. Needs --stack.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Region of the stacks [default: AWS_REGION or your AWS profile's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug)]
pub struct Failure {
    /// Each a line.
    pub problems: Vec<String>,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    fn usage(problems: Vec<String>) -> Failure {
        Failure {
            problems,
            code: exit::USAGE,
        }
    }

    /// Says it on stderr and gives the exit code.
    pub fn tell(&self) -> u8 {
        for problem in &self.problems {
            eprintln!("annexa: {problem}");
        }
        self.code
    }
}

/// Fills `args` from the stacks of the fleet that is deployed as `name`.
///
/// # Errors
/// All that is wrong: stacks that are not there, not allowed or not whole; flags and variables that say something else; what
/// is wrong with the rest of the configuration.
pub fn fill(name: &str, args: &mut FleetArgs) -> Result<(), Failure> {
    let (stacks, _) = found(name, args.region.as_deref())?;
    let filled = args.fill_from(&stacks);
    let mut problems = filled.err().unwrap_or_default();
    if !problems.is_empty() {
        // What is set is said of once: by the stack that contradicts it.
        let is_new = |problem: &String| {
            let variable = problem.split(' ').next().unwrap_or_default();
            !problem.contains(" is not set: ")
                && !problems.iter().any(|said| said.starts_with(variable))
        };
        let more = args.check().err().unwrap_or_default();
        let more: Vec<String> = more.into_iter().filter(is_new).collect();
        problems.extend(more);
        return Err(Failure::usage(problems));
    }
    Ok(())
}

/// Runs `annexa config`.
///
/// # Errors
/// `out` cannot be written.
pub fn config(name: Option<&str>, args: &ConfigArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let Some(name) = name else {
        let problem = "no stack is named: annexa --stack NAME config, with the name that infra/deploy was given";
        return Ok(Failure::usage(vec![problem.to_string()]).tell());
    };
    let (stacks, region) = match found(name, args.region.as_deref()) {
        Ok(found) => found,
        Err(failure) => return Ok(failure.tell()),
    };
    writeln!(out, "AWS_REGION={}", quoted(&region))?;
    for (variable, value) in stacks.environment() {
        writeln!(out, "{variable}={}", quoted(&value))?;
    }
    Ok(exit::OK)
}

/// What the stacks of a fleet say, and the Region that they are in.
fn found(name: &str, region: Option<&str>) -> Result<(FleetStacks, String), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure {
        problems: vec![format!("cannot start the runtime: {error}")],
        code: exit::FAILED,
    })?;
    let found = runtime.block_on(async {
        let region = region.map(str::trim).filter(|region| !region.is_empty());
        let aws = AwsConfig::load(region).await;
        let clock = SystemClock::new();
        let region = match aws.region() {
            Ok(region) => region.to_string(),
            Err(error) => return Err(Failure::usage(vec![error.what])),
        };
        let (storage, fleet) = (storage_stack(name), fleet_stack(name));
        let (storage, fleet) = tokio::join!(
            stack::read(&aws, &storage, &clock),
            stack::read(&aws, &fleet, &clock)
        );
        let mut warn = |warning: String| eprintln!("annexa: warning: {warning}");
        let stacks = both(name, &region, storage, fleet, &mut warn)?;
        Ok((stacks, region))
    });
    runtime.shutdown_background();
    found
}

/// The outputs of both stacks, if they can be relied on; `warn` is told what of them is of before an update, and of a
/// fleet's stack that is going: the storage is whole without it.
fn both(
    name: &str,
    region: &str,
    storage: PortResult<Option<Stack>>,
    fleet: PortResult<Option<Stack>>,
    warn: &mut dyn FnMut(String),
) -> Result<FleetStacks, Failure> {
    let fleet = fleet.map(|found| found.filter(|stack| stays(stack, warn)));
    let mut failure = Failure {
        problems: Vec::new(),
        code: exit::FAILED,
    };
    let mut outputs = |read: PortResult<Option<Stack>>| match read
        .map(|found| found.map(|stack| usable(stack, warn)))
    {
        Ok(Some(Ok(outputs))) => Some(outputs),
        Ok(None) => None,
        Ok(Some(Err(problem))) => {
            failure.code = exit::USAGE;
            failure.problems.push(problem);
            None
        }
        Err(error) => {
            if !PortError::is_retryable(&error) {
                failure.code = exit::USAGE;
            }
            failure.problems.push(error.what);
            None
        }
    };
    let is_absent = matches!(storage, Ok(None));
    let (storage, fleet) = (outputs(storage), outputs(fleet));
    if is_absent {
        failure.code = exit::USAGE;
        failure.problems.push(format!(
            "stack {} is not there in {region}: check --stack (the name that infra/deploy was given) and the Region, or make \
             it: infra/deploy --name {name}",
            storage_stack(name)
        ));
    }
    match storage {
        Some(storage) if failure.problems.is_empty() => Ok(FleetStacks { storage, fleet }),
        _ => {
            // The same refusal twice tells nothing more.
            failure.problems.dedup();
            Err(failure)
        }
    }
}

/// Whether a fleet's stack is one to ask.
fn stays(stack: &Stack, warn: &mut dyn FnMut(String)) -> bool {
    let Stack { name, status, .. } = stack;
    let is_going = stack.standing() == Standing::Going;
    if is_going {
        warn(format!(
            "stack {name} is {status}: taken as missing, so nothing is known of the fleet's model and quotas"
        ));
    }
    !is_going
}

/// A stack's outputs, where its state lets them count.
fn usable(stack: Stack, warn: &mut dyn FnMut(String)) -> Result<StackOutputs, String> {
    let Stack { name, status, .. } = &stack;
    match stack.standing() {
        Standing::Good => {}
        Standing::Changing => warn(format!(
            "stack {name} is {status}: what it says is from before the update"
        )),
        Standing::Coming => {
            return Err(format!(
                "stack {name} is {status}: wait for it with aws cloudformation wait stack-create-complete --stack-name {name}"
            ));
        }
        Standing::Going | Standing::Broken => {
            return Err(format!(
                "stack {name} is {status} and cannot be relied on: see why with aws cloudformation describe-stack-events \
                 --stack-name {name}, and mend it with infra/deploy (docs/TROUBLESHOOTING.md)"
            ));
        }
    }
    Ok(StackOutputs {
        name: stack.name,
        outputs: stack.outputs,
    })
}

/// As a shell reads it.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-@%+=,".contains(c);
    match value.chars().all(is_plain) {
        true => value.to_string(),
        false => format!("'{}'", value.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests;
