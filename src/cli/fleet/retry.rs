//! `annexa retry`: another pass over what failed.

use std::io::Write;

use clap::Args;

use super::pause::JobArgs;
use crate::cli::exit;
use crate::control::ControlPorts;
use crate::control::find;
use crate::control::retry::{Retried, retry_job};

/// Do again what failed in a job that has ended.
///
/// Failed rows and given-up chunks are asked for again; rows that have an answer are kept byte for byte and cost nothing. Of
/// a job that failed or was cancelled, all that was not done goes on. Outputs are written anew; what was there before is
/// kept under retry-N/before/.
#[derive(Debug, Clone, Args)]
pub struct RetryArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would be the command's help")]
    pub job: JobArgs,
    /// Also where files of committed chunks are gone, so that all their rows are asked for anew
    #[arg(long)]
    pub yes: bool,
}

pub(super) async fn run(
    ports: &ControlPorts,
    args: &RetryArgs,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let job = find::job(ports, &args.job.job).await?;
    let id = &job.job_id;
    match retry_job(ports, &job, args.yes).await? {
        Retried::NothingToDo => {
            writeln!(
                out,
                "{id}: every row has an answer or a stated non-answer; there is nothing to retry"
            )?;
        }
        Retried::UnderWay { generation } => {
            writeln!(
                out,
                "{id}: retry {generation} is under way; annexa status {id} --watch shows it"
            )?;
        }
        Retried::Begun {
            generation,
            chunks,
            needs_split,
            lost,
        } => {
            let rest = if needs_split {
                " and the part of the input that was not split"
            } else {
                ""
            };
            writeln!(
                out,
                "{id}: retry {generation} begins, over {chunks} chunks{rest}"
            )?;
            if lost > 0 {
                writeln!(
                    out,
                    "the files of {lost} chunks are gone: all their rows are asked for anew"
                )?;
            }
            writeln!(out, "annexa status {id} --watch shows it")?;
        }
    }
    Ok(exit::OK)
}
