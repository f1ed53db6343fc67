//! EventBridge and SNS: what goes over the wire, what refusals mean, and that the emulator takes it.

use std::sync::{Arc, Mutex};

use annexa::adapters::aws::AwsConfig;
use annexa::adapters::aws::eventbridge::EventBus;
use annexa::adapters::aws::sns::Topic;
use annexa::ports::notifier::Taken;
use annexa::ports::{ErrorClass, Notifier, PortError};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::notice;
use crate::aws::canned::{Answer, canned_for};
use crate::aws::emulator::{Emulator, REGION, unique};

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:jobs";
const PUBLISHED: Answer = (
    200,
    &[],
    "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>",
);

/// A configuration whose every request gets `answer`, and the requests: address, signature and body.
fn answering(answer: Answer) -> (AwsConfig, Arc<Mutex<Vec<[String; 3]>>>) {
    let asked: Arc<Mutex<Vec<[String; 3]>>> = Arc::default();
    let kept = asked.clone();
    let aws = canned_for(move |_, request| {
        let body = request.body().bytes().unwrap_or_default();
        let signed = request.headers().get("authorization").unwrap_or_default();
        let body = String::from_utf8_lossy(body).into_owned();
        let request = [request.uri().to_string(), signed.to_string(), body];
        kept.lock().unwrap().push(request);
        answer
    });
    (aws, asked)
}

async fn to_bus(bus: &str, answer: Answer) -> (Result<Taken, PortError>, [String; 3]) {
    let (aws, asked) = answering(answer);
    let bus = EventBus::new(&aws, bus.parse().unwrap()).unwrap();
    let told = bus.tell(&notice()).await;
    let asked = asked.lock().unwrap().pop().expect("one request");
    (told, asked)
}

async fn to_topic(topic: &str, answer: Answer) -> (Result<Taken, PortError>, [String; 3]) {
    let (aws, asked) = answering(answer);
    let topic = Topic::new(&aws, topic.parse().unwrap());
    let told = topic.tell(&notice()).await;
    let asked = asked.lock().unwrap().pop().expect("one request");
    (told, asked)
}

/// The fields of a form.
fn fields(body: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn field<'f>(fields: &'f [(String, String)], name: &str) -> &'f str {
    let found = fields.iter().find(|(own, _)| own == name);
    found.map_or("", |(_, value)| value)
}

#[tokio::test]
async fn an_event_has_the_notice_as_its_detail_and_the_outputs_as_its_resource() {
    let answer = (
        200,
        &[][..],
        r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#,
    );
    let (told, [_, signed, body]) = to_bus("default", answer).await;
    assert_eq!(told.unwrap(), Taken::Yes);
    assert!(signed.contains("/us-east-1/events/"), "{signed}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let entry = &body["Entries"][0];
    assert_eq!(body["Entries"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&entry["Source"], &entry["DetailType"]),
        (&"annexa".into(), &"Annexa Job Ended".into())
    );
    assert_eq!(entry["EventBusName"], "default");
    assert_eq!(entry["Resources"][0], "arn:aws:s3:::out/results/job-0a/");
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(detail, serde_json::to_value(notice()).unwrap());
    assert_eq!(detail["notice_id"], "job-0a-retry-1");
    assert!(
        body.to_string().len() < 16_000,
        "far below the limit of an entry"
    );

    let arn = "arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/annexa";
    let (_, [_, signed, body]) = to_bus(arn, answer).await;
    assert!(
        signed.contains("/us-gov-west-1/events/"),
        "in the bus's own Region: {signed}"
    );
    assert!(body.contains("arn:aws-us-gov:s3:::out/"), "{body}");
}

#[tokio::test]
async fn an_answer_of_200_holds_the_failure_of_an_event() {
    use ErrorClass::{PermanentJob, Transient};
    for (answer, class, words) in [
        (
            r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"Oh."}]}"#,
            Transient,
            "InternalFailure: Oh",
        ),
        (
            r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException"}]}"#,
            Transient,
            "slow down",
        ),
        (
            r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"NotAuthorizedForSourceException"}]}"#,
            PermanentJob,
            "allow events:PutEvents",
        ),
        (
            r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail"}]}"#,
            PermanentJob,
            "refused",
        ),
        (
            r#"{"FailedEntryCount":0,"Entries":[]}"#,
            Transient,
            "0 events",
        ),
    ] {
        let (told, _) = to_bus("jobs", (200, &[], answer)).await;
        let error = told.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.what.contains(words), "{error}");
        assert!(
            error
                .what
                .starts_with("event bus jobs in us-east-1, events:PutEvents: "),
            "{error}"
        );
    }
    let denied = r#"{"__type":"AccessDeniedException","Message":"User is not authorized."}"#;
    let (told, _) = to_bus("jobs", (400, &[], denied)).await;
    let error = told.unwrap_err();
    assert!(
        !error.is_retryable() && error.what.contains("allow events:PutEvents"),
        "{error}"
    );
}

