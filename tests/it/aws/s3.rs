//! Objects in S3: what only they promise, and that nothing is half written or half read whatever happens to requests.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::AwsConfig;
use annexa::adapters::aws::s3::S3Blobs;
use annexa::adapters::local::clock::SystemClock;
use annexa::core::spec::BlobRef;
use annexa::ports::blobs::{BlobHead, Blobs, Put};
use annexa::ports::error::{PortError, PortResult};
use annexa::ports::retry::{Backoff, retry};
use annexa::ports::{Clock, ErrorClass};

use super::connector::{Rates, SURE, Trouble};
use super::emulator::{Emulator, unique};
use crate::conformance::blobs::{put, read};
use crate::conformance::fixtures_aws::make_bucket;

/// For an answer: short where a test waits for answers that never come, and who calls tries again.
const SHORT: Duration = Duration::from_millis(1_500);

/// Else: long for an emulator beside other work.
const LONG: Duration = Duration::from_secs(30);

const MIB: usize = 1 << 20;

fn calm() -> S3Blobs {
    S3Blobs::new(&Emulator::shared().config())
}

/// A store whose requests get into trouble, in a new bucket.
async fn troubled(seed: u64, is_versioned: bool, patience: Duration) -> (Trouble, S3Blobs, String) {
    let trouble = Trouble::new(seed, Rates::default());
    let aws = Emulator::shared()
        .config()
        .with_http_client(trouble.client())
        .with_attempt_timeout(patience);
    (trouble, S3Blobs::new(&aws), make_bucket(is_versioned).await)
}

/// Bytes that are different everywhere.
fn bytes(count: usize, seed: u8) -> Vec<u8> {
    (0..count)
        .map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8 ^ seed)
        .collect()
}

async fn written(blobs: &dyn Blobs, blob: &BlobRef, body: &[u8]) -> PortResult<Put> {
    let mut writer = blobs.put_stream(blob).await?;
    for piece in body.chunks(3 * MIB) {
        writer.write(piece).await?;
    }
    writer.complete(true).await
}

async fn uploads(bucket: &str) -> usize {
    let client = Emulator::shared().s3();
    let uploads = client.list_multipart_uploads().bucket(bucket).send().await;
    uploads.expect("a list of uploads").uploads().len()
}

#[tokio::test]
async fn i1_a_version_that_was_replaced_or_deleted_is_read_where_versions_are_kept() {
    let (blobs, bucket) = (calm(), make_bucket(true).await);
    let blob = BlobRef::new(bucket, "inbox/reports.csv");
    let old = put(&blobs, &blob, b"id,mdr_text\n1,old\n").await;
    let new = put(&blobs, &blob, b"id,mdr_text\n1,new and longer\n").await;
    assert!(
        old.etag.contains("\"@"),
        "it carries a version's id: {}",
        old.etag
    );
    blobs.delete(&blob).await.unwrap();
    assert_eq!(blobs.head(&blob).await.unwrap(), None);
    for (head, text) in [(old, "1,old\n"), (new, "1,new and longer\n")] {
        assert_eq!(
            blobs.head_version(&blob, &head.etag).await.unwrap(),
            Some(head.clone())
        );
        let pinned = blobs.get_range(&blob, 12, 1_000, Some(&head.etag)).await;
        assert_eq!(String::from_utf8(pinned.unwrap()).unwrap(), text);
    }
    let refused = blobs.get_range(&blob, 0, 1, None).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    let never = Some("\"5d41402abc4b2a76b9719d911017c592\"@nothing");
    let refused = blobs.get_range(&blob, 0, 1, never).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
}

#[tokio::test]
async fn a_missing_bucket_says_what_to_do() {
    let (blobs, name) = (calm(), unique("missing"));
    let blob = BlobRef::new(&name, "x.csv");
    for refused in [
        blobs.get_range(&blob, 0, 1, None).await.map(drop),
        blobs.put(&blob, b"x", false).await.map(drop),
        blobs.list(&name, "").await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.class, ErrorClass::PermanentJob, "{refused}");
        assert!(refused.what.contains(&format!("s3://{name}")), "{refused}");
        assert!(refused.what.contains("no such bucket"), "{refused}");
    }
}

