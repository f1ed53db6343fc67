//! The command line: parse, compose, run, exit code. Each command has its file; this one knows only their names.

pub mod capacity;
pub mod corpus;
pub mod doctor;
pub mod evaluate;
pub mod exit;
pub mod explain;
pub mod export;
pub mod fleet;
pub mod forms;
mod generate;
pub mod input;
pub mod models;
mod named;
pub mod program;
pub mod report;
pub mod review;
pub mod run;
mod runtime;
pub mod service;
pub mod sim_bedrock;
pub mod split;
mod stack;
pub mod status;
pub mod submit;
pub mod terms;
pub mod verify;

use std::io::Write;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::FleetArgs;

/// Codes medical-device incident reports to IMDRF terms.
///
/// A CSV of reports goes in; every row comes out with a product problem (Annex A) and a patient problem (Annexes E
/// and F), with evidence, confidence, cost and an audit trail. Nothing is lost: a row that cannot be coded says why.
#[derive(Debug, Parser)]
#[command(
    name = "annexa",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(after_help = "Start with: annexa run reports.csv\n\
    Exit codes: 0 every row has an answer or a stated non-answer, 3 completed with failed rows, 1 the job failed, \
    4 paused, 64 usage or configuration, 130 interrupted.")]
struct Cli {
    /// The fleet that infra/deploy made under this name: submit, up, config and the commands about a fleet take its
    /// configuration from its stacks
    #[arg(long, value_name = "NAME", env = "ANNEXA_STACK", global = true)]
    stack: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Code a CSV of reports on this machine
    Run(Box<run::RunArgs>),
    /// Say what a run would ask and cost, before anything is spent
    ///
    /// Takes the flags of run, reads the whole input and looks up answers paid for before. Calls nobody.
    Estimate(Box<run::RunArgs>),
    /// Submit a job to the fleet: a file, an object, or a spec
    Submit(Box<submit::SubmitArgs>),
    /// Look at how a CSV would be read and cut, without coding
    Split(split::SplitArgs),
    /// Search, show and check IMDRF terms
    #[command(subcommand)]
    Terms(terms::TermsCommand),
    /// Show Claude models on Bedrock: ids, prices, lifecycle, and which is the fleet's default
    Models(models::ModelsArgs),
    Export(export::ExportArgs),
    Verify(verify::VerifyArgs),
    /// Compare results with codes that people gave
    Evaluate(evaluate::EvaluateArgs),
    Explain(explain::ExplainArgs),
    Report(report::ReportArgs),
    /// Read the rows that need a person, and accept or change their codes
    Review(review::ReviewArgs),
    /// Check what models on Amazon Bedrock need: Region, credentials, access
    Doctor(doctor::DoctorArgs),
    /// Play Amazon Bedrock on this machine, to rehearse large jobs
    SimBedrock(Box<sim_bedrock::SimBedrockArgs>),
    /// Say how many calls and worker tasks a quota can feed
    Capacity(Box<capacity::CapacityArgs>),
    Config(stack::ConfigArgs),
    #[command(flatten)]
    Fleet(Box<fleet::FleetCommand>),
    /// Run all three services of the fleet in this process, for development
    Up(Box<service::UpArgs>),
    /// Build and measure the offline model
    #[command(subcommand)]
    Corpus(corpus::CorpusCommand),
    /// Print shell completions, the man page or the list of metrics
    #[command(subcommand)]
    Generate(generate::GenerateCommand),
}

impl Command {
    /// Takes the fleet's configuration from the stacks that are named; an exit code: it cannot be had, and that was said.
    fn take_stack(&mut self, stack: Option<&str>, is_flag: bool) -> Option<u8> {
        let args: &mut FleetArgs = match self {
            Command::Submit(args) => &mut args.fleet,
            Command::Up(args) => args.fleet(),
            // What lies on this machine is of no fleet.
            Command::Fleet(command) if command.names_folder() && !is_flag => return None,
            Command::Fleet(command) => command.fleet_mut(),
            Command::Config(_) => return None,
            // The variable may stand for other commands; the flag was meant for this one.
            _ if !is_flag || stack.is_none() => return None,
            _ => {
                eprintln!(
                    "annexa: --stack is of no use to this command: submit, up, config and the commands about a fleet take it"
                );
                return Some(exit::USAGE);
            }
        };
        let Some(name) = stack else {
            if args.names_no_place() {
                eprintln!(
                    "annexa: no fleet is named: name it with --stack NAME (ANNEXA_STACK), or set its places one by one"
                );
            }
            return None;
        };
        stack::fill(name, args).err().map(|failure| failure.tell())
    }
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    let parsed = Cli::command()
        .try_get_matches()
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (mut cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors; clap's own 2 is overridden for the rest.
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::OK
            };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let stack = cli.stack.as_deref().map(str::trim);
    let stack = stack.filter(|name| !name.is_empty());
    let is_flag = matches.value_source("stack") == Some(ValueSource::CommandLine);
    if let Some(code) = cli.command.take_stack(stack, is_flag) {
        return ExitCode::from(code);
    }
    let mut out = std::io::stdout().lock();
    let result = match cli.command {
        Command::Run(args) => {
            drop(out);
            return ExitCode::from(run::run(&args));
        }
        Command::Estimate(args) => {
            drop(out);
            return ExitCode::from(run::estimate(&args));
        }
        Command::Submit(args) => {
            drop(out);
            return ExitCode::from(submit::run(&args));
        }
        Command::Up(args) => {
            drop(out);
            return ExitCode::from(service::up(&args));
        }
        Command::Split(args) => split::run(&args, &mut out),
        Command::Terms(command) => terms::run(&command, &mut out),
        Command::Models(args) => models::run(&args, &mut out),
        Command::Export(args) => export::run(&args, &mut out),
        Command::Verify(args) => verify::run(&args, &mut out),
        Command::Evaluate(args) => evaluate::run(&args, &mut out),
        Command::Explain(args) => explain::run(&args, &mut out),
        Command::Report(args) => report::run(&args, &mut out),
        Command::Review(args) => review::run(&args, &mut out),
        Command::Doctor(args) => doctor::run(&args, &mut out),
        Command::SimBedrock(args) => sim_bedrock::run(&args, &mut out),
        Command::Capacity(args) => capacity::run(&args, &mut out),
        Command::Config(args) => stack::config(stack, &args, &mut out),
        Command::Fleet(command) => fleet::run(&command, &mut out),
        Command::Corpus(command) => corpus::run(command, &mut out),
        Command::Generate(command) => generate::run(&command, &mut Cli::command(), &mut out),
    };
    let result = result.and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    ExitCode::from(exit::of(result))
}
