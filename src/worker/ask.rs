//! From texts to answers: stored ones first, then calls in batches, each answer checked, repaired where that helps,
//! and stored before anything else is done with it (I8, I10).

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Mutex;

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::Worker;
use super::context::JobContext;
use super::flights::Flight;
use super::order::Place;
use crate::coding::batch::pack;
use crate::coding::examples::EXAMPLE_BYTES;
use crate::coding::key::KeyBase;
use crate::core::answer::AnswerKey;
use crate::core::chunk::Claim;
use crate::core::ids::RowNo;
use crate::core::tally::Tally;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::ledger::Held;
use crate::ports::model::Example;
use crate::ports::retry::{Backoff, retry};

mod batch;
mod booking;
mod call;
mod halt;
mod item;
mod sample;
mod sort;

use halt::Halt;
pub(super) use item::{Answered, Both, Group};

/// How calls are made and repeated.
#[derive(Debug, Clone, Copy)]
pub struct AskSetup {
    /// For transient errors of the model.
    pub transient: Backoff,
    /// Pauses after a throttle; its tries do not count.
    pub throttled: Backoff,
    /// How often a report whose answer was not valid is asked again, alone and with the fault named.
    pub repairs: u32,
}

impl Default for AskSetup {
    fn default() -> Self {
        use std::time::Duration;
        let backoff = |tries| Backoff {
            tries,
            first: Duration::from_secs(1),
            most: Duration::from_secs(30),
        };
        AskSetup {
            transient: backoff(8),
            throttled: backoff(u32::MAX),
            repairs: 2,
        }
    }
}

/// What the calls of one chunk share.
struct Asking<'a> {
    claim: &'a Claim,
    context: &'a JobContext,
    tally: Mutex<Tally>,
    places: booking::Places,
    /// Calls whose answers an earlier claim of this chunk paid for and stored, by their request ids.
    earlier_calls: Mutex<BTreeSet<String>>,
    halt: Halt,
    /// The first answers are there, and second samples are asked for.
    is_second_sample: bool,
}

impl Asking<'_> {
    /// The key under which a group's answer of this asking is kept.
    fn key_of(&self, group: &Group<'_>) -> AnswerKey {
        match self.is_second_sample {
            true => group.sample_key.expect("second samples are asked for"),
            false => group.key,
        }
    }

    /// The keys under which others find it; none: they are the same.
    fn keys_for_others(&self) -> Option<&KeyBase> {
        match (self.is_second_sample, &self.context.samples) {
            (true, Some(samples)) => samples.for_others.as_ref(),
            _ => self.context.keys_for_others.as_ref(),
        }
    }
}

/// A group that is asked for here and by nobody else.
struct Mine<'f> {
    position: usize,
    /// Lands when it is dropped; none: answers cost nothing, and nobody waits for them.
    _flight: Option<Flight<'f>>,
    examples: Vec<Example>,
}

/// Flights for second samples, by position: taken with those of the first answers, so that who asks for a text first asks
/// for it a second time, too, and the calls of an undisturbed run stay a function of the file.
type HeldSamples<'f> = BTreeMap<usize, Flight<'f>>;

