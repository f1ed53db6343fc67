//! What SQLite keeps over a restart, and how a process that is alone takes over from a dead one.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::embedded::EmbeddedLedger;
use annexa::adapters::local::sqlite::{SqliteAnswers, SqliteQueue, SqliteStore};
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::queue::QueueSetup;
use annexa::core::chunk::{ChunkLimits, ClaimOutcome, CommitOutcome};
use annexa::core::identity;
use annexa::core::job::{Election, EndOutcome, PauseReason};
use annexa::core::transitions::job::verdict;
use annexa::ports::ledger::Held;
use annexa::ports::queue::Outgoing;
use annexa::ports::{Answers, Clock, Queue};
use tempfile::TempDir;

use super::answers::{key, paid};
use super::fixtures::{folder, open_db};
use super::ledger::{Desk, spec};
use super::queue::{is_quiet, message, receive, receive_one, send};

const HOUR: Duration = Duration::from_secs(3600);

type SqliteLedger = EmbeddedLedger<SqliteStore>;

fn ledger(folder: &TempDir, clock: &Arc<SimClock>) -> Arc<SqliteLedger> {
    let store = SqliteStore::new(open_db(folder));
    Arc::new(EmbeddedLedger::new(
        store,
        clock.clone(),
        ChunkLimits::default(),
    ))
}

fn queue(folder: &TempDir, clock: &Arc<SimClock>) -> SqliteQueue {
    queue_named(folder, clock, "chunks")
}

fn queue_named(folder: &TempDir, clock: &Arc<SimClock>, name: &'static str) -> SqliteQueue {
    let setup = QueueSetup {
        visibility: HOUR,
        max_receives: 100,
    };
    SqliteQueue::new(open_db(folder), name, clock.clone(), setup)
}

/// A desk at the job of this file in `folder`.
fn desk(ledger: Arc<SqliteLedger>, clock: &Arc<SimClock>) -> Desk {
    Desk {
        ledger,
        clock: clock.clone(),
        job_id: identity::job_id(&spec("recovery")),
        lease: HOUR,
    }
}

async fn running(folder: &TempDir, clock: &Arc<SimClock>, chunks: u32) -> Desk {
    let desk = desk(ledger(folder, clock), clock);
    desk.ledger
        .create_job(&desk.job_id, &spec("recovery"))
        .await
        .unwrap();
    desk.split(chunks).await;
    assert_eq!(desk.take(chunks, chunks).await.len(), chunks as usize);
    desk
}

#[tokio::test(start_paused = true)]
async fn i8_answers_survive_a_restart() {
    let folder = folder();
    let answers = SqliteAnswers::new(open_db(&folder));
    answers
        .put(&[(key(1), paid(1)), (key(2), paid(2))])
        .await
        .unwrap();
    drop(answers);
    let answers = SqliteAnswers::new(open_db(&folder));
    answers.put(&[(key(1), paid(9))]).await.unwrap();
    let got = answers.get(&[key(2), key(3), key(1)]).await.unwrap();
    assert_eq!(got, [Some(paid(2)), None, Some(paid(1))]);
}

#[tokio::test(start_paused = true)]
async fn jobs_and_chunks_survive_a_restart() {
    let (folder, clock) = (folder(), Arc::new(SimClock::new(1)));
    let desk_before = running(&folder, &clock, 4).await;
    desk_before.finish_chunk(0).await;
    let claim = desk_before.claim(1, "w").await;
    desk_before
        .ledger
        .quarantine_chunk(&claim, "unreadable")
        .await
        .unwrap();
    let claim = desk_before.claim(2, "w").await;
    desk_before.ledger.park_chunk(&claim).await.unwrap();
    let held = desk_before.claim(3, "w").await;
    desk_before
        .ledger
        .pause(&desk_before.job_id, &PauseReason::CostCap)
        .await
        .unwrap();
    let before = (desk_before.job().await, desk_before.chunks().await);
    drop(desk_before);

    let desk = desk(ledger(&folder, &clock), &clock);
    assert_eq!((desk.job().await, desk.chunks().await), before);
    assert_eq!(
        desk.commit(&held).await,
        CommitOutcome::Committed,
        "a claim is not its handle's"
    );
    desk.holds().await;
}

#[tokio::test(start_paused = true)]
async fn messages_and_dead_letters_survive_a_restart() {
    let (folder, clock) = (folder(), Arc::new(SimClock::new(1)));
    let before = queue(&folder, &clock);
    let late = Outgoing {
        delay: HOUR / 2,
        ..message("late")
    };
    before
        .send_batch(&[message("held"), message("free"), late])
        .await
        .unwrap();
    let held = receive(&before, 2).await;
    let of = |body: &str| held.iter().find(|m| m.body == body).unwrap().clone();
    before
        .release(&of("free").receipt, Duration::ZERO)
        .await
        .unwrap();
    let depth = before.depth().await.unwrap();
    drop(before);

    let queue = queue(&folder, &clock);
    assert_eq!(queue.depth().await.unwrap(), depth);
    let free = receive_one(&queue).await;
    assert_eq!((free.body.as_str(), free.receive_count), ("free", 2));
    assert_eq!(free.message_id, of("free").message_id);
    queue
        .delete(&[free.receipt, of("held").receipt])
        .await
        .unwrap();
    clock.sleep(HOUR * 2).await;
    assert_eq!(receive_one(&queue).await.body, "late");
}

