//! A lane without tasks and time of its own: who may start when, and what is learnt from how calls end.
//!
//! Whoever is at the head of the line asks [`LaneState::try_start`]; everything takes the present time.

use std::time::Duration;

use crate::core::lane::{LaneShare, Rates};
use crate::ports::error::Throttle;

use super::books::Moment;
use super::limit::{Limit, Lowered};
use super::probe::Probe;
use super::setup::{Demand, LaneSetup, LaneSnapshot};
use super::share::{HeldBy, Say, Shared};

/// A first pause takes no longer than so many calls do.
const PAUSE_CALLS: f64 = 32.0;

/// Nor longer than this (FACTS §1: start backoff near 1 s).
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// No pause is longer.
const MOST_PAUSE: Duration = Duration::from_secs(8);

/// Of a longer pause only so much says what the quota is, or so many calls' time: a small bucket is full by then.
const TELLING_PAUSE: Duration = Duration::from_millis(500);
const TELLING_CALLS: f64 = 3.0;

/// Larger figures are mistakes; sums of these stay exact.
const MOST_TOKENS: u64 = 1_000_000_000;

/// A call that was started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    /// Its number, from 1.
    seq: u64,
    /// How often the lane had been lowered.
    epoch: u64,
    started: Duration,
    reserved: f64,
    expected: f64,
}

/// What the head of the line is told.
#[derive(Debug)]
pub(super) enum Turn {
    /// Go.
    Started(Ticket),
    /// Ask again at this time, or when something has changed; none: only when something has changed.
    Wait(Option<Duration>),
}

/// The state of a lane.
#[derive(Debug)]
pub(super) struct LaneState {
    tokens: Limit,
    requests: Limit,
    /// Nothing may start, because a quota of zero was told.
    is_closed: bool,
    /// Calls in flight that are allowed while nothing is known.
    allowed: u64,
    in_flight: u64,
    reserved: f64,
    started: u64,
    settled: u64,
    throttled: u64,
    failed: u64,
    settled_tokens: u64,
    /// How often the lane was lowered.
    epoch: u64,
    pause: Duration,
    pause_until: Duration,
    probe: Probe,
    /// Pauses in a row after which a probe was refused.
    fruitless: u32,
    /// Within this time a refusal comes back.
    echo: Duration,
    held_since: Option<Duration>,
    /// The process's part of a shared lane; none: the lane is its own.
    shared: Option<Shared>,
    /// Seconds for which calls were held back in all, as far as they say what the quota is.
    pushed_s: f64,
}

impl LaneState {
    pub(super) fn new(setup: &LaneSetup, now: Duration) -> LaneState {
        let quota = &setup.quota;
        let told = Rates {
            tokens: quota.tokens_per_minute.map(|told| told as f64),
            requests: quota.requests_per_minute.map(|told| told as f64),
        };
        // A part of a shared lane is told by the fleet.
        let own = if setup.is_shared {
            Rates::default()
        } else {
            told
        };
        let limit = |told| Limit::new(told, quota.bucket, setup.is_even, now);
        LaneState {
            tokens: limit(own.tokens),
            requests: limit(own.requests),
            is_closed: [own.tokens, own.requests].contains(&Some(0.0)),
            shared: setup.is_shared.then(|| Shared::new(told, now)),
            allowed: u64::from(setup.first_in_flight.max(1)),
            in_flight: 0,
            reserved: 0.0,
            started: 0,
            settled: 0,
            throttled: 0,
            failed: 0,
            settled_tokens: 0,
            epoch: 0,
            pause: Duration::ZERO,
            pause_until: Duration::ZERO,
            probe: Probe::None,
            fruitless: 0,
            echo: Duration::ZERO,
            held_since: None,
            pushed_s: 0.0,
        }
    }

