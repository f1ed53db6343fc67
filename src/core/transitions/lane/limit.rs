//! One limit of a lane, as the whole fleet sees it: told, lowered when refusals are more than chance, raised slowly.
//!
//! The reasoning is that of a lane in one process (`pacing::lane`), over sums that workers tell every few seconds: at a refusal the
//! service's bucket is empty, so what it took from one refusal to a later one, while the fleet asked for all that it had,
//! is its rate.

use crate::core::lane::{LaneLimit, LaneMark};

/// What of a told quota is leased: a call may cost more than predicted, which is known only at its end.
const USED_OF_TOLD: f64 = 0.99;

/// So many calls make up for a refusal; so about one call in sixty is spent on finding out whether there is more.
const CALLS_OF_REFUSAL: f64 = 60.0;

/// From so many calls a second on, fewer do, down to a third.
const FAST_STRAIN_CALLS_PER_SECOND: f64 = 100.0;

/// Without calls, the strain of one refusal is gone after so long.
const MS_OF_REFUSAL: f64 = 120_000.0;

/// More strain than of this many refusals is the quota and not chance.
const MOST_STRAIN: f64 = 1.83;

/// A rate is measured over so many calls and so much time at least, where there was so much since some lowering: workers
/// tell of their calls some seconds late.
const ENOUGH_CALLS: f64 = 24.0;
const ENOUGH_MS: f64 = 10_000.0;

/// Where there was not, so many have to do; fewer tell nothing of a rate, and the lane only pauses.
const FEW_CALLS: f64 = 6.0;

/// From so many calls on a measurement is good.
const LONG_CALLS: f64 = 100.0;

/// What is asked for of a rate that was measured over fewer calls, and over many.
const AFTER_SHORT: f64 = 0.95;
const AFTER_LONG: f64 = 0.98;

/// A limit is first set at so many times what workers used when they last told: most likely they were ramping up.
const FIRST_RATE: f64 = 2.0;

/// By which part a rate rises with a call that it held back, and never faster than.
const RISE: f64 = 0.0003;
const MOST_RISE: f64 = 0.01;

/// The same for a first rate that was not measured yet.
const FRESH_RISE: f64 = 0.06;

/// In the time in which all workers tell once, a first rate does not rise by more than this, and another one not by more
/// than that: what follows from a rise is heard of later.
const MOST_FRESH_GROWTH: f64 = 1.5;
const MOST_GROWTH: f64 = 1.1;

/// After so many calls, and a minute, without refusals the rise gets faster, with the square of both.
const CALM_CALLS: f64 = 20.0;
const CALM_MS: f64 = 60_000.0;

/// So many calls a second and more rise faster, too, with the square.
const FAST_CALLS_PER_SECOND: f64 = 30.0;

/// A rate does not fall below one call in so many minutes.
const SLOWEST_CALL_MINUTES: f64 = 1.0 / 6.0;

/// The longest time in which a quota may refill all at once, and how late its last tidings may come.
const WINDOW_MS: u64 = 60_000;
const LATE_MS: u64 = 5_000;

/// What was taken is noted so often.
const NOTE_EVERY_MS: u64 = 2_500;

/// After so long with next to nothing accepted, and as long as workers take to tell of it, such a window may have ended.
const DRY_MS: u64 = 5_000;

/// Next to nothing: less than this share of what was taken in the last minute.
const DRY_SHARE: f64 = 0.4;

/// The whole lane pauses for so long when it is refused again and next to nothing was accepted in between; twice as long
/// each time, and at most.
const FIRST_PAUSE_MS: u64 = 500;
const MOST_PAUSE_MS: u64 = 8_000;

/// Marks that are kept to measure from.
const KEPT_MARKS: usize = 8;

/// What a worker told, as far as it is about one limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// What the service took: tokens, or requests.
    pub(super) taken: f64,
    /// Calls that it accepted.
    pub(super) calls: f64,
    /// Calls that this limit's quota refused.
    pub(super) refused: f64,
    /// For how long the worker's part held calls back.
    pub(super) held_ms: f64,
    /// Of how long.
    pub(super) passed_ms: f64,
    /// The worker's part, a minute.
    pub(super) leased: f64,
    /// What the fleet used, a minute, when it last told.
    pub(super) fleet_uses: f64,
    /// After so long every worker has told.
    pub(super) late_ms: u64,
}

