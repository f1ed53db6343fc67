//! `annexa status`: how far a job is, once or until it has ended.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::json;
use crate::cli::exit;
use crate::cli::run::progress::span;
use crate::config::FleetArgs;
use crate::control::ControlPorts;
use crate::control::find;
use crate::control::status::{JobStatus, Pace, Quarantined, quarantined, time_left};
use crate::core::job::JobRecord;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looks without a change after which a line is printed all the same.
const QUIET_LOOKS: u32 = 15;
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
    /// The job's id, or the beginning of a live job's id
    pub job: String,
    /// Look again every two seconds until the job has ended
    #[arg(long)]
    pub watch: bool,
    /// Print JSON; while watching, a line for each look
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub fleet: FleetArgs,
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
}

pub(super) async fn run(
    ports: &ControlPorts,
    args: &StatusArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut job = find::job(ports, &args.job).await?;
    if args.watch {
        job = watch(ports, args, job, out).await?;
    }
    let status = JobStatus::new(&job);
    if args.json {
        let chunks = quarantined(ports, &job, JSON_CHUNKS).await?;
        let shown = Shown {
            status: &status,
            rows_per_second: None,
            seconds_left: None,
            quarantined: &chunks,
        };
        match args.watch {
            true => writeln!(out, "{}", serde_json::to_string(&shown)?)?,
            false => json(out, &shown)?,
        }
    } else {
        let chunks = quarantined(ports, &job, SHOWN_CHUNKS).await?;
        show(&status, &chunks, out)?;
    }
    Ok(code(&status))
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

/// Looks until the job has ended; a line whenever something has changed.
async fn watch(
    ports: &ControlPorts,
    args: &StatusArgs,
    mut job: JobRecord,
    out: &mut dyn Write,
) -> anyhow::Result<JobRecord> {
    let mut pace = Pace::default();
    let (mut last, mut quiet_looks) = (None, 0);
    while !job.is_over() {
        let status = JobStatus::new(&job);
        let rate = pace.look(ports.clock.monotonic(), status.rows_done);
        let line = if args.json {
            serde_json::to_string(&Shown {
                status: &status,
                rows_per_second: rate,
                seconds_left: time_left(&status, rate).map(|left| left.as_secs()),
                quarantined: &[],
            })?
        } else {
            progress(&status, rate)
        };
        let now = (status.state, status.rows_done, status.rows_total);
        quiet_looks += 1;
        if last != Some(now) || quiet_looks >= QUIET_LOOKS {
            writeln!(out, "{line}")?;
            out.flush()?;
            (last, quiet_looks) = (Some(now), 0);
        }
        ports.clock.sleep(LOOK_EVERY).await;
        job = find::job(ports, job.job_id.as_str()).await?;
    }
    Ok(job)
}

fn progress(status: &JobStatus, rate: Option<f64>) -> String {
    let mut line = format!("{:<9}  {} rows", status.state, done_of(status));
    if status.failed > 0 {
        line.push_str(&format!(", {} failed", status.failed));
    }
    if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
        line.push_str(&format!(", {rate:.1} a second"));
    }
    if let Some(left) = time_left(status, rate).filter(|left| !left.is_zero()) {
        line.push_str(&format!(", {} left", span(left)));
    }
    if let Some(cost) = &status.cost_usd {
        line.push_str(&format!(", {cost} US dollars"));
    }
    line
}

fn done_of(status: &JobStatus) -> String {
    match status.rows_total {
        Some(total) => format!("{} of {total}", status.rows_done),
        None if status.ended.is_some() => format!("{} of an unknown number", status.rows_done),
        None => format!("{} (still being counted)", status.rows_done),
    }
}

fn show(status: &JobStatus, chunks: &[Quarantined], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{name:<16}{value}");
    line("job", status.job_id.clone())?;
    line("state", status.state.to_string())?;
    if let Some(reason) = &status.reason {
        line("reason", reason.clone())?;
    }
    if status.generation > 0 {
        line("retries", status.generation.to_string())?;
    }
    line("input", status.input.clone())?;
    line("output", status.output.clone())?;
    line("model", status.model_id.clone())?;
    line("rows done", done_of(status))?;
    line("  coded", status.coded.to_string())?;
    line("  insufficient", status.insufficient.to_string())?;
    line("  empty", status.empty.to_string())?;
    line("  failed", status.failed.to_string())?;
    line("for review", status.review.to_string())?;
    line(
        "chunks",
        format!(
            "{} of {} committed, {} given up, {} parked",
            status.chunks_committed,
            status.chunks_total,
            status.chunks_quarantined,
            status.chunks_parked
        ),
    )?;
    let cost = match &status.cost_usd {
        Some(cost) => format!("{cost} US dollars"),
        None => "not known: the model's price is not".to_string(),
    };
    let cap = status.max_cost_usd.as_ref().map_or(String::new(), |cap| {
        format!(
            ", {} counted under the cap of {cap}",
            status.counted_under_cap_usd
        )
    });
    line("cost", format!("{cost}{cap}"))?;
    line("created", status.created.clone())?;
    if let Some(ended) = &status.ended {
        line("ended", ended.clone())?;
        let names = match status.state {
            "FAILED" | "CANCELLED" => "results.partial.csv, failures.partial.csv",
            _ => "results.csv, failures.csv",
        };
        line(
            "files",
            format!("{names}, summary.json, report.html, manifest.json"),
        )?;
    }
    for chunk in chunks {
        let last = chunk.first_row + u64::from(chunk.rows.saturating_sub(1));
        let what = format!(
            "chunk {}, rows {} to {last}: {}",
            chunk.chunk, chunk.first_row, chunk.reason
        );
        line("given up", what)?;
    }
    let more = (status.chunks_quarantined as usize).saturating_sub(chunks.len());
    if more > 0 {
        line("", format!("and {more} more chunks; --json lists them"))?;
    }
    let is_retryable = matches!(
        status.state,
        "COMPLETED_WITH_ERRORS" | "FAILED" | "CANCELLED"
    );
    if status.was_refused {
        line(
            "to do",
            "mend what the reason names, and upload or submit it again".to_string(),
        )?;
    } else if status.is_input_bad {
        let what =
            "mend the file (or name its columns and encoding), and upload or submit it again";
        line("to do", what.to_string())?;
    } else if is_retryable {
        line("to do", format!("annexa retry {}", status.job_id))?;
    }
    Ok(())
}