    /// Starts the call at the head of the line, or says until when it has to wait.
    pub(super) fn try_start(&mut self, now: Duration, demand: Demand) -> Turn {
        let reserved = demand.reserved_tokens.min(MOST_TOKENS) as f64;
        let expected = demand.expected_tokens.clamp(1, MOST_TOKENS) as f64;
        if let Some(shared) = &mut self.shared {
            if shared.is_closed(now) {
                shared.hold(now, Some(HeldBy::Requests));
                return Turn::Wait(None);
            }
            if shared.pause_until > now {
                return Turn::Wait(Some(shared.pause_until));
            }
            if !std::mem::take(&mut shared.pause_until).is_zero() {
                // What came in while nothing was to start is not spent at once.
                self.tokens.empty_pace(now);
                self.requests.empty_pace(now);
            }
        }
        let knows_nothing = self.tokens.rate().is_none() && self.requests.rate().is_none();
        if self.is_closed || knows_nothing && self.in_flight >= self.allowed {
            if let Some(shared) = &mut self.shared {
                // Not by its part: it has yet to find out how much it can use.
                shared.hold(now, None);
            }
            return Turn::Wait(None);
        }
        if self.probe.is_accepted(now) {
            self.pass_probe(now);
        }
        let until = self.earliest(now, reserved, expected);
        if until > now {
            self.held_since.get_or_insert(now);
            return Turn::Wait(Some(until));
        }
        self.leave(now);
        self.tokens.start(now, reserved, expected);
        self.requests.start(now, 1.0, 1.0);
        self.started += 1;
        self.in_flight += 1;
        self.reserved += reserved;
        self.probe.start(self.started, now + self.echo);
        Turn::Started(Ticket {
            seq: self.started,
            epoch: self.epoch,
            started: now,
            reserved,
            expected,
        })
    }

    /// When such a call may start.
    fn earliest(&mut self, now: Duration, reserved: f64, expected: f64) -> Duration {
        match self.probe {
            // It needs no credit: it goes to find out.
            Probe::Due { .. } => self.pause_until,
            Probe::Out { until, .. } => until,
            Probe::None => {
                let tokens = now + self.tokens.wait_for(now, reserved, expected);
                let requests = now + self.requests.wait_for(now, 1.0, 1.0);
                let mut by = None;
                if tokens > now && tokens >= requests {
                    self.tokens.hold();
                    by = Some(HeldBy::Tokens);
                } else if requests > now {
                    self.requests.hold();
                    by = Some(HeldBy::Requests);
                }
                if let Some(shared) = &mut self.shared {
                    shared.hold(now, by);
                }
                tokens.max(requests)
            }
        }
    }

    /// Nobody is at the head of the line any more.
    pub(super) fn leave(&mut self, now: Duration) {
        if let Some(since) = self.held_since.take() {
            self.pushed_s += now.saturating_sub(since).as_secs_f64();
        }
        if let Some(shared) = &mut self.shared {
            shared.hold(now, None);
        }
    }

    /// The call was answered.
    pub(super) fn settled(&mut self, now: Duration, ticket: Ticket, settled_tokens: u64) {
        let settled = settled_tokens.min(MOST_TOKENS) as f64;
        self.end(&ticket);
        self.settled += 1;
        self.settled_tokens = self.settled_tokens.saturating_add(settled_tokens);
        self.allowed = self.allowed.saturating_add(1);
        let Ticket {
            reserved, expected, ..
        } = ticket;
        self.tokens.settle(now, reserved, expected, settled);
        if self.probe.is(ticket.seq) {
            self.pass_probe(now);
        }
    }

    /// The call failed, but not for a quota: its reservation comes back, its request does not.
    pub(super) fn failed(&mut self, now: Duration, ticket: Ticket) {
        self.end(&ticket);
        self.failed += 1;
        self.tokens
            .settle(now, ticket.reserved, ticket.expected, 0.0);
        if self.probe.is(ticket.seq) {
            self.probe.repeat();
        }
    }

    /// A quota refused the call: `which`, or nobody knows, and then it may have been either. `chance` is a random number,
    /// for the pause.
    pub(super) fn throttled(
        &mut self,
        now: Duration,
        ticket: Ticket,
        which: Option<Throttle>,
        chance: u64,
    ) {
        self.end(&ticket);
        self.throttled += 1;
        self.tokens.unstart(now, ticket.seq, ticket.reserved);
        self.requests.unstart(now, ticket.seq, 1.0);
        let took = now.saturating_sub(ticket.started);
        self.echo = (self.echo * 3 / 4).max(took * 2).min(FIRST_PAUSE);
        // What was on its way when the lane was lowered belongs to that event.
        if ticket.epoch < self.epoch {
            return;
        }
        if let Some(shared) = &mut self.shared {
            let tokens = which != Some(Throttle::Requests);
            let requests = which != Some(Throttle::Tokens);
            shared.refused(tokens, requests);
            if tokens {
                self.tokens.refuse_shared(now, ticket.reserved);
            }
            if requests {
                self.requests.refuse_shared(now, 1.0);
            }
            return;
        }
        if self.held_since.is_some() {
            self.leave(now);
            self.held_since = Some(now);
        }
        let at = Moment {
            now,
            pushed_s: self.pushed_s,
            seq: self.started,
        };
        let again = self.probe.is(ticket.seq);
        let mut lowered = Lowered::No;
        if which != Some(Throttle::Requests) {
            lowered = self.tokens.refuse(at, ticket.reserved, again);
        }
        if which != Some(Throttle::Tokens) {
            lowered = lowered.max(self.requests.refuse(at, 1.0, again));
        }
        if lowered != Lowered::No {
            self.epoch += 1;
        }
        if lowered == Lowered::Pause {
            self.fruitless = if again { self.fruitless + 1 } else { 0 };
            self.begin_pause(now, chance);
        }
    }

