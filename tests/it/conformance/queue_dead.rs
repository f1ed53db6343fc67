//! Dead letters as a queue: looked at, given back, deleted, sent on (S19, S26).

use std::time::Duration;

use annexa::adapters::memory::queue::QueueSetup;
use annexa::ports::Queue;
use annexa::ports::queue::Received;

use super::fixtures::QueueFixture;
use super::queue::{is_quiet, message, receive_one, send};

const STRANGE: &str = "a \"strange\" body\n\\ of nobody's";

/// Dead letters, once they can be seen; a look at a service may come too early.
async fn look(fixture: &dyn QueueFixture, dead: &dyn Queue, count: usize) -> Vec<Received> {
    let mut seen = Vec::new();
    for _ in 0..20 {
        seen.extend(dead.receive(10, Duration::ZERO).await.unwrap());
        if seen.len() >= count {
            break;
        }
        fixture.clock().sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(seen.len(), count);
    seen
}

async fn s19_a_buried_message_is_kept_with_its_body_and_the_reason(fixture: &dyn QueueFixture) {
    let setup = QueueSetup {
        visibility: fixture.visibility(),
        max_receives: 100,
    };
    let queue = fixture.queue(setup).await;
    send(&*queue, STRANGE).await;
    let strange = receive_one(&*queue).await;
    queue.bury(&strange, "no known shape").await.unwrap();
    fixture.clock().sleep(fixture.visibility() * 2).await;
    assert!(is_quiet(&*queue).await, "it does not come again");
    let dead = queue.dead_letters().expect("it has dead letters");
    let letter = look(fixture, &*dead, 1).await.remove(0);
    assert_eq!(
        (letter.body.as_str(), letter.reason.as_deref()),
        (STRANGE, Some("no known shape"))
    );
    assert!(is_quiet(&*dead).await, "it is in somebody's hand");
    dead.release(&letter.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(look(fixture, &*dead, 1).await[0].body, STRANGE);
}

async fn s26_a_message_received_too_often_can_be_looked_at_sent_again_and_deleted(
    fixture: &dyn QueueFixture,
) {
    let setup = QueueSetup {
        visibility: fixture.visibility(),
        max_receives: 1,
    };
    let queue = fixture.queue(setup).await;
    queue
        .send_batch(&[message("one"), message("two")])
        .await
        .unwrap();
    for _ in 0..2 {
        receive_one(&*queue).await;
    }
    fixture.clock().sleep(fixture.visibility() * 2).await;
    assert!(is_quiet(&*queue).await);
    let dead = queue.dead_letters().expect("it has dead letters");
    let letters = look(fixture, &*dead, 2).await;
    assert!(letters.iter().all(|letter| letter.reason.is_none()));
    let of = |body: &str| {
        letters
            .iter()
            .find(|m| m.body == body)
            .expect("it is there")
    };
    // As a redrive does: sent first, then deleted.
    send(&*queue, "one").await;
    dead.delete(std::slice::from_ref(&of("one").receipt))
        .await
        .unwrap();
    assert_eq!(receive_one(&*queue).await.body, "one");
    dead.release(&of("two").receipt, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(look(fixture, &*dead, 1).await[0].body, "two");
    fixture.clock().sleep(fixture.visibility() * 2).await;
    let left = look(fixture, &*dead, 1).await;
    assert_eq!(left[0].body, "two", "what is not deleted stays");
}

every_queue! { conform [
    s19_a_buried_message_is_kept_with_its_body_and_the_reason,
    s26_a_message_received_too_often_can_be_looked_at_sent_again_and_deleted,
]}
