//! Objects: whole puts, conditions, ranges, heads, lists, copies, deletes.

use super::fixtures::BlobsFixture;
use annexa::core::spec::BlobRef;
use annexa::ports::ErrorClass;
use annexa::ports::blobs::{BlobHead, Blobs, Put};

/// Puts over whatever is there.
pub async fn put(blobs: &dyn Blobs, blob: &BlobRef, bytes: &[u8]) -> BlobHead {
    match blobs.put(blob, bytes, false).await.unwrap() {
        Put::Written(head) => head,
        Put::Exists => panic!("an unconditional put of {blob} found something there"),
    }
}

/// All of an object, of any version.
pub async fn read(blobs: &dyn Blobs, blob: &BlobRef) -> Vec<u8> {
    blobs.get_range(blob, 0, u64::MAX, None).await.unwrap()
}

async fn what_was_put_is_read_and_known(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("results/job 1/é+%.csv"));
    assert_eq!(blobs.head(&blob).await.unwrap(), None);
    let every_byte: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let written = put(&*blobs, &blob, &every_byte).await;
    assert_eq!(written.bytes, 70_000);
    assert_eq!(blobs.head(&blob).await.unwrap(), Some(written.clone()));
    let pinned = blobs.get_range(&blob, 0, 70_000, Some(&written.etag));
    assert_eq!(pinned.await.unwrap(), every_byte);
}

async fn an_empty_object_is_an_object(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("empty"));
    let written = put(&*blobs, &blob, b"").await;
    assert_eq!(written.bytes, 0);
    assert_eq!(blobs.head(&blob).await.unwrap(), Some(written.clone()));
    assert!(read(&*blobs, &blob).await.is_empty());
    let pinned = blobs.get_range(&blob, 0, 10, Some(&written.etag));
    assert!(pinned.await.unwrap().is_empty());
    assert_eq!(blobs.put(&blob, b"x", true).await.unwrap(), Put::Exists);
}

async fn a_range_is_cut_at_the_end_of_the_object(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("ten"));
    let etag = put(&*blobs, &blob, b"0123456789").await.etag;
    for if_match in [None, Some(etag.as_str())] {
        for (start, end, expected) in [
            (0, 10, "0123456789"),
            (0, 1, "0"),
            (3, 7, "3456"),
            (7, 100, "789"),
            (9, u64::MAX, "9"),
            (10, 11, ""),
            (11, 20, ""),
            (4, 4, ""),
            (0, 0, ""),
        ] {
            let bytes = blobs.get_range(&blob, start, end, if_match).await.unwrap();
            assert_eq!(
                String::from_utf8(bytes).unwrap(),
                expected,
                "{start}..{end}"
            );
        }
    }
}

async fn i1_a_changed_object_is_not_read_as_the_pinned_one(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("input.csv"));
    let old = put(&*blobs, &blob, b"id,mdr_text\n1,a\n").await;
    // Of the same length, at once: neither a length nor a coarse clock may hide it.
    let new = put(&*blobs, &blob, b"id,mdr_text\n1,b\n").await;
    assert_ne!(old.etag, new.etag);
    for (start, end) in [(0, 5), (0, 0), (90, 99)] {
        let pinned = blobs.get_range(&blob, start, end, Some(&old.etag)).await;
        if fixture.keeps_versions() {
            let old = b"id,mdr_text\n1,a\n";
            let range = start.min(16) as usize..end.min(16) as usize;
            assert_eq!(pinned.unwrap(), old[range]);
        } else {
            assert_eq!(pinned.unwrap_err().class, ErrorClass::PermanentJob);
        }
    }
    let there = blobs.head_version(&blob, &old.etag).await.unwrap();
    assert_eq!(there, fixture.keeps_versions().then_some(old));
    let there = blobs.head_version(&blob, &new.etag).await.unwrap();
    assert_eq!(there.as_ref(), Some(&new));
    let pinned = blobs.get_range(&blob, 14, 15, Some(&new.etag)).await;
    assert_eq!(pinned.unwrap(), b"b");
}

async fn i1_an_object_that_is_gone_ends_the_job(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("gone.csv"));
    let etag = put(&*blobs, &blob, b"x").await.etag;
    blobs.delete(&blob).await.unwrap();
    let never = "\"5d41402abc4b2a76b9719d911017c592\"".to_string();
    let pinned = if fixture.keeps_versions() {
        never
    } else {
        etag
    };
    for if_match in [None, Some(pinned.as_str())] {
        let refused = blobs.get_range(&blob, 0, 1, if_match).await.unwrap_err();
        assert_eq!(refused.class, ErrorClass::PermanentJob);
        assert!(
            refused.what.contains("gone.csv"),
            "it names the object: {refused}"
        );
    }
    assert_eq!(blobs.head(&blob).await.unwrap(), None);
    let refused = blobs.copy(&blob, &fixture.at("copy")).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    assert_eq!(blobs.head(&fixture.at("copy")).await.unwrap(), None);
}

