//! The receive loop and its drain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::message::Finished;
use super::{Handler, Watch};
use crate::ports::clock::full_jitter;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::queue::{MAX_BATCH_ENTRIES, Queue, Received};
use crate::ports::{Clock, Shutdown};
use crate::telemetry::Count;

/// A loop turns so often at least, whatever it waits for: a sign that it does not hang.
const TURN: Duration = Duration::from_secs(10);
/// Empty polls in a row after which the queue's own counts are looked at (S4).
const EMPTY_POLLS_BEFORE_LOOK: u32 = 30;
/// Of a drain's budget, what letting go of cut work may take at most.
const LETTING_GO: Duration = Duration::from_secs(5);

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
    /// How long a drain may take in all: work in hand goes on for most of it, and what is then not done is let go of.
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
    pub(super) watch: Watch,
}

/// A receive: when it began, and what it brought.
type Poll<'c> = BoxFuture<'c, (Duration, PortResult<Vec<Received>>)>;

/// Messages in hand, by the order of their coming.
#[derive(Default)]
struct InHand<'c> {
    running: FuturesUnordered<BoxFuture<'c, (u64, Finished)>>,
    /// Those that are worked on; the others only go back.
    held: BTreeMap<u64, Arc<Received>>,
    next: u64,
}

impl<'c> InHand<'c> {
    fn push(&mut self, work: impl Future<Output = Finished> + Send + 'c) -> u64 {
        let number = self.next;
        self.next += 1;
        self.running
            .push(async move { (number, work.await) }.boxed());
        number
    }
}

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
            watch: Watch::default(),
        }
    }

    /// The same, looked on by `watch`.
    pub fn with_watch(mut self, watch: Watch) -> Consumer {
        self.watch = watch;
        self
    }

    /// Runs until a drain was asked for and all work in hand has ended or its budget is over, or until it gives up.
    pub async fn run(&self, shutdown: &Shutdown) -> DrainReport {
        let mut report = DrainReport::default();
        let mut hand = InHand::default();
        let mut poll: Option<Poll<'_>> = None;
        let mut cut_at: Option<Duration> = None;
        let (mut troubles, mut failed_polls, mut empty_polls) = (0u32, 0u32, 0u32);
        let mut told = 0;
        loop {
            self.watch.pulse.turned(self.clock.monotonic());
            if told != hand.running.len() {
                told = hand.running.len();
                self.watch.busy.hands(told);
                self.watch.metrics.hands(told);
            }
            let is_ending = cut_at.is_some() || report.gave_up.is_some();
            // S1: a poll in flight is always awaited; only the start of new ones stops.
            if is_ending && poll.is_none() && hand.running.is_empty() {
                return report;
            }
            // S2: a permit for every message that a poll may bring, before the poll.
            let room = self
                .setup
                .concurrency
                .saturating_sub(hand.running.len())
                .min(MAX_BATCH_ENTRIES);
            if poll.is_none() && !is_ending && room > 0 && !shutdown.is_draining() {
                poll = Some(self.poll(room, failed_polls, shutdown).boxed());
            }
            let left = cut_at.map(|at| at.saturating_sub(self.clock.monotonic()));
            tokio::select! {
                biased;
                () = shutdown.draining(), if cut_at.is_none() => {
                    cut_at = Some(self.clock.monotonic() + self.working_time());
                }
                Some((number, finished)) = hand.running.next(), if !hand.running.is_empty() => {
                    hand.held.remove(&number);
                    match finished {
                        Finished::Well => troubles = 0,
                        Finished::Idle => {}
                        Finished::Trouble(error) => {
                            troubles += 1;
                            if self.setup.give_up_after.is_some_and(|most| troubles >= most) {
                                report.gave_up.get_or_insert(error);
                            }
                        }
                    }
                }
                (asked, received) = async { poll.as_mut().expect("guarded").await }, if poll.is_some() => {
                    poll = None;
                    match received {
                        Ok(messages) => {
                            failed_polls = 0;
                            empty_polls = if messages.is_empty() { empty_polls + 1 } else { 0 };
                            for message in messages {
                                self.count(&message);
                                let message = Arc::new(message);
                                if is_ending || shutdown.is_draining() {
                                    // Not started: straight back, for somebody else (S21).
                                    hand.push(self.give_back(message));
                                } else {
                                    let work = message.clone();
                                    let number = hand.push(async move { self.work(&work, asked).await });
                                    hand.held.insert(number, message);
                                }
                            }
                            if empty_polls > 0 && empty_polls.is_multiple_of(EMPTY_POLLS_BEFORE_LOOK) {
                                self.look_at_backlog(empty_polls).await;
                            }
                        }
                        Err(error) => {
                            failed_polls += 1;
                            self.tell_of_failed_poll(&error, failed_polls);
                            if self.setup.give_up_after.is_some_and(|most| failed_polls >= most) {
                                report.gave_up.get_or_insert(error);
                            }
                        }
                    }
                }
                () = self.clock.sleep(left.unwrap_or_default()), if left.is_some() && !hand.running.is_empty() => {
                    hand.running.clear();
                    let held = std::mem::take(&mut hand.held);
                    report.abandoned = held.len();
                    self.let_go(held.into_values().collect()).await;
                }
                () = self.clock.sleep(TURN) => {}
            }
        }
    }

    /// Of a drain's budget, what work in hand may take.
    fn working_time(&self) -> Duration {
        self.setup.drain_budget - self.letting_go()
    }

    fn letting_go(&self) -> Duration {
        LETTING_GO.min(self.setup.drain_budget / 4)
    }

    /// Work that was cut: its claims and messages go back, as far as the time reaches, so that others begin at once and
    /// not when these run out (S21).
    async fn let_go(&self, cut: Vec<Arc<Received>>) {
        for message in &cut {
            self.watch.metrics.one(Count::Abandoned);
            tracing::warn!(
                consumer = self.name,
                message_id = %message.message_id,
                attempt = message.receive_count,
                "work cut: the time to stop is over"
            );
        }
        let releases = join_all(cut.iter().map(|message| async {
            self.handler.cut(message).await;
            self.release(message, Duration::ZERO).await;
        }));
        tokio::select! {
            biased;
            _ = releases => {}
            () = self.clock.sleep(self.letting_go()) => {
                tracing::warn!(consumer = self.name, "not all that was cut is given back; it comes back by itself");
            }
        }
    }

    fn count(&self, message: &Received) {
        let age_ms = self.clock.now_ms().saturating_sub(message.sent_ms);
        self.watch.metrics.received(age_ms);
    }

    /// S4: what passes is a warning; a queue that is not there, or may not be read, is loud.
    fn tell_of_failed_poll(&self, error: &PortError, failed_polls: u32) {
        self.watch.metrics.one(Count::ReceiveErrors);
        match error.class {
            ErrorClass::PermanentJob => {
                tracing::error!(consumer = self.name, failed_polls, %error, "the queue cannot be used");
            }
            _ => tracing::warn!(consumer = self.name, failed_polls, %error, "receive failed"),
        }
    }

    /// One receive; after failures it waits first, under a capped ceiling with full jitter (S4).
    async fn poll(
        &self,
        room: usize,
        failed_polls: u32,
        shutdown: &Shutdown,
    ) -> (Duration, PortResult<Vec<Received>>) {
        if failed_polls > 0 {
            let ceiling = self.setup.backoff_first * 2u32.saturating_pow(failed_polls.min(10));
            let pause = full_jitter(&*self.clock, ceiling.min(self.setup.backoff_most));
            tokio::select! {
                biased;
                () = shutdown.draining() => return (self.clock.monotonic(), Ok(Vec::new())),
                () = self.clock.sleep(pause) => {}
            }
        }
        let wait = self.setup.poll_wait;
        let asked = self.clock.monotonic();
        let received = tokio::select! {
            biased;
            received = self.queue.receive(room, wait) => received,
            () = self.clock.sleep(wait + self.setup.poll_margin) => {
                Err(PortError::transient("a receive did not return in time"))
            }
        };
        (asked, received)
    }

    async fn give_back(&self, message: Arc<Received>) -> Finished {
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
