//! One call: permit, lane, booking, the model, and trying again by the class of what went wrong.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::booking::Booking;
use super::item::{Item, share};
use super::{Asking, Worker};
use crate::coding::tokens::{Forecast, message_bytes};
use crate::core::money::NanoUsd;
use crate::pacing::lane::{Demand, Start};
use crate::pacing::quota::{reserved_tokens, settled_tokens};
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::model::{Answer, Incident, Request, StopReason};
use crate::telemetry::Count;
use crate::worker::warm::{Entry, Lead};

/// Throttled for so long while no call of the process was answered, a lane is parked: its quota may be 0.
const NOTHING_GETS_THROUGH: Duration = Duration::from_secs(600);

/// When the service parks a lane, no worker of the fleet starts a call in it for so long; the job is paused besides.
const PARKED_PAUSE: Duration = Duration::from_secs(60);

/// What is set aside for calls in flight comes back when they end: in less than this, unless their worker died.
const MOST_WAIT_FOR_MONEY: Duration = Duration::from_secs(300);

/// How a call ended.
pub(super) enum End {
    /// Something came back; its use is booked on the items.
    Answer(Answer),
    /// It will not be answered; the class says whether a smaller batch may be.
    Refused(PortError),
    /// Halted or drained before it was answered.
    Interrupted,
}

/// What a call needed before it could start; dropped, all of it is given back.
struct Cleared<'w> {
    start: Option<Start<'w>>,
    /// It warms the prompt cache for the others.
    lead: Option<Lead<'w>>,
}