async fn a_conditional_put_leaves_what_is_there(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("job.json"));
    let Put::Written(first) = blobs.put(&blob, b"first", true).await.unwrap() else {
        panic!("nothing was there");
    };
    assert_eq!(
        blobs.put(&blob, b"second", true).await.unwrap(),
        Put::Exists
    );
    assert_eq!(blobs.put(&blob, b"first", true).await.unwrap(), Put::Exists);
    assert_eq!(read(&*blobs, &blob).await, b"first");
    assert_eq!(blobs.head(&blob).await.unwrap(), Some(first));
    put(&*blobs, &blob, b"third").await;
    assert_eq!(read(&*blobs, &blob).await, b"third");
    blobs.delete(&blob).await.unwrap();
    let again = blobs.put(&blob, b"fourth", true).await.unwrap();
    assert!(matches!(again, Put::Written(_)), "what was deleted is free");
}

async fn a_copy_replaces_and_then_stands_for_itself(fixture: &dyn BlobsFixture) {
    let blobs = fixture.blobs();
    let (from, to) = (fixture.at("_work/c.csv"), fixture.at("chunks/c.csv"));
    put(&*blobs, &from, b"one").await;
    let replaced = put(&*blobs, &to, b"two").await;
    blobs.copy(&from, &to).await.unwrap();
    assert_eq!(read(&*blobs, &to).await, b"one");
    let head = blobs.head(&to).await.unwrap().unwrap();
    assert_ne!(head.etag, replaced.etag);
    blobs.copy(&from, &to).await.unwrap();
    assert_eq!(
        read(&*blobs, &to).await,
        b"one",
        "said again it is the same"
    );

    put(&*blobs, &from, b"six").await;
    assert_eq!(read(&*blobs, &to).await, b"one");
    blobs.delete(&from).await.unwrap();
    let pinned = blobs.get_range(&to, 0, 9, Some(&head.etag)).await;
    assert_eq!(pinned.unwrap(), b"one");
    let keys = blobs.list(fixture.bucket(), "").await.unwrap();
    assert_eq!(keys, ["chunks/c.csv"], "nothing is left beside it");
}

async fn a_list_is_sorted_and_holds_what_begins_with_the_prefix(fixture: &dyn BlobsFixture) {
    let blobs = fixture.blobs();
    assert!(blobs.list(fixture.bucket(), "").await.unwrap().is_empty());
    for key in [
        "b/2", "b/10", "b-1", "a", "b/c/d", "bc/1", "Z/1", "b/x.part",
    ] {
        put(&*blobs, &fixture.at(key), key.as_bytes()).await;
    }
    for (prefix, expected) in [
        (
            "",
            vec![
                "Z/1", "a", "b-1", "b/10", "b/2", "b/c/d", "b/x.part", "bc/1",
            ],
        ),
        ("b/", vec!["b/10", "b/2", "b/c/d", "b/x.part"]),
        ("b", vec!["b-1", "b/10", "b/2", "b/c/d", "b/x.part", "bc/1"]),
        ("b/c", vec!["b/c/d"]),
        ("b/c/d", vec!["b/c/d"]),
        ("b/c/d/", vec![]),
        ("none/", vec![]),
        ("../", vec![]),
        ("/", vec![]),
    ] {
        let keys = blobs.list(fixture.bucket(), prefix).await.unwrap();
        assert_eq!(keys, expected, "prefix '{prefix}'");
    }
}

async fn deleting_what_is_not_there_is_no_error(fixture: &dyn BlobsFixture) {
    let (blobs, blob) = (fixture.blobs(), fixture.at("a/b/c"));
    blobs.delete(&blob).await.unwrap();
    put(&*blobs, &blob, b"x").await;
    for _ in 0..2 {
        blobs.delete(&blob).await.unwrap();
        assert_eq!(blobs.head(&blob).await.unwrap(), None);
    }
    assert!(blobs.list(fixture.bucket(), "").await.unwrap().is_empty());
}

async fn the_beginning_of_a_key_and_what_follows_one_are_not_there(fixture: &dyn BlobsFixture) {
    let blobs = fixture.blobs();
    put(&*blobs, &fixture.at("a/b"), b"x").await;
    for key in ["a", "a/b/c"] {
        let blob = fixture.at(key);
        assert_eq!(blobs.head(&blob).await.unwrap(), None, "{key}");
        blobs.delete(&blob).await.unwrap();
        let refused = blobs.get_range(&blob, 0, 1, None).await.unwrap_err();
        assert_eq!(refused.class, ErrorClass::PermanentJob, "{key}");
    }
    assert_eq!(read(&*blobs, &fixture.at("a/b")).await, b"x");
}

every_blobs! { conform [
    what_was_put_is_read_and_known,
    an_empty_object_is_an_object,
    a_range_is_cut_at_the_end_of_the_object,
    i1_a_changed_object_is_not_read_as_the_pinned_one,
    i1_an_object_that_is_gone_ends_the_job,
    a_conditional_put_leaves_what_is_there,
    a_copy_replaces_and_then_stands_for_itself,
    a_list_is_sorted_and_holds_what_begins_with_the_prefix,
    deleting_what_is_not_there_is_no_error,
    the_beginning_of_a_key_and_what_follows_one_are_not_there,
]}
