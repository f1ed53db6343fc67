//! What is to be sent, what was sent, what is parked, and what the sweep finds (I4, I7).

use std::time::Duration;

use annexa::core::chunk::{ChunkLimits, ChunkStatus, ClaimOutcome, Release};
use annexa::core::ids::ChunkNo;
use annexa::core::invariants::i7_window;
use annexa::core::job::{PauseReason, Stop};
use annexa::ports::ledger::Held;

use super::{Desk, ranges, totals};
use crate::conformance::fixtures::LedgerFixture;

/// A job of `chunks` chunks of which none was sent.
async fn unsent(fixture: &dyn LedgerFixture, name: &str, chunks: u32) -> Desk {
    let desk = Desk::with_job(fixture, name, ChunkLimits::default()).await;
    desk.split(chunks).await;
    desk
}

async fn swept(desk: &Desk, silent: Duration, max: u32) -> Vec<ChunkNo> {
    let silent_ms = silent.as_millis() as u64;
    desk.ledger
        .sweep_list(&desk.job_id, silent_ms, max)
        .await
        .unwrap()
}

async fn each_stored_chunk_is_taken_once_and_in_order(fixture: &dyn LedgerFixture) {
    let desk = Desk::with_job(fixture, "taken", ChunkLimits::default()).await;
    assert!(desk.take(9, 9).await.is_empty());
    // While the split goes on: workers are already at it.
    desk.ledger
        .put_ranges(&desk.job_id, &ranges(5))
        .await
        .unwrap();
    assert!(desk.take(9, 0).await.is_empty());
    assert_eq!(desk.take(9, 3).await, [0, 1, 2]);
    assert_eq!(desk.job().await.sent_upto, 3);
    assert_eq!(desk.take(9, 9).await, [3, 4]);
    assert!(desk.take(9, 9).await.is_empty(), "they count as sent");
    desk.ledger
        .put_ranges(&desk.job_id, &ranges(6))
        .await
        .unwrap();
    desk.ledger
        .split_complete(&desk.job_id, &totals(6))
        .await
        .unwrap();
    assert_eq!(desk.take(9, 9).await, [5]);
    desk.holds().await;
}

async fn i7_the_window_bounds_what_is_outstanding(fixture: &dyn LedgerFixture) {
    let desk = unsent(fixture, "window", 9).await;
    assert!(desk.take(0, 9).await.is_empty());
    assert_eq!(desk.take(4, 9).await, [0, 1, 2, 3]);
    assert!(desk.take(4, 9).await.is_empty(), "the window is full");
    desk.claim(0, "w").await;
    assert!(
        desk.take(4, 9).await.is_empty(),
        "in hand is outstanding, too"
    );
    desk.finish_chunk(1).await;
    let claim = desk.claim(2, "w").await;
    desk.ledger.quarantine_chunk(&claim, "no").await.unwrap();
    let claim = desk.claim(3, "w").await;
    desk.ledger.park_chunk(&claim).await.unwrap();
    let job = desk.job().await;
    assert_eq!((job.outstanding_chunks(), job.room_in_window(4)), (1, 3));
    assert_eq!(
        desk.take(4, 9).await,
        [3, 4, 5],
        "what was parked comes first"
    );
    let job = desk.job().await;
    i7_window(&job, 4).unwrap();
    assert_eq!(job.outstanding_chunks(), 4);
    assert!(
        desk.take(2, 9).await.is_empty(),
        "a window that was made smaller"
    );
    assert_eq!(desk.take(u32::MAX, u32::MAX).await, [6, 7, 8]);
    desk.holds().await;
}

async fn nothing_of_a_paused_or_ending_job_is_taken_or_swept(fixture: &dyn LedgerFixture) {
    let desk = unsent(fixture, "not taken", 3).await;
    assert_eq!(desk.take(9, 1).await, [0]);
    let silent = Duration::from_secs(10);
    desk.clock.sleep(silent * 2).await;
    let (ledger, job_id) = (&desk.ledger, &desk.job_id);
    ledger.pause(job_id, &PauseReason::ByUser).await.unwrap();
    assert!(desk.take(9, 9).await.is_empty());
    assert!(swept(&desk, silent, 9).await.is_empty());
    ledger.resume(job_id).await.unwrap();
    assert_eq!(swept(&desk, silent, 9).await, [0]);
    assert_eq!(desk.take(9, 1).await, [1]);
    ledger.stop(job_id, &Stop::Cancelled).await.unwrap();
    assert!(desk.take(9, 9).await.is_empty());
    assert!(swept(&desk, silent, 9).await.is_empty());
    assert_eq!(desk.job().await.sent_upto, 2);
}

