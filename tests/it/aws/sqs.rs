//! The queue in SQS: what only it promises, and that nothing is lost whatever happens to its requests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::sqs::SqsQueue;
use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::memory::queue::QueueSetup;
use annexa::ports::queue::{Outgoing, Queue};
use annexa::ports::send::send_all;
use annexa::ports::{Clock, ErrorClass};
use aws_sdk_sqs::types::MessageSystemAttributeName;

use super::connector::{Rates, SURE, Trouble};
use super::emulator::{Emulator, unique};
use crate::conformance::fixtures_aws::make_queue;
use crate::conformance::queue::{is_quiet, message, receive_one, send};

const SETUP: QueueSetup = QueueSetup {
    visibility: Duration::from_secs(30),
    max_receives: 100,
};

/// For an answer: short where a test waits for answers that never come, and who calls tries again.
const SHORT: Duration = Duration::from_millis(1_500);

/// Else: long for an emulator beside other work.
const LONG: Duration = Duration::from_secs(30);

async fn open(url: &str) -> SqsQueue {
    let clock = Arc::new(SystemClock::new());
    let queue = SqsQueue::open(&Emulator::shared().config(), url, clock).await;
    queue.expect("a queue that is there opens")
}

/// The same queue, calm and in trouble.
async fn troubled(
    seed: u64,
    setup: QueueSetup,
    patience: Duration,
) -> (Trouble, SqsQueue, SqsQueue) {
    let url = make_queue(setup).await;
    let trouble = Trouble::new(seed, Rates::default());
    let aws = Emulator::shared()
        .config()
        .with_http_client(trouble.client())
        .with_attempt_timeout(patience);
    let queue = SqsQueue::open(&aws, &url, Arc::new(SystemClock::new())).await;
    (trouble, open(&url).await, queue.expect("it opens"))
}

#[tokio::test]
async fn s4_a_missing_queue_is_loud_and_is_not_created() {
    let emulator = Emulator::shared();
    let name = unique("missing");
    let url = format!("{}/000000000000/{name}", emulator.endpoint());
    let clock = Arc::new(SystemClock::new());
    let error = SqsQueue::open(&emulator.config(), &url, clock).await;
    let error = error.map(drop).unwrap_err();
    assert_eq!(error.class, ErrorClass::PermanentJob);
    assert!(error.what.contains(&url), "{error}");
    assert!(error.what.contains("create it"), "{error}");
    let made = emulator.sqs().list_queues().queue_name_prefix(&name);
    assert!(made.send().await.unwrap().queue_urls().is_empty());
}

#[tokio::test]
async fn s4_a_queue_that_is_deleted_meanwhile_is_loud() {
    let queue = open(&make_queue(SETUP).await).await;
    let deleted = Emulator::shared()
        .sqs()
        .delete_queue()
        .queue_url(queue.url());
    deleted.send().await.unwrap();
    for error in [
        queue
            .receive(1, Duration::ZERO)
            .await
            .map(drop)
            .unwrap_err(),
        queue
            .send_batch(&[message("x")])
            .await
            .map(drop)
            .unwrap_err(),
        queue.depth().await.map(drop).unwrap_err(),
    ] {
        assert_eq!(error.class, ErrorClass::PermanentJob);
        assert!(error.what.contains(queue.url()), "{error}");
    }
}

#[tokio::test]
async fn s19_a_buried_message_is_a_dead_letter_with_its_body_and_the_reason() {
    let queue = open(&make_queue(SETUP).await).await;
    let body = "{\"detail\": \"caf\u{e9}\", not JSON";
    send(&queue, body).await;
    let held = receive_one(&queue).await;
    assert_eq!(held.reason, None);
    queue
        .bury(&held, "not JSON: line 1\ncaf\u{e9}")
        .await
        .unwrap();
    let dead = queue.dead_letters().expect("its redrive policy names one");
    let letter = receive_one(&*dead).await;
    assert_eq!(letter.body, body);
    assert_eq!(letter.reason.as_deref(), Some("not JSON: line 1 caf?"));
    assert!(dead.dead_letters().is_none());
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.visible, depth.in_flight, depth.dead), (0, 0, 1));
}

#[tokio::test]
async fn s24_a_message_is_of_the_group_that_it_was_sent_in() {
    let queue = open(&make_queue(SETUP).await).await;
    send(&queue, "one").await;
    let client = Emulator::shared().sqs();
    let received = client
        .receive_message()
        .queue_url(queue.url())
        .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
    let received = received.send().await.unwrap().messages.unwrap_or_default();
    let attributes = received[0].attributes().expect("asked for");
    assert_eq!(
        attributes[&MessageSystemAttributeName::MessageGroupId],
        "job-1"
    );
}

#[tokio::test]
async fn without_a_dead_letter_queue_a_buried_message_stays() {
    let name = unique("alone");
    let made = Emulator::shared().sqs().create_queue().queue_name(&name);
    let url = made.send().await.unwrap().queue_url.unwrap();
    let queue = open(&url).await;
    send(&queue, "bad").await;
    let held = receive_one(&queue).await;
    queue.bury(&held, "bad").await.unwrap();
    assert!(queue.dead_letters().is_none());
    assert_eq!(queue.depth().await.unwrap().in_flight, 1);
}

