//! One batch on its way through calls: answered, mended, halved, until each of its reports has an answer or has failed.

use super::call::End;
use super::item::{Answered, Group, Item};
use super::{Asking, Mine, Worker, sort};
use crate::core::money::{NanoUsd, Usage};
use crate::ports::error::{ErrorClass, PortError, PortResult};

impl Worker {
    /// One batch until each of its reports is answered or has failed; none: halted or drained. The flights land when
    /// this returns.
    pub(super) async fn ask_batch(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        mut batch: Vec<Mine<'_>>,
    ) -> PortResult<Option<Vec<(usize, Answered)>>> {
        let repeats = asking.context.model.info().answers_repeat;
        let repairs_left = if repeats { 0 } else { self.setup.ask.repairs };
        let items = batch.iter_mut().map(|mine| Item {
            position: mine.position,
            group: &groups[mine.position],
            examples: std::mem::take(&mut mine.examples),
            fault: None,
            repairs_left,
            was_repaired: false,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            attempts: 0,
        });
        let mut open: Vec<Vec<Item<'_, '_>>> = vec![items.collect()];
        let mut answered = Vec::new();
        let ended = self.ask_open(asking, &mut open, &mut answered).await;
        let was_paid = |item: &Item<'_, '_>| item.cost > NanoUsd::ZERO;
        let is_complete = matches!(ended, Ok(true));
        if !is_complete && open.iter().flatten().any(was_paid) {
            // What was paid for these reports is of no use to anybody: it stays in the books.
            asking.places.keep_one();
        }
        Ok(ended?.then_some(answered))
    }

    /// Asks until nothing is open; false: halted or drained, and what is left is open still.
    async fn ask_open<'g, 'r>(
        &self,
        asking: &Asking<'_>,
        open: &mut Vec<Vec<Item<'g, 'r>>>,
        answered: &mut Vec<(usize, Answered)>,
    ) -> PortResult<bool> {
        while let Some(mut items) = open.pop() {
            // Held until the answer is stored: until then the call is in flight, and counts as such.
            let _permit = asking.context.calls.acquire().await;
            let end = match self.call(asking, &mut items).await {
                Ok(end) => end,
                Err(error) => {
                    open.push(items);
                    return Err(error);
                }
            };
            match end {
                End::Interrupted => {
                    open.push(items);
                    return Ok(false);
                }
                End::Refused(error) => {
                    // One report of several may be the cause: in halves, so that the others do not fail with it.
                    if items.len() > 1 {
                        open.extend(sort::halves(items));
                        continue;
                    }
                    // A report that is refused alone is tried once more before its row fails: most refusals cost nothing.
                    if error.class == ErrorClass::PermanentRow && items[0].repairs_left > 0 {
                        items[0].repairs_left = 0;
                        open.push(items);
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
                End::Answer(answer) => {
                    self.sort_out(asking, items, &answer, open, answered)
                        .await?;
                }
            }
        }
        Ok(true)
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
