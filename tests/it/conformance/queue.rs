//! The queue's manners: what comes, to whom, how often, and what receipts are good for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::memory::queue::QueueSetup;
use annexa::ports::ErrorClass;
use annexa::ports::queue::{
    MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outgoing, Queue, Receipt, Received,
};
use tokio::task::JoinSet;

use super::fixtures::QueueFixture;

/// A message without delay.
pub fn message(body: impl Into<String>) -> Outgoing {
    Outgoing {
        body: body.into(),
        group: "job-1".into(),
        delay: Duration::ZERO,
    }
}

/// A queue that never buries.
pub async fn patient(fixture: &dyn QueueFixture) -> Arc<dyn Queue> {
    let setup = QueueSetup {
        visibility: fixture.visibility(),
        max_receives: 100,
    };
    fixture.queue(setup).await
}

/// Sends one message.
pub async fn send(queue: &dyn Queue, body: &str) {
    let results = queue.send_batch(&[message(body)]).await.unwrap();
    assert_eq!(results.len(), 1);
    results[0].as_ref().unwrap();
}

/// Receives until `count` messages are in hand: an empty receive means nothing.
pub async fn receive(queue: &dyn Queue, count: usize) -> Vec<Received> {
    let (mut received, mut empty) = (Vec::new(), 0);
    while received.len() < count {
        let left = (count - received.len()).min(MAX_BATCH_ENTRIES);
        let some = queue.receive(left, Duration::from_secs(2)).await.unwrap();
        empty += u32::from(some.is_empty());
        received.extend(some);
        assert!(
            empty < 20,
            "{} messages came, {count} were due",
            received.len()
        );
    }
    received
}

/// Receives the one message that is due.
pub async fn receive_one(queue: &dyn Queue) -> Received {
    receive(queue, 1).await.remove(0)
}

/// Whether nothing is to be had now.
pub async fn is_quiet(queue: &dyn Queue) -> bool {
    queue.receive(10, Duration::ZERO).await.unwrap().is_empty()
}

fn sorted_bodies(received: &[Received]) -> Vec<&str> {
    let mut bodies: Vec<&str> = received.iter().map(|m| m.body.as_str()).collect();
    bodies.sort_unstable();
    bodies
}

async fn a_message_comes_as_it_was_sent(fixture: &dyn QueueFixture) {
    let (queue, clock) = (patient(fixture).await, fixture.clock());
    let body = r#"{"job":"job-1","text":"a \"quoted\" \\ \u00bf\n line","chunk":4294967295}"#;
    send(&*queue, body).await;
    let message = receive_one(&*queue).await;
    assert_eq!(message.body, body);
    assert_eq!(message.receive_count, 1);
    // A day's difference between two clocks is thinkable; seconds taken for milliseconds are not.
    assert!(message.sent_ms.abs_diff(clock.now_ms()) < 86_400_000);
    assert_eq!(queue.visibility(), fixture.visibility());
}

async fn every_message_of_every_group_arrives(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    for group in 0..4 {
        let batch: Vec<Outgoing> = (0..7)
            .map(|n| Outgoing {
                group: format!("job-{group}"),
                ..message(format!("{group}/{n}"))
            })
            .collect();
        for result in queue.send_batch(&batch).await.unwrap() {
            result.unwrap();
        }
    }
    let received = receive(&*queue, 28).await;
    let bodies: BTreeSet<&str> = received.iter().map(|m| m.body.as_str()).collect();
    let receipts: BTreeSet<&Receipt> = received.iter().map(|m| &m.receipt).collect();
    assert_eq!((bodies.len(), receipts.len()), (28, 28));
}

async fn s24_a_batch_holds_ten_entries_and_one_mebibyte(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    let eleven = vec![message("x"); MAX_BATCH_ENTRIES + 1];
    let refused = queue.send_batch(&eleven).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Bug);
    let halves = |over: usize| {
        let half = MAX_BATCH_BYTES / 2;
        [message("y".repeat(half)), message("z".repeat(half + over))]
    };
    let refused = queue.send_batch(&halves(1)).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Bug);
    let one = [message("w".repeat(MAX_BATCH_BYTES + 1))];
    let refused = queue.send_batch(&one).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Bug);
    assert!(
        is_quiet(&*queue).await,
        "nothing of a refused batch is sent"
    );

    for batch in [vec![message("x"); MAX_BATCH_ENTRIES], halves(0).to_vec()] {
        let results = queue.send_batch(&batch).await.unwrap();
        assert_eq!(results.len(), batch.len());
        assert!(results.iter().all(Result::is_ok));
    }
    let received = receive(&*queue, MAX_BATCH_ENTRIES + 2).await;
    let bytes: usize = received.iter().map(|m| m.body.len()).sum();
    assert_eq!(bytes, MAX_BATCH_ENTRIES + MAX_BATCH_BYTES);
}

