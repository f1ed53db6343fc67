//! The queue in memory and in SQLite: the same messages visible, hidden, delayed and buried after every operation.
//!
//! Order is nobody's promise, so receives ask for all that is visible, and what came is compared as a set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::local::sqlite::SqliteQueue;
use annexa::adapters::memory::chaos::Chaos;
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::queue::{MemoryQueue, QueueSetup};
use annexa::ports::Clock;
use annexa::ports::error::PortResult;
use annexa::ports::queue::{Depth, MAX_BATCH_BYTES, Outgoing, Queue, Receipt, Received};

use super::{Coverage, Dice, SEEDS, STEPS};
use crate::conformance::fixtures::{folder, open_db};

const SETUP: QueueSetup = QueueSetup {
    visibility: Duration::from_millis(200),
    max_receives: 4,
};
const OPERATIONS: [&str; 9] = [
    "send_batch",
    "receive",
    "extend",
    "release",
    "delete",
    "depth",
    "visibility",
    "bury",
    "dead_letters",
];
/// As many as one receive can take.
const MOST_MESSAGES: u64 = 10;

/// Two queues, and what is in hand of both: a receipt of each for the same receive.
struct Pair {
    memory: MemoryQueue,
    sqlite: SqliteQueue,
    dice: Dice,
    hands: Vec<[Receipt; 2]>,
    sent: u64,
}

type Bodies = BTreeMap<String, (u32, u64)>;

fn bodies(received: &[Received]) -> Bodies {
    let entry = |m: &Received| (m.body.clone(), (m.receive_count, m.sent_ms));
    received.iter().map(entry).collect()
}

/// Whether each entry succeeded; the class and text of a refusal as a whole.
fn results<T>(answer: &PortResult<Vec<PortResult<T>>>) -> Result<Vec<bool>, String> {
    match answer {
        Ok(results) => Ok(results.iter().map(Result::is_ok).collect()),
        Err(error) => Err(format!("{error:?}")),
    }
}

impl Pair {
    async fn depths(&self) -> [Depth; 2] {
        [
            self.memory.depth().await.unwrap(),
            self.sqlite.depth().await.unwrap(),
        ]
    }

    async fn alive(&self) -> u64 {
        let depth = self.depths().await[0];
        depth.visible + depth.in_flight + depth.delayed
    }

    fn hand(&self) -> Option<[Receipt; 2]> {
        let newest = self.hands.len().saturating_sub(6);
        let from = if self.dice.once_in(5) { 0 } else { newest };
        self.dice.pick(&self.hands[from..]).cloned()
    }

    fn duration(&self) -> Duration {
        match self.dice.roll(10) {
            0 => Duration::from_secs(12 * 3600 + 1),
            1 => Duration::ZERO,
            _ => Duration::from_millis(self.dice.roll(400)),
        }
    }

    async fn send(&mut self) -> bool {
        let room = MOST_MESSAGES - self.alive().await;
        let count = match self.dice.roll(12) {
            0 => 11,
            1 => 0,
            _ => room.min(self.dice.roll(4)),
        };
        let oversized = self.dice.once_in(20);
        let entries: Vec<Outgoing> = (0..count)
            .map(|n| Outgoing {
                body: match oversized {
                    true => "x".repeat(MAX_BATCH_BYTES + 1),
                    false => format!("{}", self.sent + n),
                },
                group: "job-1".into(),
                delay: Duration::from_millis(self.dice.roll(3) * self.dice.roll(150)),
            })
            .collect();
        let one = results(&self.memory.send_batch(&entries).await);
        assert_eq!(one, results(&self.sqlite.send_batch(&entries).await));
        if one.is_ok() {
            self.sent += count;
        }
        one.is_ok()
    }

