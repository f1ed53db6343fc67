//! Opening a queue: what its attributes say of visibility and of where dead letters go. Queues are never made here (S4).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Deserialize;

use super::super::config::AwsConfig;
use super::super::failure::{Request, explain};
use super::super::text;
use super::{SqsQueue, refusal};
use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::{Backoff, retry};

/// How the attribute `RedrivePolicy` names the dead-letter queue.
#[derive(Deserialize)]
struct RedrivePolicy {
    #[serde(rename = "deadLetterTargetArn")]
    target_arn: String,
}

impl SqsQueue {
    /// Opens the queue at `queue_url`, and the dead-letter queue that its redrive policy names.
    ///
    /// # Errors
    /// `PermanentJob` where there is no such queue, no permission, no Region, or another one than the URL's.
    pub async fn open(
        aws: &AwsConfig,
        queue_url: &str,
        clock: Arc<dyn Clock>,
    ) -> PortResult<SqsQueue> {
        let region = aws.region()?;
        check_url(
            queue_url,
            region,
            aws.storage_endpoint("AWS_ENDPOINT_URL_SQS").is_some(),
        )?;
        let config = Builder::from(aws.sdk())
            .retry_config(RetryConfig::disabled())
            .timeout_config(aws.storage_timeouts())
            .build();
        let queue = SqsQueue {
            client: Client::from_conf(config),
            attempt_timeout: aws.attempt_timeout(),
            url: Arc::from(queue_url),
            visibility: Duration::ZERO,
            dead: None,
        };
        retry(&*clock, Backoff::STORAGE, || queue.look()).await
    }

    /// The same with what its attributes say.
    async fn look(&self) -> PortResult<SqsQueue> {
        use QueueAttributeName::{RedrivePolicy as Redrive, VisibilityTimeout};
        let own = attributes(&self.client, &self.url, &[VisibilityTimeout, Redrive]).await?;
        let dead = match own.get(&Redrive) {
            None => None,
            Some(policy) => {
                let url = self.dead_url(policy).await?;
                let its = attributes(&self.client, &url, &[VisibilityTimeout]).await?;
                Some(Arc::new(SqsQueue {
                    url: Arc::from(url.as_str()),
                    visibility: visibility(&url, &its)?,
                    dead: None,
                    ..self.clone()
                }))
            }
        };
        Ok(SqsQueue {
            visibility: visibility(&self.url, &own)?,
            dead,
            ..self.clone()
        })
    }

    /// The URL of the queue that a redrive policy names.
    async fn dead_url(&self, policy: &str) -> PortResult<String> {
        let arn = serde_json::from_str::<RedrivePolicy>(policy).map(|policy| policy.target_arn);
        let parts = arn.as_deref().map(|arn| arn.split(':').collect::<Vec<_>>());
        let Ok(["arn", _, "sqs", _, account, name]) = parts.as_deref() else {
            return Err(PortError::permanent_job(format!(
                "sqs queue {}: its redrive policy names no queue ({})",
                self.url,
                text::clean(policy)
            )));
        };
        let place = format!(
            "sqs queue {name} of account {account}, the dead letters of {}",
            self.url
        );
        let request = Request::read(place, "sqs:GetQueueUrl");
        let answer = self
            .client
            .get_queue_url()
            .queue_name(*name)
            .queue_owner_aws_account_id(*account)
            .send()
            .await;
        let answer = answer
            .map_err(|error| explain(&error, &request, |said| refusal::judge(&request, said)))?;
        answer
            .queue_url
            .ok_or_else(|| request.open("the answer holds no URL"))
    }
}

/// Attributes of the queue at `url`.
pub(super) async fn attributes(
    client: &Client,
    url: &str,
    names: &[QueueAttributeName],
) -> PortResult<HashMap<QueueAttributeName, String>> {
    let request = Request::read(format!("sqs queue {url}"), "sqs:GetQueueAttributes");
    let answer = client
        .get_queue_attributes()
        .queue_url(url)
        .set_attribute_names(Some(names.to_vec()))
        .send()
        .await;
    let answer =
        answer.map_err(|error| explain(&error, &request, |said| refusal::judge(&request, said)))?;
    Ok(answer.attributes.unwrap_or_default())
}

fn visibility(url: &str, attributes: &HashMap<QueueAttributeName, String>) -> PortResult<Duration> {
    let said = attributes.get(&QueueAttributeName::VisibilityTimeout);
    let seconds: u64 = said.and_then(|said| said.parse().ok()).unwrap_or_default();
    if seconds == 0 {
        return Err(PortError::permanent_job(format!(
            "sqs queue {url}: its visibility timeout is {}: set one of 120 seconds or so, or every message is in many hands",
            said.map_or("unknown", String::as_str)
        )));
    }
    Ok(Duration::from_secs(seconds))
}

/// What is wrong with a queue's URL can be said before anything is called.
pub(super) fn check_url(url: &str, region: &str, is_elsewhere: bool) -> PortResult<()> {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .and_then(|rest| rest.split_once('/'))
        .map(|(host, _)| host);
    let Some(host) = host else {
        return Err(PortError::permanent_job(format!(
            "'{}' is not the URL of an SQS queue: expected https://sqs.REGION.amazonaws.com/ACCOUNT/NAME",
            text::clean(url)
        )));
    };
    if url.ends_with(".fifo") {
        return Err(PortError::permanent_job(format!(
            "sqs queue {url}: FIFO queues do not fit: use a standard queue, which may deliver twice and out of order"
        )));
    }
    let named = host
        .strip_prefix("sqs.")
        .and_then(|rest| rest.split_once(".amazonaws.com"))
        .map(|(named, _)| named);
    match named {
        Some(named) if named != region && !is_elsewhere => Err(PortError::permanent_job(format!(
            "sqs queue {url}: it is in {named}, and {region} is called: set AWS_REGION to {named}"
        ))),
        _ => Ok(()),
    }
}
