//! A simulator of Amazon Bedrock: an HTTP server that plays Converse for Claude models, with quotas, prompt cache and
//! faults. Large jobs are rehearsed with it, and retries, pacing, caching and cost are proved with it.
//!
//! It relies on the contract of the model request (DESIGN §6) and on the service's facts (FACTS §1) and on nothing else
//! of the program's; its answers are the offline model's. docs/SIMULATOR.md says what is simulated and what is not.

mod answers;
mod call;
mod chance;
mod control;
mod errors;
mod faults;
mod lane;
mod listing;
mod models;
mod prefix;
mod rates;
mod reply;
mod reports;
mod request;
mod server;
mod service;
mod spoil;
mod stats;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

pub use chance::Latency;
pub use control::Settings;
pub use faults::{ALL, Ends, FAULTS, Fault, FaultRow, MARKER, Stage, UnknownFault};
pub use rates::FaultRates;
pub use stats::{Counts, PrefixCounts, Stats};

use crate::adapters::local::clock::SystemClock;
use crate::pacing::quota::Refill;
use crate::ports::Clock;
use crate::ports::signals::{self, ShutdownHandle};
use service::Service;

/// How the simulator is set up.
#[derive(Clone)]
pub struct SimSetup {
    /// What can be changed later.
    pub settings: Settings,
    /// How much a quota of the minute holds, as time at the full rate.
    pub bucket: Duration,
    /// How it refills.
    pub refill: Refill,
    /// What an output token counts when a call is settled; none: as the model has it.
    pub burndown: Option<u64>,
    /// Prefixes under so many tokens are not cached; none: as the model has it.
    pub cache_minimum_tokens: Option<u64>,
    /// How long a prefix lasts after its last use, unless the request asks for an hour.
    pub cache_ttl: Duration,
    /// What chance follows from.
    pub seed: u64,
    /// Time, for quotas, latency and the cache.
    pub clock: Arc<dyn Clock>,
}

impl Default for SimSetup {
    /// No limits, no latency, no faults, on the system's clock.
    fn default() -> Self {
        SimSetup {
            settings: Settings::default(),
            bucket: Duration::from_secs(60),
            refill: Refill::default(),
            burndown: None,
            cache_minimum_tokens: None,
            cache_ttl: Duration::from_secs(300),
            seed: 1,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// So many connections may wait for being accepted; the kernel may allow less.
const BACKLOG: u32 = 4_096;

/// The simulator.
pub struct SimBedrock;

impl SimBedrock {
    /// Serves on `listener`, within the runtime it was made in, until the handle is stopped or dropped.
    ///
    /// # Errors
    /// The listener has no address, or the offline model is damaged.
    pub async fn start(setup: SimSetup, listener: TcpListener) -> std::io::Result<SimHandle> {
        let address = listener.local_addr()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the adapter for blocking work; it is awaited"
        )]
        let answers = tokio::task::spawn_blocking(answers::Answers::open)
            .await
            .map_err(std::io::Error::other)?
            .map_err(std::io::Error::other)?;
        let (stop, stopping) = signals::shutdown();
        let service = Arc::new(Service::new(setup, answers, stopping.clone()));
        let mut server = JoinSet::new();
        server.spawn(server::serve(listener, service.clone(), stopping));
        Ok(SimHandle {
            address,
            service,
            stop,
            server,
        })
    }

    /// A listener on `address` (port 0: a free one) with room for a fleet that connects all at once: with the usual
    /// 128 places, some of five hundred connections are reset before the simulator sees them.
    ///
    /// # Errors
    /// The address is taken, not this machine's, or not allowed.
    pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // So that it can be started again at once on the port where it just was.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    /// As [`SimBedrock::start`], on a free port of this machine.
    ///
    /// # Errors
    /// There is no free port, or as there.
    pub async fn start_here(setup: SimSetup) -> std::io::Result<SimHandle> {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        SimBedrock::start(setup, SimBedrock::listen(here)?).await
    }
}

/// A running simulator. Dropped without [`SimHandle::stop`], it ends at once and in the middle of whatever it does.
pub struct SimHandle {
    address: SocketAddr,
    service: Arc<Service>,
    stop: ShutdownHandle,
    server: JoinSet<()>,
}

impl SimHandle {
    /// Where it listens, for `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has seen so far, texts with it.
    pub fn stats(&self) -> Stats {
        self.service.stats(true)
    }

    /// Changes settings from now on, for calls that come after.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.service.setup().settings.clone();
        change(&mut settings);
        self.service.set(settings);
    }

    /// Puts everything but the settings back to the start: statistics, quotas, prompt caches, and the calls' numbers.
    pub fn reset(&self) {
        self.service.reset();
    }

    /// Takes no more connections, answers the calls in work without further latency, cuts those that stall, and
    /// returns when nothing is left.
    pub async fn stop(mut self) {
        self.stop.drain();
        while self.server.join_next().await.is_some() {}
        self.service.join_calls().await;
    }
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        // Calls hold the service that holds them: somebody has to let go first.
        self.service.abort_calls();
    }
}
