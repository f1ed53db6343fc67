//! Objects on several threads: one winner, whole versions, no quarrel over folders.

use std::collections::BTreeSet;

use annexa::ports::blobs::{BlobHead, Put};
use tokio::task::JoinSet;

use super::blobs::{put, read};
use super::fixtures::BlobsFixture;

async fn i6_of_many_conditional_puts_one_is_written(fixture: &dyn BlobsFixture) {
    for round in 0..10 {
        let blob = fixture.at(&format!("job-{round}.json"));
        let mut puts = JoinSet::new();
        for n in 0..8 {
            let (blobs, blob) = (fixture.blobs(), blob.clone());
            puts.spawn(async move {
                let body = format!("writer {n}");
                if n % 2 == 0 {
                    return (blobs.put(&blob, body.as_bytes(), true).await.unwrap(), body);
                }
                let mut writer = blobs.put_stream(&blob).await.unwrap();
                writer.write(body.as_bytes()).await.unwrap();
                (writer.complete(true).await.unwrap(), body)
            });
        }
        let written: Vec<(BlobHead, String)> = puts
            .join_all()
            .await
            .into_iter()
            .filter_map(|(put, body)| match put {
                Put::Written(head) => Some((head, body)),
                Put::Exists => None,
            })
            .collect();
        assert_eq!(written.len(), 1);
        let blobs = fixture.blobs();
        assert_eq!(read(&*blobs, &blob).await, written[0].1.as_bytes());
        assert_eq!(
            blobs.head(&blob).await.unwrap().as_ref(),
            Some(&written[0].0)
        );
    }
}

async fn a_reader_sees_one_version_whole(fixture: &dyn BlobsFixture) {
    let blob = fixture.at("summary.json");
    let body = |n: u8| vec![n; 50_000 + usize::from(n)];
    put(&*fixture.blobs(), &blob, &body(0)).await;
    let mut tasks = JoinSet::new();
    for n in 1..=8 {
        let (blobs, blob) = (fixture.blobs(), blob.clone());
        tasks.spawn(async move {
            put(&*blobs, &blob, &body(n)).await;
            read(&*blobs, &blob).await
        });
    }
    let seen: BTreeSet<Vec<u8>> = tasks.join_all().await.into_iter().collect();
    for bytes in seen {
        assert_eq!(bytes, body(bytes[0]));
    }
    let (blobs, last) = (fixture.blobs(), read(&*fixture.blobs(), &blob).await);
    let head = blobs.head(&blob).await.unwrap().unwrap();
    assert_eq!(head.bytes, last.len() as u64);
    let pinned = blobs.get_range(&blob, 0, u64::MAX, Some(&head.etag)).await;
    assert_eq!(pinned.unwrap(), last);
}

async fn deletes_and_puts_of_one_folder_do_not_disturb_each_other(fixture: &dyn BlobsFixture) {
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let (blobs, blob) = (fixture.blobs(), fixture.at(&format!("_work/job/{n}.csv")));
        let copy = fixture.at(&format!("_work/copies/{n}.csv"));
        tasks.spawn(async move {
            for round in 0..20_u8 {
                put(&*blobs, &blob, &[round]).await;
                blobs.copy(&blob, &copy).await.unwrap();
                assert_eq!(read(&*blobs, &copy).await, [round]);
                blobs.delete(&blob).await.unwrap();
                blobs.delete(&copy).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let blobs = fixture.blobs();
    assert!(blobs.list(fixture.bucket(), "").await.unwrap().is_empty());
}

every_blobs! { conform_in_parallel [
    deletes_and_puts_of_one_folder_do_not_disturb_each_other,
    i6_of_many_conditional_puts_one_is_written,
    a_reader_sees_one_version_whole,
]}