#[tokio::test]
async fn a_list_goes_over_many_pages() {
    let (blobs, bucket) = (calm(), make_bucket(false).await);
    let keys: Vec<String> = (0..1_030).map(|n| format!("_work/{n:05}.csv")).collect();
    for some in keys.chunks(103) {
        let puts = some.iter().map(|key| {
            let (blobs, blob) = (blobs.clone(), BlobRef::new(&bucket, key));
            async move { blobs.put(&blob, b"", false).await.map(drop) }
        });
        futures_util::future::try_join_all(puts).await.unwrap();
    }
    assert_eq!(blobs.list(&bucket, "_work/").await.unwrap(), keys);
}

#[tokio::test]
async fn what_is_over_five_gibibytes_is_copied_in_parts_of_one_version() {
    let (blobs, bucket) = (calm(), make_bucket(true).await);
    let (from, to) = (
        BlobRef::new(&bucket, "from a b+c.csv"),
        BlobRef::new(&bucket, "to.csv"),
    );
    let body = bytes(12 * MIB + 3, 1);
    put(&blobs, &from, &body).await;
    blobs.copy_in_parts(&from, &to, 5 << 20).await.unwrap();
    assert!(read(&blobs, &to).await == body);
    let empty = BlobRef::new(&bucket, "gone");
    let refused = blobs.copy_in_parts(&empty, &to, 5 << 20).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    assert_eq!(uploads(&bucket).await, 0);
}

