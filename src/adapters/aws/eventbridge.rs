//! Notices as events of Amazon EventBridge: one entry a notice, which may fail by itself in an answer of 200.
//!
//! An event for a bus that is not there is taken without a word (github.com/aws/aws-cli/issues/9186), so a wrong name cannot
//! be seen here.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{Builder, Region};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::config::AwsConfig;
use super::failure::{Refusal, Request, explain};
use super::text;
use crate::core::notice::{Notice, Target};
use crate::notices::{BusName, partition};
use crate::ports::Notifier;
use crate::ports::error::{PortError, PortResult};
use crate::ports::notifier::Taken;

/// The event's `source`.
pub const SOURCE: &str = "annexa";
/// The event's `detail-type`.
pub const DETAIL_TYPE: &str = "Annexa Job Ended";
/// An answer that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A bus.
pub struct EventBus {
    client: Client,
    bus: BusName,
    region: String,
}

impl EventBus {
    /// The bus of this name, where `aws` or its ARN says. Nothing is called yet.
    ///
    /// # Errors
    /// There is no Region.
    pub fn new(aws: &AwsConfig, bus: BusName) -> PortResult<EventBus> {
        let region = match &bus.region {
            Some(region) => region.clone(),
            None => aws.region()?.to_string(),
        };
        let config = Builder::from(aws.sdk())
            .region(Region::new(region.clone()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(aws.notice_timeouts(TIMEOUT))
            .build();
        Ok(EventBus {
            client: Client::from_conf(config),
            bus,
            region,
        })
    }

    fn entry(&self, notice: &Notice) -> PortResult<PutEventsRequestEntry> {
        let detail = serde_json::to_string(notice)
            .map_err(|error| PortError::bug(format!("a notice cannot be written ({error})")))?;
        let (bucket, prefix) = (&notice.output_bucket, &notice.output_prefix);
        let outputs = format!("arn:{}:s3:::{bucket}/{prefix}", partition(&self.region));
        Ok(PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(detail)
            .resources(outputs)
            .event_bus_name(&self.bus.name)
            .build())
    }
}

#[async_trait]
impl Notifier for EventBus {
    fn target(&self) -> Target {
        Target::EventBus
    }

    async fn tell(&self, notice: &Notice) -> PortResult<Taken> {
        let place = format!("event bus {} in {}", self.bus.name, self.region);
        let request = Request::write(place, "events:PutEvents");
        let entry = self.entry(notice)?;
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| explain(&error, &request, |_| None))?;
        match answer.entries() {
            [entry] if entry.error_code().is_none() && answer.failed_entry_count() == 0 => {
                Ok(Taken::Yes)
            }
            [entry] => {
                let refusal = Refusal {
                    status: 200,
                    code: text::clean(entry.error_code().unwrap_or_default()),
                    said: text::clean(entry.error_message().unwrap_or_default()),
                };
                Err(of_entry(&request, &refusal))
            }
            others => Err(request.open(format!(
                "the answer speaks of {} events, and one was sent",
                others.len()
            ))),
        }
    }
}

/// The error of one entry (API reference, PutEventsResultEntry: which of them to try again).
fn of_entry(request: &Request, refusal: &Refusal) -> PortError {
    match refusal.code.as_str() {
        "InternalFailure" | "InternalException" | "ServiceUnavailable" => {
            request.busy(format!("the event failed {refusal}"))
        }
        "ThrottlingException" => request.busy(format!("too busy: slow down {refusal}")),
        "AccessDeniedException"
        | "NotAuthorizedForSourceException"
        | "NotAuthorizedForDetailTypeException" => request.never(format!(
            "no permission: allow events:PutEvents on it for the role that runs this, and see the bus's own policy {refusal}"
        )),
        _ => request.never(format!("the event is refused {refusal}")),
    }
}
