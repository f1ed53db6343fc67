//! Names of buses and topics, and what of them decides where a request goes: they may lie in another Region.

use std::str::FromStr;

/// Why a text names no bus, or no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadArn {
    /// No bus.
    #[error(
        "a bus's name or ARN is expected, such as default or arn:aws:events:eu-central-1:123456789012:event-bus/annexa"
    )]
    Bus,
    /// No topic.
    #[error("a topic's ARN is expected, such as arn:aws:sns:eu-central-1:123456789012:annexa-jobs")]
    Topic,
}

/// A bus of EventBridge, by name or by ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusName {
    /// As it was given.
    pub name: String,
    /// The Region of an ARN.
    pub region: Option<String>,
}

impl FromStr for BusName {
    type Err = BadArn;

    fn from_str(text: &str) -> Result<BusName, BadArn> {
        // API reference of PutEvents: EventBusName.
        let is_name = |name: &str| {
            let is_known = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
            (1..=256).contains(&name.len()) && name.bytes().all(is_known)
        };
        let region = match text.starts_with("arn:") {
            false if is_name(text) => None,
            false => return Err(BadArn::Bus),
            true => {
                let (region, resource) = parts(text, "events").ok_or(BadArn::Bus)?;
                let bus = resource.strip_prefix("event-bus/").ok_or(BadArn::Bus)?;
                if !is_name(bus) {
                    return Err(BadArn::Bus);
                }
                Some(region.to_string())
            }
        };
        Ok(BusName {
            name: text.to_string(),
            region,
        })
    }
}

/// A topic of SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn {
    /// As it was given.
    pub arn: String,
    /// Its Region.
    pub region: String,
}

impl FromStr for TopicArn {
    type Err = BadArn;

    fn from_str(text: &str) -> Result<TopicArn, BadArn> {
        let (region, name) = parts(text, "sns").ok_or(BadArn::Topic)?;
        let bare = name.strip_suffix(".fifo").unwrap_or(name);
        // API reference of CreateTopic: Name.
        let is_known = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        let is_name =
            (1..=256).contains(&name.len()) && !bare.is_empty() && bare.bytes().all(is_known);
        match is_name {
            true => Ok(TopicArn {
                arn: text.to_string(),
                region: region.to_string(),
            }),
            false => Err(BadArn::Topic),
        }
    }
}

impl TopicArn {
    /// Whether the topic keeps an order and drops duplicates.
    pub fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }
}

/// Region and resource of an ARN of `service` in some account.
fn parts<'a>(arn: &'a str, service: &str) -> Option<(&'a str, &'a str)> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(partition), Some(found), Some(region), Some(account), Some(resource)) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return None;
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let is_whole = found == service && partition.starts_with("aws") && is_account;
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_region = region.contains('-') && region.bytes().all(is_part);
    (is_whole && is_region).then_some((region, resource))
}

/// The partition of a Region (AWS general reference, "Partitions").
pub fn partition(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "aws-cn",
        gov if gov.starts_with("us-gov-") => "aws-us-gov",
        sovereign if sovereign.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_has_a_name_or_an_arn_and_a_topic_has_an_arn() {
        let bus: BusName = "default".parse().unwrap();
        assert_eq!(bus.region, None);
        let arn = "arn:aws:events:eu-central-1:123456789012:event-bus/a.b/c";
        let bus: BusName = arn.parse().unwrap();
        assert_eq!(bus.region.as_deref(), Some("eu-central-1"));
        let topic: TopicArn = "arn:aws-cn:sns:cn-north-1:123456789012:jobs.fifo"
            .parse()
            .unwrap();
        assert_eq!(
            (topic.region.as_str(), topic.is_fifo()),
            ("cn-north-1", true)
        );
        for bad in [
            "",
            "a b",
            "arn:aws:sqs:eu-central-1:123456789012:a",
            "arn:aws:events:e:1:x",
        ] {
            assert_eq!(bad.parse::<BusName>(), Err(BadArn::Bus), "{bad}");
            assert_eq!(bad.parse::<TopicArn>(), Err(BadArn::Topic), "{bad}");
        }
    }
}
