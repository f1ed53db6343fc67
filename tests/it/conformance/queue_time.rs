//! The queue in time: visibility, delays, long polls, dead letters, twelve hours, counts.

use std::time::Duration;

use annexa::adapters::memory::queue::QueueSetup;
use annexa::ports::ErrorClass;
use annexa::ports::queue::{Depth, Outgoing, Queue};

use super::fixtures::QueueFixture;
use super::queue::{is_quiet, message, patient, receive, receive_one, send};

const SECOND: Duration = Duration::from_secs(1);

async fn what_is_not_deleted_comes_back(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    receive_one(&*queue).await;
    fixture
        .clock()
        .sleep(fixture.visibility() - SECOND * 2)
        .await;
    assert!(is_quiet(&*queue).await);
    fixture.clock().sleep(SECOND * 3).await;
    assert_eq!(receive_one(&*queue).await.receive_count, 2);
}

async fn s5_an_extension_counts_from_its_call(fixture: &dyn QueueFixture) {
    let (queue, clock, visibility) = (
        patient(fixture).await,
        fixture.clock(),
        fixture.visibility(),
    );
    send(&*queue, "one").await;
    let held = receive_one(&*queue).await;
    clock.sleep(visibility * 2 / 3).await;
    queue.extend(&held.receipt, visibility).await.unwrap();
    clock.sleep(visibility - SECOND * 2).await;
    assert!(is_quiet(&*queue).await, "longer than the first timeout");
    clock.sleep(SECOND * 3).await;
    assert_eq!(
        receive_one(&*queue).await.receive_count,
        2,
        "no longer than from the call: not added to what was left"
    );
}

async fn s5_an_extension_can_shorten(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let held = receive_one(&*queue).await;
    queue.extend(&held.receipt, SECOND * 2).await.unwrap();
    fixture.clock().sleep(SECOND * 3).await;
    assert_eq!(receive_one(&*queue).await.receive_count, 2);
}

async fn s5_heartbeats_keep_a_message_for_as_long_as_they_go_on(fixture: &dyn QueueFixture) {
    let (queue, visibility) = (patient(fixture).await, fixture.visibility());
    send(&*queue, "one").await;
    let held = receive_one(&*queue).await;
    for _ in 0..6 {
        fixture.clock().sleep(visibility / 3).await;
        queue.extend(&held.receipt, visibility).await.unwrap();
        assert!(is_quiet(&*queue).await);
    }
    queue.delete(&[held.receipt]).await.unwrap();
    fixture.clock().sleep(visibility * 2).await;
    assert!(is_quiet(&*queue).await);
}

async fn s17_a_release_shows_at_once_or_after_its_time(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let first = receive_one(&*queue).await;
    queue.release(&first.receipt, Duration::ZERO).await.unwrap();
    let second = receive_one(&*queue).await;
    assert_eq!(second.receive_count, 2);
    queue.release(&second.receipt, SECOND * 5).await.unwrap();
    assert!(is_quiet(&*queue).await);
    fixture.clock().sleep(SECOND * 6).await;
    assert_eq!(receive_one(&*queue).await.receive_count, 3);
}

async fn a_delayed_message_waits_and_others_pass_it(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    let late = Outgoing {
        delay: SECOND * 10,
        ..message("late")
    };
    queue.send_batch(&[late, message("now")]).await.unwrap();
    assert_eq!(receive_one(&*queue).await.body, "now");
    assert!(is_quiet(&*queue).await);
    fixture.clock().sleep(SECOND * 11).await;
    let late = receive_one(&*queue).await;
    assert_eq!((late.body.as_str(), late.receive_count), ("late", 1));
}

async fn s1_a_long_poll_wakes_up_when_something_is_sent(fixture: &dyn QueueFixture) {
    let (queue, clock) = (patient(fixture).await, fixture.clock());
    let wait = SECOND * 20;
    let began = clock.monotonic();
    let (received, ()) = tokio::join!(queue.receive(10, wait), async {
        clock.sleep(SECOND * 2).await;
        send(&*queue, "one").await;
    });
    assert_eq!(received.unwrap().len(), 1);
    assert!(
        clock.monotonic() - began < wait,
        "it does not sit out its wait"
    );
}

async fn s1_a_long_poll_sees_what_becomes_visible_by_time_alone(fixture: &dyn QueueFixture) {
    let (queue, clock) = (patient(fixture).await, fixture.clock());
    send(&*queue, "one").await;
    let held = receive_one(&*queue).await;
    queue.release(&held.receipt, SECOND * 3).await.unwrap();
    let (began, wait) = (clock.monotonic(), SECOND * 20);
    assert_eq!(queue.receive(10, wait).await.unwrap().len(), 1);
    assert!(clock.monotonic() - began < wait);
}

async fn s1_a_long_poll_wakes_up_when_something_is_released(fixture: &dyn QueueFixture) {
    let (queue, clock) = (patient(fixture).await, fixture.clock());
    send(&*queue, "one").await;
    let held = receive_one(&*queue).await;
    let (began, wait) = (clock.monotonic(), SECOND * 20);
    let (received, ()) = tokio::join!(queue.receive(10, wait), async {
        clock.sleep(SECOND * 2).await;
        queue.release(&held.receipt, Duration::ZERO).await.unwrap();
    });
    assert_eq!(received.unwrap().len(), 1);
    assert!(clock.monotonic() - began < wait);
}