async fn s24_a_batch_of_deletes_holds_ten(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    let batch: Vec<Outgoing> = (0..10).map(|n| message(format!("{n}"))).collect();
    queue.send_batch(&batch).await.unwrap();
    let received = receive(&*queue, 10).await;
    let receipts: Vec<Receipt> = received.iter().map(|m| m.receipt.clone()).collect();
    let mut eleven = receipts.clone();
    eleven.push(receipts[0].clone());
    assert_eq!(
        queue.delete(&eleven).await.unwrap_err().class,
        ErrorClass::Bug
    );
    let results = queue.delete(&receipts[..7]).await.unwrap();
    assert_eq!(results.len(), 7);
    assert!(results.iter().all(Result::is_ok));
    fixture.clock().sleep(fixture.visibility() * 2).await;
    let left = receive(&*queue, 3).await;
    assert_eq!(sorted_bodies(&left), sorted_bodies(&received[7..]));
}

async fn a_receive_takes_no_more_than_it_asked_for(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    let batch: Vec<Outgoing> = (0..6).map(|n| message(format!("{n}"))).collect();
    queue.send_batch(&batch).await.unwrap();
    let mut hands = Vec::new();
    while hands.len() < 6 {
        let some = queue.receive(2, Duration::from_secs(2)).await.unwrap();
        assert!(some.len() <= 2);
        hands.extend(some);
    }
    assert_eq!(sorted_bodies(&hands), ["0", "1", "2", "3", "4", "5"]);
}

async fn a_message_in_hand_is_hidden_from_others(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    receive_one(&*queue).await;
    assert!(is_quiet(&*queue).await);
    fixture.clock().sleep(fixture.visibility() / 2).await;
    assert!(is_quiet(&*queue).await);
}

async fn a_deleted_message_is_gone_and_deleting_twice_is_no_error(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let message = receive_one(&*queue).await;
    for _ in 0..2 {
        let results = queue
            .delete(std::slice::from_ref(&message.receipt))
            .await
            .unwrap();
        assert_eq!(results.len(), 1);
        results[0].as_ref().unwrap();
    }
    fixture.clock().sleep(fixture.visibility() * 2).await;
    assert!(is_quiet(&*queue).await);
}

async fn s20_one_message_does_not_touch_its_batch_mates(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    queue
        .send_batch(&[message("a"), message("b"), message("c")])
        .await
        .unwrap();
    let received = receive(&*queue, 3).await;
    let of = |body: &str| {
        received
            .iter()
            .find(|m| m.body == body)
            .unwrap()
            .receipt
            .clone()
    };
    queue.release(&of("b"), Duration::ZERO).await.unwrap();
    assert_eq!(receive_one(&*queue).await.body, "b");
    queue.delete(&[of("a")]).await.unwrap();
    assert!(is_quiet(&*queue).await);
    fixture.clock().sleep(fixture.visibility() * 2).await;
    assert_eq!(sorted_bodies(&receive(&*queue, 2).await), ["b", "c"]);
}

every_queue! { conform [
    a_message_comes_as_it_was_sent,
    every_message_of_every_group_arrives,
    s24_a_batch_holds_ten_entries_and_one_mebibyte,
    s24_a_batch_of_deletes_holds_ten,
    a_receive_takes_no_more_than_it_asked_for,
    a_message_in_hand_is_hidden_from_others,
    a_deleted_message_is_gone_and_deleting_twice_is_no_error,
    s20_one_message_does_not_touch_its_batch_mates,
]}

/// On several threads: while a message is in one hand it is in no other.
mod in_parallel {
    use super::*;

    async fn each_message_is_in_one_hand(fixture: &dyn QueueFixture) {
        let queue = patient(fixture).await;
        for batch in 0..6 {
            let batch: Vec<Outgoing> = (0..10).map(|n| message(format!("{batch}/{n}"))).collect();
            queue.send_batch(&batch).await.unwrap();
        }
        let mut consumers = JoinSet::new();
        for _ in 0..8 {
            let queue = queue.clone();
            consumers.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let some = queue.receive(3, Duration::ZERO).await.unwrap();
                    if some.is_empty() {
                        return mine;
                    }
                    for message in some {
                        queue.delete(&[message.receipt]).await.unwrap();
                        mine.push(message.body);
                    }
                }
            });
        }
        let all: Vec<String> = consumers.join_all().await.into_iter().flatten().collect();
        let different: BTreeSet<&String> = all.iter().collect();
        assert_eq!((all.len(), different.len()), (60, 60));
    }

    every_queue! { conform_in_parallel [each_message_is_in_one_hand] }
}
