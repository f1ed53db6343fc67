//! `annexa generate`: completions and the man page, made from the same definitions as the help, and the list of metrics.

use std::io::Write;

use clap::{Command, Subcommand};
use clap_complete::Shell;

use crate::telemetry::names;

/// What can be generated.
#[derive(Debug, Subcommand)]
pub enum GenerateCommand {
    /// Completions for a shell: put them where the shell looks for them
    Completions {
        /// The shell
        shell: Shell,
    },
    /// The man page, in roff
    Man,
    /// The services' metrics in CloudWatch: names, units, dimensions, as JSON
    Metrics,
}

/// Prints what was asked for.
///
/// # Errors
/// `out` cannot be written.
pub fn run(
    what: &GenerateCommand,
    command: &mut Command,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    match what {
        GenerateCommand::Completions { shell } => {
            // Into memory first: the generator panics where its writer fails.
            let mut text = Vec::new();
            clap_complete::generate(*shell, command, "annexa", &mut text);
            out.write_all(&text)?;
        }
        GenerateCommand::Metrics => {
            serde_json::to_writer_pretty(&mut *out, &names::as_json())?;
            writeln!(out)?;
        }
        GenerateCommand::Man => {
            command.build();
            clap_mangen::Man::new(command.clone()).render(out)?;
            for sub in command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
            {
                let name = format!("annexa-{}", sub.get_name());
                clap_mangen::Man::new(sub.clone())
                    .title(name.to_uppercase())
                    .render(out)?;
            }
        }
    }
    Ok(super::exit::OK)
}
