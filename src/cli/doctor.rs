//! `annexa doctor`: what models on Bedrock need, checked one by one, with what to do where something is missing.

mod checks;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{exit, models};
use crate::adapters::aws::AwsConfig;
use crate::adapters::local::precedents;

/// Check what models on Amazon Bedrock need.
///
/// Looks for a Region and credentials. With --model it also calls that model once, with a few tokens, and says what that
/// cost. Coding offline, with the model `precedents`, needs nothing of this.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// The model or inference profile to be tried, with one tiny call
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The AWS Region [default: AWS_REGION, or the profile's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Your own facts on models, over the built-in ones
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// Not needed now, or not what most would want.
    Warning,
    /// To be mended.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was looked at.
    check: &'static str,
    /// How it ended.
    status: Status,
    /// What was found, and what to do.
    says: String,
}

/// The printed JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    status: Status,
    checks: &'a [Check],
}

/// Runs the command and writes what it found to `out`. The answer is an exit code: 0, or 1 if something is to be mended.
///
/// # Errors
/// `out` cannot be written.
pub fn run(args: &DoctorArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let model = args.model.as_deref();
    let catalog = models::open(args.models.as_deref())??;
    let checks = runtime.block_on(async {
        if model == Some(precedents::MODEL_ID) {
            return checks::offline();
        }
        let aws = AwsConfig::load(args.region.as_deref()).await;
        let known = model.map(|model| catalog.find(model));
        // With the price by this id, geography included.
        let facts = known.and_then(|known| {
            let price = known.price;
            let mut facts = known.facts?;
            facts.price = price;
            if let Ok(region) = aws.region() {
                let here = catalog.replacement_in(&facts, region);
                facts.replacement = here.or(facts.replacement);
            }
            Some(facts)
        });
        let mut checks = checks::all(&aws, model, facts.as_ref()).await;
        if let (Some(model), Ok(region)) = (model, aws.region()) {
            checks.extend(checks::misfits(&catalog, model, region));
        }
        checks
    });
    // A name that is still being looked up holds a thread that need not be waited for.
    runtime.shutdown_background();
    print(&checks, args.json, out)
}

fn print(checks: &[Check], json: bool, out: &mut dyn Write) -> anyhow::Result<u8> {
    let status = worst(checks);
    if json {
        serde_json::to_writer_pretty(&mut *out, &Report { status, checks })?;
        writeln!(out)?;
    } else {
        for check in checks {
            let status = match check.status {
                Status::Ok => "ok",
                Status::Warning => "warning",
                Status::Fail => "FAIL",
            };
            writeln!(out, "{status:<8} {:<12} {}", check.check, check.says)?;
        }
    }
    Ok(match status {
        Status::Ok | Status::Warning => exit::OK,
        Status::Fail => exit::FAILED,
    })
}

fn worst(checks: &[Check]) -> Status {
    let statuses = checks.iter().map(|check| check.status);
    statuses.max().unwrap_or(Status::Ok)
}
