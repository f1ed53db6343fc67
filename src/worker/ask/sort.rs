//! Sorting out an answer: what is good is stored before anything else is done with it, what may be mended goes back.

use super::item::{Answered, Item};
use super::{Asking, Worker};
use crate::coding::validate::{Checked, validate};
use crate::core::answer::IncidentAnswer;
use crate::ports::error::PortResult;
use crate::ports::model::{Answer, StopReason};
use crate::ports::retry::{Backoff, retry};

/// Why a report has no answer, as its row will say if nothing mends it.
struct Unanswered {
    kind: &'static str,
    reason: String,
    kept: IncidentAnswer,
}

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
        let declined = declined(&answer.stop);
        let texts: Vec<&str> = items.iter().map(|item| item.group.text).collect();
        let checked = validate(
            // What a model says while it declines is no answer.
            answer.tool_input.as_ref().filter(|_| declined.is_none()),
            &texts,
            context.spec.problem_type,
            &context.terms,
        );
        let calls = items.len();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (mut item, checked) in items.into_iter().zip(checked) {
            match checked {
                Checked::Valid(valid) => {
                    let paid = item.paid(asking, valid, &answer.request_id);
                    if let Some(keys) = asking.keys_for_others() {
                        good.push((keys.key(item.group.text), paid.clone()));
                    }
                    good.push((asking.key_of(item.group), paid.clone()));
                    answered.push((item.position, Answered::Answer(paid)));
                }
                Checked::Invalid { fault, kept } => {
                    let unanswered = match declined {
                        Some((kind, reason)) => Unanswered {
                            kind,
                            reason: format!("{reason}, {} calls", item.attempts),
                            kept,
                        },
                        None => {
                            item.fault = Some(fault.clone());
                            Unanswered {
                                kind: "answer_invalid",
                                reason: format!(
                                    "the answer was not valid after {} calls: {fault}",
                                    item.attempts
                                ),
                                kept,
                            }
                        }
                    };
                    bad.push((item, unanswered));
                }
            }
        }
        mend(bad, calls, declined.is_some(), open, answered);
        if context.model.info().is_paid && !good.is_empty() {
            retry(&*self.ports.clock, Backoff::STORAGE, || {
                self.ports.answers.put(&good)
            })
            .await?;
        }
        self.settle_call(asking).await
    }
}

/// The steps of a repair. First the reports without an answer together, with their faults named; then halves of them;
/// a report that is alone as often as it has repairs left; then it fails. One that is declined may be so because of a
/// neighbour: declined calls are halved at once.
fn mend<'g, 'r>(
    bad: Vec<(Item<'g, 'r>, Unanswered)>,
    asked: usize,
    is_declined: bool,
    open: &mut Vec<Vec<Item<'g, 'r>>>,
    answered: &mut Vec<(usize, Answered)>,
) {
    let mut again = Vec::new();
    for (mut item, unanswered) in bad {
        if asked == 1 {
            if is_declined {
                // Once more, in case it was chance: more often it only costs.
                item.repairs_left = item.repairs_left.min(1);
            }
            if item.repairs_left == 0 {
                let Unanswered { kind, reason, kept } = unanswered;
                answered.push((item.position, item.failed(kind, reason, Some(kept))));
                continue;
            }
            item.repairs_left -= 1;
        }
        again.push(item);
    }
    let is_second = again.iter().any(|item| item.was_repaired);
    again.iter_mut().for_each(|item| item.was_repaired = true);
    if is_second || is_declined {
        open.extend(halves(again));
    } else if !again.is_empty() {
        open.push(again);
    }
}

/// Two halves of a call; one that cannot be halved as it is.
pub(super) fn halves<'g, 'r>(mut items: Vec<Item<'g, 'r>>) -> Vec<Vec<Item<'g, 'r>>> {
    if items.len() < 2 {
        return if items.is_empty() {
            vec![]
        } else {
            vec![items]
        };
    }
    let second = items.split_off(items.len() / 2);
    vec![items, second]
}

