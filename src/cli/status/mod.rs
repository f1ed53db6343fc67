//! `annexa status`: how far a job is, once or until it has ended. Of a job of a fleet, or of the folder of a run on this
//! machine.

mod folder;
mod show;
mod watch;

pub(super) use watch::{Pauses, Screen};

use std::io::{IsTerminal, Write};
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::exit;
use super::fleet::json;
use crate::adapters::local::clock::SystemClock;
use crate::adapters::signals::StopSignals;
use crate::config::FleetArgs;
use crate::control::ControlPorts;
use crate::control::find;
use crate::control::status::work::AtWork;
use crate::control::status::{JobStatus, Quarantined, quarantined};
use crate::core::job::{JobRecord, PauseReason};
use crate::ports::retry::{Backoff, retry};

/// Given-up chunks that are shown; JSON has more.
const SHOWN_CHUNKS: usize = 20;
/// Given-up chunks in JSON.
const JSON_CHUNKS: usize = 1_000;

/// Show how far a job is.
///
/// Exit codes: 0 it goes on, or every row has an answer or a stated non-answer; 3 completed with failed rows; 1 failed or
/// cancelled; 4 paused; 64 there is no such job.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The job's id, or the beginning of a live job's id; or the folder of an annexa run
    pub job: String,
    /// Look again until the job has ended: every two seconds, less often while nothing changes
    #[arg(long)]
    pub watch: bool,
    /// Print JSON; while watching, a line for each change
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub fleet: FleetArgs,
}

impl StatusArgs {
    /// Whether a folder is meant, and no job of a fleet.
    pub fn names_folder(&self) -> bool {
        // No job's id is a path.
        self.job.contains(['/', '\\', '.']) || Path::new(&self.job).exists()
    }
}

/// What one look found.
#[derive(Debug, Clone)]
struct Look {
    status: JobStatus,
    /// None: not known.
    work: Option<AtWork>,
    /// It is a run's on this machine, and not a fleet's.
    is_folder: bool,
    /// It waits under its cost cap.
    is_capped: bool,
}

/// Whether a job waits under its cost cap.
fn is_capped(job: &JobRecord) -> bool {
    !job.is_over() && job.stopping.is_none() && job.paused == Some(PauseReason::CostCap)
}

/// The printed JSON.
#[derive(Serialize)]
struct Shown<'s> {
    #[serde(flatten)]
    status: &'s JobStatus,
    /// Over the last minute; none: not watching, or not known yet.
    rows_per_second: Option<f64>,
    seconds_left: Option<u64>,
    quarantined: &'s [Quarantined],
    /// Over the last minute, of committed rows.
    tokens_per_minute: Option<f64>,
    /// None: not known.
    at_work: Option<&'s AtWork>,
}

impl<'s> Shown<'s> {
    fn new(look: &'s Look, quarantined: &'s [Quarantined]) -> Shown<'s> {
        Shown {
            status: &look.status,
            rows_per_second: None,
            seconds_left: None,
            quarantined,
            tokens_per_minute: None,
            at_work: look.work.as_ref(),
        }
    }
}

/// Where looks go to. Each look says how the job is now.
enum Source<'p> {
    /// A fleet's ledger: a look is one query of the job's item and its counters (ten items at most, some kilobytes), and,
    /// where the model is a service's, one read of its lane.
    Fleet {
        ports: &'p ControlPorts,
        region: Option<&'p str>,
        job: Box<JobRecord>,
    },
    /// The folder of a run.
    Folder(&'p Path),
}

impl Source<'_> {
    async fn look(&mut self) -> anyhow::Result<Look> {
        match self {
            Source::Folder(folder) => folder::look(folder).await,
            Source::Fleet { ports, region, job } => {
                **job = find::job(ports, job.job_id.as_str()).await?;
                let status = JobStatus::new(job);
                let lane = region.filter(|_| !status.is_over());
                let lane = lane.map(|region| format!("{region}/{}", status.model_id));
                let mut work = None;
                if let Some(lane) = lane {
                    let record =
                        retry(&*ports.clock, Backoff::STORAGE, || ports.ledger.lane(&lane)).await?;
                    let now_ms = ports.clock.now_ms();
                    work = record.map(|record| AtWork::in_lane(&record, now_ms));
                }
                Ok(Look {
                    status,
                    work,
                    is_folder: false,
                    is_capped: is_capped(job),
                })
            }
        }
    }

    /// Chunks that were given up. Of a folder, failures.csv has their rows.
    async fn quarantined(&self, max: usize) -> anyhow::Result<Vec<Quarantined>> {
        match self {
            Source::Fleet { ports, job, .. } => Ok(quarantined(ports, job, max).await?),
            Source::Folder(_) => Ok(Vec::new()),
        }
    }
}

/// Of a job of a fleet. `region`: the fleet's, where it is known. `is_screen`: `out` is a terminal.
pub(super) async fn run(
    ports: &ControlPorts,
    region: Option<&str>,
    args: &StatusArgs,
    out: &mut dyn Write,
    is_screen: bool,
) -> anyhow::Result<u8> {
    let job = Box::new(find::job(ports, &args.job).await?);
    let source = Source::Fleet { ports, region, job };
    tell(source, &*ports.clock, args, out, is_screen).await
}

/// Of the folder of a run on this machine.
pub(super) async fn run_folder(args: &StatusArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let is_screen = std::io::stdout().is_terminal();
    let source = Source::Folder(Path::new(&args.job));
    tell(source, &SystemClock::new(), args, out, is_screen).await
}

/// Does `work`; a signal that comes before its end ends the command.
pub(super) async fn until_interrupted(
    work: impl Future<Output = anyhow::Result<u8>>,
) -> anyhow::Result<u8> {
    let Ok(mut signals) = StopSignals::listen() else {
        return work.await;
    };
    tokio::select! {
        biased;
        () = signals.next() => Ok(exit::INTERRUPTED),
        ended = work => ended,
    }
}

async fn tell(
    mut source: Source<'_>,
    clock: &dyn crate::ports::Clock,
    args: &StatusArgs,
    out: &mut dyn Write,
    is_screen: bool,
) -> anyhow::Result<u8> {
    let look = match args.watch {
        true => watch::until_over(&mut source, clock, args.json, is_screen, out).await?,
        false => source.look().await?,
    };
    if args.json {
        let chunks = source.quarantined(JSON_CHUNKS).await?;
        let shown = Shown::new(&look, &chunks);
        match args.watch {
            true => writeln!(out, "{}", serde_json::to_string(&shown)?)?,
            false => json(out, &shown)?,
        }
    } else {
        let chunks = source.quarantined(SHOWN_CHUNKS).await?;
        show::show(&look, &chunks, out)?;
    }
    Ok(code(&look.status))
}

/// DESIGN §6.
fn code(status: &JobStatus) -> u8 {
    match status.state {
        "COMPLETED_WITH_ERRORS" => exit::FAILED_ROWS,
        "FAILED" | "CANCELLED" => exit::FAILED,
        "PAUSED" => exit::PAUSED,
        _ => exit::OK,
    }
}
