//! Notices as messages of an Amazon SNS topic, with attributes for filter policies.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::{Builder, Region};
use aws_sdk_sns::types::MessageAttributeValue;

use super::config::AwsConfig;
use super::failure::{Request, explain};
use crate::core::notice::{Notice, Target};
use crate::notices::TopicArn;
use crate::ports::Notifier;
use crate::ports::error::{PortError, PortResult};
use crate::ports::notifier::Taken;

/// An answer that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A topic.
pub struct Topic {
    client: Client,
    topic: TopicArn,
}

impl Topic {
    /// The topic of this ARN, in its own Region. Nothing is called yet.
    pub fn new(aws: &AwsConfig, topic: TopicArn) -> Topic {
        let config = Builder::from(aws.sdk())
            .region(Region::new(topic.region.clone()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(aws.notice_timeouts(TIMEOUT))
            .build();
        Topic {
            client: Client::from_conf(config),
            topic,
        }
    }
}

#[async_trait]
impl Notifier for Topic {
    fn target(&self) -> Target {
        Target::Topic
    }

    async fn tell(&self, notice: &Notice) -> PortResult<Taken> {
        let request = Request::write(format!("sns topic {}", self.topic.arn), "sns:Publish");
        let odd = |error: String| PortError::bug(format!("a notice cannot be written ({error})"));
        let text = serde_json::to_string(notice).map_err(|error| odd(error.to_string()))?;
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.topic.arn)
            .message(text);
        for (name, value) in [
            ("notice_id", &notice.notice_id),
            ("job_id", &notice.job_id),
            ("state", &notice.state),
        ] {
            let attribute = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| odd(error.to_string()))?;
            publish = publish.message_attributes(name, attribute);
        }
        if self.topic.is_fifo() {
            publish = publish
                .message_group_id(&notice.job_id)
                .message_deduplication_id(&notice.notice_id);
        } else {
            // Mail shows it; a subject holds up to 100 characters of ASCII (API reference, Publish).
            publish = publish.subject(format!("Annexa {} {}", notice.job_id, notice.state));
        }
        let sent = publish.send().await;
        sent.map_err(|error| explain(&error, &request, |_| None))?;
        Ok(Taken::Yes)
    }
}
