//! The chunk index: stored once, verified by whoever splits again, read in pages (I1, I4).

use annexa::core::chunk::{ChunkLimits, ChunkRange, ChunkRecord};
use annexa::ports::ErrorClass;

use super::{Desk, range, ranges};
use crate::conformance::fixtures::LedgerFixture;

async fn desk(fixture: &dyn LedgerFixture, name: &str) -> Desk {
    Desk::with_job(fixture, name, ChunkLimits::default()).await
}

async fn refused(desk: &Desk, ranges: &[ChunkRange]) {
    let before = (desk.job().await, desk.chunks().await);
    let error = desk
        .ledger
        .put_ranges(&desk.job_id, ranges)
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::PermanentJob, "{error}");
    assert_eq!(
        (desk.job().await, desk.chunks().await),
        before,
        "all of it or nothing"
    );
}

async fn ranges_are_stored_in_pages_and_read_in_order(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "pages").await;
    for page in ranges(230).chunks(100) {
        desk.ledger.put_ranges(&desk.job_id, page).await.unwrap();
    }
    assert_eq!(desk.job().await.stored_chunks, 230);
    let chunks = desk.chunks().await;
    assert_eq!(chunks.len(), 230);
    for (chunk, number) in chunks.iter().zip(0..) {
        assert_eq!(*chunk, ChunkRecord::new(range(number), chunk.touched_ms));
    }
    for (from, max, expected) in [
        (0, 3, 0..3),
        (9, 3, 9..12),
        (228, 9, 228..230),
        (230, 9, 230..230),
        (5, 0, 5..5),
    ] {
        let page = desk.ledger.chunks(&desk.job_id, from, max).await.unwrap();
        let numbers: Vec<u32> = page.iter().map(|c| c.range.chunk).collect();
        assert_eq!(
            numbers,
            expected.collect::<Vec<_>>(),
            "from {from}, {max} at most"
        );
    }
}

async fn a_second_splitter_verifies_and_adds(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "again").await;
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    ledger.put_ranges(job_id, &ranges(3)).await.unwrap();
    ledger.put_ranges(job_id, &ranges(3)).await.unwrap();
    assert_eq!(desk.job().await.stored_chunks, 3);
    ledger.put_ranges(job_id, &ranges(5)).await.unwrap();
    ledger.put_ranges(job_id, &ranges(5)[1..4]).await.unwrap();
    ledger.put_ranges(job_id, &[]).await.unwrap();
    assert_eq!(desk.job().await.stored_chunks, 5);
    let stored: Vec<ChunkRange> = desk.chunks().await.iter().map(|c| c.range).collect();
    assert_eq!(stored, ranges(5));
}

async fn verifying_leaves_chunks_as_they_are(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "verified", 3).await;
    desk.finish_chunk(0).await;
    desk.claim(1, "w").await;
    let before = desk.chunks().await;
    desk.ledger
        .put_ranges(&desk.job_id, &ranges(3))
        .await
        .unwrap();
    assert_eq!(desk.chunks().await, before);
}

async fn i1_a_range_that_moved_is_refused(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "moved").await;
    desk.ledger
        .put_ranges(&desk.job_id, &ranges(3))
        .await
        .unwrap();
    for chunk in 0..3 {
        let base = range(chunk);
        for moved in [
            ChunkRange {
                start: base.start + 1,
                ..base
            },
            ChunkRange {
                end: base.end + 1,
                ..base
            },
            ChunkRange {
                first_row: base.first_row + 1,
                ..base
            },
            ChunkRange {
                rows: base.rows + 1,
                ..base
            },
        ] {
            let mut all = ranges(5);
            all[chunk as usize] = moved;
            refused(&desk, &all).await;
        }
    }
}

async fn i1_a_gap_is_refused(fixture: &dyn LedgerFixture) {
    let desk = desk(fixture, "gap").await;
    refused(&desk, &[range(1)]).await;
    desk.ledger
        .put_ranges(&desk.job_id, &ranges(2))
        .await
        .unwrap();
    refused(&desk, &[range(3)]).await;
    refused(&desk, &[range(2), range(4)]).await;
    refused(&desk, &[range(2), range(2)]).await;
    refused(&desk, &[range(0), range(1), range(2), range(4)]).await;
}

every_ledger! { conform [
    ranges_are_stored_in_pages_and_read_in_order,
    a_second_splitter_verifies_and_adds,
    verifying_leaves_chunks_as_they_are,
    i1_a_range_that_moved_is_refused,
    i1_a_gap_is_refused,
]}
