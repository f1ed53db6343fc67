//! What only files promise: versions by content, keys that stay in their folder, no litter.

use std::fs::{self, File};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annexa::adapters::local::files::FileBlobs;
use annexa::core::identity::sha256_hex;
use annexa::core::spec::BlobRef;
use annexa::ports::ErrorClass;
use annexa::ports::blobs::Blobs;

use super::blobs::{put, read};
use super::fixtures::{BlobsFixture, FileObjects, folder};

/// A fixed time of change, so that no test hangs on how finely a file system counts.
fn some_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn set_modified(fixture: &FileObjects, key: &str) {
    let file = File::options()
        .append(true)
        .open(fixture.path(key))
        .unwrap();
    file.set_modified(some_time()).unwrap();
}

async fn etag(blobs: &dyn Blobs, blob: &BlobRef) -> String {
    blobs.head(blob).await.unwrap().unwrap().etag
}

#[tokio::test]
async fn i1_a_version_is_the_content_not_the_time() {
    let fixture = FileObjects::new();
    let (blobs, blob) = (fixture.blobs(), fixture.at("in.csv"));
    fs::write(fixture.path("in.csv"), "id,mdr_text\n1,a\n").unwrap();
    let first = etag(&*blobs, &blob).await;
    assert_eq!(
        first,
        format!("sha256:{}", sha256_hex(b"id,mdr_text\n1,a\n"))
    );
    set_modified(&fixture, "in.csv");
    assert_eq!(etag(&*blobs, &blob).await, first, "touched, not changed");
    fs::write(fixture.path("in.csv"), "id,mdr_text\n1,b\n").unwrap();
    assert_ne!(
        etag(&*blobs, &blob).await,
        first,
        "changed, of the same length"
    );
    fs::write(fixture.path("in.csv"), "id,mdr_text\n1,a\n").unwrap();
    assert_eq!(etag(&*blobs, &blob).await, first, "changed back");
    let other = FileBlobs::new([("bucket".into(), fixture.path(""))]);
    assert_eq!(etag(&other, &blob).await, first, "whoever asks");
}

#[tokio::test]
async fn i1_a_change_is_seen_although_length_and_time_were_kept() {
    let fixture = FileObjects::new();
    let (blobs, blob) = (fixture.blobs(), fixture.at("in.csv"));
    for content in ["one", "two", "six"] {
        fs::write(fixture.path("in.csv"), content).unwrap();
        set_modified(&fixture, "in.csv");
        assert_eq!(
            etag(&*blobs, &blob).await,
            format!("sha256:{}", sha256_hex(content.as_bytes()))
        );
    }
    // Another file under the name, as `mv` and `cp -p` leave it.
    fs::write(fixture.path("other"), "ten").unwrap();
    set_modified(&fixture, "other");
    fs::rename(fixture.path("other"), fixture.path("in.csv")).unwrap();
    assert_eq!(
        etag(&*blobs, &blob).await,
        format!("sha256:{}", sha256_hex(b"ten"))
    );
}

#[tokio::test]
async fn i1_a_copy_onto_a_file_of_the_same_length_and_time_is_another_version() {
    let fixture = FileObjects::new();
    let (blobs, from, to) = (fixture.blobs(), fixture.at("from"), fixture.at("to"));
    put(&*blobs, &from, b"one").await;
    put(&*blobs, &to, b"two").await;
    for key in ["from", "to"] {
        set_modified(&fixture, key);
        etag(&*blobs, &fixture.at(key)).await;
    }
    blobs.copy(&from, &to).await.unwrap();
    assert_eq!(
        etag(&*blobs, &to).await,
        format!("sha256:{}", sha256_hex(b"one"))
    );
}

#[tokio::test]
async fn keys_stay_in_their_folder() {
    let fixture = FileObjects::new();
    let blobs = fixture.blobs();
    for key in [
        "..", "../x", "a/../x", "a/..", "./x", "/x", "a//x", "a/", "",
    ] {
        let blob = fixture.at(key);
        let refusals = [
            blobs.put(&blob, b"x", false).await.err(),
            blobs.put_stream(&blob).await.err(),
            blobs.get_range(&blob, 0, 1, None).await.err(),
            blobs.head(&blob).await.err(),
            blobs.delete(&blob).await.err(),
            blobs.copy(&fixture.at("there"), &blob).await.err(),
            blobs.copy(&blob, &fixture.at("there")).await.err(),
        ];
        for refusal in refusals {
            let refusal = refusal.unwrap_or_else(|| panic!("key '{key}' was taken"));
            assert_eq!(refusal.class, ErrorClass::PermanentJob);
            assert!(
                refusal.what.contains(&format!("'{key}'")),
                "it names the key: {refusal}"
            );
        }
    }
    assert_eq!(fs::read_dir(fixture.path("")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_list_stays_in_its_folder() {
    let outside = folder();
    fs::create_dir(outside.path().join("in")).unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let blobs = FileBlobs::new([("bucket".into(), outside.path().join("in"))]);
    put(&blobs, &BlobRef::new("bucket", "a/b"), b"x").await;
    for prefix in ["../", "a/../../", "./", "/", "//", "/etc/", "a/../"] {
        assert!(
            blobs.list("bucket", prefix).await.unwrap().is_empty(),
            "{prefix}"
        );
    }
}

#[tokio::test]
async fn a_bucket_that_nobody_named_is_refused_by_its_name() {
    let fixture = FileObjects::new();
    let refused = fixture
        .blobs()
        .head(&BlobRef::new("elsewhere", "x"))
        .await
        .unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    assert!(refused.what.contains("elsewhere"), "{refused}");
}

#[tokio::test]
async fn nothing_is_left_beside_what_was_written() {
    let fixture = FileObjects::new();
    let blobs = fixture.blobs();
    put(&*blobs, &fixture.at("a"), b"1").await;
    blobs.put(&fixture.at("a"), b"2", true).await.unwrap();
    for is_dropped in [true, false] {
        let mut writer = blobs.put_stream(&fixture.at("b")).await.unwrap();
        writer.write(b"3").await.unwrap();
        if !is_dropped {
            writer.complete(true).await.unwrap();
        }
    }
    for _ in 0..2 {
        blobs
            .copy(&fixture.at("a"), &fixture.at("c"))
            .await
            .unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(fixture.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(read(&*blobs, &fixture.at("c")).await, b"1");
}

#[tokio::test]
async fn what_a_killed_writer_left_is_no_object() {
    let fixture = FileObjects::new();
    let blobs = fixture.blobs();
    let mut writer = blobs.put_stream(&fixture.at("results.csv")).await.unwrap();
    writer.write(b"half").await.unwrap();
    // A killed process runs no destructor.
    std::mem::forget(writer);
    assert_eq!(fs::read_dir(fixture.path("")).unwrap().count(), 1);
    assert!(blobs.list("bucket", "").await.unwrap().is_empty());
    put(&*blobs, &fixture.at("results.csv"), b"whole").await;
    assert_eq!(blobs.list("bucket", "").await.unwrap(), ["results.csv"]);
}
