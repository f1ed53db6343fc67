//! From texts to answers: stored ones first, then calls in batches, each answer checked, repaired where that helps,
//! and stored before anything else is done with it (I8, I10).

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::Worker;
use super::context::JobContext;
use super::flights::Flight;
use crate::coding::validate::{Checked, validate};
use crate::core::answer::{AnswerKey, IncidentAnswer, PaidAnswer, Payer};
use crate::core::chunk::Claim;
use crate::core::ids::RowNo;
use crate::core::money::{NanoUsd, Usage, split};
use crate::core::tally::Tally;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::ledger::Held;
use crate::ports::model::{Answer, StopReason};
use crate::ports::retry::{Backoff, retry, retry_unless_unknown};

mod call;

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

/// Rows of a chunk that share a text.
pub(super) struct Group<'r> {
    pub(super) key: AnswerKey,
    /// As it is sent.
    pub(super) text: &'r str,
    /// The row that pays.
    pub(super) first_row: RowNo,
    /// Positions in the chunk.
    pub(super) rows: Vec<usize>,
}

/// What a group got.
#[derive(Debug, Clone)]
pub(super) enum Answered {
    Answer(PaidAnswer),
    Failed {
        /// For the summary's counts.
        kind: &'static str,
        reason: String,
        kept: IncidentAnswer,
        usage: Usage,
        cost: NanoUsd,
        attempts: u32,
    },
}

/// One report on its way through calls.
struct Item<'g, 'r> {
    position: usize,
    group: &'g Group<'r>,
    fault: Option<String>,
    repairs_left: u32,
    usage: Usage,
    cost: NanoUsd,
    attempts: u32,
}

/// What the calls of one chunk share.
struct Asking<'a> {
    claim: &'a Claim,
    context: &'a JobContext,
    tally: Mutex<Tally>,
    /// Set once something ends the chunk: no further call starts, those in flight are awaited and stored.
    halted: AtomicBool,
}

impl Worker {
    /// Answers for all groups, in their order; none: a drain came first. Calls are counted into `tally`.
    pub(super) async fn ask(
        &self,
        claim: &Claim,
        context: &JobContext,
        groups: &[Group<'_>],
        tally: &mut Tally,
    ) -> PortResult<Option<Vec<Answered>>> {
        let asking = Asking {
            claim,
            context,
            tally: Mutex::default(),
            halted: AtomicBool::new(false),
        };
        let mut answers = BTreeMap::new();
        let done = if claim.isolated {
            self.ask_one_by_one(&asking, groups, &mut answers).await?
        } else {
            self.ask_all(&asking, groups, &mut answers).await?
        };
        *tally = asking.tally.into_inner().expect("no panic while held");
        Ok(done.then(|| answers.into_values().collect()))
    }

    /// S18: one row at a time, with the cursor in the ledger set before anything is done with it.
    async fn ask_one_by_one(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<bool> {
        for (position, group) in groups.iter().enumerate() {
            self.set_cursor(asking.claim, Some(group.first_row)).await?;
            let mut one = BTreeMap::new();
            if !self
                .ask_all(asking, std::slice::from_ref(group), &mut one)
                .await?
            {
                return Ok(false);
            }
            answers.extend(one.into_values().map(|answered| (position, answered)));
        }
        self.set_cursor(asking.claim, None).await?;
        Ok(true)
    }

    async fn set_cursor(&self, claim: &Claim, row: Option<RowNo>) -> PortResult<()> {
        let held = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.set_cursor(claim, row)
        })
        .await?;
        still(held)
    }

