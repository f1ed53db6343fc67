//! How many calls a quota can feed, and so how many worker tasks: more of them only wait.
//!
//! A call is charged input, cache writes and output times the model's burndown, so the quota lets so many calls start a
//! minute; what is in flight is that rate times how long an answer takes. While it is in flight a call also holds its
//! reservation (input, cache, the most output), and all reservations together have to fit a minute's worth of the quota.

/// What one call takes of a token quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTokens {
    /// Input that is charged: the message, and a prompt prefix that is not cached.
    pub input: u64,
    /// Prompt prefix that comes from the cache: reserved, not charged.
    pub cache_read: u64,
    /// Output that is expected.
    pub output: u64,
    /// The most output that is asked for.
    pub max_tokens: u32,
    /// What an output token counts.
    pub burndown: u64,
}

impl CallTokens {
    /// What the quota is charged in the end.
    pub fn charged(&self) -> u64 {
        self.input + self.output * self.burndown
    }

    /// What is held while the call is in flight.
    pub fn reserved(&self) -> u64 {
        self.input + self.cache_read + u64::from(self.max_tokens)
    }
}

/// A quota as it was told; none of both: nobody told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Tokens a minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests a minute.
    pub requests_per_minute: Option<u64>,
}

/// What holds the number of calls in flight down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Tokens a minute.
    Tokens,
    /// Requests a minute.
    Requests,
    /// Reservations: calls hold more than they are charged.
    Reservations,
    /// Nobody told a quota.
    Unknown,
}

impl Bound {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Bound::Tokens => "tokens",
            Bound::Requests => "requests",
            Bound::Reservations => "reservations",
            Bound::Unknown => "unknown",
        }
    }
}

/// What a quota can feed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    /// Calls that the quota lets start a minute; none: not told.
    pub calls_per_minute: Option<f64>,
    /// Calls that are then in flight; none: not told.
    pub by_rate: Option<f64>,
    /// Calls whose reservations fit a minute's worth; none: no token quota is told.
    pub by_reservations: Option<f64>,
    /// Calls in flight that are of use, at least 1; none: not told.
    pub useful_calls_in_flight: Option<u64>,
    /// What holds it down.
    pub bound: Bound,
    /// Worker tasks that can be fed, at least 1; 1 where no quota is told.
    pub worker_tasks_max: u64,
}

/// What `told` feeds of such calls, which take `latency_s` each, by tasks with `calls_in_flight` each.
pub fn capacity(call: &CallTokens, told: &Told, latency_s: f64, calls_in_flight: u64) -> Capacity {
    let by_tokens = told
        .tokens_per_minute
        .map(|limit| (limit as f64 / call.charged().max(1) as f64, Bound::Tokens));
    let by_requests = told
        .requests_per_minute
        .map(|limit| (limit as f64, Bound::Requests));
    let slowest = [by_tokens, by_requests]
        .into_iter()
        .flatten()
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let by_reservations = told
        .tokens_per_minute
        .map(|limit| limit as f64 / call.reserved().max(1) as f64);
    let calls_per_minute = slowest.map(|(rate, _)| rate);
    let by_rate = calls_per_minute.map(|rate| rate / 60.0 * latency_s);
    let (bound, useful) = match (slowest, by_rate, by_reservations) {
        (Some(_), Some(rate), Some(held)) if held < rate => {
            (Bound::Reservations, Some(held.floor()))
        }
        (Some((_, bound)), Some(rate), _) => (bound, Some(rate.ceil())),
        _ => (Bound::Unknown, None),
    };
    let useful_calls_in_flight = useful.map(|calls| (calls as u64).max(1));
    Capacity {
        calls_per_minute,
        by_rate,
        by_reservations,
        useful_calls_in_flight,
        bound,
        worker_tasks_max: useful_calls_in_flight
            .map_or(1, |calls| calls.div_ceil(calls_in_flight.max(1))),
    }
}

impl Capacity {
    /// Calls a minute that come to an answer with the useful number in flight; none: not told.
    pub fn answers_per_minute(&self, latency_s: f64) -> Option<f64> {
        let in_flight = self.useful_calls_in_flight? as f64;
        Some(self.calls_per_minute?.min(in_flight / latency_s * 60.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallTokens = CallTokens {
        input: 500,
        cache_read: 0,
        output: 100,
        max_tokens: 1_000,
        burndown: 5,
    };

    fn told(tokens: u64, requests: u64) -> Told {
        let some = |limit| (limit > 0).then_some(limit);
        Told {
            tokens_per_minute: some(tokens),
            requests_per_minute: some(requests),
        }
    }

    #[test]
    fn a_token_quota_feeds_what_it_is_charged_times_the_latency() {
        assert_eq!((CALL.charged(), CALL.reserved()), (1_000, 1_500));
        // 1,200 calls a minute, 20 a second, 6 s each.
        let fed = capacity(&CALL, &told(1_200_000, 0), 6.0, 32);
        assert_eq!(
            (fed.calls_per_minute, fed.by_rate),
            (Some(1_200.0), Some(120.0))
        );
        assert_eq!(
            (fed.useful_calls_in_flight, fed.worker_tasks_max),
            (Some(120), 4)
        );
        assert_eq!(
            (fed.bound, fed.answers_per_minute(6.0)),
            (Bound::Tokens, Some(1_200.0))
        );
        // Twice the time, twice the calls; no task more than the last call needs.
        assert_eq!(
            capacity(&CALL, &told(1_200_000, 0), 12.0, 32).worker_tasks_max,
            8
        );
        assert_eq!(
            capacity(&CALL, &told(1_200_000, 0), 6.0, 120).worker_tasks_max,
            1
        );
        assert_eq!(
            capacity(&CALL, &told(1_200_000, 0), 6.0, 119).worker_tasks_max,
            2
        );
    }

    #[test]
    fn the_lower_of_both_quotas_binds() {
        let fed = capacity(&CALL, &told(1_200_000, 300), 6.0, 32);
        assert_eq!(
            (fed.bound, fed.useful_calls_in_flight),
            (Bound::Requests, Some(30))
        );
        assert_eq!(fed.worker_tasks_max, 1);
        let fed = capacity(&CALL, &told(0, 300), 6.0, 32);
        assert_eq!((fed.bound, fed.by_reservations), (Bound::Requests, None));
    }

    #[test]
    fn reservations_bind_where_calls_hold_more_than_they_are_charged() {
        let cached = CallTokens {
            cache_read: 38_500,
            ..CALL
        };
        assert_eq!((cached.charged(), cached.reserved()), (1_000, 40_000));
        let fed = capacity(&cached, &told(1_200_000, 0), 6.0, 8);
        assert_eq!(
            (fed.bound, fed.useful_calls_in_flight),
            (Bound::Reservations, Some(30))
        );
        assert_eq!(fed.worker_tasks_max, 4);
        // Thirty calls of six seconds: the quota itself is not used up.
        assert_eq!(fed.answers_per_minute(6.0), Some(300.0));
    }

    #[test]
    fn a_quota_that_nobody_told_is_given_one_task_and_a_tiny_one_too() {
        let fed = capacity(&CALL, &Told::default(), 6.0, 32);
        assert_eq!(
            (fed.bound, fed.useful_calls_in_flight, fed.worker_tasks_max),
            (Bound::Unknown, None, 1)
        );
        let fed = capacity(&CALL, &told(10, 0), 6.0, 32);
        assert_eq!(
            (fed.useful_calls_in_flight, fed.worker_tasks_max),
            (Some(1), 1)
        );
    }
}
