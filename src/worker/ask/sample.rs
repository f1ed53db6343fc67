//! What stands beside a call: second samples of reports that have an answer, and the coded reports that are shown as
//! examples.

use std::collections::BTreeMap;

use super::{Answered, Asking, Group, HeldSamples, Mine, Worker};
use crate::coding::batch::sample_order;
use crate::core::spec::JobSpec;
use crate::ports::Library;
use crate::ports::error::{ErrorClass, PortResult};
use crate::ports::model::Example;

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

    /// Looks up the examples of `mine`, where the job shows any. A text for which the program fails (a panic) is not asked for:
    /// its answer without examples would be kept under the key of one with them. It fails alone.
    pub(super) async fn look_up_examples(
        &self,
        asking: &Asking<'_>,
        groups: &[Group<'_>],
        mine: &mut Vec<Mine<'_>>,
        answers: &mut BTreeMap<usize, Answered>,
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
        let text_of = |mine: &Mine<'_>| groups[mine.position].text;
        let texts: Vec<&str> = mine.iter().map(text_of).collect();
        let found = examples(&**library, spec, &texts).await?;
        let mut with_examples = Vec::with_capacity(mine.len());
        for (mut mine, examples) in mine.drain(..).zip(found) {
            match examples {
                Ok(examples) => {
                    mine.examples = examples;
                    with_examples.push(mine);
                }
                Err(error) => {
                    answers.insert(mine.position, Answered::failed_unasked(&error));
                }
            }
        }
        *mine = with_examples;
        Ok(())
    }
}

/// The examples of each of `texts`, or why the program fails on it.
async fn examples(
    library: &dyn Library,
    spec: &JobSpec,
    texts: &[&str],
) -> PortResult<Vec<PortResult<Vec<Example>>>> {
    let ask = |texts: &[&str]| {
        let texts = texts.iter().map(|text| text.to_string()).collect();
        library.examples(spec.problem_type, texts, spec.precedents)
    };
    match ask(texts).await {
        Err(error) if error.class == ErrorClass::Bug => {}
        found => return Ok(found?.into_iter().map(Ok).collect()),
    }
    let mut one_by_one = Vec::with_capacity(texts.len());
    for text in texts {
        match ask(&[text]).await {
            Err(error) if error.class == ErrorClass::Bug => one_by_one.push(Err(error)),
            found => one_by_one.extend(found?.into_iter().map(Ok)),
        }
    }
    Ok(one_by_one)
}

/// Gives reports that shared a call other mates.
pub(super) fn reorder(mine: &mut Vec<Mine<'_>>, batch_size: u32) {
    let mut slots: Vec<Option<Mine<'_>>> = std::mem::take(mine).into_iter().map(Some).collect();
    let order = sample_order(slots.len(), batch_size);
    mine.extend(order.into_iter().filter_map(|at| slots[at].take()));
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::Value;

    use super::*;
    use crate::core::identity::tests::spec;
    use crate::core::problem::ProblemType;
    use crate::ports::error::PortError;

    /// Fails whole where a deadly text is among those it is asked about.
    struct Deadly(PortError);

    #[async_trait]
    impl Library for Deadly {
        async fn holds(&self, texts: Vec<String>) -> PortResult<Vec<bool>> {
            Ok(vec![false; texts.len()])
        }

        async fn answers(&self, _: ProblemType, _: Vec<String>) -> PortResult<Value> {
            Ok(Value::Null)
        }

        async fn examples(
            &self,
            _: ProblemType,
            texts: Vec<String>,
            _: u32,
        ) -> PortResult<Vec<Vec<Example>>> {
            if texts.iter().any(|text| text == "deadly") {
                return Err(self.0.clone());
            }
            let example = |text: String| Example {
                text,
                product: Vec::new(),
                patient: Vec::new(),
            };
            Ok(texts.into_iter().map(|text| vec![example(text)]).collect())
        }
    }

    #[tokio::test]
    async fn a_text_that_the_program_fails_on_has_no_examples_and_its_neighbours_keep_theirs() {
        let texts = ["one", "deadly", "two"];
        let library = Deadly(PortError::bug("a panic"));
        let found = examples(&library, &spec(), &texts).await.unwrap();
        let shown: Vec<Option<&str>> = found
            .iter()
            .map(|found| {
                found
                    .as_ref()
                    .ok()
                    .map(|examples| examples[0].text.as_str())
            })
            .collect();
        assert_eq!(shown, [Some("one"), None, Some("two")]);
        // What is no bug is nobody's row.
        let library = Deadly(PortError::permanent_job("no such reports"));
        assert!(examples(&library, &spec(), &texts).await.is_err());
    }
}
