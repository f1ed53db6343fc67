//! One call: permit, booking, the model, and trying again by the class of what went wrong.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;

use super::item::{Item, share};
use super::{Asking, Worker, still};
use crate::core::money::NanoUsd;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::model::{Answer, Incident, Request, StopReason};
use crate::ports::retry::{Backoff, retry};

/// Output tokens that one report and problem type are given at first; a cut answer is asked again with double.
const TOKENS_A_PROBLEM: u32 = 500;

/// How a call ended.
pub(super) enum End {
    /// Something came back; its use is booked on the items.
    Answer(Answer),
    /// It will not be answered; the class says whether a smaller batch may be.
    Refused(PortError),
    /// Halted or drained before it was answered.
    Interrupted,
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
        let _permit = context
            .calls
            .acquire()
            .await
            .map_err(|_| PortError::bug("the permits are closed"))?;
        let problems = context.spec.problem_type.problems().len() as u32;
        let mut request = Request {
            problem_type: context.spec.problem_type,
            incidents: items
                .iter()
                .map(|item| Incident {
                    text: item.group.text.to_string(),
                    fault: item.fault.clone(),
                })
                .collect(),
            max_tokens: TOKENS_A_PROBLEM * problems * items.len() as u32,
        };
        let (mut failures, mut throttles, mut has_doubled) = (0, 0, false);
        // The call is in the ledger's books; one booking serves all its tries, so that a chunk that is only throttled does
        // not look as if it got on.
        let mut is_booked = false;
        loop {
            if asking.halted.load(Ordering::Relaxed) || self.ports.shutdown.is_draining() {
                self.unbook(asking, is_booked).await?;
                return Ok(End::Interrupted);
            }
            context.pacer.start().await;
            if asking.claim.isolated {
                // Not before its turn: a row that only waits is not what a process dies of (S18).
                self.set_cursor(asking.claim, Some(items[0].group.first_row))
                    .await?;
            }
            if info.is_paid && !is_booked {
                // I8: before the call starts. Saying it twice makes the count too high, never too low.
                let intended = retry(&*self.ports.clock, Backoff::STORAGE, || {
                    self.ports.ledger.calls_intended(asking.claim, 1)
                })
                .await?;
                still(intended)?;
                is_booked = true;
            }
            asking.tally.lock().expect("no panic while held").calls += 1;
            items.iter_mut().for_each(|item| item.attempts += 1);
            // A panic within the model's adapter fails its rows, and not its chunk.
            let answered = AssertUnwindSafe(context.model.answer(&request))
                .catch_unwind()
                .await;
            let answered = answered.unwrap_or_else(|_| {
                Err(PortError::bug(
                    "the program failed on this report (a panic)",
                ))
            });
            let error = match answered {
                Ok(answer) => {
                    let cost = info
                        .price
                        .map_or(NanoUsd::ZERO, |price| answer.usage.cost(&price));
                    share(items, &answer.usage, cost);
                    if answer.stop == StopReason::MaxTokens && !has_doubled {
                        has_doubled = true;
                        request.max_tokens *= 2;
                        asking.tally.lock().expect("no panic while held").retries += 1;
                        self.unbook(asking, is_booked).await?;
                        is_booked = false;
                        continue;
                    }
                    return Ok(End::Answer(answer));
                }
                Err(error) => error,
            };
            if error.unknown_outcome {
                // It may have been paid for: this booking stays, the next try has one of its own.
                is_booked = false;
            }
            let pause = match error.class {
                ErrorClass::LaneParked | ErrorClass::PermanentJob | ErrorClass::LostClaim => {
                    self.unbook(asking, is_booked).await?;
                    return Err(error);
                }
                ErrorClass::PermanentRow | ErrorClass::Bug => {
                    self.unbook(asking, is_booked).await?;
                    return Ok(End::Refused(error));
                }
                ErrorClass::Throttled => {
                    throttles += 1;
                    asking.tally.lock().expect("no panic while held").throttles += 1;
                    self.setup
                        .ask
                        .throttled
                        .pause(&*self.ports.clock, throttles)
                }
                ErrorClass::Transient => {
                    failures += 1;
                    if failures >= self.setup.ask.transient.tries {
                        self.unbook(asking, is_booked).await?;
                        return Ok(End::Refused(
                            error.context(format!("given up after {failures} tries")),
                        ));
                    }
                    asking.tally.lock().expect("no panic while held").retries += 1;
                    self.setup.ask.transient.pause(&*self.ports.clock, failures)
                }
            };
            self.pause(pause.max(error.retry_after.unwrap_or_default()))
                .await;
        }
    }

    /// Takes a call out of the books that was certainly not paid for, or whose answer is of no use.
    async fn unbook(&self, asking: &Asking<'_>, is_booked: bool) -> PortResult<()> {
        if is_booked {
            self.settle_call(asking).await
        } else {
            Ok(())
        }
    }

    /// Sleeps, but not into a drain.
    async fn pause(&self, pause: Duration) {
        tokio::select! {
            biased;
            () = self.ports.shutdown.draining() => {}
            () = self.ports.clock.sleep(pause) => {}
        }
    }
}
