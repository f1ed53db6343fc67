//! Every way of not answering, over real HTTP: class, what may have been paid for, and what the user is told.

use std::time::Duration;

use super::stub::{Reply, Stub, converse, refusal};
use super::tests::{facts, model, request};
use super::*;
use crate::ports::Model;
use crate::ports::error::{ErrorClass, PortError};

use ErrorClass::{PermanentJob, Throttled, Transient};

/// Short enough for a test, long enough for a local call on a busy machine.
const SHORT: Duration = Duration::from_millis(300);

pub(super) async fn error_of(reply: Reply, setup: &BedrockSetup) -> PortError {
    let stub = Stub::start(vec![reply]).await;
    let model = model(&stub, &facts(), setup);
    let error = model
        .answer(&request(&["THE TIP OF THE CATHETER BROKE OFF."]))
        .await
        .unwrap_err();
    // One call is one attempt: the worker owns retries.
    assert_eq!(stub.seen().len(), 1);
    error
}

pub(super) async fn refused(status: u16, code: &str, message: &str) -> PortError {
    error_of(refusal(status, code, message), &BedrockSetup::default()).await
}

#[tokio::test]
async fn a_code_counts_also_where_the_body_is_no_json() {
    let html = |status, code: &str| Reply::Http {
        status,
        headers: vec![("x-amzn-errortype", code.to_string())],
        body: "<html><body>Service Unavailable</body></html>".to_string(),
    };
    let class = async |status, code| {
        error_of(html(status, code), &BedrockSetup::default())
            .await
            .class
    };
    assert_eq!(class(429, "ThrottlingException:http://x/").await, Throttled);
    assert_eq!(class(503, "").await, Transient);
    assert_eq!(class(404, "").await, PermanentJob);
}

#[tokio::test]
async fn services_are_left_alone_for_as_long_as_they_say() {
    for (headers, wait_ms) in [
        (vec![("x-amz-retry-after", "1500")], Some(1_500)),
        (vec![("retry-after", "7")], Some(7_000)),
        (
            vec![("x-amz-retry-after", "20"), ("retry-after", "7")],
            Some(20),
        ),
        (
            vec![
                ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
                ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT"),
            ],
            Some(30_000),
        ),
        (vec![("retry-after", "86400")], Some(15 * 60 * 1_000)),
        (vec![("retry-after", "soon")], None),
        (vec![], None),
    ] {
        let headers: Vec<(&str, String)> = headers
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect();
        let reply = Reply::Http {
            status: 429,
            headers,
            body: "{}".to_string(),
        };
        let error = error_of(reply, &BedrockSetup::default()).await;
        assert_eq!(
            error.retry_after,
            wait_ms.map(Duration::from_millis),
            "{error}"
        );
    }
}

#[tokio::test]
async fn i10_a_message_that_repeats_the_report_is_not_shown() {
    let error = refused(
        400,
        "ValidationException",
        "cannot parse 'the tip of the catheter broke off.'",
    )
    .await;
    assert_eq!(error.class, PermanentJob);
    assert!(!error.what.contains("catheter"), "{error}");
    assert!(error.what.contains("is not shown"), "{error}");
}

#[tokio::test]
async fn a_call_whose_answer_did_not_come_whole_may_have_been_paid_for() {
    let whole = match converse("end_turn", serde_json::json!([])) {
        Reply::Http { body, .. } => body,
        _ => unreachable!("an answer"),
    };
    let ok = |body: &str| Reply::Http {
        status: 200,
        headers: Vec::new(),
        body: body.to_string(),
    };
    for (reply, words) in [
        (Reply::Close, "connection was lost"),
        (Reply::Truncated(whole.clone()), "broke off"),
        (ok(&whole[..40]), "broke off"),
        (ok("<html>log in to the network</html>"), "proxy"),
    ] {
        let error = error_of(reply.clone(), &BedrockSetup::default()).await;
        assert_eq!(error.class, Transient, "{error}");
        assert!(error.unknown_outcome, "{error}");
        assert!(error.what.contains(words), "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_and_may_have_been_paid_for() {
    let read = BedrockSetup {
        read_timeout: SHORT,
        ..BedrockSetup::default()
    };
    let whole = BedrockSetup {
        call_timeout: SHORT,
        ..BedrockSetup::default()
    };
    for (reply, setup) in [
        (Reply::Stall, &read),
        (Reply::Stall, &whole),
        (Reply::StallInside, &whole),
    ] {
        let error = error_of(reply, setup).await;
        assert_eq!(error.class, Transient, "{error}");
        assert!(error.unknown_outcome, "{error}");
        assert!(error.what.contains("no answer within"), "{error}");
    }
}

#[tokio::test]
async fn a_call_that_found_no_connection_was_certainly_not_paid_for() {
    let closed = {
        let stub = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", stub.local_addr().unwrap())
    };
    for (url, words) in [
        (closed.as_str(), "no connection"),
        ("http://bedrock.invalid", "the host cannot be found"),
    ] {
        let aws = super::super::AwsConfig::for_stand_in("us-east-1", url);
        let clients = BedrockClients::new(&aws, &BedrockSetup::default()).unwrap();
        let error = probe(&clients, "m", &facts()).await.unwrap_err();
        assert_eq!(error.class, Transient, "{error}");
        assert!(!error.unknown_outcome, "{error}");
        assert!(error.what.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_call_without_credentials_ends_the_job_and_says_what_to_set() {
    let stub = Stub::start(vec![converse("end_turn", serde_json::json!([]))]).await;
    let aws = stub.aws().without_credentials();
    let clients = BedrockClients::new(&aws, &BedrockSetup::default()).unwrap();
    let error = probe(&clients, "m", &facts()).await.unwrap_err();
    assert_eq!(error.class, PermanentJob, "{error}");
    assert!(error.what.contains("set AWS_PROFILE"), "{error}");
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_ends_the_job() {
    let aws = super::super::AwsConfig::for_stand_in("us-east-1", "not a url");
    let clients = BedrockClients::new(&aws, &BedrockSetup::default()).unwrap();
    let error = probe(&clients, "m", &facts()).await.unwrap_err();
    assert_eq!(error.class, PermanentJob, "{error}");
    assert!(error.what.contains("AWS_ENDPOINT_URL"), "{error}");
}

#[tokio::test]
async fn after_a_refusal_for_the_clock_calls_are_signed_with_the_services_time() {
    let late = Reply::Http {
        status: 403,
        headers: vec![
            ("x-amzn-errortype", "InvalidSignatureException".to_string()),
            ("date", "Tue, 01 Jun 2100 00:00:00 GMT".to_string()),
        ],
        body: r#"{"message":"Signature expired: x is now earlier than y"}"#.to_string(),
    };
    let stub = Stub::start(vec![late, converse("end_turn", serde_json::json!([]))]).await;
    let model = model(&stub, &facts(), &BedrockSetup::default());
    let error = model.answer(&request(&["a"])).await.unwrap_err();
    assert_eq!(error.class, Transient);
    model.answer(&request(&["a"])).await.unwrap();
    let signed: Vec<String> = stub
        .seen()
        .iter()
        .map(|seen| seen.header("x-amz-date").unwrap()[..4].to_string())
        .collect();
    assert!(signed[0] < signed[1] && signed[1] == "2100", "{signed:?}");
}
