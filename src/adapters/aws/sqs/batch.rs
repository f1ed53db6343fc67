//! Batches: an answer of 200 can hold failures, so each entry has a result of its own (S20, S24).

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    SendMessageBatchRequestEntry,
};

use super::super::failure::{Refusal, Request, explain};
use super::super::text;
use super::{REASON_ATTRIBUTE, SqsQueue, refusal, whole_seconds};
use crate::adapters::memory::queue::check_batch;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{MAX_BATCH_BYTES, Outgoing, Receipt};

/// The longest delay of a message (SQS limit).
const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

/// The most characters of a reason that go with a buried message.
const MAX_REASON_CHARS: usize = 1_000;

impl SqsQueue {
    pub(super) async fn send_entries(
        &self,
        entries: &[Outgoing],
    ) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(entries.len(), entries.iter().map(|e| e.body.len()).sum())?;
        if let Some(entry) = entries.iter().find(|entry| entry.delay > MAX_DELAY) {
            return Err(PortError::bug(format!(
                "a message with a delay of {} s: {} are allowed",
                entry.delay.as_secs(),
                MAX_DELAY.as_secs()
            )));
        }
        let batch: Result<Vec<_>, _> = entries
            .iter()
            .enumerate()
            .map(|(number, entry)| {
                SendMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .message_body(&entry.body)
                    // On a standard queue: fair queues, one group after the other.
                    .message_group_id(&entry.group)
                    .set_delay_seconds((!entry.delay.is_zero()).then(|| whole_seconds(entry.delay)))
                    .build()
            })
            .collect();
        let answer = self
            .client
            .send_message_batch()
            .queue_url(&*self.url)
            .set_entries(Some(batch.map_err(incomplete)?))
            .send()
            .await;
        let request = self.writes("sqs:SendMessage");
        let answer = answer.map_err(|error| {
            explain(&error, &request, |refusal| {
                refusal::judge(&request, refusal)
            })
        })?;
        let done = answer.successful.iter().map(|entry| entry.id.as_str());
        Ok(sort(&request, entries.len(), done, &answer.failed))
    }

    pub(super) async fn delete_entries(
        &self,
        receipts: &[Receipt],
    ) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(receipts.len(), 0)?;
        let batch: Result<Vec<_>, _> = receipts
            .iter()
            .enumerate()
            .map(|(number, receipt)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .receipt_handle(&receipt.0)
                    .build()
            })
            .collect();
        let answer = self
            .client
            .delete_message_batch()
            .queue_url(&*self.url)
            .set_entries(Some(batch.map_err(incomplete)?))
            .send()
            .await;
        let request = self.writes("sqs:DeleteMessage");
        let answer = answer.map_err(|error| {
            explain(&error, &request, |refusal| {
                refusal::judge(&request, refusal)
            })
        })?;
        let done = answer.successful.iter().map(|entry| entry.id.as_str());
        // Gone, or in another hand: either way there is nothing left to delete with this receipt.
        let is_stale = |entry: &&BatchResultErrorEntry| refusal::is_stale(&entry_refusal(entry));
        let (stale, failed): (Vec<_>, Vec<_>) = answer.failed.iter().partition(is_stale);
        let done = done.chain(stale.iter().map(|entry| entry.id.as_str()));
        let failed: Vec<_> = failed.into_iter().cloned().collect();
        Ok(sort(&request, receipts.len(), done, &failed))
    }

    /// Sends a message that was found in another queue, as it was, with the reason beside it.
    pub(super) async fn send_buried(&self, body: &str, reason: &str) -> PortResult<()> {
        // Attributes count as part of the message.
        let room =
            MAX_BATCH_BYTES.saturating_sub(body.len() + REASON_ATTRIBUTE.len() + "String".len());
        let reason = ascii(reason, room.min(MAX_REASON_CHARS));
        let attribute = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(&reason)
            .build()
            .map_err(incomplete)?;
        let attributes = (!reason.is_empty())
            .then(|| HashMap::from([(REASON_ATTRIBUTE.to_string(), attribute)]));
        let answer = self
            .client
            .send_message()
            .queue_url(&*self.url)
            .message_body(body)
            .set_message_attributes(attributes)
            .send()
            .await;
        let request = self.writes("sqs:SendMessage");
        answer.map(drop).map_err(|error| {
            explain(&error, &request, |refusal| {
                refusal::judge(&request, refusal)
            })
        })
    }
}

/// One line of at most `most` printable ASCII characters: others are refused in some places and costly in others.
pub(super) fn ascii(reason: &str, most: usize) -> String {
    let printable = |c: char| match c {
        ' '..='~' => c,
        c if c.is_whitespace() => ' ',
        _ => '?',
    };
    reason.chars().take(most).map(printable).collect()
}

fn incomplete(error: aws_sdk_sqs::error::BuildError) -> PortError {
    PortError::bug(format!(
        "a batch that cannot be built ({})",
        text::chain(&error)
    ))
}

fn entry_refusal(entry: &BatchResultErrorEntry) -> Refusal {
    Refusal {
        status: if entry.sender_fault { 400 } else { 500 },
        code: text::clean(&entry.code),
        said: text::clean(entry.message().unwrap_or_default()),
    }
}

/// The results in the order of the entries, whose ids are their places.
pub(super) fn sort<'a>(
    request: &Request,
    count: usize,
    done: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<Result<(), PortError>> {
    // What the answer does not speak of may have happened.
    let silent = || Err(request.open("the answer leaves out an entry of the batch"));
    let mut results: Vec<_> = std::iter::repeat_with(silent).take(count).collect();
    let place = |id: &str| id.parse().ok().filter(|place: &usize| *place < count);
    for place in done.filter_map(place) {
        results[place] = Ok(());
    }
    for entry in failed {
        if let Some(place) = place(&entry.id) {
            let refusal = entry_refusal(entry);
            results[place] = Err(refusal::of_entry(request, &refusal));
        }
    }
    results
}