    fn begin_pause(&mut self, now: Duration, chance: u64) {
        let ceiling = self
            .pause_ceiling(now)
            .saturating_mul(2u32.saturating_pow(self.fruitless))
            .min(MOST_PAUSE);
        self.pause = part(ceiling, chance);
        self.pause_until = now + self.pause;
        self.probe = Probe::due();
        let telling = self.calls_take(now, TELLING_CALLS).max(TELLING_PAUSE);
        self.pushed_s -= self.pause.saturating_sub(telling).as_secs_f64();
    }

    /// The ceiling of a pause: of the lane after a refusal that was not chance, and of a refused call before it asks
    /// again.
    pub(super) fn pause_ceiling(&self, now: Duration) -> Duration {
        self.calls_take(now, PAUSE_CALLS).min(FIRST_PAUSE)
    }

    /// How long so many calls take to start.
    fn calls_take(&self, now: Duration, calls: f64) -> Duration {
        let known = [&self.tokens, &self.requests].map(Limit::calls_per_second);
        let slowest = known.into_iter().flatten().reduce(f64::min);
        let rate = slowest.unwrap_or_else(|| self.requests.last_second(now));
        Duration::from_secs_f64(calls / rate.max(0.001))
    }

    fn pass_probe(&mut self, now: Duration) {
        if self.probe.pass() {
            self.fruitless = 0;
            self.tokens.reopen(now, self.pause);
            self.requests.reopen(now, self.pause);
        }
    }

    fn end(&mut self, ticket: &Ticket) {
        self.in_flight -= 1;
        self.reserved -= ticket.reserved;
    }

    /// Another quota was told.
    pub(super) fn tell(&mut self, now: Duration, told: Rates) {
        if let Some(shared) = &mut self.shared {
            shared.told = told;
            return;
        }
        self.tokens.tell(now, told.tokens);
        self.requests.tell(now, told.requests);
        self.is_closed = [told.tokens, told.requests].contains(&Some(0.0));
    }

    /// The process's part of a shared lane, asked for at `asked`.
    pub(super) fn set_share(&mut self, now: Duration, asked: Duration, share: &LaneShare) {
        let Some(shared) = &mut self.shared else {
            return;
        };
        let is_new = shared.is_closed(now);
        shared.set(asked, share);
        self.epoch = share.epoch;
        self.tokens.share(now, share.rates.tokens, is_new);
        self.requests.share(now, share.rates.requests, is_new);
    }

    /// The part of a shared lane; none: the lane is the process's own.
    pub(super) fn shared(&mut self) -> Option<&mut Shared> {
        self.shared.as_mut()
    }

    /// Calls in progress, with `waiting` ones.
    pub(super) fn calls(&self, waiting: u64) -> u64 {
        self.in_flight + waiting
    }

    /// What is to be told of a shared lane; none: the lane is the process's own.
    pub(super) fn say(&mut self, now: Duration, waiting: u64) -> Option<Say> {
        let (calls, sums, epoch) = (self.calls(waiting), self.tokens.sums(), self.epoch);
        let shared = self.shared.as_mut()?;
        Some(shared.say(now, calls, sums, epoch))
    }

    /// Present limits, counts and sums; `waiting` is known to who keeps the line.
    pub(super) fn snapshot(&self, now: Duration, waiting: u64) -> LaneSnapshot {
        let per_minute = |limit: &Limit| limit.rate().map(|rate| (rate * 60.0).round() as u64);
        LaneSnapshot {
            tokens_per_minute: per_minute(&self.tokens),
            requests_per_minute: per_minute(&self.requests),
            paused: self.pause_until.saturating_sub(now),
            waiting,
            in_flight: self.in_flight,
            reserved_tokens: self.reserved as u64,
            started: self.started,
            settled: self.settled,
            throttled: self.throttled,
            failed: self.failed,
            lowered: self.epoch,
            settled_tokens: self.settled_tokens,
        }
    }
}

/// A random part of `ceiling`: full jitter.
fn part(ceiling: Duration, chance: u64) -> Duration {
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(chance % nanos.max(1))
}
