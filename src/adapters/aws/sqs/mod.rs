//! The queue in Amazon SQS: a standard queue that exists already, with its redrive policy's dead-letter queue.
//!
//! The SDK does not retry here. Who calls the port owns retries, and one kind must not be made blindly: a receive whose
//! answer was lost has hidden messages, and each repetition hides more of them. The SDK has no limit for an answer
//! either (S1), so each request has one: 30 s, and for a receive its wait on top.
//!
//! Times are whole seconds in SQS; parts of one are rounded up.
//!
//! Permissions: `sqs:GetQueueAttributes`, `sqs:ReceiveMessage`, `sqs:ChangeMessageVisibility`, `sqs:DeleteMessage` and
//! `sqs:SendMessage` on the queue; `sqs:GetQueueUrl`, `sqs:GetQueueAttributes` and, for burying, `sqs:SendMessage` on its
//! dead-letter queue.

mod batch;
mod open;
mod refusal;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

use super::failure::{Request, explain};

use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{
    Depth, MAX_BATCH_ENTRIES, MOST_HIDDEN, Outgoing, Queue, Receipt, Received, hidden_too_long,
};

/// The message attribute that says why a message was buried.
pub const REASON_ATTRIBUTE: &str = "annexa_reason";

/// The longest poll (SQS limit).
const MAX_WAIT: Duration = Duration::from_secs(20);

/// A queue in SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    /// The limit for an answer; a receive has its wait on top.
    attempt_timeout: Duration,
    url: Arc<str>,
    visibility: Duration,
    dead: Option<Arc<SqsQueue>>,
}

impl SqsQueue {
    /// The queue's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn writes(&self, action: &'static str) -> Request {
        Request::write(format!("sqs queue {}", self.url), action)
    }

    /// Sets the time for which a message stays hidden from now on.
    async fn hide(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        if hide_for > MOST_HIDDEN {
            return Err(hidden_too_long());
        }
        let answer = self
            .client
            .change_message_visibility()
            .queue_url(&*self.url)
            .receipt_handle(&receipt.0)
            .visibility_timeout(whole_seconds(hide_for))
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
        if super::failure::refusal(&error).is_some_and(|refusal| refusal::is_stale(&refusal)) {
            return Ok(());
        }
        let request = self.writes("sqs:ChangeMessageVisibility");
        Err(explain(&error, &request, |refusal| {
            refusal::judge(&request, refusal)
        }))
    }

    /// The counts of this queue alone.
    async fn counts(&self) -> PortResult<Depth> {
        use QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let attributes = open::attributes(&self.client, &self.url, &names).await?;
        let count = |name| {
            let count = attributes.get(&name).and_then(|count| count.parse().ok());
            count.unwrap_or_default()
        };
        Ok(Depth {
            visible: count(Name::ApproximateNumberOfMessages),
            in_flight: count(Name::ApproximateNumberOfMessagesNotVisible),
            delayed: count(Name::ApproximateNumberOfMessagesDelayed),
            dead: 0,
        })
    }
}

/// In SQS's unit, rounded up.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// A message as the port has it. Without a receipt or a body it is none.
fn received(message: Message) -> Option<Received> {
    let attribute = |name| message.attributes.as_ref()?.get(&name)?.parse::<u64>().ok();
    let reason = message
        .message_attributes
        .as_ref()
        .and_then(|attributes| attributes.get(REASON_ATTRIBUTE)?.string_value.clone());
    let receive_count = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
    Some(Received {
        receive_count: receive_count.map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        sent_ms: attribute(MessageSystemAttributeName::SentTimestamp).unwrap_or_default(),
        reason,
        message_id: message.message_id.unwrap_or_default(),
        body: message.body?,
        receipt: Receipt(message.receipt_handle?),
    })
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>> {
        self.send_entries(entries).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> PortResult<Vec<Received>> {
        let wait = wait.min(MAX_WAIT);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(wait + self.attempt_timeout)
            .build();
        let limits = aws_sdk_sqs::Config::builder().timeout_config(timeouts);
        let answer = self
            .client
            .receive_message()
            .queue_url(&*self.url)
            .max_number_of_messages(max.clamp(1, MAX_BATCH_ENTRIES) as i32)
            .wait_time_seconds(whole_seconds(wait))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names(REASON_ATTRIBUTE)
            .customize()
            .config_override(limits)
            .send()
            .await;
        let request = self.writes("sqs:ReceiveMessage");
        let answer = answer.map_err(|error| {
            explain(&error, &request, |refusal| {
                refusal::judge(&request, refusal)
            })
        })?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages.into_iter().filter_map(received).collect())
    }

    async fn extend(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        self.hide(receipt, hide_for).await
    }

    async fn release(&self, receipt: &Receipt, after: Duration) -> PortResult<()> {
        self.hide(receipt, after).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        self.delete_entries(receipts).await
    }

    async fn depth(&self) -> PortResult<Depth> {
        let dead = async {
            match &self.dead {
                Some(dead) => dead.counts().await,
                None => Ok(Depth::default()),
            }
        };
        let (own, dead) = tokio::try_join!(self.counts(), dead)?;
        Ok(Depth {
            dead: dead.visible + dead.in_flight + dead.delayed,
            ..own
        })
    }

    async fn bury(&self, message: &Received, reason: &str) -> PortResult<()> {
        let Some(dead) = &self.dead else {
            return self
                .release(&message.receipt, Duration::from_secs(30))
                .await;
        };
        dead.send_buried(&message.body, reason).await?;
        // Only now: in between it is in both places, never in none.
        let deleted = self.delete(std::slice::from_ref(&message.receipt)).await?;
        deleted.into_iter().collect()
    }

    fn dead_letters(&self) -> Option<Arc<dyn Queue>> {
        let dead = self.dead.clone()?;
        Some(dead)
    }

    fn visibility(&self) -> Duration {
        self.visibility
    }
}