impl Worker {
    /// Asks for `items` in one call.
    pub(super) async fn call(
        &self,
        asking: &Asking<'_>,
        items: &mut [Item<'_, '_>],
    ) -> PortResult<End> {
        let context = asking.context;
        let info = context.model.info();
        let bytes = message_bytes(items.iter().map(Item::bytes));
        let mut request = Request {
            problem_type: context.spec.problem_type,
            incidents: items
                .iter()
                .map(|item| Incident {
                    text: item.group.text.to_string(),
                    examples: item.examples.clone(),
                    fault: item.fault.clone(),
                })
                .collect(),
            max_tokens: context.tokens.forecast(items.len(), bytes).max_tokens,
            is_second_sample: asking.is_second_sample,
        };
        let number = self.retries.number();
        let began = self.ports.clock.monotonic();
        let (mut failures, mut throttles, mut has_doubled) = (0, 0, false);
        // One booking serves all tries of the call, so that a chunk that is only throttled does not look as if it got on.
        let mut booking = Booking::default();
        let mut was_throttled = false;
        let mut out_of_money = None;
        loop {
            if asking.halt.is_halted() || self.ports.shutdown.is_draining() {
                self.unbook(asking, &mut booking).await?;
                return Ok(End::Interrupted);
            }
            // Before it stands in a line: who waits for money keeps nobody else waiting.
            if info.is_paid && !self.reserve(asking, &mut booking, &request).await? {
                let now = self.ports.clock.monotonic();
                let since = *out_of_money.get_or_insert(now);
                if now.saturating_sub(since) >= MOST_WAIT_FOR_MONEY {
                    // Whoever holds the rest may be dead, and its chunk wait for a hand that waits here.
                    return Err(PortError::new(
                        ErrorClass::CostCap,
                        "what is left of the cost cap has been set aside for other calls for minutes, and none of it came back",
                    ));
                }
                let pause = Duration::from_millis(self.ports.clock.random() % 2_000);
                self.pause(asking, pause).await;
                continue;
            }
            let forecast = Forecast {
                max_tokens: request.max_tokens,
                ..context.tokens.forecast(items.len(), bytes)
            };
            self.look_again(context).await;
            let Some(mut cleared) = self.clear(asking, &forecast, was_throttled).await else {
                continue;
            };
            if asking.halt.is_halted() {
                continue;
            }
            if asking.claim.isolated {
                // Not before its turn: a row that only waits is not what a process dies of (S18).
                self.set_cursor(asking.claim, Some(items[0].group.first_row))
                    .await?;
            }
            if info.is_paid {
                self.book(asking, &mut booking).await?;
            }
            // A panic within the model's adapter fails its rows, and not its chunk.
            let answered = AssertUnwindSafe(context.model.answer(&request))
                .catch_unwind()
                .await;
            let answered = answered.unwrap_or_else(|_| {
                // It may have panicked over an answer that did come.
                Err(PortError {
                    unknown_outcome: true,
                    ..PortError::bug("the program failed on this report (a panic)")
                })
            });
            let error = match answered {
                Ok(answer) => {
                    self.count_try(asking, items);
                    self.retries.earn(self.ports.clock.monotonic());
                    let was_cut = answer.stop == StopReason::MaxTokens;
                    context
                        .tokens
                        .learn(items.len(), bytes, &answer.usage, was_cut);
                    if let Some(service) = &info.service {
                        let key = prefix_key(service);
                        if let Some(start) = cleared.start {
                            start.settled(settled_tokens(&answer.usage, service.burndown));
                        }
                        self.prefixes
                            .used(&key, &answer.usage, service.cache_ttl)
                            .await;
                    }
                    let cost = info
                        .price
                        .map_or(NanoUsd::ZERO, |price| answer.usage.cost(&price));
                    share(items, &answer.usage, cost);
                    self.metrics.answered(&answer.usage, cost);
                    self.settle_budget(asking, &mut booking, cost).await?;
                    let most = info
                        .service
                        .as_ref()
                        .map_or(u32::MAX, |s| s.max_output_tokens);
                    if was_cut && !has_doubled && request.max_tokens < most {
                        has_doubled = true;
                        request.max_tokens = request.max_tokens.saturating_mul(2).min(most);
                        asking.tally.lock().expect("no panic while held").retries += 1;
                        self.unbook(asking, &mut booking).await?;
                        continue;
                    }
                    return Ok(End::Answer(answer));
                }
                Err(error) => error,
            };
            if let Some(lead) = cleared.lead.take() {
                lead.give_up().await;
            }
            if error.class == ErrorClass::Throttled {
                // Not counted: it is the lane that is too fast, and not the row that failed (S16).
                throttles += 1;
                was_throttled = true;
                self.metrics.one(Count::Throttles);
                tracing::info!(%error, "throttled");
                let now = self.ports.clock.monotonic();
                let silent = now.saturating_sub(self.retries.last_answer().max(began));
                if silent >= NOTHING_GETS_THROUGH {
                    self.unbook(asking, &mut booking).await?;
                    let minutes = silent.as_secs() / 60;
                    let what = format!("nothing got through for {minutes} minutes: {}", error.what);
                    return Err(PortError::new(ErrorClass::LaneParked, what));
                }
                asking.tally.lock().expect("no panic while held").throttles += 1;
                let told = error.retry_after.unwrap_or_default();
                let pause = match cleared.start {
                    // The lane slows down, and its line is where this call waits.
                    Some(start) => {
                        start.throttled(error.throttle);
                        told
                    }
                    None => {
                        let backoff = self.setup.ask.throttled;
                        backoff.pause(&*self.ports.clock, throttles).max(told)
                    }
                };
                self.pause(asking, pause).await;
                continue;
            }
            if let (ErrorClass::LaneParked, Some(start)) = (error.class, cleared.start) {
                start.parked(PARKED_PAUSE);
            }
            was_throttled = false;
            self.count_try(asking, items);
            if error.unknown_outcome {
                self.metrics.one(Count::UnknownOutcomes);
                // It may have been paid for: this booking stays, the next try has one of its own.
                self.lose(asking, &mut booking).await?;
            }
            tracing::info!(class = error.class.name(), %error, "call failed");
            match error.class {
                ErrorClass::Transient => {
                    failures += 1;
                    // Turned away at the door, it is never the row's fault; failed inside, it may be.
                    let is_outage = self.retries.failed(number) || !error.unknown_outcome;
                    let is_last = failures >= self.setup.ask.transient.tries;
                    if is_last && !is_outage {
                        self.unbook(asking, &mut booking).await?;
                        return Ok(End::Refused(
                            error.context(format!("given up after {failures} tries")),
                        ));
                    }
                    if is_last || !self.retries.take() {
                        self.unbook(asking, &mut booking).await?;
                        return Err(error.context(
                            "call after call fails, so work is set aside and no row fails for it",
                        ));
                    }
                    asking.tally.lock().expect("no panic while held").retries += 1;
                    self.metrics.one(Count::Retries);
                    let pause = self.setup.ask.transient.pause(&*self.ports.clock, failures);
                    self.pause(asking, pause.max(error.retry_after.unwrap_or_default()))
                        .await;
                }
                ErrorClass::PermanentRow | ErrorClass::Bug => {
                    self.unbook(asking, &mut booking).await?;
                    return Ok(End::Refused(error));
                }
                _ => {
                    self.unbook(asking, &mut booking).await?;
                    return Err(error);
                }
            }
        }
    }

