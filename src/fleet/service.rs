//! What a service does from its start to its exit code: look at everything that it needs, run its role, drain, say what
//! was abandoned. `annexa up` is the same with all three in one process.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::process;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::compose::{Composition, Running};
use super::{Fleet, Trouble, by_cause};
use crate::adapters::aws::AwsConfig;
use crate::adapters::aws::protection::Protection;
use crate::adapters::health::HealthServer;
use crate::adapters::local::clock::SystemClock;
use crate::adapters::signals::StopSignals;
use crate::config::FleetConfig;
use crate::consumer::{Consumer, DrainReport, Watch};
use crate::ports::signals::{self, ShutdownHandle};
use crate::ports::{Clock, Shutdown};
use crate::telemetry::Health;

/// Exit codes of services (DESIGN §6).
pub mod exit {
    /// Drained, and nothing was cut.
    pub const OK: u8 = 0;
    /// The service failed.
    pub const FAILED: u8 = 1;
    /// Work was cut, by the end of the drain's time or a second signal.
    pub const CUT: u8 = 5;
    /// Configuration, or something that it names is not there or not allowed.
    pub const USAGE: u8 = 64;
}

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Makes jobs of what arrives, and chunks of their inputs.
    Splitter,
    /// Answers chunks.
    Worker,
    /// Tops up windows, ends jobs, sweeps.
    Aggregator,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 3] = [Service::Splitter, Service::Worker, Service::Aggregator];

    /// Its name, in logs and as the metrics' dimension.
    pub fn name(self) -> &'static str {
        match self {
            Service::Splitter => "splitter",
            Service::Worker => "worker",
            Service::Aggregator => "aggregator",
        }
    }
}

/// Runs `services` until a signal asks for a drain, and returns the exit code.
pub async fn run(services: &[Service], config: FleetConfig, aws: AwsConfig) -> u8 {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (handle, shutdown) = signals::shutdown();
    // Before anything else: from now on a stop is never missed (S23).
    let signals = match StopSignals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "cannot listen for signals");
            return exit::FAILED;
        }
    };
    let server = match health_server(&config).await {
        Ok(server) => server,
        Err(problem) => {
            tracing::error!("{problem}");
            return exit::USAGE;
        }
    };
    let protection = Protection::from_environment(clock.clone());
    let watch = |_: &Service| Watch {
        busy: match &protection {
            Some(protection) => protection.member(),
            None => Watch::default().busy,
        },
        ..Watch::default()
    };
    let watches: Vec<Watch> = services.iter().map(watch).collect();
    let names = services.iter().map(|service| service.name());
    let pulses = names.zip(&watches);
    let pulses = pulses.map(|(name, watch)| (name, watch.pulse.clone()));
    let health = Health::new(clock.clone(), pulses.collect(), shutdown.clone());
    let work = Work {
        services,
        config: &config,
        aws: &aws,
        clock: clock.clone(),
        handle: &handle,
        shutdown,
        health: &health,
        watches: &watches,
    };
    let serve = async {
        match &server {
            Some(server) => server.serve(&health, &*clock).await,
            None => std::future::pending().await,
        }
    };
    let protect = async {
        match &protection {
            Some(protection) => protection.run().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        code = guarded(work.run()) => code,
        never = stop_on(signals, &handle) => match never {},
        never = serve => match never {},
        never = protect => match never {},
    }
}

/// The code that `work` comes to. A panic ends all of it as failed: a role that is gone must not leave the others half
/// alive. The hook has said where it was.
async fn guarded(work: impl Future<Output = u8>) -> u8 {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or(exit::FAILED)
}

async fn health_server(config: &FleetConfig) -> Result<Option<HealthServer>, String> {
    let Some(port) = config.health_port else {
        return Ok(None);
    };
    let bound = HealthServer::bind(port).await;
    bound.map(Some).map_err(|error| {
        format!("ANNEXA_HEALTH_PORT (--health-port) is {port}: {error}; name a port that is free")
    })
}

/// The first signal asks for a drain, the second ends the process at once (S21).
async fn stop_on(mut signals: StopSignals, handle: &ShutdownHandle) -> Infallible {
    signals.next().await;
    tracing::info!("draining; a second signal ends the process at once");
    handle.drain();
    signals.next().await;
    tracing::warn!("ended at once; work in hand comes back when its claims run out");
    process::exit(exit::CUT.into());
}

