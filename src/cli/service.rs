//! The command lines of the services: `annexa-splitter`, `annexa-worker`, `annexa-aggregator` and `annexa up`.

use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::runtime::in_runtime;
use crate::adapters::aws::AwsConfig;
use crate::adapters::health;
use crate::adapters::local::clock::SystemClock;
use crate::config::{FleetArgs, FleetConfig};
use crate::fleet::service::{self, Service, exit};
use crate::telemetry;

/// A service of the fleet.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(
    after_help = "Every flag has an environment variable (docs/CONFIGURATION.md). SIGTERM drains, a second one ends \
    at once.\nExit codes: 0 drained, 5 work was cut, 64 configuration, 1 else."
)]
struct ServiceCli {
    #[command(subcommand)]
    command: Option<ServiceCommand>,
    #[command(flatten)]
    args: FleetArgs,
}

#[derive(Debug, Subcommand)]
enum ServiceCommand {
    /// Ask the service that runs here whether it lives: exit code 0, else 1 with the reason
    ///
    /// For a container's health check. Needs the port that the service was started with.
    Health {
        /// Ask whether it takes work, too: it has started and does not drain
        #[arg(long)]
        ready: bool,
    },
}

/// Run all three services of the fleet in this process, for development.
///
/// Takes queues, table and bucket as the services do, from environment or flags (docs/CONFIGURATION.md). Ctrl-C drains,
/// a second one ends at once. Exit codes: 0 drained, 5 work was cut, 64 configuration, 1 else.
#[derive(Debug, Args)]
pub struct UpArgs {
    #[command(flatten)]
    args: FleetArgs,
}

impl UpArgs {
    /// Where the fleet is.
    pub fn fleet(&mut self) -> &mut FleetArgs {
        &mut self.args
    }
}

/// Runs the program of one service on the process's arguments.
pub fn main(service: Service) -> ExitCode {
    let (name, about) = match service {
        Service::Splitter => (
            "annexa-splitter",
            "Makes jobs of what arrives in the inbox, and chunks of their inputs",
        ),
        Service::Worker => ("annexa-worker", "Codes chunks of reports with a model"),
        Service::Aggregator => (
            "annexa-aggregator",
            "Keeps jobs going, writes their results, and finds what was lost",
        ),
    };
    let parsed = ServiceCli::command()
        .name(name)
        .bin_name(name)
        .about(about)
        .try_get_matches()
        .and_then(|matches| ServiceCli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap's own 2 is overridden for the rest.
            let code = match error.use_stderr() {
                true => exit::USAGE,
                false => exit::OK,
            };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    ExitCode::from(match cli.command {
        None => run(name, &[service], &cli.args, FleetArgs::check_as_service),
        Some(ServiceCommand::Health { ready }) => {
            let what = if ready { "ready" } else { "live" };
            in_runtime(name, ask(name, &cli.args, what))
        }
    })
}

/// Runs `annexa up` and returns the exit code.
pub fn up(args: &UpArgs) -> u8 {
    run("annexa", &Service::ALL, &args.args, FleetArgs::check)
}

/// How strictly flags are taken.
type CheckArgs = fn(&FleetArgs) -> Result<FleetConfig, Vec<String>>;

fn run(name: &str, services: &[Service], args: &FleetArgs, check: CheckArgs) -> u8 {
    in_runtime(name, async {
        match configured(args, check).await {
            Ok((config, aws)) => {
                telemetry::init(&config.log);
                telemetry::quiet_panics();
                for warning in config.warnings().iter().chain(&aws.warnings()) {
                    tracing::warn!("{warning}");
                }
                service::run(services, config, aws).await
            }
            Err(problems) => {
                for problem in problems {
                    eprintln!("{name}: {problem}");
                }
                exit::USAGE
            }
        }
    })
}

/// What environment and flags say, with AWS's own part of it.
///
/// # Errors
/// All that is wrong, before anything is called.
async fn configured(
    args: &FleetArgs,
    check: CheckArgs,
) -> Result<(FleetConfig, AwsConfig), Vec<String>> {
    let checked = check(args);
    let region = args.region.as_deref().filter(|region| !region.is_empty());
    let aws = AwsConfig::load(region).await;
    let mut problems = Vec::new();
    if let Err(error) = aws.region() {
        problems.push(error.to_string());
    }
    if let Err(error) = aws.credentials().await {
        problems.push(error.to_string());
    }
    match checked {
        Ok(config) if problems.is_empty() => Ok((config, aws)),
        Ok(_) => Err(problems),
        Err(mut more) => {
            more.append(&mut problems);
            Err(more)
        }
    }
}

async fn ask(name: &str, args: &FleetArgs, what: &str) -> u8 {
    let port = args.health_port.as_deref().map(str::trim);
    let Some(port) = port.and_then(|port| port.parse().ok()) else {
        eprintln!(
            "{name}: ANNEXA_HEALTH_PORT (--health-port) is not set: the port that the service was started with is needed"
        );
        return exit::USAGE;
    };
    match health::ask(port, what, &SystemClock::new()).await {
        Ok(()) => exit::OK,
        Err(reason) => {
            eprintln!("{name}: not {what}: {reason}");
            exit::FAILED
        }
    }
}
