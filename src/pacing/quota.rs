//! The quota of a lane, as one definition for whoever keeps to it and for the simulator that enforces it (DESIGN §7).
//!
//! A call takes its reservation when it starts: input, cache reads, cache writes and the most output tokens. When it ends,
//! it is settled: input, cache writes, and output times the model's burndown; the difference comes back, or is taken
//! (FACTS §1: quotas-token-burndown). Requests are taken and never come back.

use std::time::Duration;

use crate::core::money::Usage;

/// How a quota refills. Which one Bedrock uses is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refill {
    /// Continuously, like a leaky bucket.
    #[default]
    Continuous,
    /// All at once, at the start of each window of the bucket's length.
    Window,
}

/// A lane's quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaSetup {
    /// Tokens per minute; none: not limited.
    pub tokens_per_minute: Option<u64>,
    /// Requests per minute; none: not limited.
    pub requests_per_minute: Option<u64>,
    /// How much the bucket holds, as time at the full rate.
    pub bucket: Duration,
    /// How it refills.
    pub refill: Refill,
    /// What an output token counts when a call is settled.
    pub burndown: u64,
}

impl Default for QuotaSetup {
    fn default() -> Self {
        QuotaSetup {
            tokens_per_minute: None,
            requests_per_minute: None,
            bucket: Duration::from_secs(60),
            refill: Refill::default(),
            burndown: 1,
        }
    }
}

/// What a call's start takes of the token quota, by what it is expected to send at most.
pub fn reserved_tokens(input_tokens: u64, cache_tokens: u64, max_tokens: u32) -> u64 {
    input_tokens + cache_tokens + u64::from(max_tokens)
}

/// What a finished call costs of the token quota.
pub fn settled_tokens(usage: &Usage, burndown: u64) -> u64 {
    usage.input_tokens + usage.cache_write_tokens + usage.output_tokens * burndown
}

/// Why a call may not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many tokens.
    Tokens,
    /// Too many requests.
    Requests,
}

/// One limit: so much a minute, so much at once.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    per_second: f64,
    capacity: f64,
    level: f64,
    refill: Refill,
    window: Duration,
    at: Duration,
}

impl Bucket {
    fn new(per_minute: u64, setup: &QuotaSetup, now: Duration) -> Bucket {
        let per_second = per_minute as f64 / 60.0;
        let capacity = per_second * setup.bucket.as_secs_f64();
        Bucket {
            per_second,
            capacity,
            level: capacity,
            refill: setup.refill,
            window: setup.bucket,
            at: now,
        }
    }

    fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        match self.refill {
            Refill::Continuous => {
                self.level =
                    (self.level + passed.as_secs_f64() * self.per_second).min(self.capacity);
                self.at = self.at.max(now);
            }
            Refill::Window if passed >= self.window => {
                // What was overdrawn stays owed.
                self.level = self.capacity + self.level.min(0.0);
                let windows = passed.as_nanos() / self.window.as_nanos().max(1);
                self.at += self.window * u32::try_from(windows).unwrap_or(u32::MAX);
            }
            Refill::Window => {}
        }
    }

    fn set_rate(&mut self, per_minute: u64, bucket: Duration) {
        self.per_second = per_minute as f64 / 60.0;
        self.capacity = self.per_second * bucket.as_secs_f64();
        self.level = self.level.min(self.capacity);
    }
}

/// A quota in use.
#[derive(Debug, Clone)]
pub struct Quota {
    setup: QuotaSetup,
    tokens: Option<Bucket>,
    requests: Option<Bucket>,
}

impl Quota {
    /// A full quota at `now` (any monotonic time).
    pub fn new(setup: QuotaSetup, now: Duration) -> Quota {
        let bucket = |limit: Option<u64>| limit.map(|limit| Bucket::new(limit, &setup, now));
        Quota {
            tokens: bucket(setup.tokens_per_minute),
            requests: bucket(setup.requests_per_minute),
            setup,
        }
    }

    /// What it was set up with.
    pub fn setup(&self) -> &QuotaSetup {
        &self.setup
    }

