//! What only SQLite promises: one file, opened by whoever made it, safe under several writers (S27).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::embedded::EmbeddedLedger;
use annexa::adapters::local::sqlite::{Db, SqliteAnswers, SqliteQueue, SqliteStore};
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::queue::QueueSetup;
use annexa::core::answer::{AnswerKey, PaidAnswer};
use annexa::core::chunk::{ChunkLimits, CommitOutcome};
use annexa::core::identity;
use annexa::core::invariants::i2_counters_are_exact;
use annexa::core::tally::Tally;
use annexa::ports::{Answers, ErrorClass, Ledger, Queue};
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::answers::{key, paid};
use super::fixtures::{folder, open_db};
use super::ledger::{Desk, spec, tally};
use super::queue::{message, receive, receive_one, send};

const SETUP: QueueSetup = QueueSetup {
    visibility: Duration::from_secs(30),
    max_receives: 2,
};

fn open(path: &Path, version: u32) -> annexa::ports::error::PortResult<Db> {
    Db::open(path, SqliteAnswers::SCHEMA, version, true)
}

#[tokio::test]
async fn s27_the_write_ahead_log_is_on() {
    let folder = folder();
    let _db = open_db(&folder);
    let path = folder.path().join("state.sqlite");
    assert!(folder.path().join("state.sqlite-wal").exists());
    let mode: String = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_file_of_another_schema_version_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("answers.sqlite");
    drop(open(&path, 7).unwrap());
    let refused = open(&path, 8).err().expect("it is of version 7");
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    for part in ["answers.sqlite", "7", "8"] {
        assert!(refused.what.contains(part), "{refused}");
    }
    open(&path, 7).unwrap();

    // Somebody else's: a rollback journal stays one.
    let path = folder.path().join("other.sqlite");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE t (x); PRAGMA user_version = 99")
        .unwrap();
    other.close().unwrap();
    let before = fs::read(&path).unwrap();
    assert!(open(&path, 1).is_err());
    assert!(
        fs::read(&path).unwrap() == before,
        "a refused file is not changed"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("notes.txt");
    let notes = "these are my notes, and they are longer than a header\n".repeat(40);
    fs::write(&path, &notes).unwrap();
    let refused = open(&path, 1).err().expect("it is a text");
    assert_eq!(refused.class, ErrorClass::PermanentJob);
    assert!(refused.what.contains("notes.txt"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), notes);
}

#[test]
fn s27_a_file_can_be_opened_by_many_at_once() {
    for round in 0..20 {
        let folder = folder();
        let path = folder.path().join("answers.sqlite");
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| open(&path, 1).map(drop)))
                .collect();
            for opened in opening {
                opened
                    .join()
                    .unwrap()
                    .unwrap_or_else(|error| panic!("round {round}: {error}"));
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s27_several_handles_on_one_file_do_not_deadlock() {
    let folder = folder();
    let clock = Arc::new(SimClock::new(1));
    let ledger_on = |db: Db| -> Arc<dyn Ledger> {
        let store = SqliteStore::new(db);
        Arc::new(EmbeddedLedger::new(
            store,
            clock.clone(),
            ChunkLimits::default(),
        ))
    };
    let spec = spec("several handles");
    let job_id = identity::job_id(&spec);
    let desk = |ledger: Arc<dyn Ledger>| Desk {
        ledger,
        clock: clock.clone(),
        job_id: job_id.clone(),
        lease: Duration::from_secs(600),
    };
    let first = desk(ledger_on(open_db(&folder)));
    first.ledger.create_job(&job_id, &spec).await.unwrap();
    first.split(60).await;
    let mut tasks = JoinSet::new();
    for n in 0..4_u32 {
        let db = open_db(&folder);
        let desk = desk(ledger_on(db.clone()));
        let queue = SqliteQueue::new(db.clone(), "chunks", clock.clone(), SETUP);
        let answers = SqliteAnswers::new(db);
        tasks.spawn(async move {
            let mut committed = 0;
            for chunk in 0..60 {
                send(&queue, &format!("{n}/{chunk}")).await;
                answers
                    .put(&[(key(chunk as u8), paid(u64::from(n)))])
                    .await
                    .unwrap();
                let owner = format!("w{n}");
                if let annexa::core::chunk::ClaimOutcome::Granted(claim) =
                    desk.ask(chunk, &owner).await
                {
                    assert_eq!(desk.commit(&claim).await, CommitOutcome::Committed);
                    committed += 1;
                }
            }
            committed
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u32>(), 60);
    let expected: Tally = (0..60).map(tally).sum();
    assert_eq!(first.job().await.counters.tally, expected);
    i2_counters_are_exact(&first.job().await, &first.chunks().await).unwrap();
    let queue = SqliteQueue::new(open_db(&folder), "chunks", clock.clone(), SETUP);
    let bodies: BTreeSet<String> = receive(&queue, 240)
        .await
        .into_iter()
        .map(|message| message.body)
        .collect();
    assert_eq!(bodies.len(), 240);
}

#[tokio::test]
async fn s27_receipts_cannot_be_guessed_from_others() {
    let folder = folder();
    let queue = SqliteQueue::new(
        open_db(&folder),
        "chunks",
        Arc::new(SimClock::new(1)),
        SETUP,
    );
    let mut receipts = BTreeSet::new();
    for _ in 0..5 {
        queue.send_batch(&vec![message("x"); 10]).await.unwrap();
        receipts.extend(
            receive(&queue, 10)
                .await
                .into_iter()
                .map(|message| message.receipt.0),
        );
    }
    assert_eq!(receipts.len(), 50);
    // 128 random bits: no two share even their first 40.
    let beginnings: BTreeSet<&str> = receipts.iter().map(|receipt| &receipt[..10]).collect();
    assert_eq!(beginnings.len(), 50);
    assert!(receipts.iter().all(|receipt| receipt.len() == 32));
}

#[tokio::test(start_paused = true)]
async fn queues_of_one_file_do_not_mix() {
    let folder = folder();
    let (db, clock) = (open_db(&folder), Arc::new(SimClock::new(1)));
    let queue = |name| SqliteQueue::new(db.clone(), name, clock.clone(), SETUP);
    let (one, two) = (queue("one"), queue("two"));
    send(&one, "for one").await;
    assert!(
        two.receive(10, Duration::from_secs(1))
            .await
            .unwrap()
            .is_empty()
    );
    send(&two, "for two").await;
    for _ in 0..SETUP.max_receives {
        let held = receive_one(&one).await;
        assert_eq!(held.body, "for one");
        one.release(&held.receipt, Duration::ZERO).await.unwrap();
    }
    assert!(one.receive(10, Duration::ZERO).await.unwrap().is_empty());
    assert_eq!(
        (
            one.depth().await.unwrap().dead,
            one.depth().await.unwrap().visible
        ),
        (1, 0)
    );
    assert_eq!(
        (
            two.depth().await.unwrap().dead,
            two.depth().await.unwrap().visible
        ),
        (0, 1)
    );
    assert_eq!(receive_one(&two).await.body, "for two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_answers_that_were_said_to_be_kept_are_kept_whoever_wrote_them() {
    use futures_util::FutureExt;

    let folder = folder();
    let answers = SqliteAnswers::open(&folder.path().join("answers.sqlite")).unwrap();
    let mut kept = Vec::new();
    for round in 0..40u64 {
        let puts: Vec<[(AnswerKey, PaidAnswer); 1]> = (0..6)
            .map(|n| {
                let mut key = key(n as u8);
                key.0[0] = round as u8;
                [(key, paid(round))]
            })
            .collect();
        let mut running: Vec<_> = puts.iter().map(|put| answers.put(put).boxed()).collect();
        // Each has begun; some writers are dropped in the middle of their work, with what they took along.
        for put in &mut running {
            let _ = put.now_or_never();
        }
        let dropped = (round % 3) as usize;
        drop(running.drain(..dropped).collect::<Vec<_>>());
        for (put, rows) in running.into_iter().zip(&puts[dropped..]) {
            put.await.unwrap();
            kept.push(rows[0].0);
        }
    }
    let found = answers.get(&kept).await.unwrap();
    assert_eq!(found.iter().filter(|answer| answer.is_none()).count(), 0);
}
