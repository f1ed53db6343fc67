//! `annexa pause`, `annexa resume`, `annexa cancel`.

use std::io::Write;

use anyhow::anyhow;
use clap::Args;

use crate::cli::exit;
use crate::config::FleetArgs;
use crate::control::ControlPorts;
use crate::control::find;
use crate::control::steer::{self, Steered};
use crate::core::money::NanoUsd;

/// Which job.
#[derive(Debug, Clone, Args)]
pub struct JobArgs {
    /// The job's id, or the beginning of a live job's id
    pub job: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub fleet: FleetArgs,
}

/// Let a paused job go on.
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// A new cost cap in US dollars, for a job that reached its own
    #[arg(long, value_name = "USD")]
    pub max_cost_usd: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub job: JobArgs,
}

pub(super) async fn pause(
    ports: &ControlPorts,
    args: &JobArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let job = find::job(ports, &args.job).await?;
    let id = &job.job_id;
    match steer::pause(ports, &job).await? {
        Steered::Done => writeln!(
            out,
            "{id} is paused: chunks in hand are finished, nothing new begins; annexa resume {id} lets it go on"
        )?,
        Steered::WasSo => writeln!(out, "{id} was paused already")?,
    }
    Ok(exit::OK)
}

pub(super) async fn resume(
    ports: &ControlPorts,
    args: &ResumeArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let max_cost = args.max_cost_usd.as_ref().map(|text| {
        let amount = text.parse::<NanoUsd>();
        amount.map_err(|error| anyhow!("--max-cost-usd {text}: {error}"))
    });
    let max_cost = max_cost.transpose()?;
    let job = find::job(ports, &args.job.job).await?;
    let id = &job.job_id;
    let steered = steer::resume(ports, &job, max_cost).await?;
    let cap = max_cost.map_or(String::new(), |cap| {
        format!(", under a cost cap of {cap} US dollars")
    });
    match steered {
        Steered::Done => writeln!(out, "{id} goes on{cap}")?,
        Steered::WasSo => writeln!(out, "{id} was not paused{cap}")?,
    }
    Ok(exit::OK)
}

pub(super) async fn cancel(
    ports: &ControlPorts,
    args: &JobArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let job = find::job(ports, &args.job).await?;
    let id = &job.job_id;
    match steer::cancel(ports, &job).await? {
        Steered::Done => writeln!(
            out,
            "{id} is being cancelled: what is done so far is written as partial results; annexa retry {id} goes on with \
             the rest once it has ended"
        )?,
        Steered::WasSo => writeln!(out, "{id} was being cancelled already")?,
    }
    Ok(exit::OK)
}
