//! A service that refuses as the quota says, and callers that keep it busy through a lane.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::adapters::memory::clock::SimClock;
use crate::core::money::Usage;
use crate::pacing::lane::{Demand, Lane, LaneSetup, LaneSnapshot};
use crate::pacing::quota::{Quota, QuotaSetup, Refill, Refused, reserved_tokens, settled_tokens};
use crate::ports::Clock;
use crate::ports::error::Throttle;

/// The shapes a quota may have: name, length of its bucket in seconds, how it refills.
pub(super) const SHAPES: [(&str, u64, Refill); 4] = [
    ("60 s bucket", 60, Refill::Continuous),
    ("10 s bucket", 10, Refill::Continuous),
    ("1 s bucket", 1, Refill::Continuous),
    ("60 s window", 60, Refill::Window),
];

/// A quota of one of the [`SHAPES`].
pub(super) fn quota(
    shape: (&str, u64, Refill),
    tokens: Option<u64>,
    requests: Option<u64>,
) -> QuotaSetup {
    QuotaSetup {
        tokens_per_minute: tokens,
        requests_per_minute: requests,
        bucket: Duration::from_secs(shape.1),
        refill: shape.2,
        burndown: 5,
    }
}

/// What a trial is about.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) seed: u64,
    pub(super) lane: LaneSetup,
    pub(super) quota: QuotaSetup,
    /// Limits that change at a second of the trial: tokens, requests.
    pub(super) changes: Vec<(u64, Option<u64>, Option<u64>)>,
    /// Callers, each with one call at a time.
    pub(super) callers: usize,
    /// Calls in all; none: until the time is over.
    pub(super) calls: Option<u64>,
    pub(super) seconds: u64,
    /// Milliseconds that an answer takes, from and to.
    pub(super) answer_ms: (u64, u64),
    /// Milliseconds that a refusal takes, from and to.
    pub(super) refusal_ms: (u64, u64),
    /// One in so many calls is refused at random; none: none is.
    pub(super) fault_every: Option<u64>,
    /// Tokens of the prompt that a call reads from the cache.
    pub(super) cached_tokens: u64,
    /// Whether a refusal says which quota it was.
    pub(super) says_which: bool,
}

impl Trial {
    /// Callers with answers of 0.5 to 8 s who ask for about three times a million tokens a minute, for 20 minutes.
    pub(super) fn new(seed: u64, lane: LaneSetup, quota: QuotaSetup) -> Trial {
        Trial {
            seed,
            lane,
            quota,
            changes: Vec::new(),
            callers: 71,
            calls: None,
            seconds: 1_200,
            answer_ms: (500, 8_000),
            refusal_ms: (20, 100),
            fault_every: None,
            cached_tokens: 0,
            says_which: true,
        }
    }

    /// Runs it; `is_paced` false: without the lane, asking again every five milliseconds, which is the best there is.
    pub(super) async fn run(&self, is_paced: bool) -> Outcome {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(self.seed));
        let service = Service::new(clock.clone(), self);
        // A window did not begin when the lane did.
        let early = Duration::from_secs_f64(60.0 * service.share());
        clock.sleep(early).await;
        let lane = Lane::new(clock.clone(), self.lane);
        let begin = service.begin();
        let mut callers: FuturesUnordered<_> = (0..self.callers)
            .map(|_| service.keep_busy(is_paced.then_some(&lane)))
            .collect();
        let all = async { while callers.next().await.is_some() {} };
        tokio::select! {
            biased;
            () = all => {}
            () = service.change_limits(&self.changes) => unreachable!("sleeps on"),
            () = clock.sleep(Duration::from_secs(self.seconds)) => {}
        }
        let took = clock.monotonic() - begin;
        drop(callers);
        service.outcome(took, lane.snapshot())
    }
}

/// What came of a trial; times are seconds of the trial.
pub(super) struct Outcome {
    pub(super) took: Duration,
    pub(super) snapshot: LaneSnapshot,
    settled: Vec<(f64, u64)>,
    started: Vec<f64>,
    refused: Vec<f64>,
}

impl Outcome {
    /// Calls that were answered.
    pub(super) fn answered(&self) -> usize {
        self.settled.len()
    }

    /// Starts that were refused.
    pub(super) fn refused(&self) -> usize {
        self.refused.len()
    }

    /// The first refusal from `second` on.
    pub(super) fn first_refusal(&self, second: f64) -> Option<f64> {
        self.refused.iter().copied().find(|at| *at >= second)
    }

    /// Settled tokens a minute.
    pub(super) fn settled_per_minute(&self, from: f64, to: f64) -> f64 {
        let within = self
            .settled
            .iter()
            .filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, tokens)| *tokens as f64).sum::<f64>() / (to - from) * 60.0
    }

    /// The share of starts that were refused.
    pub(super) fn refused_share(&self, from: f64, to: f64) -> f64 {
        let count = |times: &[f64]| times.iter().filter(|at| (from..to).contains(*at)).count();
        count(&self.refused) as f64 / count(&self.started).max(1) as f64
    }
}

/// A call that the service answers, also when its caller is gone by then (it settles early, in that case).
struct Settles<'s> {
    service: &'s Service,
    reserved: u64,
    settled: u64,
}