#[tokio::test]
async fn a_stream_that_is_given_up_leaves_no_parts_behind() {
    let (blobs, bucket) = (calm(), make_bucket(false).await);
    let blob = BlobRef::new(&bucket, "results.csv");
    let mut writer = blobs.put_stream(&blob).await.unwrap();
    writer.write(&bytes(9 * MIB, 2)).await.unwrap();
    assert_eq!(uploads(&bucket).await, 1);
    drop(writer);
    let clock = SystemClock::new();
    for _ in 0..100 {
        if uploads(&bucket).await == 0 {
            break;
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(uploads(&bucket).await, 0);
    assert_eq!(blobs.head(&blob).await.unwrap(), None);
}

#[tokio::test]
async fn a_stream_is_sent_part_by_part_and_verified() {
    let (trouble, blobs, bucket) = troubled(1, false, LONG).await;
    let blob = BlobRef::new(&bucket, "results.csv");
    let body = bytes(20 * MIB, 3);
    assert!(matches!(
        written(&blobs, &blob, &body).await.unwrap(),
        Put::Written(_)
    ));
    // Two whole parts and the rest; one request begins and one ends them.
    assert_eq!(trouble.requests()["S3.PUT"], 3);
    assert_eq!(trouble.requests()["S3.POST"], 2);
    assert!(read(&calm(), &blob).await == body);
}

#[tokio::test]
async fn s11_an_own_write_is_known_again_when_its_answer_is_lost() {
    let (trouble, blobs, bucket) = troubled(2, true, LONG).await;
    let lost = Rates {
        double: SURE,
        ..Rates::default()
    };
    // Said twice by the network: the second is refused because of the first.
    trouble.set_rates(lost);
    let blob = BlobRef::new(&bucket, "job.json");
    let Put::Written(head) = blobs.put(&blob, b"{}", true).await.unwrap() else {
        panic!("what is there is this very write");
    };
    assert_eq!(calm().head(&blob).await.unwrap(), Some(head));
    assert_eq!(
        blobs.put(&blob, b"{}", true).await.unwrap(),
        Put::Exists,
        "another write"
    );
    let large = BlobRef::new(&bucket, "results.csv");
    let body = bytes(9 * MIB, 4);
    let put = written(&blobs, &large, &body).await.unwrap();
    assert!(
        matches!(put, Put::Written(_)),
        "completed by the first, unknown to the second"
    );
    assert!(read(&calm(), &large).await == body);
}

#[tokio::test]
async fn s11_a_put_whose_answer_never_comes_is_open() {
    let (trouble, blobs, bucket) = troubled(3, false, LONG).await;
    let blob = BlobRef::new(&bucket, "chunk.csv");
    trouble.set_rates(Rates {
        drop_after: SURE,
        ..Rates::default()
    });
    let error = blobs.put(&blob, b"row", false).await.unwrap_err();
    assert!(
        error.unknown_outcome && error.class == ErrorClass::Transient,
        "{error}"
    );
    assert_eq!(read(&calm(), &blob).await, b"row", "it was written");
    trouble.set_rates(Rates {
        throttle: SURE,
        ..Rates::default()
    });
    let error = blobs.put(&blob, b"row", false).await.unwrap_err();
    assert_eq!(
        (error.class, error.unknown_outcome),
        (ErrorClass::Transient, false)
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_not_a_short_answer() {
    let (trouble, blobs, bucket) = troubled(4, false, LONG).await;
    let blob = BlobRef::new(&bucket, "in.csv");
    put(&calm(), &blob, &bytes(MIB, 5)).await;
    trouble.set_rates(Rates {
        truncate: SURE,
        ..Rates::default()
    });
    for end in [MIB as u64 / 2, u64::MAX] {
        let error = blobs.get_range(&blob, 0, end, None).await.unwrap_err();
        assert_eq!(
            (error.class, error.unknown_outcome),
            (ErrorClass::Transient, false)
        );
        assert!(error.what.contains("broke off"), "{error}");
    }
}

/// One object under all kinds of trouble: put, stream, read, copy, each as roles call it.
async fn one_under_trouble(blobs: S3Blobs, bucket: String, number: u8) -> Result<(), PortError> {
    let clock = SystemClock::new();
    let patient = Backoff {
        tries: 40,
        first: Duration::from_millis(20),
        most: Duration::from_millis(100),
    };
    let small = BlobRef::new(&bucket, format!("small-{number}"));
    let body = bytes(70_000, number);
    let head: BlobHead = retry(&clock, patient, || async {
        match blobs.put(&small, &body, false).await? {
            Put::Written(head) => Ok(head),
            Put::Exists => panic!("it was not conditional"),
        }
    })
    .await?;
    assert_eq!(head.bytes, 70_000);
    for (start, end) in [(0, 70_000), (10, 20), (69_990, 80_000), (5, 5)] {
        let range = retry(&clock, patient, || {
            blobs.get_range(&small, start, end, None)
        })
        .await?;
        assert!(range == body[start as usize..end.min(70_000) as usize]);
    }
    let copy = BlobRef::new(&bucket, format!("copy-{number}"));
    retry(&clock, patient, || blobs.copy(&small, &copy)).await?;
    assert!(
        retry(&clock, patient, || blobs.get_range(
            &copy,
            0,
            u64::MAX,
            None
        ))
        .await?
            == body
    );

    let large = BlobRef::new(&bucket, format!("large-{number}"));
    let body = bytes(9 * MIB, number);
    // Conditional: whoever tries again finds what an open outcome left, whole.
    let put = retry(&clock, patient, || written(&blobs, &large, &body)).await?;
    assert!(matches!(put, Put::Written(_) | Put::Exists));
    assert!(
        retry(&clock, patient, || blobs.get_range(
            &large,
            0,
            u64::MAX,
            None
        ))
        .await?
            == body
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_half_written_or_half_read_whatever_happens_to_requests() {
    for is_versioned in [false, true] {
        let (trouble, blobs, bucket) = troubled(5, is_versioned, SHORT).await;
        trouble.set_rates(Rates {
            stall: 10,
            ..Rates::all(60)
        });
        let all = (0..6).map(|number| one_under_trouble(blobs.clone(), bucket.clone(), number));
        for result in futures_util::future::join_all(all).await {
            result.unwrap();
        }
        // A hundred requests or more, one in three of them in trouble: which ones depends on the threads.
        assert!(
            trouble.all() > 10,
            "{} requests got into trouble",
            trouble.all()
        );
    }
}

#[tokio::test]
async fn no_server_is_a_transient_error_that_had_no_effect() {
    // Bound and not listening: nobody answers there.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    let blobs: Arc<dyn Blobs> = Arc::new(S3Blobs::new(&AwsConfig::for_stand_in(
        "us-east-1",
        &address,
    )));
    let error = blobs
        .put(&BlobRef::new("b", "k"), b"x", true)
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.unknown_outcome),
        (ErrorClass::Transient, false),
        "{error}"
    );
    assert!(error.what.contains("no connection"), "{error}");
}