    async fn receive(&mut self) -> bool {
        let visible = self.depths().await[0].visible;
        let max = visible.max(1) + self.dice.roll(MOST_MESSAGES + 1 - visible.max(1));
        let one = self
            .memory
            .receive(max as usize, Duration::ZERO)
            .await
            .unwrap();
        let other = self
            .sqlite
            .receive(max as usize, Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(bodies(&one), bodies(&other));
        assert_eq!(one.len(), other.len());
        for message in &one {
            let same = other
                .iter()
                .find(|m| m.body == message.body)
                .expect("just compared");
            self.hands
                .push([message.receipt.clone(), same.receipt.clone()]);
        }
        !one.is_empty()
    }

    async fn hide(&mut self, is_release: bool) -> Option<bool> {
        let ([one, other], duration) = (self.hand()?, self.duration());
        let (one, other) = match is_release {
            true => (
                self.memory.release(&one, duration).await,
                self.sqlite.release(&other, duration).await,
            ),
            false => (
                self.memory.extend(&one, duration).await,
                self.sqlite.extend(&other, duration).await,
            ),
        };
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        Some(one.is_ok())
    }

    async fn delete(&mut self) -> Option<bool> {
        let count = if self.dice.once_in(6) {
            11
        } else {
            1 + self.dice.roll(2)
        };
        let hands: Vec<[Receipt; 2]> = (0..count).map_while(|_| self.hand()).collect();
        let (one, other): (Vec<_>, Vec<_>) =
            hands.into_iter().map(|[one, other]| (one, other)).unzip();
        let one = results(&self.memory.delete(&one).await);
        assert_eq!(one, results(&self.sqlite.delete(&other).await));
        Some(one.is_ok())
    }

    async fn bury(&mut self) -> Option<bool> {
        let [one, other] = self.hand()?;
        let message = |receipt: Receipt| Received {
            message_id: String::new(),
            body: String::new(),
            receipt,
            receive_count: 1,
            sent_ms: 0,
            reason: None,
        };
        let dead = self.depths().await[0].dead;
        self.memory.bury(&message(one), "strange").await.unwrap();
        self.sqlite.bury(&message(other), "strange").await.unwrap();
        Some(self.depths().await[0].dead > dead)
    }

    /// All dead letters that are to be seen are the same; some are deleted, some given back, some left in hand.
    async fn dead_letters(&mut self) -> bool {
        let queues = [self.memory.dead_letters(), self.sqlite.dead_letters()];
        let [memory, sqlite] = queues.map(|queue| queue.expect("both have one"));
        let (one, other) = (all_of(&*memory).await, all_of(&*sqlite).await);
        let seen = |all: &[Received]| -> BTreeMap<String, (u32, u64, Option<String>)> {
            let entry = |m: &Received| {
                (
                    m.body.clone(),
                    (m.receive_count, m.sent_ms, m.reason.clone()),
                )
            };
            all.iter().map(entry).collect()
        };
        assert_eq!(seen(&one), seen(&other));
        for letter in &one {
            let same = other
                .iter()
                .find(|m| m.body == letter.body)
                .expect("just compared");
            match self.dice.roll(4) {
                0 => {
                    memory
                        .delete(std::slice::from_ref(&letter.receipt))
                        .await
                        .unwrap();
                    sqlite
                        .delete(std::slice::from_ref(&same.receipt))
                        .await
                        .unwrap();
                }
                1..=2 => {
                    let after = self.duration();
                    let released = memory.release(&letter.receipt, after).await;
                    let same = sqlite.release(&same.receipt, after).await;
                    assert_eq!(format!("{released:?}"), format!("{same:?}"));
                }
                _ => {}
            }
        }
        assert_eq!(memory.depth().await.unwrap(), sqlite.depth().await.unwrap());
        !one.is_empty()
    }

    async fn step(&mut self, coverage: &mut Coverage) {
        let (name, succeeded) = match self.dice.roll(23) {
            20 => ("bury", self.bury().await),
            21..=22 => ("dead_letters", Some(self.dead_letters().await)),
            0..=5 => ("send_batch", Some(self.send().await)),
            6..=11 => ("receive", Some(self.receive().await)),
            12..=13 => ("extend", self.hide(false).await),
            14..=15 => ("release", self.hide(true).await),
            16..=18 => ("delete", self.delete().await),
            _ => {
                assert_eq!(self.memory.visibility(), self.sqlite.visibility());
                ("visibility", Some(true))
            }
        };
        if let Some(succeeded) = succeeded {
            coverage.saw(name, succeeded);
        }
        let [one, other] = self.depths().await;
        assert_eq!(one, other, "after {name}");
        coverage.saw("depth", true);
    }
}

async fn all_of(queue: &dyn Queue) -> Vec<Received> {
    let mut all = Vec::new();
    loop {
        let some = queue.receive(10, Duration::ZERO).await.unwrap();
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

async fn compare(seed: u64, coverage: &mut Coverage) -> u64 {
    let clock = Arc::new(SimClock::new(seed));
    let folder = folder();
    let calm = Chaos::none(clock.clone());
    let mut pair = Pair {
        memory: MemoryQueue::new(clock.clone(), calm, SETUP),
        sqlite: SqliteQueue::new(open_db(&folder), "chunks", clock.clone(), SETUP),
        dice: Dice::new(seed),
        hands: Vec::new(),
        sent: 0,
    };
    for _ in 0..STEPS {
        pair.step(coverage).await;
        let pause_ms = match pair.dice.roll(6) {
            0 => pair.dice.roll(400),
            1..=2 => pair.dice.roll(50),
            _ => 0,
        };
        clock.sleep(Duration::from_millis(pause_ms)).await;
    }
    pair.depths().await[0].dead
}

#[tokio::test(start_paused = true)]
async fn memory_and_sqlite_keep_the_same_queue() {
    let (mut coverage, mut dead) = (Coverage::default(), 0);
    for seed in 0..SEEDS {
        dead += compare(seed, &mut coverage).await;
    }
    let cannot_fail = [
        ("depth", "it counts what there is, and nothing is a count"),
        ("visibility", "it is a setting"),
    ];
    coverage.is_complete(&OPERATIONS, &cannot_fail);
    assert!(dead > 0, "some messages were received too often");
}

#[test]
fn every_operation_of_the_queue_is_compared() {
    let source = include_str!("../../../src/ports/queue.rs");
    let mut known = OPERATIONS.to_vec();
    known.sort_unstable();
    assert_eq!(known, super::operations_of(source, "Queue"));
}