async fn s1_a_long_poll_of_an_empty_queue_ends_empty(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    assert!(queue.receive(10, SECOND * 3).await.unwrap().is_empty());
    assert!(is_quiet(&*queue).await);
}

async fn what_is_received_too_often_becomes_a_dead_letter(fixture: &dyn QueueFixture) {
    let setup = QueueSetup {
        visibility: fixture.visibility(),
        max_receives: 3,
    };
    let queue = fixture.queue(setup).await;
    queue
        .send_batch(&[message("bad"), message("good")])
        .await
        .unwrap();
    for message in receive(&*queue, 2).await {
        match message.body.as_str() {
            "bad" => queue
                .release(&message.receipt, Duration::ZERO)
                .await
                .unwrap(),
            _ => drop(queue.delete(&[message.receipt]).await.unwrap()),
        }
    }
    for count in 2..=3 {
        let bad = receive_one(&*queue).await;
        assert_eq!((bad.body.as_str(), bad.receive_count), ("bad", count));
        queue.release(&bad.receipt, Duration::ZERO).await.unwrap();
    }
    assert!(queue.receive(10, SECOND).await.unwrap().is_empty());
    let buried = Depth {
        dead: 1,
        ..Depth::default()
    };
    comes_to(fixture, &*queue, buried).await;
}

/// Counts are approximate: they come to what is there.
async fn comes_to(fixture: &dyn QueueFixture, queue: &dyn Queue, expected: Depth) {
    let mut seen = queue.depth().await.unwrap();
    for _ in 0..60 {
        if seen == expected {
            return;
        }
        fixture.clock().sleep(SECOND / 4).await;
        seen = queue.depth().await.unwrap();
    }
    assert_eq!(seen, expected);
}

async fn depth_comes_to_what_is_there(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    comes_to(fixture, &*queue, Depth::default()).await;
    let late = Outgoing {
        delay: fixture.visibility() * 20,
        ..message("late")
    };
    let batch = [message("a"), message("b"), message("c"), late];
    queue.send_batch(&batch).await.unwrap();
    let sent = Depth {
        visible: 3,
        delayed: 1,
        ..Depth::default()
    };
    comes_to(fixture, &*queue, sent).await;
    let held = receive(&*queue, 2).await;
    let in_hand = Depth {
        visible: 1,
        in_flight: 2,
        delayed: 1,
        dead: 0,
    };
    comes_to(fixture, &*queue, in_hand).await;
    queue.delete(&[held[0].receipt.clone()]).await.unwrap();
    queue
        .release(&held[1].receipt, Duration::ZERO)
        .await
        .unwrap();
    let after = Depth {
        visible: 2,
        delayed: 1,
        ..Depth::default()
    };
    comes_to(fixture, &*queue, after).await;
}

async fn s6_nothing_is_hidden_for_more_than_twelve_hours_at_once(fixture: &dyn QueueFixture) {
    let queue = patient(fixture).await;
    send(&*queue, "one").await;
    let held = receive_one(&*queue).await;
    let too_long = Duration::from_secs(12 * 3600 + 60);
    for refused in [
        queue.extend(&held.receipt, too_long).await,
        queue.release(&held.receipt, too_long).await,
    ] {
        assert_eq!(refused.unwrap_err().class, ErrorClass::LostClaim);
    }
    assert!(is_quiet(&*queue).await, "a refusal changes nothing");
    fixture.clock().sleep(fixture.visibility() * 2).await;
    assert_eq!(receive_one(&*queue).await.receive_count, 2);
}

every_queue! { conform [
    what_is_not_deleted_comes_back,
    s5_an_extension_counts_from_its_call,
    s5_an_extension_can_shorten,
    s5_heartbeats_keep_a_message_for_as_long_as_they_go_on,
    s17_a_release_shows_at_once_or_after_its_time,
    a_delayed_message_waits_and_others_pass_it,
    s1_a_long_poll_wakes_up_when_something_is_sent,
    s1_a_long_poll_sees_what_becomes_visible_by_time_alone,
    s1_a_long_poll_wakes_up_when_something_is_released,
    s1_a_long_poll_of_an_empty_queue_ends_empty,
    what_is_received_too_often_becomes_a_dead_letter,
    depth_comes_to_what_is_there,
    s6_nothing_is_hidden_for_more_than_twelve_hours_at_once,
]}

/// What takes hours.
mod hours {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn s6_twelve_hours_are_counted_from_the_receive(fixture: &dyn QueueFixture) {
        let (queue, clock) = (patient(fixture).await, fixture.clock());
        send(&*queue, "one").await;
        let held = receive_one(&*queue).await;
        for _ in 0..11 {
            queue.extend(&held.receipt, HOUR + SECOND).await.unwrap();
            clock.sleep(HOUR).await;
        }
        let refused = queue.extend(&held.receipt, HOUR * 2).await.unwrap_err();
        assert_eq!(
            refused.class,
            ErrorClass::LostClaim,
            "trying again cannot help"
        );
        queue.extend(&held.receipt, HOUR / 2).await.unwrap();
        clock.sleep(HOUR / 2 + SECOND).await;
        let again = receive_one(&*queue).await;
        assert_eq!(again.receive_count, 2);
        queue.extend(&again.receipt, HOUR * 11).await.unwrap();
        clock.sleep(HOUR * 10).await;
        assert!(
            is_quiet(&*queue).await,
            "a new receive has its own twelve hours"
        );
    }

    every_queue_in_virtual_time! { [s6_twelve_hours_are_counted_from_the_receive] }
}