async fn a_paused_job_parks_what_comes_and_sends_it_first_when_it_goes_on(
    fixture: &dyn LedgerFixture,
) {
    let desk = unsent(fixture, "park", 5).await;
    assert_eq!(desk.take(3, 9).await, [0, 1, 2]);
    desk.ledger
        .pause(&desk.job_id, &PauseReason::ByUser)
        .await
        .unwrap();
    for owner in ["w1", "w1", "w2"] {
        assert_eq!(desk.ask(1, owner).await, ClaimOutcome::Parked);
    }
    assert_eq!(desk.ask(2, "w1").await, ClaimOutcome::Parked);
    assert_eq!(desk.chunk(1).await.status, ChunkStatus::Parked);
    let job = desk.job().await;
    assert_eq!((job.counters.parked, job.outstanding_chunks()), (2, 1));
    desk.holds().await;
    desk.ledger.resume(&desk.job_id).await.unwrap();
    assert_eq!(
        desk.ask(2, "w1").await,
        ClaimOutcome::Parked,
        "an old message of it"
    );
    assert_eq!(desk.take(9, 1).await, [1]);
    assert_eq!(desk.chunk(1).await.status, ChunkStatus::Open);
    assert_eq!(desk.job().await.counters.parked, 1);
    assert_eq!(desk.take(9, 9).await, [2, 3, 4]);
    assert_eq!(desk.job().await.counters.parked, 0);
    for chunk in 0..5 {
        desk.finish_chunk(chunk).await;
    }
    assert!(desk.job().await.is_done());
    desk.holds().await;
}

async fn a_chunk_is_parked_under_its_claim(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "lane parked", 2).await;
    let claim = desk.claim(0, "w1").await;
    assert_eq!(desk.ledger.park_chunk(&claim).await.unwrap(), Held::Yes);
    let record = desk.chunk(0).await;
    assert_eq!((&record.status, record.lease), (&ChunkStatus::Parked, None));
    assert_eq!(desk.job().await.counters.parked, 1);
    assert_eq!(record.failed_attempts, 0, "S16");
    assert_eq!(desk.take(9, 9).await, [0]);
    desk.finish_chunk(0).await;
    desk.holds().await;
}

async fn a_chunk_that_was_claimed_before_it_was_taken_is_taken_once(fixture: &dyn LedgerFixture) {
    // Nobody should have its message yet; somebody may have a message of their own making.
    let desk = unsent(fixture, "early", 5).await;
    desk.finish_chunk(0).await;
    desk.ledger
        .pause(&desk.job_id, &PauseReason::ByUser)
        .await
        .unwrap();
    assert_eq!(desk.ask(2, "w").await, ClaimOutcome::Parked);
    assert_eq!(desk.ask(4, "w").await, ClaimOutcome::Parked);
    desk.ledger.resume(&desk.job_id).await.unwrap();
    let mut taken = desk.take(9, 9).await;
    taken.extend(desk.take(9, 9).await);
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 3, 4]);
    let job = desk.job().await;
    assert_eq!(
        (job.counters.parked, job.sent_upto, job.outstanding_chunks()),
        (0, 5, 4)
    );
    desk.holds().await;
}

