//! Sorting out an answer: what is good is stored before anything else is done with it, what may be mended goes back.

use super::item::{Answered, Item};
use super::{Asking, Worker, still};
use crate::coding::validate::{Checked, validate};
use crate::ports::error::PortResult;
use crate::ports::model::{Answer, StopReason};
use crate::ports::retry::{Backoff, retry, retry_unless_unknown};

impl Worker {
    /// Checks an answer, stores what is good of it, and sends back what may be mended.
    pub(super) async fn sort_out<'g, 'r>(
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
                            "the answer was not valid after {} calls: {fault}",
                            item.attempts
                        );
                        answered.push((
                            item.position,
                            item.failed("answer_invalid", reason, Some(kept)),
                        ));
                    }
                },
            }
        }
        if context.model.info().is_paid && !good.is_empty() {
            retry(&*self.ports.clock, Backoff::STORAGE, || {
                self.ports.answers.put(&good)
            })
            .await?;
        }
        self.settle_call(asking).await
    }

    /// Takes one call off the ledger's list of possibly lost ones; calls that cost nothing were never on it. Said once only: a lost answer leaves the count too
    /// high, a second saying could make it too low.
    pub(super) async fn settle_call(&self, asking: &Asking<'_>) -> PortResult<()> {
        if !asking.context.model.info().is_paid {
            return Ok(());
        }
        let settled = retry_unless_unknown(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.ledger.calls_settled(asking.claim, 1)
        })
        .await;
        match settled {
            Err(error) if error.unknown_outcome => Ok(()),
            settled => still(settled?),
        }
    }
}
