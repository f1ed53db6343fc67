//! The receive loop and its drain.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::Handler;
use super::message::Finished;
use crate::ports::clock::full_jitter;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{MAX_BATCH_ENTRIES, Queue, Received};
use crate::ports::{Clock, Shutdown};

/// How a consumer behaves.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Messages in hand at once.
    pub concurrency: usize,
    /// How long a receive waits for a message.
    pub poll_wait: Duration,
    /// A receive that takes this much longer than its wait is given up (S1: the SDK has no limit of its own).
    pub poll_margin: Duration,
    /// First ceiling of backoffs.
    pub backoff_first: Duration,
    /// Last ceiling of backoffs.
    pub backoff_most: Duration,
    /// How long work in hand may go on once a drain was asked for.
    pub drain_budget: Duration,
    /// Give up after this many troubles in a row; none: never.
    pub give_up_after: Option<u32>,
}

/// What a consumer left behind.
#[derive(Debug, Default)]
pub struct DrainReport {
    /// Messages whose work was cut by the drain's budget; they come back.
    pub abandoned: usize,
    /// Why it gave up, if it did.
    pub gave_up: Option<PortError>,
}

/// A message loop.
pub struct Consumer {
    pub(super) name: &'static str,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) setup: Setup,
}

/// Empty polls in a row after which the queue's own counts are looked at (S4).
const EMPTY_POLLS_BEFORE_LOOK: u32 = 30;

impl Consumer {
    /// A loop that gives the messages of `queue` to `handler`.
    pub fn new(
        name: &'static str,
        queue: Arc<dyn Queue>,
        clock: Arc<dyn Clock>,
        handler: Arc<dyn Handler>,
        setup: Setup,
    ) -> Consumer {
        Consumer {
            name,
            queue,
            clock,
            handler,
            setup,
        }
    }

    /// Runs until a drain was asked for and all work in hand has ended or its budget is over, or until it gives up.
    pub async fn run(&self, shutdown: &Shutdown) -> DrainReport {
        let mut report = DrainReport::default();
        let mut in_hand: FuturesUnordered<BoxFuture<'_, Finished>> = FuturesUnordered::new();
        let mut poll: Option<BoxFuture<'_, PortResult<Vec<Received>>>> = None;
        let mut drain_deadline: Option<Duration> = None;
        let (mut troubles, mut failed_polls, mut empty_polls) = (0u32, 0u32, 0u32);
        loop {
            let is_ending = drain_deadline.is_some() || report.gave_up.is_some();
            // S1: a poll in flight is always awaited; only the start of new ones stops.
            if is_ending && poll.is_none() && in_hand.is_empty() {
                return report;
            }
            // S2: a permit for every message that a poll may bring, before the poll.
            let room = self
                .setup
                .concurrency
                .saturating_sub(in_hand.len())
                .min(MAX_BATCH_ENTRIES);
            if poll.is_none() && !is_ending && room > 0 {
                poll = Some(self.poll(room, failed_polls, shutdown).boxed());
            }
            let left = drain_deadline.map(|at| at.saturating_sub(self.clock.monotonic()));
            tokio::select! {
                biased;
                () = shutdown.draining(), if drain_deadline.is_none() => {
                    drain_deadline = Some(self.clock.monotonic() + self.setup.drain_budget);
                }
                Some(finished) = in_hand.next(), if !in_hand.is_empty() => match finished {
                    Finished::Well => troubles = 0,
                    Finished::Idle => {}
                    Finished::Trouble(error) => {
                        troubles += 1;
                        if self.setup.give_up_after.is_some_and(|most| troubles >= most) {
                            report.gave_up.get_or_insert(error);
                        }
                    }
                },
                received = async { poll.as_mut().expect("guarded").await }, if poll.is_some() => {
                    poll = None;
                    match received {
                        Ok(messages) => {
                            failed_polls = 0;
                            empty_polls = if messages.is_empty() { empty_polls + 1 } else { 0 };
                            for message in messages {
                                if is_ending || shutdown.is_draining() {
                                    // Not started: straight back, for somebody else (S21).
                                    in_hand.push(self.give_back(message).boxed());
                                } else {
                                    in_hand.push(self.work(message).boxed());
                                }
                            }
                            if empty_polls > 0 && empty_polls.is_multiple_of(EMPTY_POLLS_BEFORE_LOOK) {
                                self.look_at_backlog(empty_polls).await;
                            }
                        }
                        Err(error) => {
                            failed_polls += 1;
                            tracing::warn!(consumer = self.name, failed_polls, %error, "receive failed");
                            if self.setup.give_up_after.is_some_and(|most| failed_polls >= most) {
                                report.gave_up.get_or_insert(error);
                            }
                        }
                    }
                }
                () = self.clock.sleep(left.unwrap_or_default()), if left.is_some() && !in_hand.is_empty() => {
                    report.abandoned = in_hand.len();
                    tracing::warn!(consumer = self.name, abandoned = report.abandoned, "drain budget is over");
                    in_hand.clear();
                }
            }
        }
    }

    /// One receive; after failures it waits first, under a capped ceiling with full jitter (S4).
    async fn poll(
        &self,
        room: usize,
        failed_polls: u32,
        shutdown: &Shutdown,
    ) -> PortResult<Vec<Received>> {
        if failed_polls > 0 {
            let ceiling = self.setup.backoff_first * 2u32.saturating_pow(failed_polls.min(10));
            let pause = full_jitter(&*self.clock, ceiling.min(self.setup.backoff_most));
            tokio::select! {
                biased;
                () = shutdown.draining() => return Ok(Vec::new()),
                () = self.clock.sleep(pause) => {}
            }
        }
        let wait = self.setup.poll_wait;
        tokio::select! {
            biased;
            received = self.queue.receive(room, wait) => received,
            () = self.clock.sleep(wait + self.setup.poll_margin) => {
                Err(PortError::transient("a receive did not return in time"))
            }
        }
    }

    async fn give_back(&self, message: Received) -> Finished {
        self.release(&message, Duration::ZERO).await;
        Finished::Idle
    }

    /// S4: empty polls while the queue counts a backlog point at permissions or at the in-flight ceiling.
    async fn look_at_backlog(&self, empty_polls: u32) {
        if let Ok(depth) = self.queue.depth().await
            && depth.visible > 0
        {
            tracing::warn!(
                consumer = self.name,
                empty_polls,
                visible = depth.visible,
                in_flight = depth.in_flight,
                "nothing received although messages are waiting"
            );
        }
    }
}