/// Whether the model, or a filter before it, declined to answer: the kind of the failure, and the reason.
fn declined(stop: &StopReason) -> Option<(&'static str, &'static str)> {
    match stop {
        StopReason::Refusal => Some(("refused", "the model declined to answer (refusal)")),
        StopReason::Other(word) => match word.as_str() {
            "content_filtered" => Some(("refused", "a content filter stopped the answer")),
            "guardrail_intervened" => Some(("refused", "a guardrail stopped the answer")),
            "model_context_window_exceeded" => Some((
                "model_refuses_row",
                "the report is too long for the model (lower --max-text-chars)",
            )),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Group;
    use super::*;
    use crate::core::answer::AnswerKey;
    use crate::core::money::{NanoUsd, Usage};

    fn groups(count: usize) -> Vec<Group<'static>> {
        let group = |n: usize| Group {
            key: AnswerKey([n as u8; 32]),
            sample_key: None,
            text: "t",
            first_row: n as u64 + 1,
            rows: vec![n],
        };
        (0..count).map(group).collect()
    }

    fn item<'g>(groups: &'g [Group<'static>], position: usize) -> Item<'g, 'static> {
        Item {
            position,
            group: &groups[position],
            examples: Vec::new(),
            fault: None,
            repairs_left: 2,
            was_repaired: false,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            attempts: 1,
        }
    }

    fn unanswered() -> Unanswered {
        Unanswered {
            kind: "answer_invalid",
            reason: "no".into(),
            kept: IncidentAnswer::default(),
        }
    }

    /// Lets every call fail for the reports in `bad` and succeed for the others; the calls made, by positions.
    fn calls_until_done(
        count: usize,
        bad: &[usize],
        is_declined: bool,
    ) -> (Vec<Vec<usize>>, usize) {
        let groups = groups(count);
        let mut open = vec![(0..count).map(|n| item(&groups, n)).collect::<Vec<_>>()];
        let (mut calls, mut answered) = (Vec::new(), Vec::new());
        while let Some(items) = open.pop() {
            calls.push(items.iter().map(|item| item.position).collect());
            let asked = items.len();
            // A declined call answers nobody.
            let is_call_bad = items.iter().any(|item| bad.contains(&item.position));
            let fails = |item: &Item<'_, '_>| match is_declined {
                true => is_call_bad,
                false => bad.contains(&item.position),
            };
            let failing = items.into_iter().filter(fails);
            let failing = failing.map(|item| (item, unanswered())).collect();
            mend(failing, asked, is_declined, &mut open, &mut answered);
        }
        (calls, answered.len())
    }

    #[test]
    fn invalid_reports_are_asked_again_together_then_in_halves_then_alone_and_then_fail() {
        let (calls, failed) = calls_until_done(5, &[1, 2, 4], false);
        assert_eq!(failed, 3);
        assert_eq!(calls[..2], [vec![0, 1, 2, 3, 4], vec![1, 2, 4]]);
        let mut rest: Vec<_> = calls[2..].to_vec();
        rest.sort();
        let alone = |n: usize| [vec![n], vec![n], vec![n]];
        let mut expected = [&alone(1)[..], &[vec![2, 4]], &alone(2), &alone(4)].concat();
        expected.sort();
        assert_eq!(rest, expected);
    }

    #[test]
    fn one_bad_report_of_a_call_is_asked_again_alone() {
        let (calls, failed) = calls_until_done(2, &[0], false);
        assert_eq!(calls, [vec![0, 1], vec![0], vec![0], vec![0]]);
        assert_eq!(failed, 1);
    }

    #[test]
    fn a_report_that_is_declined_does_not_take_its_neighbours_with_it() {
        let (calls, failed) = calls_until_done(4, &[3], true);
        assert_eq!(failed, 1);
        assert!(calls.contains(&vec![0, 1]) && calls.contains(&vec![2]));
    }
}
