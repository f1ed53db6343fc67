//! What the services answer and no emulator does: whole answers, given to the adapters as they would come.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use annexa::adapters::aws::AwsConfig;
use annexa::adapters::aws::s3::S3Blobs;
use annexa::adapters::aws::sqs::SqsQueue;
use annexa::adapters::aws::stack;
use annexa::adapters::local::clock::SystemClock;
use annexa::core::spec::BlobRef;
use annexa::ports::blobs::{Blobs, Put};
use annexa::ports::queue::{Queue, Receipt};
use annexa::ports::{ErrorClass, PortError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/chunks";

/// An answer: status, headers, body.
pub type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

/// The answer to a request, whose operation (or method) is told.
type Choose = Arc<dyn Fn(&str, &HttpRequest) -> Answer + Send + Sync>;

/// Gives the answers that a test chooses.
struct Canned(Choose);

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target");
        let operation = target.and_then(|target| target.split_once('.'));
        let operation = operation.map_or(request.method(), |(_, operation)| operation);
        let (status, headers, body) = (self.0)(operation, &request);
        let status = status.try_into().expect("a status");
        let mut answer = HttpResponse::new(status, SdkBody::from(body));
        for (name, value) in headers {
            answer.headers_mut().insert(*name, *value);
        }
        HttpConnectorFuture::ready(Ok(answer))
    }
}

fn canned(choose: impl Fn(&str) -> Answer + Send + Sync + 'static) -> AwsConfig {
    canned_for(move |operation, _| choose(operation))
}

pub fn canned_for(
    choose: impl Fn(&str, &HttpRequest) -> Answer + Send + Sync + 'static,
) -> AwsConfig {
    let choose: Choose = Arc::new(choose);
    let client: SharedHttpClient =
        http_client_fn(move |_, _| SharedHttpConnector::new(Canned(choose.clone())));
    AwsConfig::for_stand_in("us-east-1", "http://127.0.0.1:1").with_http_client(client)
}

/// A queue that opens, and answers everything else with `answer`.
async fn queue(answer: Answer) -> SqsQueue {
    let aws = canned(move |operation| match operation {
        "GetQueueAttributes" => (200, &[], r#"{"Attributes":{"VisibilityTimeout":"120"}}"#),
        _ => answer,
    });
    let queue = SqsQueue::open(&aws, QUEUE, Arc::new(SystemClock::new())).await;
    queue.expect("it opens")
}

fn receipt() -> Receipt {
    Receipt("AQEB".to_string())
}

fn has(error: &PortError, class: ErrorClass, words: &str) {
    assert_eq!(error.class, class, "{error}");
    assert!(error.what.contains(words), "{error}");
}

#[tokio::test]
async fn s6_twelve_hours_in_all_are_a_lost_claim() {
    let queue = queue((
        400,
        &[("x-amzn-query-error", "InvalidParameterValue;Sender")],
        r#"{"__type":"com.amazon.coral.service#InvalidParameterValueException","message":"Value 7200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]."}"#,
    ))
    .await;
    let error = queue.extend(&receipt(), Duration::from_secs(7_200)).await;
    has(&error.unwrap_err(), ErrorClass::LostClaim, "12 hours");
}

#[tokio::test]
async fn an_expired_receipt_does_nothing_and_is_no_error() {
    let queue = queue((
        400,
        &[("x-amzn-query-error", "InvalidParameterValue;Sender")],
        r#"{"__type":"com.amazon.coral.service#InvalidParameterValueException","message":"Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."}"#,
    ))
    .await;
    queue
        .extend(&receipt(), Duration::from_secs(60))
        .await
        .unwrap();
    queue.release(&receipt(), Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn s20_an_answer_of_200_holds_failures_of_entries() {
    let queue = queue((
        200,
        &[],
        r#"{"Successful":[{"Id":"1"}],"Failed":[
            {"Id":"0","Code":"ReceiptHandleIsInvalid","SenderFault":true,"Message":"The input receipt handle is invalid."},
            {"Id":"2","Code":"InternalError","SenderFault":false}]}"#,
    ))
    .await;
    let results = queue
        .delete(&[receipt(), receipt(), receipt()])
        .await
        .unwrap();
    assert!(results[0].is_ok() && results[1].is_ok());
    has(
        results[2].as_ref().unwrap_err(),
        ErrorClass::Transient,
        "InternalError",
    );
}

#[tokio::test]
async fn s4_a_queue_that_may_not_be_read_says_what_to_allow() {
    let queue = queue((
        403,
        &[],
        r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"User: arn:aws:sts::123456789012:assumed-role/worker is not authorized to perform: sqs:receivemessage"}"#,
    ))
    .await;
    let error = queue.receive(10, Duration::ZERO).await.unwrap_err();
    has(&error, ErrorClass::PermanentJob, "allow sqs:ReceiveMessage");
    has(&error, ErrorClass::PermanentJob, QUEUE);
}

