//! A call in the ledger's books, from before it starts until its answer is stored (I8), and what is set aside for it under
//! the job's cost cap (I9).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Asking, Worker, still};
use crate::coding::incidents::user_message;
use crate::core::job::Reserved;
use crate::core::money::NanoUsd;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::model::Request;
use crate::ports::retry::{Backoff, retry, retry_unless_unknown};

/// Answers between two words to the ledger that a chunk gets on.
const GETS_ON_EVERY: u64 = 32;

/// Places in the ledger's books that a chunk's calls hand on to each other: so many calls may be in flight, whichever they
/// are. Saves two writes a call; and who needs new ones at the same time takes them in one word.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Those that are free, and how often one was given back.
    free_and_left: Mutex<(u64, u64)>,
    /// Calls that are about to start and have none.
    wanted: AtomicU64,
    /// One word to the ledger at a time.
    turn: tokio::sync::Mutex<()>,
    /// Calls of the chunk that have not begun yet, as far as is known.
    to_come: AtomicU64,
}

impl Places {
    /// Takes a free place; false: there is none.
    fn take(&self) -> bool {
        let (free, _) = &mut *self.free_and_left.lock().expect("no panic while held");
        let may = *free > 0;
        *free -= u64::from(may);
        may
    }

    /// Gives a place back; true: it is time to say that the chunk gets on.
    fn leave(&self) -> bool {
        let (free, left) = &mut *self.free_and_left.lock().expect("no panic while held");
        *free += 1;
        *left += 1;
        left.is_multiple_of(GETS_ON_EVERY)
    }

    /// Leaves one place taken for good: its call was paid for, and its answer is lost.
    pub(super) fn keep_one(&self) {
        let (free, _) = &mut *self.free_and_left.lock().expect("no panic while held");
        *free = free.saturating_sub(1);
    }

    /// Counts a call that wants a place, until it has one or is dropped.
    fn want(&self) -> Wanted<'_> {
        self.wanted.fetch_add(1, Ordering::Relaxed);
        Wanted(self)
    }

    /// Adds places that were just booked.
    fn add(&self, places: u64) {
        self.free_and_left.lock().expect("no panic while held").0 += places;
    }

    /// So many calls more are to come.
    pub(super) fn expect(&self, calls: u64) {
        self.to_come.fetch_add(calls, Ordering::Relaxed);
    }

    /// One of them begins; true: it was the last, so that nobody needs the places that are free.
    fn begins(&self) -> bool {
        let less = |calls: u64| calls.checked_sub(1);
        let before = self
            .to_come
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        before == Ok(1)
    }

    /// All that are free.
    fn take_all(&self) -> u64 {
        std::mem::take(&mut self.free_and_left.lock().expect("no panic while held").0)
    }
}

/// A call that wants a place.
struct Wanted<'p>(&'p Places);

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.wanted.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is booked for a call.
#[derive(Debug, Default)]
pub(super) struct Booking {
    is_counted: bool,
    reserved: Option<NanoUsd>,
}

