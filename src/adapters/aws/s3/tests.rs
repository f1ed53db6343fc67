//! What needs no bucket: names of versions, sizes of parts, refusals.

use super::super::failure::Refusal;
use super::copy::source;
use super::multipart::part_bytes;
use super::read::begin_of;
use super::refusal::judge;
use super::version::{is_same, split, token};
use super::{reads, writes};
use crate::core::spec::BlobRef;
use crate::ports::error::ErrorClass;

#[test]
fn a_version_is_one_word_that_can_be_taken_apart() {
    let etag = "\"9b2cf535f27731c974343645a3985328\"";
    assert_eq!(split(&token(etag, None)), (etag, None));
    let pinned = token(
        etag,
        Some("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY.MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"),
    );
    let (got, id) = split(&pinned);
    assert_eq!(got, etag);
    assert!(id.is_some_and(|id| id.starts_with("3sL4kqt")));
    assert!(is_same(&pinned, etag), "from before versions were kept");
    assert!(!is_same(&token(etag, Some("a")), &token(etag, Some("b"))));
    assert!(!is_same(etag, "\"other\""));
}

#[test]
fn ten_thousand_parts_hold_a_large_result() {
    assert_eq!(part_bytes(0), 8 << 20);
    assert_eq!(part_bytes(1_999), 8 << 20);
    assert_eq!(part_bytes(2_000), 16 << 20);
    let all: usize = (0..10_000).map(part_bytes).sum();
    assert!(all > 500_000_000_000, "{all}");
    assert!(part_bytes(9_999) <= 128 << 20, "one buffer's memory");
}

#[test]
fn an_answer_says_where_its_bytes_begin() {
    assert_eq!(begin_of("bytes 40-1048615/5000000000"), Some(40));
    assert_eq!(begin_of("bytes */10"), None);
}

#[test]
fn a_source_is_named_as_the_header_wants_it() {
    let from = BlobRef::new("bucket", "results/job 1/\u{e9}+%.csv");
    assert_eq!(source(&from), "bucket/results/job%201/%C3%A9%2B%25.csv");
}

#[test]
fn refusals_that_no_retry_mends_end_the_job_and_say_what_to_do() {
    let blob = BlobRef::new("inbox", "reports.csv");
    let refused = |status, code: &str| Refusal {
        status,
        code: code.to_string(),
        said: String::new(),
    };
    for (refusal, words) in [
        (refused(404, "NoSuchKey"), "gone"),
        (refused(404, "NoSuchBucket"), "no such bucket"),
        (refused(412, ""), "has changed"),
        (refused(301, ""), "another Region"),
        (refused(403, ""), "not there, or not allowed"),
        (refused(403, "InvalidObjectState"), "archived"),
    ] {
        let error = judge(&reads(&blob, "s3:GetObject"), &refusal).unwrap();
        assert_eq!(error.class, ErrorClass::PermanentJob, "{error}");
        assert!(error.what.contains(words), "{error}");
        assert!(error.what.contains("s3://inbox/reports.csv"), "{error}");
    }
    // A HEAD with credentials that have run out: the object may well be there.
    let error = judge(&reads(&blob, "s3:GetObject"), &refused(400, "")).unwrap();
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
    let write = writes(&blob, "s3:PutObject");
    assert!(
        judge(&write, &refused(403, "AccessDenied")).is_none(),
        "as everywhere"
    );
    assert!(
        judge(&write, &refused(503, "SlowDown")).is_none(),
        "as everywhere"
    );
}
