//! What stands beside a call: second samples of reports that have an answer, and the coded reports that are shown as
//! examples.

use std::collections::BTreeMap;

use super::{Answered, Asking, Group, HeldSamples, Mine, Worker};
use crate::coding::batch::sample_order;
use crate::ports::error::PortResult;

impl Worker {
    /// Second samples for all groups with a first answer; false: a drain came first. One that fails fails no row.
    pub(super) async fn ask_samples<'w>(
        &'w self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        answers: &BTreeMap<usize, Answered>,
        mut held: HeldSamples<'w>,
        samples: &mut BTreeMap<usize, Answered>,
    ) -> PortResult<bool> {
        // A row that failed is done anew as a whole one day: it has nothing that a second opinion could be about.
        let wanted: Vec<usize> = answers
            .iter()
            .filter(|(_, answered)| matches!(answered, Answered::Answer(_)))
            .map(|(position, _)| *position)
            .collect();
        let again: Vec<Group<'_>> = wanted.iter().map(|at| groups[*at].clone()).collect();
        let mut own = HeldSamples::new();
        for (place, position) in wanted.iter().enumerate() {
            own.extend(held.remove(position).map(|flight| (place, flight)));
        }
        // Those of rows that failed: whoever waits for such a text asks for it himself.
        drop(held);
        let mut found = BTreeMap::new();
        let done = match asking.claim.isolated {
            true => self.ask_one_by_one(asking, &again, &mut found).await?,
            false => {
                self.ask_all(asking, &again, None, &mut own, &mut found)
                    .await?
            }
        };
        let found = found.into_iter();
        samples.extend(found.map(|(place, answered)| (wanted[place], answered)));
        Ok(done)
    }

    /// Looks up the examples of `mine`, where the job shows any.
    pub(super) async fn look_up_examples(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        mine: &mut [Mine<'_>],
    ) -> PortResult<()> {
        let spec = &asking.context.spec;
        let Some(library) = asking
            .context
            .library
            .as_ref()
            .filter(|_| spec.precedents > 0)
        else {
            return Ok(());
        };
        let text_of = |mine: &Mine<'_>| groups[mine.position].text.to_string();
        let texts = mine.iter().map(text_of).collect();
        let (asked, count) = (spec.problem_type, spec.precedents);
        let found = library.examples(asked, texts, count).await?;
        for (mine, examples) in mine.iter_mut().zip(found) {
            mine.examples = examples;
        }
        Ok(())
    }
}

/// Gives reports that shared a call other mates.
pub(super) fn reorder(mine: &mut Vec<Mine<'_>>, batch_size: u32) {
    let mut slots: Vec<Option<Mine<'_>>> = std::mem::take(mine).into_iter().map(Some).collect();
    let order = sample_order(slots.len(), batch_size);
    mine.extend(order.into_iter().filter_map(|at| slots[at].take()));
}