impl LaneLimit {
    /// Nothing above what was told. Where nothing lower was found, that is the rate, also when more is told than before.
    pub(super) fn hold_to(&mut self, told: Option<f64>) {
        if told.is_none() || told == self.told {
            return;
        }
        let of = |told: Option<f64>| told.map(|told| told.max(0.0) * USED_OF_TOLD);
        let before = of(std::mem::replace(&mut self.told, told));
        let is_at_told = match (self.rate, before) {
            (None, _) => true,
            (Some(rate), Some(before)) => rate >= before,
            (Some(_), None) => false,
        };
        let most = of(told);
        self.rate = match is_at_told {
            true => most,
            false => self.rate.map(|rate| rate.min(most.unwrap_or(rate))),
        };
        if self.marks.is_empty() {
            // Until a first refusal, what was told is taken as accepted.
            self.mark();
        }
    }

    /// Learns from what a worker told. Some: the limit is lower now, and the lane has to pause for so many milliseconds.
    pub(super) fn take_in(&mut self, told: &Told, now_ms: u64) -> Option<u64> {
        if told.calls > 0.0 && told.refused <= 0.0 {
            self.end_dry(told.late_ms, now_ms);
        }
        self.note(now_ms);
        self.taken += told.taken;
        self.accepted += told.calls;
        if let Some(rate) = self.rate.filter(|rate| *rate > 0.0) {
            self.pushed_ms += (told.held_ms * (told.leased / rate).min(1.0)).round();
        }
        let passed_ms = now_ms.saturating_sub(self.told_ms) as f64;
        self.told_ms = now_ms;
        if self.strain > 0.0 {
            let fast = self.calls_per_second() / FAST_STRAIN_CALLS_PER_SECOND;
            let calls = told.calls.max(0.0) * fast.clamp(1.0, 3.0) / CALLS_OF_REFUSAL;
            self.strain -= calls.max(passed_ms / MS_OF_REFUSAL);
        }
        if told.refused > 0.0 {
            self.strain = self.strain.max(0.0) + told.refused;
            self.calm_since_ms = None;
            return self.refused(told, now_ms);
        }
        if self.strain <= 0.0 {
            self.dry = None;
        }
        if self.strain <= 0.0 || self.is_fresh {
            self.rise(told, now_ms);
        }
        None
    }

    fn refused(&mut self, told: &Told, now_ms: u64) -> Option<u64> {
        let Some(rate) = self.rate else {
            let lately = told.fleet_uses.max(per_minute(told.taken, told.passed_ms));
            let first = (lately * FIRST_RATE).max(self.slowest());
            if first <= 0.0 {
                // Nobody told of a call that was accepted: there is nothing to go by yet.
                return None;
            }
            self.rate = Some(first);
            self.is_fresh = true;
            self.strain = 1.0;
            self.mark();
            return Some(FIRST_PAUSE_MS);
        };
        if self.strain <= MOST_STRAIN {
            return None;
        }
        self.strain = 1.0;
        self.dry.get_or_insert((now_ms, self.taken));
        if let Some(measured) = self.measured() {
            self.is_fresh = false;
            self.rate = Some(measured.max(self.slowest()).min(rate));
            self.fruitless = 0;
            self.mark();
            return Some(0);
        }
        let pause_ms = FIRST_PAUSE_MS << self.fruitless.min(10);
        self.fruitless += 1;
        Some(pause_ms.min(MOST_PAUSE_MS))
    }

    /// Calls are accepted again: after a dry time the quota may be a window that has begun anew. It takes as much as the
    /// last one did, neither more nor, for the dry time, less.
    fn end_dry(&mut self, late_ms: u64, now_ms: u64) {
        let Some((since_ms, taken)) = self.dry else {
            return;
        };
        let dry_ms = now_ms.saturating_sub(since_ms);
        let from_ms = now_ms.saturating_sub(WINDOW_MS + LATE_MS);
        let later = self.lately.partition_point(|(at_ms, _)| *at_ms <= from_ms);
        let before = self.lately.get(later.saturating_sub(1));
        let minute = self.taken - before.map_or(self.taken, |(_, taken)| *taken);
        let dry_share = (self.taken - taken) / (minute * dry_ms as f64 / WINDOW_MS as f64);
        if dry_ms >= DRY_MS + late_ms && minute > 0.0 && dry_share < DRY_SHARE {
            self.dry = None;
            let most = self.told.map_or(f64::INFINITY, |told| told * USED_OF_TOLD);
            let minute = (minute * AFTER_LONG).min(most);
            self.rate = self.rate.map(|rate| rate.max(minute));
        }
    }