    async fn ask_all(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<bool> {
        let is_paid = asking.context.model.info().is_paid;
        while answers.len() < groups.len() {
            let mut landing = pin!(self.flights.landing());
            landing.as_mut().enable();
            let mut mine: Vec<(usize, Option<Flight<'_>>)> = Vec::new();
            for (position, group) in groups.iter().enumerate() {
                if answers.contains_key(&position) {
                    continue;
                }
                match is_paid.then(|| self.flights.take(group.key)) {
                    None => mine.push((position, None)),
                    Some(Some(flight)) => mine.push((position, Some(flight))),
                    Some(None) => {}
                }
            }
            if mine.is_empty() {
                // Somebody is asking for all that is left: their answers will be stored.
                tokio::select! {
                    biased;
                    () = self.ports.shutdown.draining() => return Ok(false),
                    () = landing => continue,
                }
            }
            if is_paid {
                self.take_stored(groups, &mut mine, answers).await?;
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
        groups: &[Group<'_>],
        mine: &mut Vec<(usize, Option<Flight<'_>>)>,
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<()> {
        let keys: Vec<AnswerKey> = mine
            .iter()
            .map(|(position, _)| groups[*position].key)
            .collect();
        let stored = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.answers.get(&keys)
        })
        .await?;
        let mut stored = stored.into_iter();
        mine.retain(|(position, _)| match stored.next().flatten() {
            Some(paid) => {
                answers.insert(*position, Answered::Answer(paid));
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
        mine: Vec<(usize, Option<Flight<'_>>)>,
        answers: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<bool> {
        let batch_size = if asking.claim.isolated {
            1
        } else {
            asking.context.spec.batch_size.max(1)
        };
        let mut batches = Vec::new();
        let mut left = mine.into_iter().peekable();
        while left.peek().is_some() {
            batches.push(left.by_ref().take(batch_size as usize).collect::<Vec<_>>());
        }
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
                    asking.halted.store(true, Ordering::Relaxed);
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

    /// One batch until each of its reports is answered or has failed; none: halted or drained. The flights land when
    /// this returns.
    async fn ask_batch(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        batch: Vec<(usize, Option<Flight<'_>>)>,
    ) -> PortResult<Option<Vec<(usize, Answered)>>> {
        let repeats = asking.context.model.info().answers_repeat;
        let repairs_left = if repeats { 0 } else { self.setup.ask.repairs };
        let items = batch.iter().map(|(position, _)| Item {
            position: *position,
            group: &groups[*position],
            fault: None,
            repairs_left,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            attempts: 0,
        });
        let mut open: Vec<Vec<Item<'_, '_>>> = vec![items.collect()];
        let mut answered = Vec::new();
        while let Some(mut items) = open.pop() {
            match self.call(asking, &mut items).await? {
                call::End::Interrupted => return Ok(None),
                call::End::Refused(error) => {
                    // One report of several may be the cause: each alone, so that the others do not fail with it.
                    let may_be_one = items.len() > 1 && error.class != ErrorClass::Transient;
                    if may_be_one {
                        open.extend(items.into_iter().map(|item| vec![item]));
                        continue;
                    }
                    let fail = |item: Item<'_, '_>| {
                        (
                            item.position,
                            item.failed(kind_of(&error), error.what.clone(), None),
                        )
                    };
                    answered.extend(items.into_iter().map(fail));
                }
                call::End::Answer(answer)
                    if answer.stop == StopReason::Refusal && items.len() > 1 =>
                {
                    open.extend(items.into_iter().map(|item| vec![item]));
                }
                call::End::Answer(answer) => {
                    self.sort_out(asking, items, &answer, &mut open, &mut answered)
                        .await?;
                }
            }
        }
        Ok(Some(answered))
    }

    /// Checks an answer, stores what is good of it, and sends back what may be mended.
    async fn sort_out<'g, 'r>(
        &self,
        asking: &Asking<'_>,
        items: Vec<Item<'g, 'r>>,
        answer: &Answer,
        open: &mut Vec<Vec<Item<'g, 'r>>>,
        answered: &mut Vec<(usize, Answered)>,
    ) -> PortResult<()> {
        let context = asking.context;
        let texts: Vec<&str> = items.iter().map(|item| item.group.text).collect();
        let checked = validate(
            answer.tool_input.as_ref(),
            &texts,
            context.spec.problem_type,
            &context.terms,
        );
        let mut good = Vec::new();
        for (mut item, checked) in items.into_iter().zip(checked) {
            match checked {
                Checked::Valid(valid) => {
                    let paid = item.paid(asking, valid, &answer.request_id);
                    good.push((item.group.key, paid.clone()));
                    answered.push((item.position, Answered::Answer(paid)));
                }
                Checked::Invalid { fault, kept } => match answer.stop {
                    StopReason::Refusal => {
                        let reason = "the model declined to answer (refusal)".to_string();
                        answered.push((item.position, item.failed("refused", reason, None)));
                    }
                    _ if item.repairs_left > 0 => {
                        item.repairs_left -= 1;
                        item.fault = Some(fault);
                        open.push(vec![item]);
                    }
                    _ => {
                        let reason = format!(
                            "the answer was not valid after {} calls: {fault} (stop reason {:?})",
                            item.attempts, answer.stop
                        );
                        answered.push((
                            item.position,
                            item.failed("answer_invalid", reason, Some(kept)),
                        ));
                    }
                },
            }
        }
        if context.model.info().is_paid {
            if !good.is_empty() {
                retry(&*self.ports.clock, Backoff::STORAGE, || {
                    self.ports.answers.put(&good)
                })
                .await?;
            }
            self.settle_call(asking.claim).await?;
        }
        Ok(())
    }

    /// Takes one call off the ledger's list of possibly lost ones. Said once only: a lost answer leaves the count too
    /// high, a second saying could make it too low.
    async fn settle_call(&self, claim: &Claim) -> PortResult<()> {
        let settled = retry_unless_unknown(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.calls_settled(claim, 1)
        })
        .await;
        match settled {
            Err(error) if error.unknown_outcome => Ok(()),
            settled => still(settled?),
        }
    }
}

/// The kind of a row's error, by the class of what the model's adapter said.
fn kind_of(error: &PortError) -> &'static str {
    match error.class {
        ErrorClass::PermanentRow => "model_refuses_row",
        ErrorClass::Bug => "internal",
        _ => "model_unavailable",
    }
}

/// Lost claims as an error, to leave by `?`.
fn still(held: Held) -> PortResult<()> {
    match held {
        Held::Yes => Ok(()),
        Held::Lost => Err(PortError::new(ErrorClass::LostClaim, "the claim was lost")),
    }
}

impl Item<'_, '_> {
    fn paid(&self, asking: &Asking<'_>, answer: IncidentAnswer, request_id: &str) -> PaidAnswer {
        PaidAnswer {
            answer,
            usage: self.usage,
            cost: self.cost,
            request_id: request_id.to_string(),
            attempts: self.attempts,
            payer: Payer {
                job_id: asking.context.job_id.clone(),
                chunk: asking.claim.key.chunk,
                row: self.group.first_row,
            },
        }
    }

    fn failed(self, kind: &'static str, reason: String, kept: Option<IncidentAnswer>) -> Answered {
        let Item {
            usage,
            cost,
            attempts,
            ..
        } = self;
        Answered::Failed {
            kind,
            reason,
            kept: kept.unwrap_or_default(),
            usage,
            cost,
            attempts,
        }
    }
}

/// Splits a call's use and cost over its reports by their length, to the last token and nano-dollar.
fn share(items: &mut [Item<'_, '_>], usage: &Usage, cost: NanoUsd) {
    let weights: Vec<u64> = items
        .iter()
        .map(|item| item.group.text.len() as u64)
        .collect();
    let costs = split(cost.0, &weights);
    for ((item, usage), cost) in items.iter_mut().zip(usage.split(&weights)).zip(costs) {
        item.usage += usage;
        item.cost += NanoUsd(cost);
    }
}
