use proptest::prelude::*;
use serde_json::json;

use super::*;

fn record(name: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T10:00:00.000Z", "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "inbox",
            "bucket": {"name": "reports", "arn": "arn:aws:s3:::reports"},
            "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko", "sequencer": "0055AED6DCD90281E5"},
        },
    })
}

fn notification(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

fn event(arrival: &Arrival) -> &ObjectEvent {
    match arrival {
        Arrival::Object(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_s3_notification_tells_the_object_its_version_and_its_place_in_the_order() {
    let arrivals = parse(&notification(&[record(
        "ObjectCreated:Put",
        "inbox/gr%C3%BCn+1%2B2.csv",
    )]));
    assert_eq!(
        arrivals,
        [Arrival::Object(ObjectEvent {
            blob: BlobRef::new("reports", "inbox/grün 1+2.csv"),
            version_id: Some("096fKKXTRTtl3on89fVO.nfljtsv6qko".into()),
            etag: Some("d41d8cd98f00b204e9800998ecf8427e".into()),
            bytes: Some(1024),
            occurrence: Some("0055AED6DCD90281E5".into()),
        })]
    );
}

#[test]
fn stand_ins_spell_it_otherwise() {
    let mut record = record("s3:ObjectCreated:CompleteMultipartUpload", "inbox%2Fa.csv");
    record["eventSource"] = json!("minio:s3");
    record["s3"]["object"]["eTag"] = json!("\"abc-2\"");
    record["s3"]["object"]["versionId"] = json!("");
    record["s3"]["object"]["sequencer"] = json!("0");
    let arrivals = parse(&notification(&[record]));
    let event = event(&arrivals[0]);
    assert_eq!(event.blob.key, "inbox/a.csv");
    assert_eq!(event.etag.as_deref(), Some("abc-2"));
    assert_eq!(event.version_id, None);
    assert_eq!(
        event.occurrence.as_deref(),
        Some("2026-11-22T10:00:00.000Z")
    );
}

#[test]
fn event_bridge_writes_keys_as_they_are() {
    let body = json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
        "time": "2026-11-22T10:00:00Z", "region": "us-east-1", "resources": ["arn:aws:s3:::reports"],
        "detail": {
            "version": "0", "bucket": {"name": "reports"},
            "object": {"key": "inbox/a+b%20c.csv", "size": 5, "etag": "abc", "version-id": "v1",
                "sequencer": "0055AED6DCD90281E5"},
            "request-id": "N4N7GDK58NMKJ12R", "requester": "1", "reason": "PutObject",
        },
    });
    let arrivals = parse(&body.to_string());
    let event = event(&arrivals[0]);
    assert_eq!(event.blob, BlobRef::new("reports", "inbox/a+b%20c.csv"));
    assert_eq!(event.version_id.as_deref(), Some("v1"));
    assert_eq!(event.etag.as_deref(), Some("abc"));
    let mut deleted = body;
    deleted["detail-type"] = json!("Object Deleted");
    assert_eq!(
        parse(&deleted.to_string()),
        [Arrival::Ignored(Ignored::OtherKind)]
    );
}

#[test]
fn sns_wraps_a_notification_once() {
    let inner = notification(&[record("ObjectCreated:Put", "a.csv")]);
    let body = json!({"Type": "Notification", "TopicArn": "arn", "Message": inner}).to_string();
    assert_eq!(event(&parse(&body)[0]).blob.key, "a.csv");
    let twice = json!({"Type": "Notification", "Message": body}).to_string();
    assert_eq!(
        parse(&twice),
        [Arrival::Unknown("an inbox message of unknown shape")]
    );
}

#[test]
fn what_is_no_creation_is_ignored_with_its_reason() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T10:00:00.000Z",
        "Bucket": "reports", "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"});
    assert_eq!(
        parse(&test.to_string()),
        [Arrival::Ignored(Ignored::TestEvent)]
    );
    let others = [
        "ObjectRemoved:Delete",
        "s3:ObjectRestore:Post",
        "LifecycleExpiration:Delete",
        "ObjectCreatedOrSo",
    ];
    let records = others.map(|name| record(name, "a.csv"));
    let ignored = vec![Arrival::Ignored(Ignored::OtherKind); others.len()];
    assert_eq!(parse(&notification(&records)), ignored);
}

#[test]
fn s20_a_record_that_cannot_be_read_stands_beside_those_that_can() {
    let good = record("ObjectCreated:Put", "a.csv");
    let mut nameless = good.clone();
    nameless["s3"]["object"] = json!({});
    let mut not_utf8 = good.clone();
    not_utf8["s3"]["object"]["key"] = json!("%FF.csv");
    let foreign = json!({"eventSource": "aws:dynamodb", "eventName": "INSERT"});
    let arrivals = parse(&notification(&[
        nameless,
        good.clone(),
        not_utf8,
        json!(7),
        foreign,
        good,
    ]));
    let kinds: Vec<bool> = arrivals
        .iter()
        .map(|arrival| matches!(arrival, Arrival::Object(_)))
        .collect();
    assert_eq!(kinds, [false, true, false, false, false, true]);
    assert!(matches!(arrivals[0], Arrival::Unknown(_)));
}

#[test]
fn an_object_with_a_field_of_ours_is_a_spec_and_another_is_unknown() {
    assert!(matches!(
        parse(r#"{"input_bucket":"b","input_key":"k"}"#)[..],
        [Arrival::Spec(_)]
    ));
    assert!(matches!(
        parse(r#"{"model_id":"m","x":1}"#)[..],
        [Arrival::Spec(_)]
    ));
    for body in [
        "",
        "[]",
        "7",
        r#"{"hello":"world"}"#,
        r#"{"Records":[]}"#,
        r#"{"Records":7}"#,
    ] {
        assert!(matches!(parse(body)[..], [Arrival::Unknown(_)]), "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_whatsoever_ends_the_reader_or_goes_unnoticed(body in any::<String>()) {
        prop_assert!(!parse(&body).is_empty());
    }

    #[test]
    fn cut_off_notifications_are_unknown(at in 0usize..400) {
        let body = notification(&[record("ObjectCreated:Put", "a.csv")]);
        let cut: String = body.chars().take(at).collect();
        prop_assert_eq!(parse(&cut), vec![Arrival::Unknown("an inbox message that is no JSON")]);
    }
}
