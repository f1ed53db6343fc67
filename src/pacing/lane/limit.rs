//! One limit of a lane, on tokens or on requests: told or found, held, lowered, raised.
//!
//! A limit holds two things: predicted settled use at its rate, with a small burst (`pace`), and what the service's bucket
//! is taken to hold besides what calls in flight reserve (`room`). The rate falls to what was accepted when refusals are
//! more than chance, and rises slowly while it is what holds calls back.

use std::time::Duration;

use super::account::Account;
use super::books::{Books, Moment};

/// What of a told quota is used: a call may cost more than predicted, which is known only at its end.
const USED_OF_TOLD: f64 = 0.99;

/// Unspent pace is kept for so long: half of the smallest bucket that is thinkable.
const BURST_SECONDS: f64 = 0.5;

/// So many calls take off the strain of one refusal; while strained, a limit does not rise. So about one call in
/// sixty is spent on finding out whether there is more.
const CALLS_OF_REFUSAL: f64 = 60.0;

/// From so many calls a second on, fewer do, down to a third: chance refuses more often in a second there, and a wrong step is
/// put right sooner.
const FAST_STRAIN_CALLS_PER_SECOND: f64 = 100.0;

/// Without calls, the strain of one refusal is gone after so long.
const SECONDS_OF_REFUSAL: f64 = 120.0;

/// The strain of more refusals than this is the quota and not chance: of two within ten calls, three within seventy.
const MOST_STRAIN: f64 = 1.83;

/// What is kept of the strain when the first call after a pause is refused again.
const MOST_STRAIN_KEPT: f64 = 2.0;

/// Refusals within so many calls are followed by more, if nothing pauses.
const DENSE_CALLS: u64 = 10;

/// A limit is first set at so many times what was accepted in the last second: most likely the lane was ramping up.
const FIRST_RATE: f64 = 2.0;

/// By which part a rate rises with a call that it held back.
const RISE: f64 = 0.0003;

/// It never rises faster than this with a call.
const MOST_RISE: f64 = 0.01;

/// Before it is measured, a first rate rises by this part with a call that it held back: it may have been chance.
const FRESH_RISE: f64 = 0.06;

/// After so many calls, and a minute, without refusals the rise gets faster, with the square of both.
const CALM_CALLS: f64 = 50.0;

/// So many calls a second and more rise faster, too, with the square: there refusals are told apart from chance in less
/// time.
const FAST_CALLS_PER_SECOND: f64 = 30.0;

/// The longest time in which a quota may refill all at once.
const WINDOW: Duration = Duration::from_secs(60);

/// After so long with next to nothing accepted, such a window may have ended.
const DRY: Duration = Duration::from_secs(5);

/// Next to nothing: less than this share of what was accepted in the last minute.
const DRY_SHARE: f64 = 0.4;

/// A rate does not fall below one call in so many seconds.
const SLOWEST_CALL_SECONDS: f64 = 10.0;

/// What a refusal led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lowered {
    /// Nothing: it may have been chance.
    No,
    /// To a lower rate.
    Rate,
    /// To a lower rate, and to a pause, because the next calls would be refused, too.
    Pause,
}

/// A limit on tokens or requests. For requests, each call reserves, is expected to settle and settles at 1.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// What is used of a told quota, a second.
    told: Option<f64>,
    /// The present rate a second; none: not limited.
    rate: Option<f64>,
    /// How much the service's bucket is taken to hold, as time at the full rate.
    bucket: Duration,
    /// Nothing is saved up beyond one call.
    is_even: bool,
    pace: Account,
    room: Account,
    books: Books,
    strain: f64,
    /// Calls held back since the strain was gone, and since when.
    calm: Option<(u32, Duration)>,
    /// The first rate was not measured yet.
    is_fresh: bool,
    /// It was this limit that held the next call back.
    holds: bool,
    /// Since when refusals follow each other, and what had been taken by then.
    dry: Option<(Duration, f64)>,
    /// The last started call when one was refused last.
    last_refused: u64,
    last_start: Duration,
}

impl Limit {
    pub(super) fn new(
        told_per_minute: Option<f64>,
        bucket: Duration,
        is_even: bool,
        now: Duration,
    ) -> Limit {
        let told = told_per_minute.map(|told| told / 60.0 * USED_OF_TOLD);
        let mut limit = Limit {
            told,
            rate: None,
            bucket: bucket.max(Duration::from_secs(1)),
            is_even,
            pace: Account::full(0.0, 0.0, now),
            room: Account::full(0.0, 0.0, now),
            books: Books::default(),
            strain: 0.0,
            calm: None,
            is_fresh: false,
            holds: false,
            dry: None,
            last_refused: 0,
            last_start: now,
        };
        if let Some(told) = told {
            limit.begin(now, told);
            // Until a first refusal, what was told is taken as accepted.
            let (pushed_s, seq) = (0.0, 0);
            limit.books.mark(Moment { now, pushed_s, seq }, told);
        }
        limit
    }

