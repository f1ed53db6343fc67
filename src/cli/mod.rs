//! The command line: parse, compose, run, exit code. Each command has its file; this one knows only their names.

pub mod corpus;
pub mod doctor;
pub mod evaluate;
pub mod exit;
pub mod fleet;
mod generate;
pub mod input;
pub mod models;
pub mod program;
pub mod run;
mod runtime;
pub mod service;
pub mod sim_bedrock;
pub mod split;
pub mod submit;
pub mod terms;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

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
    /// Compare results with codes that people gave
    Evaluate(evaluate::EvaluateArgs),
    /// Check what models on Amazon Bedrock need: Region, credentials, access
    Doctor(doctor::DoctorArgs),
    /// Play Amazon Bedrock on this machine, to rehearse large jobs
    SimBedrock(Box<sim_bedrock::SimBedrockArgs>),
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

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
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
        Command::Evaluate(args) => evaluate::run(&args, &mut out),
        Command::Doctor(args) => doctor::run(&args, &mut out),
        Command::SimBedrock(args) => sim_bedrock::run(&args, &mut out),
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