#[tokio::test]
async fn s11_each_request_says_whether_its_effect_may_have_happened() {
    let (trouble, calm, queue) = troubled(1, SETUP, LONG).await;
    let lossy = Rates {
        drop_after: SURE,
        ..Rates::default()
    };
    trouble.set_rates(lossy);
    let error = queue.send_batch(&[message("one")]).await.unwrap_err();
    assert!(error.unknown_outcome && error.class == ErrorClass::Transient);
    let held = receive_one(&calm).await;
    assert_eq!(held.body, "one", "it was sent");
    let error = queue.release(&held.receipt, Duration::ZERO).await;
    assert!(error.unwrap_err().unknown_outcome);
    let error = queue.receive(1, Duration::ZERO).await.unwrap_err();
    assert!(error.unknown_outcome);
    assert!(is_quiet(&calm).await, "it is hidden, and nobody has it");
    let error = queue.delete(std::slice::from_ref(&held.receipt)).await;
    assert!(error.unwrap_err().unknown_outcome);
    assert!(
        !queue.depth().await.unwrap_err().unknown_outcome,
        "it only looks"
    );

    trouble.set_rates(Rates {
        throttle: SURE,
        ..Rates::default()
    });
    let error = queue.send_batch(&[message("two")]).await.unwrap_err();
    assert_eq!(
        (error.class, error.unknown_outcome),
        (ErrorClass::Transient, false)
    );
    assert!(error.what.contains("slow down"), "{error}");
    trouble.set_rates(Rates {
        fail: SURE,
        ..Rates::default()
    });
    let error = queue.send_batch(&[message("two")]).await.unwrap_err();
    assert_eq!(
        (error.class, error.unknown_outcome),
        (ErrorClass::Transient, true)
    );
    trouble.set_rates(Rates {
        truncate: SURE,
        ..Rates::default()
    });
    let error = queue.send_batch(&[message("two")]).await.unwrap_err();
    assert_eq!(
        (error.class, error.unknown_outcome),
        (ErrorClass::Transient, true)
    );
}

#[tokio::test]
async fn s1_a_receive_that_hangs_ends_a_margin_after_its_wait() {
    let (trouble, _, queue) = troubled(2, SETUP, SHORT).await;
    trouble.set_rates(Rates {
        stall: SURE,
        ..Rates::default()
    });
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let error = queue.receive(1, Duration::from_secs(1)).await.unwrap_err();
    assert!(error.unknown_outcome, "{error}");
    assert!(clock.monotonic() - began >= Duration::from_secs(1) + SHORT);
    assert_eq!(
        trouble.requests()["SQS.ReceiveMessage"],
        1,
        "and is not repeated"
    );
}

#[tokio::test]
async fn s20_entries_of_a_batch_fail_alone_and_in_their_place() {
    let (trouble, calm, queue) = troubled(3, SETUP, LONG).await;
    trouble.set_rates(Rates {
        partial_batch: SURE / 2,
        ..Rates::default()
    });
    let batch: Vec<Outgoing> = (0..10).map(|n| message(format!("{n}"))).collect();
    let results = queue.send_batch(&batch).await.unwrap();
    let sent: BTreeSet<&str> = (batch.iter().zip(&results))
        .filter(|(_, result)| result.is_ok())
        .map(|(entry, _)| entry.body.as_str())
        .collect();
    assert!((1..10).contains(&sent.len()), "some and not all: {sent:?}");
    assert_eq!(trouble.seen("partial_batch"), 10 - sent.len() as u64);
    let mut there = BTreeSet::new();
    while there.len() < sent.len() {
        there.insert(receive_one(&calm).await.body);
    }
    assert_eq!(
        there.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        sent
    );
    assert!(is_quiet(&calm).await);
}

/// Sends `count` messages and handles them until each has come, over a troubled queue.
async fn sent_and_handled(seed: u64, count: usize) -> (Trouble, usize) {
    let setup = QueueSetup {
        visibility: Duration::from_secs(2),
        ..SETUP
    };
    let (trouble, calm, queue) = troubled(seed, setup, SHORT).await;
    trouble.set_rates(Rates {
        stall: 15,
        ..Rates::all(60)
    });
    let clock = SystemClock::new();
    let bodies: Vec<String> = (0..count).map(|n| format!("{seed}/{n}")).collect();
    // As a splitter does: over and over, until the queue has said yes to everything.
    while send_all(&clock, &queue, "job-1", bodies.clone())
        .await
        .is_err()
    {}
    let mut handled = BTreeSet::new();
    let mut times = 0;
    while handled.len() < count {
        let Ok(messages) = queue.receive(10, Duration::from_secs(1)).await else {
            continue;
        };
        times += messages.len();
        let receipts: Vec<_> = messages.iter().map(|m| m.receipt.clone()).collect();
        handled.extend(messages.into_iter().map(|message| message.body));
        if !receipts.is_empty() {
            // What stays undeleted comes back, and is known by then.
            let _ = queue.delete(&receipts).await;
        }
    }
    assert_eq!(handled, bodies.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(calm.depth().await.unwrap().dead, 0);
    (trouble, times)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_no_message_is_lost_whatever_happens_to_requests() {
    let runs = (1..=4).map(|seed| sent_and_handled(seed, 60));
    let mut troubles = 0;
    for (trouble, times) in futures_util::future::join_all(runs).await {
        assert!(times >= 60);
        troubles += trouble.all();
    }
    // A hundred requests or more, one in three of them in trouble: which ones depends on the threads.
    assert!(troubles > 10, "{troubles} requests got into trouble");
}
