//! `annexa dlq`: dead letters and given-up chunks.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};

use super::{json, table};
use crate::cli::exit;
use crate::config::FleetArgs;
use crate::control::ControlPorts;
use crate::control::dead::{self, Dead, Moved};
use crate::control::queues::Which;
use crate::report::summary::rfc3339;
use crate::shown::{safe, safe_lines};

/// Look at dead letters and given-up chunks, send letters again, remove them.
///
/// A dead letter is a message that came too often without getting done, or that nobody could read. A given-up chunk is a run
/// of rows that failed as a whole; annexa retry does it again.
#[derive(Debug, Clone, Args)]
pub struct DlqArgs {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub command: DlqCommand,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum DlqCommand {
    /// List dead letters and given-up chunks, without bodies
    List(Common),
    /// Show one with its body
    Show(ShowArgs),
    /// Send dead letters to their queue again
    Redrive(SomeArgs),
    /// Remove dead letters for good
    Purge(PurgeArgs),
}

/// What all of them take.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Only this queue's
    #[arg(long, value_name = "QUEUE")]
    pub queue: Option<QueueName>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub fleet: FleetArgs,
}

/// A queue's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueueName {
    /// Events, specs, and jobs that wait for their split
    Inbox,
    /// Chunks that wait for a worker
    Chunk,
    /// Progress of jobs
    Done,
}

/// Which one.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// As annexa dlq list says it
    pub id: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub common: Common,
}

/// Which ones.
#[derive(Debug, Clone, Args)]
pub struct SomeArgs {
    /// As annexa dlq list says them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<String>,
    /// All dead letters
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub common: Common,
}

/// Which ones, and the yes to it.
#[derive(Debug, Clone, Args)]
pub struct PurgeArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub some: SomeArgs,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

impl Common {
    fn queues(&self) -> Vec<Which> {
        match self.queue {
            None => Which::ALL.to_vec(),
            Some(QueueName::Inbox) => vec![Which::Inbox],
            Some(QueueName::Chunk) => vec![Which::Chunk],
            Some(QueueName::Done) => vec![Which::Done],
        }
    }
}

impl SomeArgs {
    fn ids(&self) -> Option<&[String]> {
        (!self.all).then_some(&self.ids[..])
    }
}

impl DlqArgs {
    pub(super) fn fleet_mut(&mut self) -> &mut FleetArgs {
        match &mut self.command {
            DlqCommand::List(common) => &mut common.fleet,
            DlqCommand::Show(args) => &mut args.common.fleet,
            DlqCommand::Redrive(args) => &mut args.common.fleet,
            DlqCommand::Purge(args) => &mut args.some.common.fleet,
        }
    }

    pub(super) fn fleet(&self) -> &FleetArgs {
        match &self.command {
            DlqCommand::List(common) => &common.fleet,
            DlqCommand::Show(args) => &args.common.fleet,
            DlqCommand::Redrive(args) => &args.common.fleet,
            DlqCommand::Purge(args) => &args.some.common.fleet,
        }
    }
}

pub(super) async fn run(
    ports: &ControlPorts,
    args: &DlqArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    match &args.command {
        DlqCommand::List(common) => list(ports, common, out).await,
        DlqCommand::Show(args) => show(ports, args, out).await,
        DlqCommand::Redrive(args) => {
            let queues = args.common.queues();
            let moved = dead::redrive(ports, &queues, args.ids()).await?;
            said(&moved, "sent again", args.common.json, out)
        }
        DlqCommand::Purge(args) => {
            let (queues, some) = (args.some.common.queues(), &args.some);
            if !args.yes {
                let what = some
                    .ids()
                    .map_or("all dead letters".to_string(), |ids| ids.join(", "));
                ask(&format!("Remove {what} for good?"))?;
            }
            let moved = dead::purge(ports, &queues, some.ids()).await?;
            said(&moved, "removed", some.common.json, out)
        }
    }
}

async fn list(ports: &ControlPorts, args: &Common, out: &mut dyn Write) -> anyhow::Result<u8> {
    let all = dead::list(ports, &args.queues()).await?;
    if args.json {
        json(out, &all)?;
    } else if all.is_empty() {
        writeln!(out, "no dead letters, and no chunk was given up")?;
    } else {
        let head = ["queue", "id", "what", "received", "sent", "reason"];
        let rows: Vec<[String; 6]> = all.iter().map(line).collect();
        table(out, head, &[3], &rows)?;
    }
    Ok(exit::OK)
}

fn line(dead: &Dead) -> [String; 6] {
    [
        dead.queue.name().to_string(),
        dead.id.clone(),
        what(dead),
        dead.received.to_string(),
        dead.sent_ms.map_or("-".to_string(), rfc3339),
        dead.reason
            .as_deref()
            .map_or("received too often".to_string(), safe),
    ]
}

fn what(dead: &Dead) -> String {
    dead.about
        .clone()
        .unwrap_or_else(|| "not one of ours".to_string())
}

async fn show(ports: &ControlPorts, args: &ShowArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let shown = dead::show(ports, &args.common.queues(), &args.id).await?;
    if args.common.json {
        json(out, &shown)?;
        return Ok(exit::OK);
    }
    let [queue, id, what, received, sent, reason] = line(&shown.dead);
    let fields = [
        ("queue", queue),
        ("id", id),
        ("what", what),
        ("received", received),
        ("sent", sent),
        ("reason", reason),
    ];
    for (name, value) in fields {
        writeln!(out, "{name:<10}{value}")?;
    }
    if let Some(body) = &shown.body {
        if !shown.is_ours {
            writeln!(
                out,
                "The body is not one of this program's messages and may hold anything, report text too:"
            )?;
        }
        writeln!(out, "{}", safe_lines(body))?;
    }
    Ok(exit::OK)
}

fn said(moved: &Moved, done: &str, is_json: bool, out: &mut dyn Write) -> anyhow::Result<u8> {
    if is_json {
        json(out, moved)?;
        return Ok(exit::OK);
    }
    match moved.done.len() {
        0 => writeln!(out, "there were no dead letters")?,
        1 => writeln!(out, "1 dead letter {done}")?,
        many => writeln!(out, "{many} dead letters {done}")?,
    }
    if !moved.not_found.is_empty() {
        writeln!(out, "not found: {}", moved.not_found.join(", "))?;
    }
    Ok(exit::OK)
}

/// Nothing is removed by accident.
fn ask(question: &str) -> anyhow::Result<()> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        bail!("{question} Say --yes to that");
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut reply = String::new();
    std::io::stdin().lock().read_line(&mut reply)?;
    match reply.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => bail!("nothing was removed"),
    }
}