/// What a process does.
struct Work<'w> {
    services: &'w [Service],
    config: &'w FleetConfig,
    aws: &'w AwsConfig,
    clock: Arc<dyn Clock>,
    handle: &'w ShutdownHandle,
    shutdown: Shutdown,
    health: &'w Health,
    watches: &'w [Watch],
}

impl Work<'_> {
    async fn run(self) -> u8 {
        let fleet = tokio::select! {
            biased;
            () = self.shutdown.draining() => {
                tracing::info!("stopped before it began");
                return exit::OK;
            }
            fleet = self.open() => match fleet {
                Ok(fleet) => fleet,
                Err(troubles) => return tell(troubles),
            },
        };
        let composition = Composition {
            fleet: &fleet,
            config: self.config,
            aws: self.aws,
            clock: &self.clock,
            shutdown: &self.shutdown,
        };
        let services = self.services.iter().copied().zip(self.watches);
        let running: Vec<Running> = match composition.all(services) {
            Ok(running) => running,
            Err(error) => return tell(vec![Trouble::general(error)]),
        };
        for service in self.services {
            let version = env!("CARGO_PKG_VERSION");
            tracing::info!(service = service.name(), version, "started");
        }
        self.health.started();
        let (mut parts, mut besides) = (Vec::new(), Vec::new());
        for Running {
            consumer,
            flusher,
            beside,
        } in running
        {
            parts.push((consumer, flusher));
            besides.push(beside);
        }
        let consumers = join_all(parts.iter().map(|(consumer, _)| self.watched(consumer)));
        let roles = async { tokio::join!(consumers, join_all(besides)).0 };
        let flushing = join_all(parts.iter().map(|(_, flusher)| flusher.run()));
        let reports = tokio::select! {
            biased;
            reports = roles => reports,
            _ = flushing => unreachable!("they go on for ever"),
        };
        join_all(parts.iter().map(|(_, flusher)| flusher.flush())).await;
        code_of(&reports)
    }

    /// Everything that the services need, opened and looked at.
    async fn open(&self) -> Result<Fleet, Vec<Trouble>> {
        let opened = Fleet::open_for(self.services, self.config, self.aws, self.clock.clone());
        let (fleet, mut troubles) = opened.await;
        troubles.extend(fleet.look(self.services, self.config).await);
        match troubles.is_empty() {
            true => Ok(fleet),
            false => Err(troubles),
        }
    }

    /// A consumer; if it ends by itself, all are asked to stop.
    async fn watched(&self, consumer: &Consumer) -> DrainReport {
        let report = consumer.run(&self.shutdown).await;
        self.handle.drain();
        report
    }
}

/// Says all that is wrong and gives the exit code: what time may mend is a failure, the rest is configuration.
fn tell(troubles: Vec<Trouble>) -> u8 {
    let errors = by_cause(troubles);
    for error in &errors {
        tracing::error!("{error}");
    }
    match errors.iter().any(|error| !error.is_retryable()) {
        true => exit::USAGE,
        false => exit::FAILED,
    }
}

fn code_of(reports: &[DrainReport]) -> u8 {
    let abandoned: usize = reports.iter().map(|report| report.abandoned).sum();
    if let Some(error) = reports.iter().find_map(|report| report.gave_up.as_ref()) {
        tracing::error!(%error, "gave up");
        return exit::FAILED;
    }
    if abandoned > 0 {
        tracing::warn!(abandoned, "stopped; work was cut and comes back");
        return exit::CUT;
    }
    tracing::info!("stopped; nothing was cut");
    exit::OK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::error::PortError;

    #[tokio::test]
    async fn a_panic_outside_of_a_message_ends_the_process_as_failed() {
        assert_eq!(guarded(async { panic!("a role") }).await, exit::FAILED);
        assert_eq!(guarded(async { exit::CUT }).await, exit::CUT);
    }

    #[test]
    fn what_time_may_mend_is_a_failure_and_the_rest_is_configuration() {
        let trouble = Trouble::general;
        let passing = || trouble(PortError::transient("no connection"));
        let lasting = || trouble(PortError::permanent_job("no such queue"));
        assert_eq!(tell(vec![passing()]), exit::FAILED);
        assert_eq!(tell(vec![passing(), lasting()]), exit::USAGE);
    }

    #[test]
    fn s21_work_that_was_cut_shows_in_the_exit_code() {
        let report = |abandoned| DrainReport {
            abandoned,
            gave_up: None,
        };
        assert_eq!(code_of(&[report(0), report(0)]), exit::OK);
        assert_eq!(code_of(&[report(0), report(2)]), exit::CUT);
    }
}
