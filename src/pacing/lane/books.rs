//! What the service has taken of one quota, and the rate that follows from it.
//!
//! At a refusal the service's bucket is empty, whatever its size and however it refills. So what it accepts from one
//! refusal to a later one is its rate times the time between them: that is how a lane measures a rate that it was not
//! told. It is less only if the lane asked for less than there was.

use std::collections::VecDeque;
use std::time::Duration;

use super::history::History;

/// A rate is measured over so many calls at least, where there were so many since some refusal; more if calls reserve
/// more than they settle at.
const ENOUGH_CALLS: f64 = 24.0;

/// Where there were not, so many have to do.
const FEW_CALLS: f64 = 6.0;

/// From so many calls on a measurement is good to two in a hundred.
const LONG_CALLS: f64 = 50.0;

/// What is asked for of a rate that was measured over fewer calls.
const AFTER_SHORT: f64 = 0.95;

/// What is asked for of a rate that was measured over many calls.
const AFTER_LONG: f64 = 0.98;

/// With even fewer a rate is not lowered further than this at once.
const MOST_CUT: f64 = 0.5;

/// A rate that rose by more than this since the last refusal had left something unasked for on the way.
const ROSE: f64 = 1.15;

/// What was accepted in that time stands for the present, then.
const LATELY: Duration = Duration::from_secs(10);

/// Marks that are kept to measure from.
const KEPT_MARKS: usize = 16;

/// The moment of a refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Duration,
    /// Seconds for which calls have been held back in all: only then the lane asks for all there is.
    pub(super) pushed_s: f64,
    /// The number of the last started call.
    pub(super) seq: u64,
}

/// How far things were at a refusal.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Calls up to this number are in the sums.
    seq: u64,
    taken: f64,
    accepted: i64,
    pushed_s: f64,
    /// The rate after it.
    rate: f64,
}

/// Sums of one quota: tokens, or requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Books {
    /// What the service has taken: settled, and reserved by what is in flight.
    taken: f64,
    /// Calls started and not refused.
    accepted: i64,
    /// Mean of what a call is expected to settle at.
    size: f64,
    /// Mean of what a call reserves.
    reservation: f64,
    history: History,
    marks: VecDeque<Mark>,
}

impl Books {
    /// What a call is expected to settle at, on average; zero before the first.
    pub(super) fn size(&self) -> f64 {
        self.size
    }

    /// What the service has taken so far.
    pub(super) fn taken(&self) -> f64 {
        self.taken
    }

    /// Calls started and not refused.
    pub(super) fn accepted(&self) -> i64 {
        self.accepted
    }

    /// What the service took, a second, over the last `span`.
    pub(super) fn lately(&self, now: Duration, span: Duration) -> f64 {
        self.history.rate(now, self.taken, span)
    }

    pub(super) fn start(&mut self, now: Duration, reserved: f64, expected: f64) {
        self.history.note(now, self.taken);
        self.taken += reserved;
        self.accepted += 1;
        self.size = mean(self.size, expected);
        self.reservation = mean(self.reservation, reserved);
    }

    pub(super) fn settle(&mut self, reserved: f64, settled: f64) {
        self.taken += settled - reserved;
    }

    /// The call that was started as number `seq` was refused: it never counted.
    pub(super) fn unstart(&mut self, seq: u64, reserved: f64) {
        self.taken -= reserved;
        self.accepted -= 1;
        for mark in self.marks.iter_mut().filter(|mark| mark.seq >= seq) {
            mark.taken -= reserved;
            mark.accepted -= 1;
        }
    }

