//! The shapes of inbox messages: S3's notifications, EventBridge's form of them, both also through SNS, and job specs.
//!
//! Sources: "Event message structure" and "EventBridge event message structure" of the S3 user guide. S3 form-encodes keys
//! in its own notifications and leaves them as they are in EventBridge's; stand-ins write `s3:ObjectCreated:Put` for
//! `ObjectCreated:Put`, another `eventSource`, and ETags with quotes.

use serde_json::{Map, Value};

use super::arrival::{Arrival, Ignored, ObjectEvent};
use super::key::form_decoded;
use super::request::FIELDS;
use crate::core::spec::BlobRef;

/// What a body says has arrived; never empty. What cannot be read is [`Arrival::Unknown`] and stands beside what can (S20).
pub fn parse(body: &str) -> Vec<Arrival> {
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        return vec![Arrival::Unknown("an inbox message that is no JSON")];
    };
    read(value, true)
}

fn read(value: Value, may_be_wrapped: bool) -> Vec<Arrival> {
    let Value::Object(object) = value else {
        return vec![Arrival::Unknown("an inbox message that is no JSON object")];
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    if let Some(records) = object.get("Records") {
        return match records.as_array() {
            Some(records) if !records.is_empty() => records.iter().map(record).collect(),
            _ => vec![Arrival::Unknown("an S3 notification without records")],
        };
    }
    if text("Event") == Some("s3:TestEvent") {
        return vec![Arrival::Ignored(Ignored::TestEvent)];
    }
    if text("source") == Some("aws.s3") && object.contains_key("detail-type") {
        return vec![event_bridge(&object)];
    }
    if may_be_wrapped
        && text("Type") == Some("Notification")
        && let Some(inner) = text("Message")
    {
        return match serde_json::from_str(inner) {
            Ok(inner) => read(inner, false),
            Err(_) => vec![Arrival::Unknown("a notification of SNS that holds no JSON")],
        };
    }
    if object.keys().any(|name| FIELDS.contains(&name.as_str())) {
        return vec![Arrival::Spec(object)];
    }
    vec![Arrival::Unknown("an inbox message of unknown shape")]
}

/// One record of an S3 notification.
fn record(record: &Value) -> Arrival {
    let Some(name) = record.get("eventName").and_then(Value::as_str) else {
        return Arrival::Unknown("a record of a notification without eventName");
    };
    if record.get("s3").is_none() {
        return Arrival::Unknown("a record of a notification that is not about S3");
    }
    let name = name.strip_prefix("s3:").unwrap_or(name);
    if name != "ObjectCreated" && !name.starts_with("ObjectCreated:") {
        return Arrival::Ignored(Ignored::OtherKind);
    }
    let (bucket, object) = (&record["s3"]["bucket"], &record["s3"]["object"]);
    let (Some(bucket), Some(key)) = (word(bucket, "name"), word(object, "key")) else {
        return Arrival::Unknown("a record of a notification without bucket or key");
    };
    let Some(key) = form_decoded(&key) else {
        return Arrival::Unknown("a record of a notification whose key is not UTF-8");
    };
    Arrival::Object(ObjectEvent {
        blob: BlobRef::new(bucket, key),
        version_id: word(object, "versionId"),
        etag: etag(object, "eTag"),
        bytes: object.get("size").and_then(Value::as_u64),
        occurrence: occurrence(object, word(record, "eventTime")),
    })
}

/// EventBridge's form; the key stands as it is.
fn event_bridge(event: &Map<String, Value>) -> Arrival {
    if event.get("detail-type").and_then(Value::as_str) != Some("Object Created") {
        return Arrival::Ignored(Ignored::OtherKind);
    }
    let Some(detail) = event.get("detail") else {
        return Arrival::Unknown("an event of EventBridge without detail");
    };
    let (bucket, object) = (&detail["bucket"], &detail["object"]);
    let (Some(bucket), Some(key)) = (word(bucket, "name"), word(object, "key")) else {
        return Arrival::Unknown("an event of EventBridge without bucket or key");
    };
    let time = event
        .get("time")
        .and_then(Value::as_str)
        .map(str::to_string);
    Arrival::Object(ObjectEvent {
        blob: BlobRef::new(bucket, key),
        version_id: word(object, "version-id"),
        etag: etag(object, "etag"),
        bytes: object.get("size").and_then(Value::as_u64),
        occurrence: occurrence(object, time),
    })
}

/// A text that is not empty.
fn word(object: &Value, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_string())
}

fn etag(object: &Value, name: &str) -> Option<String> {
    let etag = word(object, name)?;
    let bare = etag.trim_matches('"');
    (!bare.is_empty()).then(|| bare.to_string())
}

/// The sequencer, in one form whoever wrote it; a stand-in's "0" says nothing.
fn occurrence(object: &Value, time: Option<String>) -> Option<String> {
    word(object, "sequencer")
        .filter(|sequencer| sequencer != "0")
        .or(time)
}

#[cfg(test)]
#[path = "shapes_tests.rs"]
mod tests;
