//! The three services put together: role, consumer, metrics, and what runs beside a queue.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Fleet;
use super::roles::{RolePorts, RoleSetup};
use super::service::Service;
use crate::adapters::aws::AwsConfig;
use crate::adapters::aws::eventbridge::EventBus;
use crate::adapters::aws::sns::Topic;
use crate::adapters::webhook::Webhook;
use crate::config::{FleetConfig, NotifyConfig, WebhookConfig};
use crate::consumer::{Consumer, Handler, Setup, Watch};
use crate::core::lane::Rates;
use crate::core::notice::Target;
use crate::inbox::{Intake, IntakePorts, ResolverSetup};
use crate::jobs::window::Window;
use crate::notices::LeftOut;
use crate::ports::error::PortResult;
use crate::ports::{Clock, Notifier, Queue, Shutdown};
use crate::telemetry::Flusher;
use crate::worker::SharedLanes;

/// A long poll's wait; SQS allows no more.
const POLL_WAIT: Duration = Duration::from_secs(20);
/// Splits and arrivals in hand at once: a large file keeps the others waiting otherwise.
const SPLITS_IN_HAND: usize = 4;
/// Announcements in hand at once: a job whose outputs are being written keeps no other waiting.
const ANNOUNCEMENTS_IN_HAND: usize = 10;
/// Trouble brings a message back after up to this: an outage of hours is no reason for a dead letter (100 receives, S16).
const BACKOFF_MOST: Duration = Duration::from_secs(600);
/// What a sweep may go on for in a drain. Cut, the next one goes on.
const SWEEP_GRACE: Duration = Duration::from_secs(20);

/// One service at work.
pub(super) struct Running {
    pub(super) consumer: Consumer,
    pub(super) flusher: Flusher,
    /// What the role does beside its queue; ends soon after a drain was asked for.
    pub(super) beside: BoxFuture<'static, ()>,
}

/// Who is told of jobs that end. One that cannot be told as things are set keeps no aggregator from its jobs, and no other
/// from being told.
pub(super) fn notifiers(
    config: &NotifyConfig,
    aws: &AwsConfig,
    clock: &Arc<dyn Clock>,
) -> Vec<Arc<dyn Notifier>> {
    let of_bus = config.event_bus.as_ref().map(|bus| {
        let bus = EventBus::new(aws, bus.clone());
        (
            Target::EventBus,
            bus.map(|bus| Arc::new(bus) as Arc<dyn Notifier>),
        )
    });
    let of_topic = config.topic.as_ref().map(|topic| {
        let topic: Arc<dyn Notifier> = Arc::new(Topic::new(aws, topic.clone()));
        (Target::Topic, Ok(topic))
    });
    let of_webhook = config
        .webhook
        .as_ref()
        .map(|WebhookConfig { url, secret }| {
            let webhook = Webhook::new(url.clone(), secret.clone(), clock.clone());
            (
                Target::Webhook,
                webhook.map(|webhook| Arc::new(webhook) as Arc<dyn Notifier>),
            )
        });
    let made = [of_bus, of_topic, of_webhook].into_iter().flatten();
    let made = made.map(|(target, made)| {
        made.unwrap_or_else(|error| Arc::new(LeftOut::new(target, error.what)))
    });
    let left_out = config.left_out.iter().map(|(target, problems)| {
        let left_out: Arc<dyn Notifier> = Arc::new(LeftOut::new(*target, problems.join("; ")));
        left_out
    });
    made.chain(left_out).collect()
}

/// What services are made of.
pub(super) struct Composition<'c> {
    pub(super) fleet: &'c Fleet,
    pub(super) config: &'c FleetConfig,
    pub(super) aws: &'c AwsConfig,
    pub(super) clock: &'c Arc<dyn Clock>,
    pub(super) shutdown: &'c Shutdown,
}