impl Drop for Settles<'_> {
    fn drop(&mut self) {
        let Settles {
            service,
            reserved,
            settled,
        } = *self;
        let now = service.clock.monotonic();
        let mut quota = service.quota.lock().expect("no panic");
        quota.settle(now, reserved, settled);
        drop(quota);
        service.note(|notes, at| notes.settled.push((at, settled)));
    }
}

#[derive(Default)]
struct Notes {
    begin: Duration,
    asked: u64,
    settled: Vec<(f64, u64)>,
    started: Vec<f64>,
    refused: Vec<f64>,
}

pub(super) struct Service {
    clock: Arc<dyn Clock>,
    trial: Trial,
    quota: Mutex<Quota>,
    notes: Mutex<Notes>,
}

impl Service {
    pub(super) fn new(clock: Arc<dyn Clock>, trial: &Trial) -> Service {
        let quota = Quota::new(trial.quota, clock.monotonic());
        Service {
            clock,
            trial: trial.clone(),
            quota: Mutex::new(quota),
            notes: Mutex::default(),
        }
    }

    /// The trial begins now.
    pub(super) fn begin(&self) -> Duration {
        let begin = self.clock.monotonic();
        self.notes.lock().expect("no panic").begin = begin;
        begin
    }

    /// What came of the trial.
    pub(super) fn outcome(&self, took: Duration, snapshot: LaneSnapshot) -> Outcome {
        let notes = std::mem::take(&mut *self.notes.lock().expect("no panic"));
        Outcome {
            took,
            snapshot,
            settled: notes.settled,
            started: notes.started,
            refused: notes.refused,
        }
    }

    /// A random number from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        (self.clock.random() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn between(&self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.share()
    }

    async fn pass(&self, (from, to): (u64, u64)) {
        let ms = self.between(from as f64, to as f64);
        self.clock.sleep(Duration::from_secs_f64(ms / 1e3)).await;
    }

    fn note(&self, put: impl FnOnce(&mut Notes, f64)) {
        let mut notes = self.notes.lock().expect("no panic");
        let at = (self.clock.monotonic() - notes.begin).as_secs_f64();
        put(&mut notes, at);
    }

    /// What the next call asks, and what it will settle at: up to 30 % beside the prediction, with two to four times
    /// the output reserved. None: all calls were asked.
    fn next_call(&self) -> Option<(Demand, u64)> {
        let mut is_over = false;
        self.note(|notes, _| {
            is_over = self.trial.calls.is_some_and(|calls| notes.asked >= calls);
            notes.asked += 1;
        });
        if is_over {
            return None;
        }
        let usage = Usage {
            input_tokens: self.between(500.0, 3_000.0) as u64,
            output_tokens: self.between(100.0, 400.0) as u64,
            cache_read_tokens: self.trial.cached_tokens,
            ..Usage::default()
        };
        let most_output = usage.output_tokens as f64 * self.between(2.0, 4.0);
        let settled = settled_tokens(&usage, self.trial.quota.burndown);
        let demand = Demand {
            reserved_tokens: reserved_tokens(
                usage.input_tokens,
                usage.cache_read_tokens,
                most_output as u32,
            ),
            expected_tokens: (settled as f64 * self.between(0.7, 1.3)) as u64,
        };
        Some((demand, settled))
    }

    async fn answer(&self, reserved: u64, settled: u64) -> Result<(), Throttle> {
        self.note(|notes, at| notes.started.push(at));
        let is_fault = self
            .trial
            .fault_every
            .is_some_and(|every| self.clock.random().is_multiple_of(every));
        let taken = match is_fault {
            true => Err(Refused::Tokens),
            false => self
                .quota
                .lock()
                .expect("no panic")
                .start(self.clock.monotonic(), reserved),
        };
        if let Err(which) = taken {
            self.note(|notes, at| notes.refused.push(at));
            self.pass(self.trial.refusal_ms).await;
            return Err(match which {
                Refused::Tokens => Throttle::Tokens,
                Refused::Requests => Throttle::Requests,
            });
        }
        let _settles = Settles {
            service: self,
            reserved,
            settled,
        };
        self.pass(self.trial.answer_ms).await;
        Ok(())
    }

    pub(super) async fn keep_busy(&self, lane: Option<&Lane>) {
        while let Some((demand, settled)) = self.next_call() {
            let Some(lane) = lane else {
                while self.answer(demand.reserved_tokens, settled).await.is_err() {
                    self.clock.sleep(Duration::from_millis(5)).await;
                }
                continue;
            };
            let mut start = lane.start(demand).await;
            while let Err(which) = self.answer(demand.reserved_tokens, settled).await {
                start.throttled(self.trial.says_which.then_some(which));
                start = lane.start_again(demand).await;
            }
            start.settled(settled);
        }
    }

    pub(super) async fn change_limits(&self, changes: &[(u64, Option<u64>, Option<u64>)]) {
        let mut passed = 0;
        for (second, tokens, requests) in changes {
            self.clock.sleep(Duration::from_secs(second - passed)).await;
            passed = *second;
            let now = self.clock.monotonic();
            let mut quota = self.quota.lock().expect("no panic");
            quota.set_limits(now, *tokens, *requests);
        }
        std::future::pending().await
    }
}
