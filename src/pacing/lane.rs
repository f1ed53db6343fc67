//! A lane: one (Region, model) of a service, which has one quota, and whose calls start here one after the other.
//!
//! A lane keeps to the quota it was told, or finds the quota from what the service refuses (docs/PACING.md). It is for one
//! process. A lane that is one of several of a fleet is told its part again and again ([`crate::pacing::keeper`]).
//!
//! ```text
//! let mut start = lane.start(demand).await;
//! loop {
//!     match model.answer(request).await {
//!         Ok(answer) => break start.settled(settled_tokens),
//!         Err(error) if error.class == Throttled => start.throttled(error.throttle),
//!         Err(error) => break drop(start),
//!     }
//!     start = lane.start_again(demand).await;
//! }
//! ```

mod account;
mod books;
mod history;
mod limit;
mod probe;
mod setup;
mod share;
mod state;
#[cfg(test)]
mod state_tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use crate::core::lane::{LaneReport, LaneShare, Rates};
use crate::ports::Clock;
use crate::ports::clock::full_jitter;
use crate::ports::error::Throttle;

pub use setup::{Demand, LaneSetup, LaneSnapshot};
pub use share::Say;
use state::{LaneState, Ticket, Turn};

/// Calls of one kind (a job's) that wait for a lane. Lines take turns, however many calls wait in them.
#[derive(Debug)]
pub struct Line(tokio::sync::Semaphore);

impl Line {
    /// A line with so many turns where others have one.
    pub fn new(turns: u32) -> Line {
        Line(tokio::sync::Semaphore::new(turns.max(1) as usize))
    }
}

/// The limiter of one lane; share it in an `Arc`.
pub struct Lane {
    clock: Arc<dyn Clock>,
    state: Mutex<LaneState>,
    /// Calls that start for the first time wait here, in the order of asking.
    line: tokio::sync::Mutex<()>,
    /// Who holds this is at the head. Of those who wait for it, one at most is from the line.
    head: tokio::sync::Mutex<()>,
    /// Something changed that the head may be waiting for.
    changed: Notify,
    waiting: AtomicU64,
    /// The keeper of a shared lane has something to tell earlier than it knew.
    wanted: Notify,
}

impl Lane {
    /// A lane that is full and knows what it is told. See [`LaneSetup::problems`].
    pub fn new(clock: Arc<dyn Clock>, setup: LaneSetup) -> Lane {
        let state = LaneState::new(&setup, clock.monotonic());
        Lane {
            clock,
            state: Mutex::new(state),
            line: tokio::sync::Mutex::default(),
            head: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            waiting: AtomicU64::new(0),
            wanted: Notify::new(),
        }
    }