    /// Another quota was told, or none. Where nothing lower was found, it is the rate from now on.
    pub(super) fn tell(&mut self, now: Duration, told_per_minute: Option<f64>) {
        let told = told_per_minute.map(|told| told / 60.0 * USED_OF_TOLD);
        let before = std::mem::replace(&mut self.told, told);
        match (told, self.rate) {
            (Some(told), None) => self.begin(now, told),
            (Some(told), Some(rate)) if before.is_some_and(|before| rate >= before) => {
                self.set_rate(now, told);
            }
            (_, Some(rate)) => self.set_rate(now, rate),
            (None, None) => {}
        }
    }

    /// The process's part of a shared limit is so much a minute; none: it is not limited. `is_new`: it had none before,
    /// and what was left of an older one is not spent.
    pub(super) fn share(&mut self, now: Duration, per_minute: Option<f64>, is_new: bool) {
        let Some(rate) = per_minute.map(|per_minute| per_minute / 60.0) else {
            (self.told, self.rate) = (None, None);
            return;
        };
        self.told = Some(rate);
        match self.rate {
            Some(_) => self.set_rate(now, rate),
            None => self.begin(now, rate),
        }
        if is_new {
            self.empty_pace(now);
        }
    }

    /// Unspent pace is lost.
    pub(super) fn empty_pace(&mut self, now: Duration) {
        if self.rate.is_some() {
            self.pace.lower_to(now, 0.0);
        }
    }

    /// The quota refused a call of a shared lane: the fleet decides what follows, but the service's bucket holds less
    /// than this call asked for.
    pub(super) fn refuse_shared(&mut self, now: Duration, reserved: f64) {
        if self.rate.is_some() {
            self.room.lower_to(now, reserved / 2.0);
        }
    }

    /// What the service took in all, and calls that it accepted.
    pub(super) fn sums(&self) -> (f64, i64) {
        (self.books.taken(), self.books.accepted())
    }

    /// The present rate a second; none: not limited.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Calls a second at the present rate; none: not limited, or no call is known yet.
    pub(super) fn calls_per_second(&self) -> Option<f64> {
        let size = self.books.size();
        self.rate.filter(|_| size > 0.0).map(|rate| rate / size)
    }

    /// What the service took in the last second.
    pub(super) fn last_second(&self, now: Duration) -> f64 {
        self.books.lately(now, Duration::from_secs(1))
    }

    /// How long a call has to wait for this limit.
    pub(super) fn wait_for(&mut self, now: Duration, reserved: f64, expected: f64) -> Duration {
        if self.rate.is_none() {
            return Duration::ZERO;
        }
        let pace = self.pace.wait_for(now, expected);
        pace.max(self.room.wait_for(now, reserved))
    }

    /// Says that it is this limit that holds the next call back.
    pub(super) fn hold(&mut self) {
        self.holds = true;
    }

    pub(super) fn start(&mut self, now: Duration, reserved: f64, expected: f64) {
        self.books.start(now, reserved, expected);
        if let Some(rate) = self.rate {
            self.resize(now, rate);
            self.pace.spend(now, expected);
            self.room.spend(now, reserved);
        }
        if self.strain > 0.0 {
            let seconds = now.saturating_sub(self.last_start).as_secs_f64();
            let fast = self.calls_per_second().unwrap_or(0.0) / FAST_STRAIN_CALLS_PER_SECOND;
            let call = fast.clamp(1.0, 3.0) / CALLS_OF_REFUSAL;
            self.strain -= call.max(seconds / SECONDS_OF_REFUSAL);
            if self.strain <= 0.0 {
                self.dry = None;
            }
        }
        self.last_start = now;
        let holds = std::mem::take(&mut self.holds);
        if holds && (self.strain <= 0.0 || self.is_fresh) {
            self.rise(now);
        }
    }

    /// The call ended at `settled`.
    pub(super) fn settle(&mut self, now: Duration, reserved: f64, expected: f64, settled: f64) {
        self.books.settle(reserved, settled);
        if self.rate.is_some() {
            self.pace.spend(now, settled - expected);
            self.room.spend(now, settled - reserved);
        }
    }