impl Worker {
    /// Answers for all groups, in their order; none: a drain came first. Calls are counted into `tally`.
    pub(super) async fn ask(
        &self,
        claim: &Claim,
        context: &JobContext,
        groups: &[Group<'_>],
        place: Place<'_>,
        tally: &mut Tally,
    ) -> PortResult<Option<Vec<Both>>> {
        let mut asking = Asking {
            claim,
            context,
            tally: Mutex::default(),
            places: booking::Places::default(),
            earlier_calls: Mutex::default(),
            halt: Halt::default(),
            is_second_sample: false,
        };
        let (mut answers, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let mut held = HeldSamples::new();
        // Before the turn, so that nobody waits here with a turn that an earlier chunk waits for.
        tokio::select! {
            biased;
            () = self.ports.shutdown.draining() => return Ok(None),
            () = place.turn() => {}
        }
        let turn = async {
            match claim.isolated {
                true => (Some(self.turns.write().await), None),
                false => (None, Some(self.turns.read().await)),
            }
        };
        let _turn = tokio::select! {
            biased;
            () = self.ports.shutdown.draining() => return Ok(None),
            turn = turn => turn,
        };
        let mut done = if claim.isolated {
            drop(place);
            self.ask_one_by_one(&asking, groups, &mut answers).await
        } else {
            self.ask_all(&asking, groups, Some(place), &mut held, &mut answers)
                .await
        };
        if matches!(done, Ok(true)) && context.samples.is_some() {
            asking.is_second_sample = true;
            done = self
                .ask_samples(&asking, groups, &answers, held, &mut samples)
                .await;
        }
        // However it ended: what is not in flight any more is no call that may be paid twice.
        let closed = self.close_books(&asking).await;
        let done = done?;
        closed?;
        *tally = asking.tally.into_inner().expect("no panic while held");
        let earlier = asking.earlier_calls.into_inner();
        tally.calls += earlier.expect("no panic while held").len() as u64;
        let both = answers.into_iter().map(|(position, first)| Both {
            first,
            sample: samples.remove(&position),
        });
        Ok(done.then(|| both.collect()))
    }

    /// S18: one row at a time, with the cursor in the ledger on it from before its call starts until it is answered.
    async fn ask_one_by_one(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<bool> {
        for (position, group) in groups.iter().enumerate() {
            let mut one = BTreeMap::new();
            if !self
                .ask_all(
                    asking,
                    std::slice::from_ref(group),
                    None,
                    &mut HeldSamples::new(),
                    &mut one,
                )
                .await?
            {
                return Ok(false);
            }
            self.set_cursor(asking.claim, None).await?;
            answers.extend(one.into_values().map(|answered| (position, answered)));
        }
        Ok(true)
    }

    async fn set_cursor(&self, claim: &Claim, row: Option<RowNo>) -> PortResult<()> {
        let held = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.set_cursor(claim, row)
        })
        .await?;
        still(held)
    }

    /// `held`: for first answers, takes the flights of second samples; for second samples, gives them.
    async fn ask_all<'w>(
        &'w self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        mut place: Option<Place<'_>>,
        held: &mut HeldSamples<'w>,
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<bool> {
        let is_paid = asking.context.model.info().is_paid;
        while answers.len() < groups.len() {
            let mut landing = pin!(self.flights.landing());
            landing.as_mut().enable();
            let mut mine: Vec<Mine<'_>> = Vec::new();
            for (position, group) in groups.iter().enumerate() {
                if answers.contains_key(&position) {
                    continue;
                }
                let flight = match (is_paid, held.remove(&position)) {
                    (false, _) => None,
                    (true, Some(flight)) if asking.is_second_sample => Some(flight),
                    (true, _) => match self.flights.take(asking.key_of(group)) {
                        Some(flight) => Some(flight),
                        None => continue,
                    },
                };
                if let (false, true, Some(key)) =
                    (asking.is_second_sample, is_paid, group.sample_key)
                {
                    held.extend(self.flights.take(key).map(|flight| (position, flight)));
                }
                mine.push(Mine {
                    position,
                    _flight: flight,
                    examples: Vec::new(),
                });
            }
            // It has chosen: later chunks may.
            drop(place.take());
            if mine.is_empty() {
                // Somebody is asking for all that is left: their answers will be stored.
                tokio::select! {
                    biased;
                    () = self.ports.shutdown.draining() => return Ok(false),
                    () = landing => continue,
                }
            }
            if is_paid {
                self.take_stored(asking, groups, &mut mine, answers).await?;
            }
            if !self.ask_mine(asking, groups, mine, answers).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes what was paid for before.
    async fn take_stored(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        mine: &mut Vec<Mine<'_>>,
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<()> {
        let keys: Vec<AnswerKey> = mine
            .iter()
            .map(|mine| asking.key_of(&groups[mine.position]))
            .collect();
        let stored = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.answers.get(&keys)
        })
        .await?;
        let mut stored = stored.into_iter();
        mine.retain(|mine| match stored.next().flatten() {
            Some(paid) => {
                if asking.context.is_payer(&paid.payer, asking.claim.key.chunk) {
                    let mut earlier = asking.earlier_calls.lock().expect("no panic while held");
                    earlier.insert(paid.request_id.clone());
                }
                answers.insert(mine.position, Answered::Answer(paid));
                false
            }
            None => true,
        });
        Ok(())
    }

    /// Asks for everything in `mine`, in batches that run side by side.
    async fn ask_mine(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        mut mine: Vec<Mine<'_>>,
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<bool> {
        let batch_size = if asking.claim.isolated {
            1
        } else {
            asking.context.spec.batch_size
        };
        if asking.is_second_sample {
            sample::reorder(&mut mine, batch_size);
        }
        self.look_up_examples(asking, groups, &mut mine, answers)
            .await?;
        // By the number of examples and not by their bytes: an estimate packs the same calls without looking them up.
        let examples = asking.context.spec.precedents as usize * EXAMPLE_BYTES;
        let bytes = mine
            .iter()
            .map(|mine| groups[mine.position].text.len() + examples);
        let calls = pack(bytes, batch_size);
        asking.places.expect(calls.len() as u64);
        let mut left = mine.into_iter();
        let batches = calls
            .into_iter()
            .map(|call| left.by_ref().take(call.len()).collect::<Vec<_>>());
        // All at once: the job's permits say how many calls are really made side by side.
        let mut running = FuturesUnordered::new();
        for batch in batches {
            running.push(self.ask_batch(asking, groups, batch));
        }
        let (mut complete, mut failed) = (true, None);
        while let Some(ended) = running.next().await {
            match ended {
                Ok(Some(batch)) => answers.extend(batch),
                Ok(None) => complete = false,
                Err(error) => {
                    // Calls in flight are paid for: they are awaited and stored, only no new one starts.
                    asking.halt.halt();
                    // What ends the job tells more than the loss of a claim that may follow from it.
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(complete),
        }
    }
}

/// Lost claims as an error, to leave by `?`.
fn still(held: Held) -> PortResult<()> {
    match held {
        Held::Yes => Ok(()),
        Held::Lost => Err(PortError::new(ErrorClass::LostClaim, "the claim was lost")),
    }
}