impl Worker {
    /// Sets aside what a call may cost, if the job has a cap; false: not now, calls in flight hold what is left of it.
    pub(super) async fn reserve(
        &self,
        asking: &Asking<'_>,
        booking: &mut Booking,
        request: &Request,
    ) -> PortResult<bool> {
        let context = asking.context;
        if context.limits().max_cost.is_none() || booking.reserved.is_some() {
            return Ok(true);
        }
        let price = context.model.info().price.ok_or_else(|| {
            PortError::permanent_job(
                "a cost cap cannot be kept for a model whose price is not known: give it in a models file (--models)",
            )
        })?;
        // As it is sent: escapes make a text longer.
        let message_bytes = user_message(&request.incidents).len() as u64;
        let most = context
            .tokens
            .upper_bound(message_bytes, request.max_tokens, &price);
        // Not said twice: whatever became of it, it is let go of with the claim.
        let reserved = retry_unless_unknown(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.budget_reserve(asking.claim, most)
        })
        .await?;
        match reserved {
            Reserved::Yes => {
                booking.reserved = Some(most);
                Ok(true)
            }
            Reserved::Later => Ok(false),
            Reserved::OverCap { cap, spent } => Err(PortError::new(
                ErrorClass::CostCap,
                format!(
                    "the cost cap of {cap} USD leaves no room for another call: {spent} USD are spent, and a call costs up to \
                     {most} USD"
                ),
            )),
            Reserved::Lost => Err(PortError::new(ErrorClass::LostClaim, "the claim was lost")),
        }
    }

    /// Books a call that is about to start.
    pub(super) async fn book(&self, asking: &Asking<'_>, booking: &mut Booking) -> PortResult<()> {
        let places = &asking.places;
        if !booking.is_counted && !places.take() {
            let _wanted = places.want();
            let _turn = places.turn.lock().await;
            // Perhaps whoever had the turn before booked for this call, too.
            if !places.take() {
                let calls = places.wanted.load(Ordering::Relaxed).max(1);
                // I8: before the calls start. Saying it twice makes the count too high, never too low.
                let intended = retry(&*self.ports.clock, Backoff::STORAGE, || {
                    self.ports.ledger.calls_intended(asking.claim, calls)
                })
                .await?;
                still(intended)?;
                places.add(calls - 1);
            }
        }
        if !std::mem::replace(&mut booking.is_counted, true) && places.begins() {
            // The permits go to the next chunk: what stood free here would count as lost if the process died now.
            return self.close_books(asking).await;
        }
        Ok(())
    }

    /// A call that may have been paid for, and whose answer nobody will see: its place in the books stays taken, and what
    /// was set aside for it is spent.
    pub(super) async fn lose(&self, asking: &Asking<'_>, booking: &mut Booking) -> PortResult<()> {
        let most = booking.reserved.unwrap_or_default();
        self.settle_budget(asking, booking, most).await?;
        booking.is_counted = false;
        Ok(())
    }

    /// Takes a call out of the books that was certainly not paid for, or whose cost is settled and whose answer is of no use.
    pub(super) async fn unbook(
        &self,
        asking: &Asking<'_>,
        booking: &mut Booking,
    ) -> PortResult<()> {
        self.settle_budget(asking, booking, NanoUsd::ZERO).await?;
        if std::mem::take(&mut booking.is_counted) {
            self.settle_call(asking).await?;
        }
        Ok(())
    }

    /// Ends what was set aside for a call that cost `spent`.
    pub(super) async fn settle_budget(
        &self,
        asking: &Asking<'_>,
        booking: &mut Booking,
        spent: NanoUsd,
    ) -> PortResult<()> {
        let Some(reserved) = booking.reserved.take() else {
            return Ok(());
        };
        let settled = retry_unless_unknown(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports
                .ledger
                .budget_settle(asking.claim, reserved, spent)
        })
        .await;
        said_once(settled)
    }

    /// A call that is over leaves its place in the ledger's books to the next one; calls that cost nothing had none. Now and
    /// then the ledger is told that the chunk gets on.
    pub(super) async fn settle_call(&self, asking: &Asking<'_>) -> PortResult<()> {
        let is_paid = asking.context.model.info().is_paid;
        match is_paid && asking.places.leave() {
            true => self.say_settled(asking, 0).await,
            false => Ok(()),
        }
    }

    /// Takes the places that nobody uses any more off the ledger's list of possibly lost calls. Said once only: a lost answer
    /// leaves the count too high, a second saying could make it too low.
    pub(super) async fn close_books(&self, asking: &Asking<'_>) -> PortResult<()> {
        match asking.places.take_all() {
            0 => Ok(()),
            free => self.say_settled(asking, free).await,
        }
    }

    async fn say_settled(&self, asking: &Asking<'_>, calls: u64) -> PortResult<()> {
        let settled = retry_unless_unknown(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.calls_settled(asking.claim, calls)
        })
        .await;
        said_once(settled)
    }
}

/// An open outcome is let be: what was not taken off the books stays on them.
fn said_once(settled: PortResult<crate::ports::ledger::Held>) -> PortResult<()> {
    match settled {
        Err(error) if error.unknown_outcome => Ok(()),
        settled => still(settled?),
    }
}
