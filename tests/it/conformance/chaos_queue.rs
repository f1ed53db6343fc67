//! The queue in memory misbehaves as real ones do (FACTS §2), each way when it is asked to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::memory::chaos::{Chaos, Rates};
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::queue::{MemoryQueue, QueueSetup};
use annexa::ports::queue::{Outgoing, Queue};
use annexa::ports::{Clock, ErrorClass};

use super::chaos::{SURE, seen, trouble};
use super::queue::{is_quiet, message, receive, receive_one, send};

const SETUP: QueueSetup = QueueSetup {
    visibility: Duration::from_secs(30),
    max_receives: 3,
};

fn queue(seed: u64) -> (Arc<SimClock>, Arc<Chaos>, MemoryQueue) {
    let (clock, chaos) = trouble(seed, Rates::default());
    let queue = MemoryQueue::new(clock.clone(), chaos.clone(), SETUP);
    (clock, chaos, queue)
}

#[tokio::test(start_paused = true)]
async fn a_calm_queue_sees_no_trouble() {
    let (_, chaos, queue) = queue(1);
    send(&queue, "one").await;
    let held = receive_one(&queue).await;
    queue
        .extend(&held.receipt, Duration::from_secs(9))
        .await
        .unwrap();
    queue.delete(&[held.receipt]).await.unwrap();
    queue.depth().await.unwrap();
    assert!(chaos.seen().is_empty(), "{:?}", chaos.seen());
    assert!(queue.bodies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_sent_twice_under_two_ids() {
    let (_, chaos, queue) = queue(2);
    chaos.set_rates(Rates {
        duplicate: SURE,
        ..Rates::default()
    });
    send(&queue, "one").await;
    assert_eq!(seen(&chaos, "double_send"), 1);
    chaos.set_rates(Rates::default());
    let both = receive(&queue, 2).await;
    assert!(
        both.iter()
            .all(|message| message.body == "one" && message.receive_count == 1)
    );
    assert_ne!(both[0].message_id, both[1].message_id);
    assert!(is_quiet(&queue).await);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_in_two_hands_at_once() {
    let (_, chaos, queue) = queue(3);
    send(&queue, "one").await;
    chaos.set_rates(Rates {
        duplicate: SURE,
        ..Rates::default()
    });
    let (one, two) = (receive_one(&queue).await, receive_one(&queue).await);
    assert_eq!(one.message_id, two.message_id);
    assert_ne!(one.receipt, two.receipt);
    assert_eq!(
        (seen(&chaos, "duplicate"), seen(&chaos, "redelivery")),
        (2, 1)
    );
    chaos.set_rates(Rates::default());
    queue.delete(&[one.receipt]).await.unwrap();
    assert_eq!(
        seen(&chaos, "stale_receipt"),
        1,
        "it answered Ok and deleted nothing"
    );
    assert_eq!(queue.bodies().len(), 1);
    queue.delete(&[two.receipt]).await.unwrap();
    assert!(queue.bodies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_message_returns() {
    let (clock, chaos, queue) = queue(4);
    send(&queue, "one").await;
    let held = receive_one(&queue).await;
    chaos.set_rates(Rates {
        undelete: SURE,
        ..Rates::default()
    });
    for result in queue
        .delete(std::slice::from_ref(&held.receipt))
        .await
        .unwrap()
    {
        result.unwrap();
    }
    assert_eq!(seen(&chaos, "undelete"), 1);
    chaos.set_rates(Rates::default());
    assert!(is_quiet(&queue).await);
    clock.sleep(SETUP.visibility * 2).await;
    let again = receive_one(&queue).await;
    assert_eq!(
        (again.message_id, again.receive_count),
        (held.message_id, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_back_before_its_time() {
    let (clock, chaos, queue) = queue(5);
    send(&queue, "one").await;
    let late = Outgoing {
        delay: SETUP.visibility,
        ..message("late")
    };
    queue.send_batch(&[late]).await.unwrap();
    let held = receive_one(&queue).await;
    chaos.set_rates(Rates {
        early_expiry: SURE,
        ..Rates::default()
    });
    let began = clock.monotonic();
    let again = receive_one(&queue).await;
    assert_eq!((again.body.as_str(), again.receive_count), ("one", 2));
    assert_ne!(again.receipt, held.receipt);
    assert_eq!(
        clock.monotonic(),
        began,
        "its timeout had not begun to pass"
    );
    assert_eq!(
        seen(&chaos, "early_expiry"),
        1,
        "a delayed message is in nobody's hand"
    );
}

#[tokio::test(start_paused = true)]
async fn entries_of_a_batch_fail_alone_and_in_their_place() {
    let (_, chaos, queue) = queue(6);
    let half = Rates {
        partial_batch: 500,
        ..Rates::default()
    };
    chaos.set_rates(half);
    let batch: Vec<Outgoing> = (0..10).map(|n| message(format!("{n}"))).collect();
    let results = queue.send_batch(&batch).await.unwrap();
    let sent: BTreeSet<String> = batch
        .iter()
        .zip(&results)
        .filter(|(_, result)| result.is_ok())
        .map(|(entry, _)| entry.body.clone())
        .collect();
    assert!((1..10).contains(&sent.len()), "some and not all");
    assert_eq!(queue.bodies(), sent);
    assert_eq!(seen(&chaos, "partial_batch"), 10 - sent.len() as u64);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(
            (error.class, error.unknown_outcome),
            (ErrorClass::Transient, false)
        );
    }

    chaos.set_rates(Rates::default());
    let held = receive(&queue, sent.len()).await;
    chaos.set_rates(half);
    let receipts: Vec<_> = held.iter().map(|message| message.receipt.clone()).collect();
    let results = queue.delete(&receipts).await.unwrap();
    let left: BTreeSet<String> = held
        .iter()
        .zip(&results)
        .filter(|(_, result)| result.is_err())
        .map(|(message, _)| message.body.clone())
        .collect();
    assert!(results.iter().any(Result::is_ok) && results.iter().any(Result::is_err));
    assert_eq!(queue.bodies(), left);
}

#[tokio::test(start_paused = true)]
async fn s11_a_queue_loses_answers_and_not_effects() {
    let (clock, chaos, queue) = queue(7);
    let lossy = Rates {
        lose_answer: SURE,
        ..Rates::default()
    };
    chaos.set_rates(lossy);
    assert!(
        queue
            .send_batch(&[message("one")])
            .await
            .unwrap_err()
            .unknown_outcome
    );
    assert_eq!(queue.bodies().len(), 1, "it was sent");
    assert!(
        queue
            .receive(10, Duration::ZERO)
            .await
            .unwrap_err()
            .unknown_outcome
    );
    chaos.set_rates(Rates::default());
    assert!(is_quiet(&queue).await, "it is hidden, and nobody has it");
    clock.sleep(SETUP.visibility * 2).await;
    let held = receive_one(&queue).await;
    assert_eq!(held.receive_count, 2);
    chaos.set_rates(lossy);
    let released = queue.release(&held.receipt, Duration::ZERO).await;
    assert!(released.unwrap_err().unknown_outcome);
    chaos.set_rates(Rates::default());
    let held = receive_one(&queue).await;
    chaos.set_rates(lossy);
    assert!(
        queue
            .delete(&[held.receipt])
            .await
            .unwrap_err()
            .unknown_outcome
    );
    assert!(queue.bodies().is_empty(), "it was deleted");
    assert_eq!(seen(&chaos, "lose_answer"), 4);
}

#[tokio::test(start_paused = true)]
async fn requests_to_a_queue_fail_before_they_begin() {
    let (_, chaos, queue) = queue(8);
    send(&queue, "one").await;
    let held = receive_one(&queue).await;
    chaos.set_rates(Rates {
        fail_before: SURE,
        ..Rates::default()
    });
    let receipt = std::slice::from_ref(&held.receipt);
    let refusals = [
        queue.send_batch(&[message("two")]).await.err(),
        queue.receive(1, Duration::ZERO).await.err(),
        queue.extend(&held.receipt, Duration::ZERO).await.err(),
        queue.release(&held.receipt, Duration::ZERO).await.err(),
        queue.delete(receipt).await.err(),
        queue.depth().await.err(),
    ];
    assert!(
        refusals
            .iter()
            .all(|e| e.as_ref().is_some_and(|e| !e.unknown_outcome))
    );
    assert_eq!(seen(&chaos, "fail_before"), 6);
    chaos.set_rates(Rates::default());
    assert!(is_quiet(&queue).await);
    assert_eq!(queue.bodies().into_iter().collect::<Vec<_>>(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn messages_overtake_each_other_when_there_is_trouble() {
    let (_, chaos, queue) = queue(9);
    let batch: Vec<Outgoing> = (0..10).map(|n| message(format!("{n}"))).collect();
    queue.send_batch(&batch).await.unwrap();
    chaos.set_rates(Rates {
        duplicate: 1,
        ..Rates::default()
    });
    let mut firsts = BTreeSet::new();
    for _ in 0..30 {
        let first = receive_one(&queue).await;
        firsts.insert(first.body.clone());
        queue.release(&first.receipt, Duration::ZERO).await.unwrap();
        if queue.bodies().len() < 10 {
            break;
        }
    }
    assert!(firsts.len() > 1, "any message may come first: {firsts:?}");
}

#[tokio::test(start_paused = true)]
async fn burials_are_seen() {
    let (_, chaos, queue) = queue(10);
    send(&queue, "bad").await;
    for _ in 0..SETUP.max_receives {
        let held = receive_one(&queue).await;
        queue.release(&held.receipt, Duration::ZERO).await.unwrap();
    }
    assert!(is_quiet(&queue).await);
    assert_eq!(
        (seen(&chaos, "dead_letter"), seen(&chaos, "redelivery")),
        (1, 2)
    );
    assert_eq!(queue.dead_bodies(), ["bad"]);
    assert!(queue.bodies().is_empty());
}