#[tokio::test]
async fn a_queue_without_visibility_is_refused() {
    let aws = canned(|_| (200, &[], r#"{"Attributes":{"VisibilityTimeout":"0"}}"#));
    let error = SqsQueue::open(&aws, QUEUE, Arc::new(SystemClock::new())).await;
    has(
        &error.map(drop).unwrap_err(),
        ErrorClass::PermanentJob,
        "visibility timeout is 0",
    );
}

#[tokio::test]
async fn a_bucket_of_another_region_is_named_with_its_region() {
    let elsewhere: &[(&str, &str)] = &[("x-amz-bucket-region", "eu-central-1")];
    let blobs = S3Blobs::new(&canned(move |operation| match operation {
        "HEAD" => (301, elsewhere, ""),
        _ => (
            301,
            elsewhere,
            "<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed using the specified endpoint.</Message></Error>",
        ),
    }));
    let blob = BlobRef::new("inbox", "reports.csv");
    for error in [
        blobs
            .get_range(&blob, 0, 1, None)
            .await
            .map(drop)
            .unwrap_err(),
        blobs.head(&blob).await.map(drop).unwrap_err(),
        blobs.put(&blob, b"x", false).await.map(drop).unwrap_err(),
    ] {
        has(
            &error,
            ErrorClass::PermanentJob,
            "set AWS_REGION to eu-central-1",
        );
    }
}

#[tokio::test]
async fn without_permission_to_list_nobody_is_told_whether_an_object_is_there() {
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let blobs = S3Blobs::new(&canned(move |operation| match operation {
        "HEAD" => (403, &[], ""),
        _ => (403, &[], denied),
    }));
    let blob = BlobRef::new("inbox", "reports.csv");
    for error in [
        blobs.head(&blob).await.map(drop).unwrap_err(),
        blobs
            .get_range(&blob, 0, 1, None)
            .await
            .map(drop)
            .unwrap_err(),
    ] {
        has(
            &error,
            ErrorClass::PermanentJob,
            "not there, or not allowed",
        );
    }
    let error = blobs.put(&blob, b"x", false).await.unwrap_err();
    has(&error, ErrorClass::PermanentJob, "allow s3:PutObject");
}

#[tokio::test]
async fn i1_an_object_is_not_called_gone_because_credentials_ran_out() {
    let blobs = S3Blobs::new(&canned(|_| (400, &[], "")));
    let blob = BlobRef::new("inbox", "reports.csv");
    for error in [
        blobs.head(&blob).await.unwrap_err(),
        blobs.head_version(&blob, "\"e\"@id").await.unwrap_err(),
    ] {
        has(&error, ErrorClass::Transient, "credentials have run out");
    }
}

#[tokio::test]
async fn an_answer_of_200_that_holds_an_error_is_no_copy() {
    let failed = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>";
    let blobs = S3Blobs::new(&canned(move |_| (200, &[], failed)));
    let (from, to) = (BlobRef::new("b", "from"), BlobRef::new("b", "to"));
    let error = blobs.copy(&from, &to).await.unwrap_err();
    has(&error, ErrorClass::Transient, "InternalError");
    assert!(error.unknown_outcome);
}

#[tokio::test]
async fn an_upload_names_one_checksum_from_its_beginning_to_its_end() {
    // S3 refuses to complete parts with checksums that the beginning did not name, and the other way round
    // (`InvalidPart`, `InvalidRequest`); the emulator takes everything.
    let named = Arc::new(Mutex::new(Vec::new()));
    let seen = named.clone();
    let part: &[(&str, &str)] = &[("etag", "\"e\""), ("x-amz-checksum-crc32", "AAAAAA==")];
    let blobs = S3Blobs::new(&canned_for(move |operation, request| {
        let (header, body) = (|name| request.headers().get(name), request.body().bytes());
        let body = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
        let (is_begin, is_part) = (request.uri().contains("uploads"), operation == "PUT");
        let names = match (is_begin, is_part) {
            (true, _) => header("x-amz-checksum-algorithm") == Some("CRC32"),
            (_, true) => header("x-amz-checksum-crc32").is_some(),
            _ => {
                body.matches("<ChecksumCRC32>AAAAAA==</ChecksumCRC32>")
                    .count()
                    == 2
            }
        };
        seen.lock().expect("no panic while held").push(names);
        match (is_begin, is_part) {
            (true, _) => (
                200,
                &[],
                "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
            ),
            (_, true) => (200, part, ""),
            _ => (
                200,
                &[],
                "<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>",
            ),
        }
    }));
    let mut writer = blobs.put_stream(&BlobRef::new("b", "k")).await.unwrap();
    writer.write(&vec![7; 9 << 20]).await.unwrap();
    let Put::Written(head) = writer.complete(true).await.unwrap() else {
        panic!("nothing was there");
    };
    assert_eq!((head.etag.as_str(), head.bytes), ("\"all\"", 9 << 20));
    assert_eq!(*named.lock().unwrap(), [true, true, true, true]);
}

#[tokio::test]
async fn bytes_of_another_place_are_not_taken_for_those_asked_for() {
    let other: &[(&str, &str)] = &[("content-range", "bytes 7-9/100"), ("content-length", "3")];
    let blobs = S3Blobs::new(&canned(move |_| (206, other, "abc")));
    let blob = BlobRef::new("b", "k");
    let error = blobs.get_range(&blob, 5, 8, None).await.unwrap_err();
    has(&error, ErrorClass::Transient, "bytes from 7 on came");
    let bytes = blobs.get_range(&blob, 8, 9, None).await.unwrap();
    assert_eq!(bytes, b"b", "what is cut too widely is cut here");
}

#[tokio::test]
async fn a_stack_is_read_as_cloudformation_tells_of_it() {
    let aws = canned(|_| {
        let body = concat!(
            r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>"#,
            "<Stacks><member><StackName>ours-storage</StackName><CreationTime>2026-11-23T03:00:00Z</CreationTime>",
            "<StackStatus>UPDATE_COMPLETE</StackStatus><Outputs><member><OutputKey>Table</OutputKey>",
            "<OutputValue>ours</OutputValue><ExportName>ours-storage-Table</ExportName></member></Outputs></member></Stacks>",
            "</DescribeStacksResult></DescribeStacksResponse>",
        );
        (200, &[("content-type", "text/xml")], body)
    });
    let read = stack::read(&aws, "ours-storage", &SystemClock::new()).await;
    let read = read.unwrap().expect("it is there");
    assert_eq!(read.standing(), stack::Standing::Good);
    assert_eq!(
        read.outputs,
        [("Table".to_string(), "ours".to_string())].into()
    );
}

#[tokio::test]
async fn a_stack_whose_first_change_set_was_never_carried_out_is_none() {
    let aws = canned(|_| {
        let body = concat!(
            r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>"#,
            "<Stacks><member><StackName>ours-fleet</StackName><CreationTime>2026-11-23T03:00:00Z</CreationTime>",
            "<StackStatus>REVIEW_IN_PROGRESS</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
        );
        (200, &[("content-type", "text/xml")], body)
    });
    let read = stack::read(&aws, "ours-fleet", &SystemClock::new()).await;
    assert_eq!(read.unwrap(), None);
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_none_and_one_that_may_not_be_read_says_what_to_allow() {
    let aws = canned(|_| {
        let body = concat!(
            r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>"#,
            "<Code>ValidationError</Code><Message>Stack with id ours-storage does not exist</Message></Error>",
            "<RequestId>0</RequestId></ErrorResponse>",
        );
        (400, &[("content-type", "text/xml")], body)
    });
    let clock = SystemClock::new();
    let read = stack::read(&aws, "ours-storage", &clock).await;
    assert_eq!(read.unwrap(), None);

    let aws = canned(|_| {
        let body = concat!(
            r#"<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>"#,
            "<Code>AccessDenied</Code><Message>User: u is not authorized</Message></Error><RequestId>0</RequestId>",
            "</ErrorResponse>",
        );
        (403, &[("content-type", "text/xml")], body)
    });
    let refused = stack::read(&aws, "ours-storage", &clock).await.unwrap_err();
    has(
        &refused,
        ErrorClass::PermanentJob,
        "allow cloudformation:DescribeStacks",
    );
    assert!(
        refused.what.starts_with("stack ours-storage in us-east-1"),
        "{refused}"
    );
}
