//! What needs no queue: URLs, rounding, refusals, entries.

use std::time::Duration;

use aws_sdk_sqs::types::BatchResultErrorEntry;

use super::super::failure::{Refusal, Request};
use super::batch::{ascii, sort};
use super::open::check_url;
use super::refusal::{is_stale, judge, of_entry};
use super::whole_seconds;
use crate::ports::error::ErrorClass;

fn refused(code: &str, said: &str) -> Refusal {
    Refusal {
        status: 400,
        code: code.to_string(),
        said: said.to_string(),
    }
}

fn request() -> Request {
    Request::write(
        "sqs queue https://sqs.eu-west-1.amazonaws.com/1/q",
        "sqs:SendMessage",
    )
}

#[test]
fn a_url_that_is_none_or_of_another_region_is_refused_before_anything_is_called() {
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/chunks";
    check_url(url, "eu-west-1", false).unwrap();
    check_url(
        "http://127.0.0.1:4566/000000000000/chunks",
        "eu-west-1",
        true,
    )
    .unwrap();
    for (url, is_elsewhere, words) in [
        (url, false, "set AWS_REGION to eu-west-1"),
        ("annexa-chunks", false, "is not the URL of an SQS queue"),
        (
            "http://127.0.0.1:1/1/chunks.fifo",
            true,
            "use a standard queue",
        ),
    ] {
        let error = check_url(url, "us-east-1", is_elsewhere).unwrap_err();
        assert_eq!(error.class, ErrorClass::PermanentJob);
        assert!(error.what.contains(words), "{error}");
    }
}

#[test]
fn parts_of_a_second_are_rounded_up() {
    assert_eq!(whole_seconds(Duration::ZERO), 0);
    assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
    assert_eq!(whole_seconds(Duration::from_secs(20)), 20);
    assert_eq!(whole_seconds(Duration::from_millis(19_001)), 20);
}

#[test]
fn s6_what_is_beyond_twelve_hours_is_a_lost_claim_and_a_stale_receipt_is_not() {
    let total = "Value 7200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message \
                 is beyond the limit [43200 seconds].";
    let total = refused("InvalidParameterValue", total);
    assert!(!is_stale(&total));
    assert_eq!(
        judge(&request(), &total).unwrap().class,
        ErrorClass::LostClaim
    );
    for stale in [
        refused(
            "ReceiptHandleIsInvalid",
            "The input receipt handle is invalid.",
        ),
        refused("AWS.SimpleQueueService.MessageNotInflight", ""),
        refused(
            "InvalidParameterValue",
            "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
        ),
        refused(
            "InvalidParameterValue",
            "Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
             visibility timeout change.",
        ),
    ] {
        assert!(is_stale(&stale), "{stale}");
    }
    assert!(!is_stale(&refused(
        "InvalidParameterValue",
        "Value 11 is invalid"
    )));
}

#[test]
fn s4_a_missing_queue_is_loud_and_says_what_to_do() {
    for code in [
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
    ] {
        let error = judge(
            &request(),
            &refused(code, "The specified queue does not exist."),
        )
        .unwrap();
        assert_eq!(error.class, ErrorClass::PermanentJob);
        assert!(
            error.what.contains("eu-west-1.amazonaws.com/1/q"),
            "{error}"
        );
        assert!(error.what.contains("create it"), "{error}");
    }
}

#[test]
fn s20_results_stand_in_the_order_of_the_entries() {
    let failed = |id: &str, code: &str, sender_fault| {
        let entry = BatchResultErrorEntry::builder().id(id).code(code);
        entry.sender_fault(sender_fault).build().unwrap()
    };
    let failed = [
        failed("3", "InternalError", false),
        failed("0", "InvalidMessageContents", true),
        failed("77", "InternalError", false),
    ];
    let results = sort(&request(), 4, ["2"].into_iter(), &failed);
    let classes: Vec<_> = results
        .iter()
        .map(|result| {
            result
                .as_ref()
                .map_err(|error| (error.class, error.unknown_outcome))
        })
        .collect();
    assert_eq!(
        classes,
        [
            Err((ErrorClass::Bug, false)),
            // The answer did not speak of it.
            Err((ErrorClass::Transient, true)),
            Ok(&()),
            Err((ErrorClass::Transient, false)),
        ]
    );
    let throttled = of_entry(&request(), &refused("RequestThrottled", ""));
    assert_eq!(throttled.class, ErrorClass::Transient);
}

#[test]
fn a_reason_is_one_line_of_ascii_within_its_room() {
    assert_eq!(
        ascii("not JSON:\n\u{fffe} caf\u{e9}", 100),
        "not JSON: ? caf?"
    );
    assert_eq!(ascii(&"x".repeat(5_000), 1_000).len(), 1_000);
}
