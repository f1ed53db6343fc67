//! Objects that are written bit by bit: nothing is to be seen of them before they are complete.

use annexa::ports::blobs::{BlobWriter, Blobs, Put};

use super::blobs::{put, read};
use super::fixtures::BlobsFixture;

async fn begun(blobs: &dyn Blobs, fixture: &dyn BlobsFixture, key: &str) -> Box<dyn BlobWriter> {
    let mut writer = blobs.put_stream(&fixture.at(key)).await.unwrap();
    writer.write(b"begun, ").await.unwrap();
    writer
}

async fn a_stream_appears_at_once_and_whole(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("results.csv"));
    let mut writer = blobs.put_stream(&blob).await.unwrap();
    let mut expected = Vec::new();
    // Writes of all sizes, in all over 12 MiB: more than one part where parts have 5 MiB at least.
    for n in 0..60u32 {
        let block = vec![n as u8; 7_000 * n as usize + 1];
        writer.write(&block).await.unwrap();
        expected.extend_from_slice(&block);
        if n % 20 == 0 {
            assert_eq!(
                blobs.head(&blob).await.unwrap(),
                None,
                "not before it is complete"
            );
            assert!(blobs.list(fixture.bucket(), "").await.unwrap().is_empty());
        }
    }
    let Put::Written(head) = writer.complete(true).await.unwrap() else {
        panic!("nothing was there");
    };
    assert_eq!(head.bytes, expected.len() as u64);
    assert_eq!(blobs.head(&blob).await.unwrap(), Some(head.clone()));
    let pinned = blobs.get_range(&blob, 0, u64::MAX, Some(&head.etag)).await;
    assert!(pinned.unwrap() == expected, "every byte in its place");
}

async fn a_stream_without_bytes_is_an_empty_object(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("failures.csv"));
    let writer = blobs.put_stream(&blob).await.unwrap();
    assert!(matches!(
        writer.complete(false).await.unwrap(),
        Put::Written(_)
    ));
    assert_eq!(
        blobs.head(&blob).await.unwrap().map(|head| head.bytes),
        Some(0)
    );
}

async fn a_dropped_stream_leaves_nothing(fixture: &dyn BlobsFixture) {
    let blobs = fixture.blobs();
    drop(begun(&*blobs, fixture, "a/new").await);
    put(&*blobs, &fixture.at("a/old"), b"old").await;
    drop(begun(&*blobs, fixture, "a/old").await);
    assert_eq!(blobs.head(&fixture.at("a/new")).await.unwrap(), None);
    assert_eq!(read(&*blobs, &fixture.at("a/old")).await, b"old");
    assert_eq!(blobs.list(fixture.bucket(), "").await.unwrap(), ["a/old"]);
}

async fn a_conditional_stream_leaves_what_is_there(fixture: &dyn BlobsFixture) {
    let blobs = fixture.blobs();
    // What appears while it is being written counts, too.
    let writer = begun(&*blobs, fixture, "results.csv").await;
    let there = put(&*blobs, &fixture.at("results.csv"), b"there").await;
    assert_eq!(writer.complete(true).await.unwrap(), Put::Exists);
    assert_eq!(
        blobs.head(&fixture.at("results.csv")).await.unwrap(),
        Some(there)
    );
    assert_eq!(
        blobs.list(fixture.bucket(), "").await.unwrap(),
        ["results.csv"]
    );
}

async fn an_unconditional_stream_replaces(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("results.csv"));
    let old = put(&*blobs, &blob, b"begun, ").await;
    let mut writer = begun(&*blobs, fixture, "results.csv").await;
    writer.write(b"done").await.unwrap();
    assert_eq!(
        blobs.head(&blob).await.unwrap(),
        Some(old),
        "not before it is complete"
    );
    let Put::Written(head) = writer.complete(false).await.unwrap() else {
        panic!("it was not conditional");
    };
    assert_eq!(read(&*blobs, &blob).await, b"begun, done");
    assert_eq!(blobs.head(&blob).await.unwrap(), Some(head));
}

async fn s9_two_streams_to_one_name_do_not_mix(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("chunk.csv"));
    let (mut one, mut two) = (
        begun(&*blobs, fixture, "chunk.csv").await,
        begun(&*blobs, fixture, "chunk.csv").await,
    );
    one.write(b"one").await.unwrap();
    two.write(b"two").await.unwrap();
    assert!(matches!(two.complete(true).await.unwrap(), Put::Written(_)));
    assert_eq!(one.complete(true).await.unwrap(), Put::Exists);
    assert_eq!(read(&*blobs, &blob).await, b"begun, two");
}

every_blobs! { conform [
    a_stream_appears_at_once_and_whole,
    a_stream_without_bytes_is_an_empty_object,
    a_dropped_stream_leaves_nothing,
    a_conditional_stream_leaves_what_is_there,
    an_unconditional_stream_replaces,
    s9_two_streams_to_one_name_do_not_mix,
]}
