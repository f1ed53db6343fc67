//! Receipts: each belongs to one receive, and a stale one changes nothing whatever it answers (FACTS §2).

use std::collections::BTreeSet;
use std::time::Duration;

use super::fixtures::QueueFixture;
use super::queue::{is_quiet, patient, receive_one, send};

async fn a_redelivery_has_the_same_id_a_new_receipt_and_a_higher_count(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let mut receipts = BTreeSet::new();
    let first = receive_one(&*queue).await;
    receipts.insert(first.receipt.clone());
    for count in 2..=5 {
        fixture.clock().sleep(fixture.visibility() * 2).await;
        let again = receive_one(&*queue).await;
        assert_eq!(again.receive_count, count);
        assert_eq!(
            (&again.message_id, &again.body),
            (&first.message_id, &first.body)
        );
        assert_eq!(again.sent_ms, first.sent_ms);
        assert!(
            receipts.insert(again.receipt),
            "each receive has its own receipt"
        );
    }
}

async fn a_stale_receipt_deletes_nothing(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let stale = receive_one(&*queue).await.receipt;
    fixture.clock().sleep(fixture.visibility() * 2).await;
    let held = receive_one(&*queue).await;
    // Ok or not: nobody may rely on the answer.
    let _ = queue.delete(std::slice::from_ref(&stale)).await;
    queue
        .extend(&held.receipt, fixture.visibility())
        .await
        .unwrap();
    fixture.clock().sleep(fixture.visibility() * 2).await;
    let again = receive_one(&*queue).await;
    assert_eq!(again.message_id, held.message_id);
}

async fn a_stale_receipt_hides_and_shows_nothing(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let stale = receive_one(&*queue).await.receipt;
    fixture.clock().sleep(fixture.visibility() * 2).await;
    receive_one(&*queue).await;
    let _ = queue.release(&stale, Duration::ZERO).await;
    assert!(is_quiet(&*queue).await, "the newer hand keeps it");
    let _ = queue.extend(&stale, fixture.visibility() * 20).await;
    fixture.clock().sleep(fixture.visibility() * 2).await;
    assert_eq!(
        receive_one(&*queue).await.receive_count,
        3,
        "and no longer than it was promised"
    );
}

async fn a_receipt_outlives_no_delete(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let message = receive_one(&*queue).await;
    queue
        .delete(std::slice::from_ref(&message.receipt))
        .await
        .unwrap();
    let _ = queue.release(&message.receipt, Duration::ZERO).await;
    let _ = queue.extend(&message.receipt, Duration::from_secs(1)).await;
    fixture.clock().sleep(fixture.visibility() * 2).await;
    assert!(is_quiet(&*queue).await);
}

every_queue! { conform [
    a_redelivery_has_the_same_id_a_new_receipt_and_a_higher_count,
    a_stale_receipt_deletes_nothing,
    a_stale_receipt_hides_and_shows_nothing,
    a_receipt_outlives_no_delete,
]}