#[tokio::test(start_paused = true)]
async fn a_lonely_process_takes_over_all_claims_at_once() {
    let (folder, clock) = (folder(), Arc::new(SimClock::new(1)));
    let dead = running(&folder, &clock, 4).await;
    let zombie = dead.claim(0, "dead").await;
    dead.ledger.calls_intended(&zombie, 3).await.unwrap();
    dead.finish_chunk(1).await;
    let parked = dead.claim(2, "dead").await;
    dead.ledger.park_chunk(&parked).await.unwrap();
    drop(dead);

    let alone = ledger(&folder, &clock);
    assert_eq!(
        alone.store().expire_claims().await.unwrap(),
        1,
        "one claim was held"
    );
    let desk = desk(alone.clone(), &clock);
    assert_eq!(
        desk.ledger
            .sweep_list(&desk.job_id, HOUR.as_millis() as u64, 9)
            .await
            .unwrap(),
        [0, 3],
        "I4: the sweep need not wait for the silence, and messages may never have been sent"
    );
    // Even under the very same name it is a new claim: a process begins without memory of the old one.
    let heir = desk.claim(0, "dead").await;
    assert_eq!(heir.epoch, zombie.epoch + 1);
    let record = desk.chunk(0).await;
    assert_eq!(
        (record.abandoned_claims, record.lost_calls),
        (1, 3),
        "S18, I8"
    );
    assert_eq!(
        desk.ledger.renew_claim(&zombie, 1_000).await.unwrap(),
        Held::Lost
    );
    assert_eq!(desk.commit(&heir).await, CommitOutcome::Committed);
    assert_eq!(desk.ask(1, "w").await, ClaimOutcome::Done);
    assert_eq!(desk.job().await.counters.parked, 1);
    assert_eq!(
        alone.store().expire_claims().await.unwrap(),
        0,
        "nothing is held now"
    );
    desk.holds().await;
}

#[tokio::test(start_paused = true)]
async fn s18_of_a_dead_process_only_what_it_was_at_work_on_is_a_suspect() {
    let (folder, clock) = (folder(), Arc::new(SimClock::new(1)));
    let dead = running(&folder, &clock, 3).await;
    let (suspect, settled) = (dead.claim(0, "w0").await, dead.claim(1, "w1").await);
    dead.claim(2, "w2").await;
    for claim in [&suspect, &settled] {
        dead.ledger.calls_intended(claim, 2).await.unwrap();
    }
    dead.ledger.calls_settled(&settled, 2).await.unwrap();
    drop(dead);

    let alone = ledger(&folder, &clock);
    assert_eq!(alone.store().expire_claims().await.unwrap(), 3);
    let desk = desk(alone, &clock);
    for (chunk, deaths) in [(0, 1), (1, 0), (2, 0)] {
        assert_eq!(
            desk.claim(chunk, "heir").await.epoch,
            2,
            "each is to be had, under a new epoch"
        );
        assert_eq!(
            desk.chunk(chunk).await.abandoned_claims,
            deaths,
            "chunk {chunk}"
        );
    }
    assert_eq!(
        desk.ledger.renew_claim(&settled, 1_000).await.unwrap(),
        Held::Lost
    );
    desk.holds().await;
}

#[tokio::test(start_paused = true)]
async fn a_lonely_process_is_elected_in_place_of_a_dead_finisher() {
    let (folder, clock) = (folder(), Arc::new(SimClock::new(1)));
    let dead = running(&folder, &clock, 1).await;
    dead.finish_chunk(0).await;
    let Election::Elected { epoch: old, .. } = dead.elect("dead").await else {
        panic!("all chunks are final");
    };
    assert!(matches!(dead.elect("heir").await, Election::Busy { .. }));
    drop(dead);

    let alone = ledger(&folder, &clock);
    alone.store().expire_claims().await.unwrap();
    let desk = desk(alone, &clock);
    let Election::Elected { epoch, job } = desk.elect("heir").await else {
        panic!("the finisher is dead");
    };
    assert!(epoch > old);
    let end = verdict(&job);
    let ended = async |epoch| {
        desk.ledger
            .end_job(&desk.job_id, epoch, &end, None)
            .await
            .unwrap()
    };
    assert_eq!(ended(old).await, EndOutcome::Fenced);
    assert_eq!(ended(epoch).await, EndOutcome::Ended);
    let before = desk.job().await;
    ledger(&folder, &clock)
        .store()
        .expire_claims()
        .await
        .unwrap();
    assert_eq!(desk.job().await, before, "what is over stays as it is");
}

#[tokio::test(start_paused = true)]
async fn a_lonely_process_has_every_message_in_hand_come_back() {
    let (folder, clock) = (folder(), Arc::new(SimClock::new(1)));
    let dead = queue(&folder, &clock);
    let late = Outgoing {
        delay: HOUR / 2,
        ..message("late")
    };
    dead.send_batch(&[message("a"), message("b"), late])
        .await
        .unwrap();
    let held = receive(&dead, 2).await;
    drop(dead);

    let alone = queue(&folder, &clock);
    let other = queue_named(&folder, &clock, "done");
    send(&other, "of another queue").await;
    receive_one(&other).await;
    assert!(is_quiet(&alone).await);
    alone.expire_receipts().await.unwrap();
    let again = receive(&alone, 2).await;
    assert!(again.iter().all(|message| message.receive_count == 2));
    assert!(is_quiet(&alone).await, "a delay is not a hand");
    assert!(is_quiet(&other).await, "other queues are left alone");
    // The dead one's receipts are stale.
    let stale: Vec<_> = held.into_iter().map(|message| message.receipt).collect();
    let _ = alone.delete(&stale).await;
    assert_eq!(alone.depth().await.unwrap().in_flight, 2);
}
