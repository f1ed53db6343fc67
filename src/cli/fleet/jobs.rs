//! `annexa jobs`: the jobs of a fleet.

use std::io::Write;

use clap::Args;

use super::{json, table};
use crate::cli::exit;
use crate::config::FleetArgs;
use crate::control::ControlPorts;
use crate::control::find::{self, Which};
use crate::control::status::JobStatus;

/// List the jobs of a fleet: those that have not ended, newest first.
#[derive(Debug, Clone, Args)]
pub struct JobsArgs {
    /// Only jobs in this state, ended ones too: COMPLETED, COMPLETED_WITH_ERRORS, FAILED, CANCELLED, RUNNING, ...
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// All jobs there ever were; reads the whole table
    #[arg(long, conflicts_with = "state")]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub fleet: FleetArgs,
}

pub(super) async fn run(
    ports: &ControlPorts,
    args: &JobsArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let state = args.state.as_ref().map(|state| state.to_uppercase());
    let which = match &state {
        Some(state) => Which::State(state),
        None if args.all => Which::All,
        None => Which::Live,
    };
    let jobs = find::jobs(ports, which).await?;
    let jobs: Vec<JobStatus> = jobs.iter().map(JobStatus::new).collect();
    if args.json {
        json(out, &jobs)?;
    } else if jobs.is_empty() {
        let hint = match which {
            Which::Live => "no job is live; annexa jobs --all lists those that have ended",
            Which::State(_) => "no job is in this state",
            Which::All => "there is no job",
        };
        writeln!(out, "{hint}")?;
    } else {
        let head = [
            "job",
            "state",
            "done",
            "of rows",
            "failed",
            "US dollars",
            "created",
        ];
        let rows: Vec<[String; 7]> = jobs.iter().map(line).collect();
        table(out, head, &[2, 3, 4, 5], &rows)?;
    }
    Ok(exit::OK)
}

fn line(job: &JobStatus) -> [String; 7] {
    [
        job.job_id.clone(),
        job.state.to_string(),
        job.rows_done.to_string(),
        job.rows_total
            .map_or("?".to_string(), |rows| rows.to_string()),
        job.failed.to_string(),
        job.cost_usd.clone().unwrap_or_else(|| "?".to_string()),
        job.created.clone(),
    ]
}