    /// Remembers a refusal after which the rate is `rate`, unless nothing was accepted since the one before: of several
    /// at an empty bucket, the first counts.
    pub(super) fn mark(&mut self, at: Moment, rate: f64) {
        let is_same = |mark: &Mark| mark.accepted >= self.accepted;
        if self.marks.back().is_some_and(is_same) {
            return;
        }
        if self.marks.len() == KEPT_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark {
            seq: at.seq,
            taken: self.taken,
            accepted: self.accepted,
            pushed_s: at.pushed_s,
            rate,
        });
    }

    /// The rate to ask for at a refusal when it has been `rate`, by what was accepted since an earlier one; none:
    /// nothing was, or there was no earlier one.
    pub(super) fn measured(&self, at: Moment, rate: f64) -> Option<f64> {
        // Reservations come in lumps: the larger they are, the longer it takes to see the rate behind them.
        let lumps = (self.reservation / self.size).max(1.0);
        let since = |mark: &Mark| (self.accepted - mark.accepted) as f64;
        let is_enough = |mark: &&Mark| since(mark) >= ENOUGH_CALLS * lumps;
        let enough = self.marks.iter().rev().find(is_enough);
        let mark = enough.or_else(|| self.marks.front())?;
        let accepted = since(mark);
        let seconds = at.pushed_s - mark.pushed_s;
        if accepted <= 0.0 || seconds <= 0.0 {
            return None;
        }
        // What came back from calls that were in flight before has no part in what may be started.
        let taken = (self.taken - mark.taken).max(accepted * self.size);
        let asked = if accepted < LONG_CALLS {
            AFTER_SHORT
        } else {
            AFTER_LONG
        };
        // What was left in the bucket at either moment differs by up to a call.
        let mut measured = (taken + self.size / 2.0) / seconds * asked;
        if rate > mark.rate * ROSE {
            measured = measured.max(self.lately(at.now, LATELY) * AFTER_SHORT);
        }
        if accepted < FEW_CALLS * lumps {
            measured = measured.max(rate * MOST_CUT);
        }
        Some(measured)
    }
}

/// The mean of about the last twenty values; the first one stands for itself.
fn mean(before: f64, value: f64) -> f64 {
    if before > 0.0 {
        before + 0.05 * (value - before)
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64, seq: u64) -> Moment {
        let now = Duration::from_secs(second);
        let pushed_s = now.as_secs_f64();
        Moment { now, pushed_s, seq }
    }

    /// Requests that were accepted one after the other, a tenth of a second apart.
    fn accept(books: &mut Books, from_second: u64, calls: u64) {
        for call in 0..calls {
            let now = Duration::from_secs(from_second) + Duration::from_millis(100 * call);
            books.start(now, 1.0, 1.0);
        }
    }

    #[test]
    fn the_rate_is_what_was_accepted_between_two_refusals() {
        let mut books = Books::default();
        accept(&mut books, 0, 500);
        assert_eq!(books.measured(at(50, 500), 100.0), None, "no earlier one");
        books.mark(at(50, 500), 100.0);
        accept(&mut books, 50, 200);
        let rate = books.measured(at(60, 700), 100.0);
        assert!(
            (rate.unwrap() - 20.05 * AFTER_LONG).abs() < 1e-9,
            "{rate:?}"
        );
    }

    #[test]
    fn a_call_that_turns_out_to_be_refused_never_counted() {
        let mut books = Books::default();
        accept(&mut books, 0, 10);
        books.mark(at(1, 10), 100.0);
        books.unstart(9, 1.0);
        accept(&mut books, 1, 20);
        books.unstart(25, 1.0);
        let rate = books.measured(at(2, 30), 100.0);
        assert!(
            (rate.unwrap() - 19.5 * AFTER_SHORT).abs() < 1e-9,
            "{rate:?}"
        );
    }

    #[test]
    fn a_few_calls_lower_a_rate_to_its_half_at_most() {
        let mut books = Books::default();
        accept(&mut books, 0, 10);
        books.mark(at(1, 10), 100.0);
        accept(&mut books, 1, 2);
        assert_eq!(books.measured(at(3, 12), 100.0), Some(50.0));
    }

    #[test]
    fn of_refusals_at_an_empty_bucket_the_first_counts() {
        let mut books = Books::default();
        accept(&mut books, 0, 10);
        books.mark(at(1, 10), 100.0);
        books.mark(at(31, 10), 100.0);
        accept(&mut books, 31, 300);
        let rate = books.measured(at(61, 310), 100.0);
        assert!(
            (rate.unwrap() - 300.5 / 60.0 * AFTER_LONG).abs() < 1e-9,
            "{rate:?}"
        );
    }
}