    /// Waits for the job's own rate, for the prefix to be warm and for the lane; none: a drain or a halt came first.
    async fn clear<'w>(
        &'w self,
        asking: &'w Asking<'_>,
        forecast: &Forecast,
        was_throttled: bool,
    ) -> Option<Cleared<'w>> {
        let context = asking.context;
        let waiting = async {
            let burndown = context.model.info().service.as_ref();
            let burndown = burndown.map_or(1, |service| service.burndown);
            context
                .paced(forecast.message_tokens + forecast.output_tokens * burndown)
                .await;
            let (Some(lane), Some(service)) = (&context.lane, &context.model.info().service) else {
                return Cleared {
                    start: None,
                    lead: None,
                };
            };
            let lead = match service.cache_minimum_tokens {
                Some(_) => match self.prefixes.enter(&prefix_key(service)).await {
                    Entry::Lead(lead) => Some(lead),
                    Entry::Go => None,
                },
                None => None,
            };
            // Cache reads are free of quota in the end (FACTS §1).
            let settled_prefix_tokens = match lead {
                None if forecast.is_prefix_cached => 0,
                _ => forecast.prefix_tokens,
            };
            let expected_tokens = settled_prefix_tokens
                + forecast.message_tokens
                + forecast.output_tokens * service.burndown;
            let demand = Demand {
                reserved_tokens: reserved_tokens(
                    forecast.message_tokens,
                    forecast.prefix_tokens,
                    forecast.max_tokens,
                ),
                expected_tokens,
            };
            let start = match was_throttled {
                true => lane.start_again(demand).await,
                false => lane.start_in(&context.line, demand).await,
            };
            Cleared {
                start: Some(start),
                lead,
            }
        };
        let cleared = async {
            tokio::select! {
                biased;
                cleared = waiting => Some(cleared),
                () = self.keep_looking(context) => None,
            }
        };
        self.unless_stopped(asking, cleared).await.flatten()
    }

    /// A try that the quota let through.
    fn count_try(&self, asking: &Asking<'_>, items: &mut [Item<'_, '_>]) {
        asking.tally.lock().expect("no panic while held").calls += 1;
        items.iter_mut().for_each(|item| item.attempts += 1);
    }

    /// Sleeps, but not into a drain or a halt.
    async fn pause(&self, asking: &Asking<'_>, pause: Duration) {
        self.unless_stopped(asking, self.ports.clock.sleep(pause))
            .await;
    }

    /// What `wait` comes to; none: a drain or a halt came first.
    async fn unless_stopped<T>(
        &self,
        asking: &Asking<'_>,
        wait: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            () = self.ports.shutdown.draining() => None,
            () = asking.halt.halted() => None,
            came = wait => Some(came),
        }
    }
}

/// A prefix is cached for each lane by itself.
fn prefix_key(service: &crate::ports::model::ServiceFacts) -> String {
    format!("{} {}", service.lane, service.prefix_sha256)
}
