//! Reports on their way through calls: groups of rows with one text, what they got, and what they have cost so far.

use super::Asking;
use crate::coding::incidents::examples_bytes;
use crate::core::answer::{AnswerKey, IncidentAnswer, PaidAnswer, Payer};
use crate::core::ids::RowNo;
use crate::core::money::{NanoUsd, Usage, split};
use crate::ports::error::PortError;
use crate::ports::model::Example;

/// Rows of a chunk that share a text.
#[derive(Clone)]
pub(in crate::worker) struct Group<'r> {
    pub(in crate::worker) key: AnswerKey,
    /// The key of its second sample; none: none is asked for.
    pub(in crate::worker) sample_key: Option<AnswerKey>,
    /// As it is sent.
    pub(in crate::worker) text: &'r str,
    /// The row that pays.
    pub(in crate::worker) first_row: RowNo,
    /// Positions in the chunk.
    pub(in crate::worker) rows: Vec<usize>,
}

/// What a group got: the first answer, and the second sample where there is a first answer and one was asked for.
pub(in crate::worker) struct Both {
    pub(in crate::worker) first: Answered,
    pub(in crate::worker) sample: Option<Answered>,
}

/// What a group got of one asking.
#[derive(Debug, Clone)]
pub(in crate::worker) enum Answered {
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

impl Answered {
    /// The program fails on the text before it is asked for: nothing was spent.
    pub(super) fn failed_unasked(error: &PortError) -> Answered {
        Answered::Failed {
            kind: "internal",
            reason: error.what.clone(),
            kept: IncidentAnswer::default(),
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            attempts: 0,
        }
    }
}

/// One report on its way through calls.
pub(super) struct Item<'g, 'r> {
    pub(super) position: usize,
    pub(super) group: &'g Group<'r>,
    /// Coded reports that are shown beside it.
    pub(super) examples: Vec<Example>,
    pub(super) fault: Option<String>,
    /// How often it may still be asked alone after an answer that was not valid.
    pub(super) repairs_left: u32,
    /// It was asked again already.
    pub(super) was_repaired: bool,
    pub(super) usage: Usage,
    pub(super) cost: NanoUsd,
    pub(super) attempts: u32,
}

impl Item<'_, '_> {
    /// Its bytes in a message, about.
    pub(super) fn bytes(&self) -> usize {
        self.group.text.len() + examples_bytes(&self.examples)
    }

    pub(super) fn paid(
        &self,
        asking: &Asking<'_>,
        answer: IncidentAnswer,
        request_id: &str,
    ) -> PaidAnswer {
        PaidAnswer {
            answer,
            usage: self.usage,
            cost: self.cost,
            request_id: request_id.to_string(),
            attempts: self.attempts,
            payer: Payer {
                job_id: asking.context.job_id.clone(),
                job_created_ms: asking.context.job_created_ms,
                chunk: asking.claim.key.chunk,
                row: self.group.first_row,
            },
        }
    }

    pub(super) fn failed(
        self,
        kind: &'static str,
        reason: String,
        kept: Option<IncidentAnswer>,
    ) -> Answered {
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
pub(super) fn share(items: &mut [Item<'_, '_>], usage: &Usage, cost: NanoUsd) {
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
