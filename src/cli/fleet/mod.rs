//! Commands about a fleet: they ask its ledger and queues, and tell them what people want (S26).
//!
//! Each is thin over [`crate::control`]; docs/CONTROL.md shows them.

pub mod dlq;
pub mod jobs;
pub mod pause;
pub mod queues;
pub mod retry;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use clap::Subcommand;

use super::exit;
use super::stack::Failure;
use super::status::{self, StatusArgs};
use crate::adapters::aws::AwsConfig;
use crate::adapters::local::clock::SystemClock;
use crate::config::FleetArgs;
use crate::control::{ControlError, ControlPorts};
use crate::fleet::Fleet;
use crate::ports::Clock;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// List the jobs of a fleet
    Jobs(jobs::JobsArgs),
    /// Show how far a job is
    Status(StatusArgs),
    /// Set a job aside: chunks in hand are finished, nothing new begins
    Pause(pause::JobArgs),
    /// Let a paused job go on
    Resume(pause::ResumeArgs),
    /// End a job with what is done so far
    Cancel(pause::JobArgs),
    /// Do again what failed in a job that has ended, or what it did not get to
    Retry(retry::RetryArgs),
    /// Show how full the queues are
    Queues(queues::QueuesArgs),
    /// Look at dead letters and given-up chunks, send letters again, remove them
    Dlq(dlq::DlqArgs),
}

/// Runs one of the commands. The answer is an exit code.
///
/// # Errors
/// The configuration is wrong, what was asked for cannot be done, or `out` cannot be written.
pub fn run(command: &FleetCommand, out: &mut dyn Write) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let work = async {
        if let FleetCommand::Status(args) = command
            && args.names_folder()
        {
            return status::run_folder(args, out).await;
        }
        let is_screen = std::io::stdout().is_terminal();
        match open(command.fleet()).await {
            Ok(place) => act(command, &place, out, is_screen).await,
            Err(failure) => Ok(failure.tell()),
        }
    };
    let result = runtime.block_on(async {
        match command.watches() {
            true => status::until_interrupted(work).await,
            false => work.await,
        }
    });
    // A name that is still being looked up holds a thread that need not be waited for.
    runtime.shutdown_background();
    result.or_else(|error| match error.downcast_ref() {
        // What a service said: perhaps neither the command nor the configuration is to blame.
        Some(ControlError::Port(said)) => {
            let code = exit::of_trouble(std::slice::from_ref(said));
            eprintln!("annexa: {error:#}");
            Ok(code)
        }
        _ => Err(error),
    })
}

/// A fleet that is open.
struct Opened {
    ports: ControlPorts,
    /// The fleet's, where it is known.
    region: Option<String>,
}

async fn act(
    command: &FleetCommand,
    opened: &Opened,
    out: &mut dyn Write,
    is_screen: bool,
) -> anyhow::Result<u8> {
    let ports = &opened.ports;
    match command {
        FleetCommand::Jobs(args) => jobs::run(ports, args, out, is_screen).await,
        FleetCommand::Status(args) => {
            status::run(ports, opened.region.as_deref(), args, out, is_screen).await
        }
        FleetCommand::Pause(args) => pause::pause(ports, args, out).await,
        FleetCommand::Resume(args) => pause::resume(ports, args, out).await,
        FleetCommand::Cancel(args) => pause::cancel(ports, args, out).await,
        FleetCommand::Retry(args) => retry::run(ports, args, out).await,
        FleetCommand::Queues(args) => queues::run(ports, args, out).await,
        FleetCommand::Dlq(args) => dlq::run(ports, args, out).await,
    }
}

impl FleetCommand {
    /// Where the fleet is, to be filled from elsewhere.
    pub fn fleet_mut(&mut self) -> &mut FleetArgs {
        match self {
            FleetCommand::Jobs(args) => &mut args.fleet,
            FleetCommand::Status(args) => &mut args.fleet,
            FleetCommand::Pause(args) | FleetCommand::Cancel(args) => &mut args.fleet,
            FleetCommand::Resume(args) => &mut args.job.fleet,
            FleetCommand::Retry(args) => &mut args.job.fleet,
            FleetCommand::Queues(args) => &mut args.fleet,
            FleetCommand::Dlq(args) => args.fleet_mut(),
        }
    }

    /// Whether it is about a folder on this machine, and not about a fleet.
    pub fn names_folder(&self) -> bool {
        matches!(self, FleetCommand::Status(args) if args.names_folder())
    }

    /// Whether it goes on until something happens, so that people end it by a signal.
    fn watches(&self) -> bool {
        match self {
            FleetCommand::Status(args) => args.watch,
            FleetCommand::Jobs(args) => args.watch,
            _ => false,
        }
    }

    fn fleet(&self) -> &FleetArgs {
        match self {
            FleetCommand::Jobs(args) => &args.fleet,
            FleetCommand::Status(args) => &args.fleet,
            FleetCommand::Pause(args) | FleetCommand::Cancel(args) => &args.fleet,
            FleetCommand::Resume(args) => &args.job.fleet,
            FleetCommand::Retry(args) => &args.job.fleet,
            FleetCommand::Queues(args) => &args.fleet,
            FleetCommand::Dlq(args) => args.fleet(),
        }
    }
}

/// The ports of the fleet that the configuration names.
async fn open(args: &FleetArgs) -> Result<Opened, Failure> {
    let config = args.check().map_err(|problems| Failure {
        problems: vec![format!(
            "the configuration is not right:\n  {}",
            problems.join("\n  ")
        )],
        code: exit::USAGE,
    })?;
    let aws = AwsConfig::load(config.region.as_deref()).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let fleet = Fleet::open(&config, &aws, clock.clone())
        .await
        .map_err(|errors| Failure {
            code: exit::of_trouble(&errors),
            problems: errors.into_iter().map(|error| error.what).collect(),
        })?;
    Ok(Opened {
        ports: ControlPorts {
            clock,
            ledger: fleet.ledger,
            blobs: fleet.blobs,
            inbox: fleet.inbox,
            chunks: fleet.chunks,
            done: fleet.done,
        },
        region: aws.region().ok().map(str::to_string),
    })
}

/// Prints `value` as JSON, with a line feed.
pub(super) fn json(out: &mut dyn Write, value: &impl serde::Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Prints a table: columns as wide as their widest cell; those of `right` are numbers.
fn table<const N: usize>(
    out: &mut dyn Write,
    head: [&str; N],
    right: &[usize],
    rows: &[[String; N]],
) -> anyhow::Result<()> {
    let mut widths = head.map(|name| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head = head.map(str::to_string);
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            match right.contains(&at) {
                true => line.push_str(&format!("{cell:>width$}  ")),
                false => line.push_str(&format!("{cell:<width$}  ")),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