    /// Returns when the call may start. Calls start in the order of asking; only calls of [`Lane::start_again`] go
    /// before. A dropped future leaves nothing behind. Never returns if a quota of zero was told.
    pub async fn start(&self, demand: Demand) -> Start<'_> {
        let _waiting = Waiting::new(&self.waiting);
        self.look();
        self.start_in_order(demand).await
    }

    /// As [`Lane::start`], from a line of its own: of each such line only the first calls, one for each of its turns, stand
    /// in the lane's.
    pub async fn start_in<'l>(&'l self, line: &Line, demand: Demand) -> Start<'l> {
        let _waiting = Waiting::new(&self.waiting);
        self.look();
        let _turn = line.0.acquire().await.expect("it is never closed");
        self.start_in_order(demand).await
    }

    async fn start_in_order(&self, demand: Demand) -> Start<'_> {
        let _line = self.line.lock().await;
        let _head = self.head.lock().await;
        self.start_at_head(demand).await
    }

    /// As [`Lane::start`], for a call that was throttled: it pauses for a random time of up to a second, less on a fast
    /// lane, while others go on; then it goes before all calls that have not been started yet, behind at most two.
    pub async fn start_again(&self, demand: Demand) -> Start<'_> {
        let ceiling = self.state().pause_ceiling(self.clock.monotonic());
        self.clock
            .sleep(full_jitter(self.clock.as_ref(), ceiling))
            .await;
        let _waiting = Waiting::new(&self.waiting);
        self.look();
        let _head = self.head.lock().await;
        self.start_at_head(demand).await
    }

    /// Present limits, counts and sums.
    pub fn snapshot(&self) -> LaneSnapshot {
        self.state()
            .snapshot(self.clock.monotonic(), self.waiting())
    }

    /// Another quota was told than at first, or none any more. Of a shared lane it is told to the fleet with the next ask.
    pub fn tell(&self, told: Rates) {
        self.state().tell(self.clock.monotonic(), told);
        self.changed.notify_one();
    }

    /// Of a shared lane: the process's part from now on, as it was asked for at `asked` on the monotonic clock.
    pub fn set_share(&self, asked: Duration, share: &LaneShare) {
        let now = self.clock.monotonic();
        self.state().set_share(now, asked, share);
        self.changed.notify_one();
    }

    /// Of a shared lane: returns when there is something to tell the ledger. No two words are closer than `gap`.
    pub async fn until_due(&self, gap: Duration) {
        loop {
            let due = {
                let (now, waiting) = (self.clock.monotonic(), self.waiting());
                let mut state = self.state();
                let calls = state.calls(waiting);
                let Some(shared) = state.shared() else {
                    return;
                };
                shared.gap = gap;
                let due = shared.due(now, calls);
                if due.is_some_and(|due| due <= now) {
                    return;
                }
                shared.armed = due;
                due.map(|due| due - now)
            };
            match due {
                None => self.wanted.notified().await,
                Some(wait) => tokio::select! {
                    biased;
                    () = self.wanted.notified() => {}
                    () = self.clock.sleep(wait) => {}
                },
            }
        }
    }

    /// Of a shared lane: what is to be told; the same until it was heard. None: the lane is the process's own.
    pub fn say(&self) -> Option<Say> {
        let (now, waiting) = (self.clock.monotonic(), self.waiting());
        self.state().say(now, waiting)
    }

    /// Of a shared lane: whether the process has a part of it, or calls that want one.
    pub fn is_in_use(&self) -> bool {
        let (now, waiting) = (self.clock.monotonic(), self.waiting());
        let mut state = self.state();
        let calls = state.calls(waiting);
        state
            .shared()
            .is_some_and(|shared| shared.is_in_use(now, calls))
    }

    /// Of a shared lane: the process does not want its part any more, and starts nothing until it has one again. None: it
    /// has none.
    pub fn leave(&self) -> Option<LaneReport> {
        let now = self.clock.monotonic();
        self.state().shared().and_then(|shared| shared.leave(now))
    }

    /// Of a shared lane: a report that was said at `asked` was heard.
    pub fn heard(&self, asked: Duration) {
        if let Some(shared) = self.state().shared() {
            shared.heard(asked);
        }
    }

    fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Wakes the keeper of a shared lane if it sleeps for longer than there is nothing to tell.
    fn look(&self) {
        let (now, waiting) = (self.clock.monotonic(), self.waiting());
        let mut state = self.state();
        let calls = state.calls(waiting);
        let Some(shared) = state.shared() else { return };
        shared.note_calls(calls);
        let due = shared.due(now, calls);
        let is_earlier = match (due, shared.armed) {
            (Some(due), Some(armed)) => due < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_earlier {
            self.wanted.notify_one();
        }
    }

    async fn start_at_head(&self, demand: Demand) -> Start<'_> {
        let _leaves = Leaves(self);
        loop {
            let turn = self.state().try_start(self.clock.monotonic(), demand);
            match turn {
                Turn::Started(ticket) => {
                    return Start {
                        lane: self,
                        ticket: Some(ticket),
                    };
                }
                // A change in between is not missed: it leaves a permit with the `Notify`.
                Turn::Wait(None) => {
                    self.look();
                    self.changed.notified().await;
                }
                Turn::Wait(Some(until)) => {
                    self.look();
                    let wait = until.saturating_sub(self.clock.monotonic());
                    tokio::select! {
                        biased;
                        () = self.changed.notified() => {}
                        () = self.clock.sleep(wait) => {}
                    }
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().expect("no panic while held")
    }
}

/// A call that may run now. Dropped without a word, it failed otherwise than by a quota, and its reservation comes back.
#[must_use = "a dropped start counts as a failed call"]
pub struct Start<'l> {
    lane: &'l Lane,
    /// None once its end was told.
    ticket: Option<Ticket>,
}

impl Start<'_> {
    /// The call was answered, and its usage settles at so much of the token quota.
    pub fn settled(mut self, settled_tokens: u64) {
        self.end(|lane, ticket| {
            let now = lane.clock.monotonic();
            lane.state().settled(now, ticket, settled_tokens);
        });
    }

    /// A quota refused the call: `which`, where the service said so. The lane slows down if this is more than chance. Go on
    /// with [`Lane::start_again`].
    pub fn throttled(mut self, which: Option<Throttle>) {
        self.end(|lane, ticket| {
            let (now, chance) = (lane.clock.monotonic(), lane.clock.random());
            lane.state().throttled(now, ticket, which, chance);
        });
    }

    /// The service says that it takes nothing from anybody for long: of a shared lane, every process pauses for `pause`.
    pub fn parked(self, pause: Duration) {
        if let Some(shared) = self.lane.state().shared() {
            shared.wish_pause(pause);
        }
    }

    fn end(&mut self, tell: impl FnOnce(&Lane, Ticket)) {
        if let Some(ticket) = self.ticket.take() {
            tell(self.lane, ticket);
            self.lane.look();
            self.lane.changed.notify_one();
        }
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        self.end(|lane, ticket| lane.state().failed(lane.clock.monotonic(), ticket));
    }
}

/// Tells the state that nobody is at the head any more, whether the call started or was dropped.
struct Leaves<'l>(&'l Lane);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let now = self.0.clock.monotonic();
        self.0.state().leave(now);
    }
}

/// Counts a waiting call for as long as it waits.
struct Waiting<'l>(&'l AtomicU64);

impl<'l> Waiting<'l> {
    fn new(count: &'l AtomicU64) -> Waiting<'l> {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