#[tokio::test]
async fn a_message_of_a_topic_has_attributes_to_filter_by() {
    let (told, [_, signed, body]) = to_topic(TOPIC, PUBLISHED).await;
    assert_eq!(told.unwrap(), Taken::Yes);
    assert!(
        signed.contains("/eu-central-1/sns/"),
        "in the topic's own Region: {signed}"
    );
    let fields = fields(&body);
    assert_eq!(field(&fields, "TopicArn"), TOPIC);
    let message: Value = serde_json::from_str(field(&fields, "Message")).unwrap();
    assert_eq!(message, serde_json::to_value(notice()).unwrap());
    let attribute = |name: &str| {
        let at = fields.iter().find(|(_, value)| value == name);
        let (at, _) = at.unwrap_or_else(|| panic!("no attribute {name}"));
        field(&fields, &at.replace(".Name", ".Value.StringValue"))
    };
    assert_eq!(attribute("notice_id"), "job-0a-retry-1");
    assert_eq!(attribute("job_id"), "job-0a");
    assert_eq!(attribute("state"), "COMPLETED_WITH_ERRORS");
    assert_eq!(
        field(&fields, "Subject"),
        "Annexa job-0a COMPLETED_WITH_ERRORS"
    );
    assert_eq!(field(&fields, "MessageGroupId"), "");
}

#[tokio::test]
async fn a_fifo_topic_drops_duplicates_by_the_notice_s_key() {
    let (told, [_, _, body]) = to_topic(&format!("{TOPIC}.fifo"), PUBLISHED).await;
    assert_eq!(told.unwrap(), Taken::Yes);
    let fields = fields(&body);
    assert_eq!(field(&fields, "MessageDeduplicationId"), "job-0a-retry-1");
    assert_eq!(field(&fields, "MessageGroupId"), "job-0a");
}

#[tokio::test]
async fn what_sns_refuses_says_what_to_do() {
    let refused =
        |status, body| async move { to_topic(TOPIC, (status, &[], body)).await.0.unwrap_err() };
    let error = refused(
        403,
        "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>",
    )
    .await;
    assert!(
        !error.is_retryable() && error.what.contains("allow sns:Publish"),
        "{error}"
    );
    let error = refused(
        404,
        "<ErrorResponse><Error><Code>NotFound</Code><Message>no topic</Message></Error></ErrorResponse>",
    )
    .await;
    assert!(
        !error.is_retryable() && error.what.contains("not there"),
        "{error}"
    );
    let error = refused(
        429,
        "<ErrorResponse><Error><Code>Throttled</Code><Message>slow</Message></Error></ErrorResponse>",
    )
    .await;
    assert!(error.is_retryable(), "{error}");
    let error = refused(500, "").await;
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn the_emulator_takes_both_and_a_queue_behind_the_topic_gets_the_notice() {
    let emulator = Emulator::shared();
    let name = unique("notices");
    let sns = aws_sdk_sns::Client::new(&emulator.sdk());
    let topic = sns.create_topic().name(&name).send().await.unwrap();
    let topic = topic.topic_arn.expect("it has one");
    let queue = emulator.sqs().create_queue().queue_name(&name).send();
    let url = queue.await.unwrap().queue_url.expect("it has one");
    let arn = format!("arn:aws:sqs:{REGION}:000000000000:{name}");
    let subscribe = sns
        .subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint(arn);
    let subscribe = subscribe.attributes("RawMessageDelivery", "true");
    subscribe.send().await.unwrap();
    let aws = emulator.config();
    let told = Topic::new(&aws, topic.parse().unwrap())
        .tell(&notice())
        .await;
    assert_eq!(told.unwrap(), Taken::Yes);
    let receive = emulator
        .sqs()
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(5);
    let got = receive.send().await.unwrap().messages.unwrap_or_default();
    let got: Value = serde_json::from_str(got[0].body().unwrap()).unwrap();
    assert_eq!(got, serde_json::to_value(notice()).unwrap());
    let bus = EventBus::new(&aws, "default".parse().unwrap()).unwrap();
    assert_eq!(bus.tell(&notice()).await.unwrap(), Taken::Yes);
}