async fn i4_the_sweep_finds_what_was_silent_too_long(fixture: &dyn LedgerFixture) {
    let desk = unsent(fixture, "sweep", 6).await;
    assert_eq!(desk.take(9, 5).await, [0, 1, 2, 3, 4]);
    let silent = desk.lease * 4;
    assert!(swept(&desk, silent, 9).await.is_empty(), "just sent");
    desk.clock.sleep(silent / 2).await;
    desk.finish_chunk(0).await;
    let held = desk.claim(1, "w1").await;
    let parked = desk.claim(2, "w1").await;
    desk.ledger.park_chunk(&parked).await.unwrap();
    desk.clock.sleep(silent * 5 / 8).await;
    // 3 and 4 were never touched; 1 was touched later; 0 is done, 2 is parked, 5 was not sent.
    assert_eq!(swept(&desk, silent, 9).await, [3, 4]);
    assert_eq!(swept(&desk, silent, 1).await, [3]);
    assert!(swept(&desk, silent, 0).await.is_empty());
    desk.ledger.mark_sent(&desk.job_id, &[3, 77]).await.unwrap();
    assert_eq!(
        swept(&desk, silent, 9).await,
        [4],
        "sent again, left alone for a while"
    );
    let until_ms = desk.chunk(1).await.lease.unwrap().until_ms;
    assert!(until_ms < desk.clock.now_ms(), "its worker died");
    desk.clock.sleep(silent / 2).await;
    assert_eq!(swept(&desk, silent, 9).await, [1, 4]);
    // What is held is not suspected, however short the silence that was asked for.
    desk.ledger
        .renew_claim(&held, desk.lease_ms())
        .await
        .unwrap();
    desk.clock.sleep(desk.lease / 2).await;
    assert_eq!(swept(&desk, Duration::from_millis(1), 9).await, [3, 4]);
    desk.holds().await;
}

async fn i4_what_was_taken_and_never_sent_is_swept(fixture: &dyn LedgerFixture) {
    let desk = unsent(fixture, "sender died", 3).await;
    assert_eq!(desk.take(2, 9).await, [0, 1]);
    let silent = Duration::from_secs(10);
    desk.clock.sleep(silent * 2).await;
    assert_eq!(swept(&desk, silent, 9).await, [0, 1]);
    desk.holds().await;
}

async fn i4_a_released_chunk_is_swept_if_its_message_is_lost(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "released", 1).await;
    let claim = desk.claim(0, "w1").await;
    desk.ledger
        .release_claim(&claim, &Release::Interrupted)
        .await
        .unwrap();
    let silent = Duration::from_secs(10);
    assert!(swept(&desk, silent, 9).await.is_empty());
    desk.clock.sleep(silent * 2).await;
    assert_eq!(swept(&desk, silent, 9).await, [0]);
}

async fn marking_changes_nothing_but_the_silence(fixture: &dyn LedgerFixture) {
    let desk = unsent(fixture, "marked", 4).await;
    assert_eq!(desk.take(9, 3).await, [0, 1, 2]);
    desk.finish_chunk(0).await;
    let claim = desk.claim(1, "w").await;
    desk.ledger.park_chunk(&claim).await.unwrap();
    let before = (desk.job().await, desk.chunks().await);
    desk.clock.sleep(Duration::from_millis(20)).await;
    desk.ledger
        .mark_sent(&desk.job_id, &[2, 0, 1, 3, 9])
        .await
        .unwrap();
    desk.ledger.mark_sent(&desk.job_id, &[]).await.unwrap();
    assert_eq!(desk.job().await, before.0);
    for (chunk, mut expected) in desk.chunks().await.into_iter().zip(before.1) {
        if chunk.status.is_final() {
            // Outputs say when it became so: every finisher has to read the same (I6).
            assert_eq!(chunk.touched_ms, expected.touched_ms);
        }
        assert!(chunk.touched_ms >= expected.touched_ms);
        expected.touched_ms = chunk.touched_ms;
        assert_eq!(chunk, expected);
    }
    desk.holds().await;
}

every_ledger! { conform [
    each_stored_chunk_is_taken_once_and_in_order,
    i7_the_window_bounds_what_is_outstanding,
    nothing_of_a_paused_or_ending_job_is_taken_or_swept,
    a_paused_job_parks_what_comes_and_sends_it_first_when_it_goes_on,
    a_chunk_is_parked_under_its_claim,
    a_chunk_that_was_claimed_before_it_was_taken_is_taken_once,
    i4_the_sweep_finds_what_was_silent_too_long,
    i4_what_was_taken_and_never_sent_is_swept,
    i4_a_released_chunk_is_swept_if_its_message_is_lost,
    marking_changes_nothing_but_the_silence,
]}