    fn note(&mut self, now_ms: u64) {
        let last_ms = self.lately.last().map_or(0, |(at_ms, _)| *at_ms);
        if now_ms < last_ms + NOTE_EVERY_MS {
            return;
        }
        self.lately.push((now_ms, self.taken));
        let from_ms = now_ms.saturating_sub(WINDOW_MS + 2 * LATE_MS);
        let later = self.lately.partition_point(|(at_ms, _)| *at_ms <= from_ms);
        self.lately.drain(..later.saturating_sub(1));
    }

    /// The rate to ask for, a minute, by what was taken since an earlier refusal; none: too little to tell it from.
    fn measured(&self) -> Option<f64> {
        let calls = |mark: &LaneMark| self.accepted - mark.accepted;
        let pushed_ms = |mark: &LaneMark| self.pushed_ms - mark.pushed_ms;
        let is_enough =
            |mark: &&LaneMark| calls(mark) >= ENOUGH_CALLS && pushed_ms(mark) >= ENOUGH_MS;
        let is_little = |mark: &&LaneMark| calls(mark) >= FEW_CALLS && pushed_ms(mark) > 0.0;
        let enough = self.marks.iter().rev().find(is_enough);
        let mark = enough.or_else(|| self.marks.iter().find(is_little))?;
        let asked = match calls(mark) < LONG_CALLS {
            true => AFTER_SHORT,
            false => AFTER_LONG,
        };
        Some(per_minute(self.taken - mark.taken, pushed_ms(mark)) * asked)
    }

    fn rise(&mut self, told: &Told, now_ms: u64) {
        let Some(rate) = self.rate else { return };
        if told.held_ms <= 0.0 || told.passed_ms <= 0.0 {
            return;
        }
        let calls = told.calls.max(0.0) * (told.held_ms / told.passed_ms);
        let since_ms = *self.calm_since_ms.get_or_insert_with(|| {
            self.calm_calls = 0.0;
            now_ms
        });
        self.calm_calls += calls;
        let minutes = now_ms.saturating_sub(since_ms) as f64 / CALM_MS;
        let calm = (self.calm_calls / CALM_CALLS).min(minutes);
        let fast = self.calls_per_second() / FAST_CALLS_PER_SECOND;
        let rise = match self.is_fresh {
            true => FRESH_RISE,
            false => (RISE * calm.max(fast).max(1.0).powi(2)).min(MOST_RISE),
        };
        let most = self.told.map_or(f64::INFINITY, |told| told * USED_OF_TOLD);
        let most_growth = match self.is_fresh {
            true => MOST_FRESH_GROWTH,
            false => MOST_GROWTH,
        };
        let part = (told.leased / rate).min(1.0);
        let growth = (1.0 + rise).powf(calls).min(most_growth.powf(part));
        self.rate = Some((rate * growth).min(most));
    }

    fn mark(&mut self) {
        if self.marks.len() == KEPT_MARKS {
            self.marks.remove(0);
        }
        self.marks.push(LaneMark {
            taken: self.taken,
            accepted: self.accepted,
            pushed_ms: self.pushed_ms,
        });
    }

    /// Calls a second at the present rate, by the mean of all calls so far.
    fn calls_per_second(&self) -> f64 {
        match self.taken > 0.0 {
            true => self.rate.unwrap_or(0.0) / 60.0 * self.accepted.max(0.0) / self.taken,
            false => 0.0,
        }
    }

    fn slowest(&self) -> f64 {
        match self.accepted > 0.0 {
            true => self.taken.max(0.0) / self.accepted / SLOWEST_CALL_MINUTES,
            false => 0.0,
        }
    }
}

fn per_minute(amount: f64, ms: f64) -> f64 {
    if ms > 0.0 {
        amount / ms * 60_000.0
    } else {
        0.0
    }
}