impl Composition<'_> {
    /// All services that are asked for, each looked on by its watch.
    ///
    /// # Errors
    /// There is no Region.
    pub(super) fn all<'w>(
        &self,
        services: impl Iterator<Item = (Service, &'w Watch)>,
    ) -> PortResult<Vec<Running>> {
        let ports = self.ports();
        let setup = RoleSetup {
            // Names a process in claims and elections; a restart is another one.
            name: format!("{:016x}", self.clock.random()),
            lease: self.config.lease,
            window: Window::of(self.config.window_chunks),
            sweep_every: self.config.sweep_every,
            shared_lanes: Some(self.shared_lanes()),
        };
        services
            .map(|(service, watch)| match service {
                Service::Splitter => self.splitter(&ports, &setup, watch),
                Service::Worker => Ok(self.worker(&ports, &setup, watch)),
                Service::Aggregator => Ok(self.aggregator(&ports, &setup, watch)),
            })
            .collect()
    }

    /// The quota that the fleet's owner tells.
    fn shared_lanes(&self) -> SharedLanes {
        let told = |limit: Option<u64>| limit.map(|limit| limit as f64);
        SharedLanes {
            told: Rates {
                tokens: told(self.config.tokens_per_minute),
                requests: told(self.config.requests_per_minute),
            },
        }
    }

    fn ports(&self) -> RolePorts {
        RolePorts {
            clock: self.clock.clone(),
            ledger: self.fleet.ledger.clone(),
            blobs: self.fleet.blobs.clone(),
            answers: self.fleet.answers.clone(),
            models: self.fleet.models.clone(),
            chunks: self.fleet.chunks.clone(),
            done: self.fleet.done.clone(),
            shutdown: self.shutdown.clone(),
        }
    }

    fn splitter(&self, ports: &RolePorts, setup: &RoleSetup, watch: &Watch) -> PortResult<Running> {
        let inbox = &self.fleet.inbox;
        let intake = Intake::new(
            IntakePorts {
                clock: self.clock.clone(),
                ledger: ports.ledger.clone(),
                blobs: ports.blobs.clone(),
                models: ports.models.clone(),
                inbox: inbox.clone(),
                done: ports.done.clone(),
            },
            ResolverSetup::new(self.config, self.aws.region()?),
        );
        let intake = Arc::new(intake);
        let splitter = Arc::new(ports.splitter(setup).with_intake(intake.clone()));
        let service = Service::Splitter;
        let counts = Box::new(move || intake.counts().now().metrics());
        Ok(Running {
            consumer: self.consumer(service, inbox, splitter, SPLITS_IN_HAND, watch),
            flusher: self.flusher(service, inbox, watch).with_counts(counts),
            beside: std::future::ready(()).boxed(),
        })
    }

    fn worker(&self, ports: &RolePorts, setup: &RoleSetup, watch: &Watch) -> Running {
        let worker = ports.worker(setup).with_metrics(watch.metrics.clone());
        let worker = Arc::new(worker);
        let lanes = {
            let worker = worker.clone();
            Box::new(move || worker.lanes())
        };
        let (service, in_hand) = (Service::Worker, self.config.chunks_in_hand as usize);
        let flusher = self.flusher(service, &ports.chunks, watch);
        let keeper = worker.clone();
        Running {
            consumer: self.consumer(service, &ports.chunks, worker, in_hand, watch),
            flusher: flusher.with_lanes(lanes),
            beside: async move { keeper.keep_lanes_until_drained().await }.boxed(),
        }
    }

    fn aggregator(&self, ports: &RolePorts, setup: &RoleSetup, watch: &Watch) -> Running {
        let inbox = self.fleet.inbox.clone();
        let notifiers = notifiers(&self.config.notify, self.aws, self.clock);
        let aggregator = ports.aggregator(setup).with_inbox(inbox);
        let aggregator = Arc::new(aggregator.with_notifiers(notifiers));
        let (service, in_hand) = (Service::Aggregator, ANNOUNCEMENTS_IN_HAND);
        let sweeper = aggregator.clone();
        let (clock, shutdown) = (self.clock.clone(), self.shutdown.clone());
        let (told, shown) = (aggregator.clone(), aggregator.clone());
        let beside = async move {
            let over = async {
                shutdown.draining().await;
                clock.sleep(SWEEP_GRACE).await;
            };
            let sweep = async {
                // At once: one that was woken because jobs wait knows of them before its first line of metrics is due.
                sweeper.sweep_once().await;
                sweeper.sweep_until_drained().await;
            };
            // Receivers may be slow: nothing else waits for them.
            let both = async { tokio::join!(sweep, sweeper.tell_until_drained()) };
            tokio::select! {
                biased;
                ((), ()) = both => {}
                () = over => {}
            }
        };
        Running {
            consumer: self.consumer(service, &ports.done, aggregator, in_hand, watch),
            flusher: self
                .flusher(service, &ports.done, watch)
                .with_counts(Box::new(move || told.counts()))
                .with_gauges(Box::new(move || shown.gauges())),
            beside: beside.boxed(),
        }
    }

    fn consumer(
        &self,
        service: Service,
        queue: &Arc<dyn Queue>,
        handler: Arc<dyn Handler>,
        concurrency: usize,
        watch: &Watch,
    ) -> Consumer {
        let drain_budget = self.config.drain;
        let setup = Setup {
            concurrency,
            // A drain awaits the poll in flight: where stops are short, polls are.
            poll_wait: POLL_WAIT.min(drain_budget / 2),
            poll_margin: Duration::from_secs(10),
            backoff_first: Duration::from_millis(500),
            backoff_most: BACKOFF_MOST,
            drain_budget,
            give_up_after: None,
        };
        let (name, clock) = (service.name(), self.clock.clone());
        Consumer::new(name, queue.clone(), clock, handler, setup).with_watch(watch.clone())
    }

    fn flusher(&self, service: Service, queue: &Arc<dyn Queue>, watch: &Watch) -> Flusher {
        Flusher::new(
            &self.config.fleet,
            service.name(),
            watch.metrics.clone(),
            self.clock.clone(),
            self.config.metrics_every,
            queue.clone(),
            Box::new(std::io::stdout()),
        )
    }
}