    /// Takes the reservation of a call that starts at `now`. A refused call takes nothing.
    pub fn start(&mut self, now: Duration, reserved: u64) -> Result<(), Refused> {
        for bucket in [&mut self.tokens, &mut self.requests].into_iter().flatten() {
            bucket.advance(now);
        }
        if self.requests.is_some_and(|bucket| bucket.level < 1.0) {
            return Err(Refused::Requests);
        }
        if self
            .tokens
            .is_some_and(|bucket| bucket.level < reserved as f64)
        {
            return Err(Refused::Tokens);
        }
        if let Some(bucket) = &mut self.requests {
            bucket.level -= 1.0;
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.level -= reserved as f64;
        }
        Ok(())
    }

    /// Gives back what a call that ended at `now` had reserved above what it settles at, or takes the rest.
    pub fn settle(&mut self, now: Duration, reserved: u64, settled: u64) {
        if let Some(bucket) = &mut self.tokens {
            bucket.advance(now);
            bucket.level = (bucket.level + reserved as f64 - settled as f64).min(bucket.capacity);
        }
    }

    /// Changes the limits from `now` on.
    pub fn set_limits(
        &mut self,
        now: Duration,
        tokens_per_minute: Option<u64>,
        requests_per_minute: Option<u64>,
    ) {
        let setup = QuotaSetup {
            tokens_per_minute,
            requests_per_minute,
            ..self.setup
        };
        let change =
            |bucket: &mut Option<Bucket>, limit: Option<u64>| match (bucket.as_mut(), limit) {
                (Some(known), Some(limit)) => {
                    known.advance(now);
                    known.set_rate(limit, setup.bucket);
                }
                (_, limit) => *bucket = limit.map(|limit| Bucket::new(limit, &setup, now)),
            };
        change(&mut self.tokens, tokens_per_minute);
        change(&mut self.requests, requests_per_minute);
        self.setup = setup;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_start_takes_the_reservation_and_the_end_settles_it() {
        let setup = QuotaSetup {
            tokens_per_minute: Some(6_000),
            ..QuotaSetup::default()
        };
        let mut quota = Quota::new(setup, at(0.0));
        assert_eq!(quota.start(at(0.0), 5_000), Ok(()));
        assert_eq!(quota.start(at(0.0), 2_000), Err(Refused::Tokens));
        quota.settle(at(0.0), 5_000, 1_000);
        assert_eq!(quota.start(at(0.0), 5_000), Ok(()));
        // Ten seconds refill a thousand.
        assert_eq!(quota.start(at(9.0), 1_000), Err(Refused::Tokens));
        assert_eq!(quota.start(at(10.1), 1_000), Ok(()));
    }

    #[test]
    fn a_settlement_above_the_reservation_is_owed() {
        let setup = QuotaSetup {
            tokens_per_minute: Some(60),
            bucket: at(10.0),
            ..QuotaSetup::default()
        };
        let mut quota = Quota::new(setup, at(0.0));
        assert_eq!(quota.start(at(0.0), 10), Ok(()));
        quota.settle(at(0.0), 10, 15);
        assert_eq!(quota.start(at(4.9), 0), Err(Refused::Tokens));
        assert_eq!(quota.start(at(5.1), 0), Ok(()));
    }

    #[test]
    fn requests_do_not_come_back_and_windows_refill_at_once() {
        let setup = QuotaSetup {
            requests_per_minute: Some(120),
            bucket: at(1.0),
            refill: Refill::Window,
            ..QuotaSetup::default()
        };
        let mut quota = Quota::new(setup, at(0.0));
        assert_eq!(quota.start(at(0.0), 1), Ok(()));
        quota.settle(at(0.1), 1, 1);
        assert_eq!(quota.start(at(0.2), 1), Ok(()));
        assert_eq!(quota.start(at(0.9), 1), Err(Refused::Requests));
        assert_eq!(quota.start(at(1.0), 1), Ok(()));
        assert_eq!(quota.start(at(1.0), 1), Ok(()));
        assert_eq!(quota.start(at(1.9), 1), Err(Refused::Requests));
    }
}
