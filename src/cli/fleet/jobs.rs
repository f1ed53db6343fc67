//! `annexa jobs`: the jobs of a fleet.

use std::io::Write;

use clap::Args;

use super::{json, table};
use crate::cli::exit;
use crate::cli::status::{Pauses, Screen};
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
    /// Look again every few seconds until no job is live
    #[arg(long, conflicts_with_all = ["state", "all"])]
    pub watch: bool,
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
    is_screen: bool,
) -> anyhow::Result<u8> {
    if args.watch {
        watch(ports, args.json, out, is_screen).await?;
    }
    let state = args.state.as_ref().map(|state| state.to_uppercase());
    let which = match &state {
        Some(state) => Which::State(state),
        None if args.all => Which::All,
        None => Which::Live,
    };
    let jobs = find::jobs(ports, which).await?;
    let jobs: Vec<JobStatus> = jobs.iter().map(JobStatus::new).collect();
    if args.json {
        match args.watch {
            true => writeln!(out, "{}", serde_json::to_string(&jobs)?)?,
            false => json(out, &jobs)?,
        }
    } else if jobs.is_empty() {
        let hint = match which {
            Which::Live => "no job is live; annexa jobs --all lists those that have ended",
            Which::State(_) => "no job is in this state",
            Which::All => "there is no job",
        };
        writeln!(out, "{hint}")?;
    } else {
        list(out, &jobs)?;
    }
    Ok(exit::OK)
}

/// Looks at live jobs until there are none: their table over and over on a screen, elsewhere (or their JSON, a line each time)
/// whenever something has changed.
async fn watch(
    ports: &ControlPorts,
    is_json: bool,
    out: &mut dyn Write,
    is_screen: bool,
) -> anyhow::Result<()> {
    let (mut screen, mut pauses, mut last) = (Screen::default(), Pauses::default(), Vec::new());
    loop {
        let jobs = find::jobs(ports, Which::Live).await?;
        let jobs: Vec<JobStatus> = jobs.iter().map(JobStatus::new).collect();
        if jobs.is_empty() {
            return Ok(screen.clear(out)?);
        }
        let is_new = jobs != last;
        let mut shown = Vec::new();
        list(&mut shown, &jobs)?;
        if is_screen && !is_json {
            let lines = String::from_utf8_lossy(&shown);
            let lines: Vec<String> = lines.lines().map(str::to_string).collect();
            screen.draw(out, &lines)?;
        } else if is_new {
            match is_json {
                true => writeln!(out, "{}", serde_json::to_string(&jobs)?)?,
                false => out.write_all(&shown)?,
            }
            out.flush()?;
        }
        last = jobs;
        ports.clock.sleep(pauses.next(is_new)).await;
    }
}

fn list(out: &mut dyn Write, jobs: &[JobStatus]) -> anyhow::Result<()> {
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
    table(out, head, &[2, 3, 4, 5], &rows)
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
