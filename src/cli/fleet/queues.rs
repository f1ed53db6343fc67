//! `annexa queues`: how full the queues are.

use std::io::Write;

use clap::Args;

use super::{json, table};
use crate::cli::exit;
use crate::config::FleetArgs;
use crate::control::ControlPorts;
use crate::control::queues::depths;

/// Show how full the queues are. Counts are the service's own, and approximate.
#[derive(Debug, Clone, Args)]
pub struct QueuesArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub fleet: FleetArgs,
}

pub(super) async fn run(
    ports: &ControlPorts,
    args: &QueuesArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let all = depths(ports).await?;
    if args.json {
        json(out, &all)?;
        return Ok(exit::OK);
    }
    let head = ["queue", "waiting", "in hand", "delayed", "dead"];
    let rows: Vec<[String; 5]> = all
        .iter()
        .map(|depth| {
            let [visible, in_flight, delayed, dead] =
                [depth.visible, depth.in_flight, depth.delayed, depth.dead].map(|n| n.to_string());
            [
                depth.queue.name().to_string(),
                visible,
                in_flight,
                delayed,
                dead,
            ]
        })
        .collect();
    table(out, head, &[1, 2, 3, 4], &rows)?;
    if all.iter().any(|depth| depth.dead > 0) {
        writeln!(out, "dead letters: annexa dlq list")?;
    }
    Ok(exit::OK)
}
