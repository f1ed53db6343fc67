//! Chance that repeats: what is drawn for a call follows from the seed and the call's number alone. And latency, which
//! is drawn from it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::adapters::memory::clock::{STEP, mix};

/// What a number is drawn for, so that two draws of one call do not depend on each other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    Fault = 1,
    Victim,
    LatencyRadius,
    LatencyAngle,
}

/// A number from 0 up to, but not, 1. The finaliser of SplitMix64 (Steele, Lea and Flood 2014), twice.
pub(super) fn draw(seed: u64, call: u64, what: Draw) -> f64 {
    let of_call = mix(seed.wrapping_add(STEP.wrapping_mul(call.wrapping_add(1))));
    let drawn = mix(of_call.wrapping_add(STEP.wrapping_mul(what as u64)));
    // The upper 53 bits are what a float holds exactly.
    (drawn >> 11) as f64 / (1_u64 << 53) as f64
}

/// How long answers take: half of them less than the median, one in a hundred more than the 99th percentile, and
/// logarithms spread like a bell between.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Latency {
    median_ms: f64,
    p99_ms: f64,
}

/// The 99th percentile of the normal distribution.
const Z99: f64 = 2.326_347_874;

/// Nobody waits longer for an answer that comes.
const MOST_MS: f64 = 3_600_000.0;

impl Latency {
    /// Every answer takes `ms` milliseconds.
    pub fn fixed(ms: u32) -> Latency {
        Latency {
            median_ms: f64::from(ms),
            p99_ms: f64::from(ms),
        }
    }

    /// The latency of a call.
    pub(super) fn of(&self, seed: u64, call: u64) -> Duration {
        if self.median_ms == 0.0 {
            return Duration::ZERO;
        }
        // Box and Muller: two even numbers make a normal one. 1 - u is never 0, which has no logarithm.
        let radius = (-2.0 * (1.0 - draw(seed, call, Draw::LatencyRadius)).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * draw(seed, call, Draw::LatencyAngle)).cos();
        let spread = (self.p99_ms / self.median_ms).ln() / Z99;
        let ms = (self.median_ms * (spread * normal).exp()).min(MOST_MS);
        Duration::from_secs_f64(ms / 1000.0)
    }
}

impl FromStr for Latency {
    type Err = String;

    /// `800` or `800..4000`, in milliseconds.
    fn from_str(text: &str) -> Result<Latency, String> {
        let wrong = || {
            format!(
                "latency '{text}' is not understood: expected milliseconds as 800, or median and 99th percentile as 800..4000"
            )
        };
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| wrong());
        let (median_ms, p99_ms) = match text.split_once("..") {
            Some((median, p99)) => (number(median)?, number(p99)?),
            None => (number(text)?, number(text)?),
        };
        let is_good = (0.0..=MOST_MS).contains(&median_ms)
            && (median_ms..=MOST_MS).contains(&p99_ms)
            && (median_ms > 0.0 || p99_ms == 0.0);
        is_good
            .then_some(Latency { median_ms, p99_ms })
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.median_ms == self.p99_ms {
            write!(f, "{}", self.median_ms)
        } else {
            write!(f, "{}..{}", self.median_ms, self.p99_ms)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_differ_by_call_and_spread_evenly() {
        assert_eq!(draw(7, 3, Draw::Fault), draw(7, 3, Draw::Fault));
        assert_ne!(draw(7, 3, Draw::Fault), draw(8, 3, Draw::Fault));
        assert_ne!(draw(7, 3, Draw::Fault), draw(7, 3, Draw::Victim));
        let mut tenths = [0; 10];
        for call in 0..10_000 {
            tenths[(draw(1, call, Draw::Fault) * 10.0) as usize] += 1;
        }
        assert!(
            tenths.iter().all(|count| (850..1150).contains(count)),
            "{tenths:?}"
        );
    }

    #[test]
    fn latency_has_the_median_and_the_percentile_that_were_asked_for() {
        let latency: Latency = "100..400".parse().unwrap();
        let mut drawn: Vec<f64> = (0..20_000)
            .map(|call| latency.of(5, call).as_secs_f64() * 1000.0)
            .collect();
        drawn.sort_by(f64::total_cmp);
        assert!((95.0..105.0).contains(&drawn[10_000]), "{}", drawn[10_000]);
        assert!((370.0..430.0).contains(&drawn[19_800]), "{}", drawn[19_800]);
        assert_eq!(Latency::fixed(0).of(5, 1), Duration::ZERO);
        assert_eq!(Latency::fixed(30).of(5, 1), Duration::from_millis(30));
    }

    #[test]
    fn latencies_that_make_no_sense_are_refused() {
        for bad in ["", "x", "-1", "100..50", "0..50", "1..2..3", "NaN", "inf"] {
            assert!(bad.parse::<Latency>().is_err(), "{bad}");
        }
        for good in ["0", "250", "250..900"] {
            assert_eq!(good.parse::<Latency>().unwrap().to_string(), good);
        }
    }
}