    /// The call that was started as number `seq` was refused: the service took nothing. Its place in the pace is lost.
    pub(super) fn unstart(&mut self, now: Duration, seq: u64, reserved: f64) {
        self.books.unstart(seq, reserved);
        if self.rate.is_some() {
            self.room.spend(now, -reserved);
        }
    }

    /// The service's quota refused a call that reserves `reserved`. `again`: the call was to find out whether the
    /// service accepts again.
    pub(super) fn refuse(&mut self, at: Moment, reserved: f64, again: bool) -> Lowered {
        let is_dense = at.seq.saturating_sub(self.last_refused) <= DENSE_CALLS;
        self.last_refused = at.seq;
        self.strain += 1.0;
        self.calm = None;
        let is_first = self.rate.is_none();
        let lowered = match () {
            () if is_first || again => Lowered::Pause,
            () if self.strain <= MOST_STRAIN => Lowered::No,
            () if is_dense => Lowered::Pause,
            () => Lowered::Rate,
        };
        if is_first {
            let first = self.last_second(at.now) * FIRST_RATE;
            self.begin(at.now, first.max(self.slowest()));
            self.pace.lower_to(at.now, 0.0);
            self.is_fresh = true;
        }
        if lowered != Lowered::No {
            self.lower(at);
            self.strain = if again {
                self.strain.min(MOST_STRAIN_KEPT)
            } else {
                1.0
            };
        }
        // What was left is between nothing and what this call asked for.
        self.room.lower_to(at.now, reserved / 2.0);
        lowered
    }

    /// Calls are accepted again after a pause of `pause`.
    pub(super) fn reopen(&mut self, now: Duration, pause: Duration) {
        // What came in while nothing was to start is not spent at once.
        self.pace.lower_to(now, 0.0);
        let Some((since, taken)) = self.dry else {
            return;
        };
        let dry = now.saturating_sub(since);
        // The window may have ended at any time of the pause.
        let lately = self.books.lately(now, WINDOW + pause)
            * ((WINDOW + pause).as_secs_f64() / WINDOW.as_secs_f64());
        let is_dry = self.books.taken() - taken < DRY_SHARE * lately * dry.as_secs_f64();
        if dry >= DRY && is_dry {
            self.dry = None;
            // A window took as much as the last one will take: neither more nor, after a dry time, less.
            self.set_rate(now, lately.max(self.slowest()));
        }
    }

    fn lower(&mut self, at: Moment) {
        let Some(rate) = self.rate else {
            return;
        };
        if let Some(measured) = self.books.measured(at, rate) {
            self.is_fresh = false;
            self.set_rate(at.now, measured.max(self.slowest()).min(rate));
        }
        self.dry.get_or_insert((at.now, self.books.taken()));
        self.books.mark(at, self.rate.unwrap_or(rate));
    }

    fn rise(&mut self, now: Duration) {
        let (calls, since) = self.calm.unwrap_or((0, now));
        let calls = calls.saturating_add(1);
        self.calm = Some((calls, since));
        let minutes = now.saturating_sub(since).as_secs_f64() / WINDOW.as_secs_f64();
        let calm = (f64::from(calls) / CALM_CALLS).min(minutes);
        let fast = self.calls_per_second().unwrap_or(0.0) / FAST_CALLS_PER_SECOND;
        let rise = match self.is_fresh {
            true => FRESH_RISE,
            false => (RISE * calm.max(fast).max(1.0).powi(2)).min(MOST_RISE),
        };
        if let Some(rate) = self.rate {
            self.set_rate(now, rate * (1.0 + rise));
        }
    }

    fn slowest(&self) -> f64 {
        self.books.size() / SLOWEST_CALL_SECONDS
    }

    fn begin(&mut self, now: Duration, rate: f64) {
        let bucket = rate * self.bucket.as_secs_f64();
        self.pace = Account::full(rate, self.burst(rate), now);
        self.room = Account::full(rate, bucket, now);
        self.rate = Some(rate);
    }

    fn set_rate(&mut self, now: Duration, rate: f64) {
        let rate = rate.min(self.told.unwrap_or(f64::INFINITY));
        self.rate = Some(rate);
        self.resize(now, rate);
    }

    fn resize(&mut self, now: Duration, rate: f64) {
        self.pace.set(now, rate, self.burst(rate));
        self.room.set(now, rate, rate * self.bucket.as_secs_f64());
    }

    /// How much pace is kept. Two calls at least, so that what a call gives back at its end is not lost.
    fn burst(&self, rate: f64) -> f64 {
        match self.is_even {
            true => self.books.size(),
            false => (rate * BURST_SECONDS).max(2.0 * self.books.size()),
        }
    }
}
