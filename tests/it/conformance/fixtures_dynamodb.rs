//! Fixtures of the ledger and the paid answers in DynamoDB: a table of their own in the tests' emulator, and a clock whose
//! hours pass at once although the sockets' time is real.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annexa::adapters::aws::dynamodb::{DynamoAnswers, DynamoLedger, schema};
use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::memory::clock::SimClock;
use annexa::core::chunk::ChunkLimits;
use annexa::ports::{Answers, Clock, Ledger};
use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::sync::OnceCell;

use super::fixtures::{AnswersFixture, LedgerFixture};
use crate::aws::emulator::{Emulator, unique};

/// Shorter sleeps are real: the adapter waits for others, whose requests take real time, too. Longer ones leap.
const LEAPS_FROM: Duration = Duration::from_secs(1);

/// Wall time that goes on from now, and that every sleep moves on at once.
pub struct LeapingClock {
    system: SystemClock,
    leapt_ns: AtomicU64,
}

impl LeapingClock {
    /// Starts now.
    pub fn new() -> Arc<LeapingClock> {
        Arc::new(LeapingClock {
            system: SystemClock::new(),
            leapt_ns: AtomicU64::new(0),
        })
    }

    fn leapt(&self) -> Duration {
        Duration::from_nanos(self.leapt_ns.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Clock for LeapingClock {
    fn now_ms(&self) -> u64 {
        self.system.now_ms() + self.leapt().as_millis() as u64
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + self.leapt()
    }

    async fn sleep(&self, duration: Duration) {
        if duration < LEAPS_FROM {
            return self.system.sleep(duration).await;
        }
        // Who sleeps at the same time sleeps the same time.
        let until = self.monotonic() + duration;
        tokio::task::yield_now().await;
        let leap = until.saturating_sub(self.system.monotonic());
        self.leapt_ns
            .fetch_max(leap.as_nanos() as u64, Ordering::SeqCst);
    }

    fn random(&self) -> u64 {
        self.system.random()
    }
}

/// Wall time that stands still but for sleeps, so that two ledgers asked one after the other see the same. It begins now:
/// what a table keeps for a month is not gone at once.
pub struct StillClock {
    now_ns: AtomicU64,
    chance: SimClock,
}

impl StillClock {
    /// The same seed draws the same numbers.
    pub fn new(seed: u64) -> Arc<StillClock> {
        let now = Duration::from_millis(SystemClock::new().now_ms());
        Arc::new(StillClock {
            now_ns: AtomicU64::new(now.as_nanos() as u64),
            chance: SimClock::new(seed),
        })
    }
}

#[async_trait]
impl Clock for StillClock {
    fn now_ms(&self) -> u64 {
        self.monotonic().as_millis() as u64
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.now_ns.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        let ns = duration.as_nanos() as u64;
        self.now_ns.fetch_add(ns, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }

    fn random(&self) -> u64 {
        self.chance.random()
    }
}

/// A new table in the emulator.
pub async fn new_table(clock: Arc<dyn Clock>) -> String {
    let name = unique("ledger");
    schema::create_table(&Emulator::shared().config(), &name, clock)
        .await
        .expect("a table can be made");
    name
}

/// Fixture of the ledger in DynamoDB.
pub struct DynamoLedgers(Arc<LeapingClock>, OnceCell<String>);

impl DynamoLedgers {
    /// One.
    pub fn new() -> Self {
        DynamoLedgers(LeapingClock::new(), OnceCell::new())
    }
}

#[async_trait]
impl LedgerFixture for DynamoLedgers {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clone()
    }
    async fn ledger(&self, limits: ChunkLimits) -> Arc<dyn Ledger> {
        let table = self.1.get_or_init(|| new_table(self.0.clone())).await;
        let aws = Emulator::shared().config();
        Arc::new(DynamoLedger::new(&aws, table, self.0.clone(), limits))
    }
    async fn put_odd_notice(&self) {
        let table = self.1.get_or_init(|| new_table(self.0.clone())).await;
        let text = |text: &str| AttributeValue::S(text.to_string());
        let put = Emulator::shared()
            .dynamodb()
            .put_item()
            .table_name(table)
            .item("pk", text("NOTICES"))
            .item("sk", text("0000000000000#odd#G0"))
            .item("d", AttributeValue::B(Blob::new([255])));
        put.send().await.expect("an item can be put");
    }
}

/// Fixture of paid answers in DynamoDB.
pub struct DynamoPaid(Arc<LeapingClock>);

impl DynamoPaid {
    /// One.
    pub fn new() -> Self {
        DynamoPaid(LeapingClock::new())
    }
}

#[async_trait]
impl AnswersFixture for DynamoPaid {
    async fn answers(&self) -> Arc<dyn Answers> {
        let table = new_table(self.0.clone()).await;
        let aws = Emulator::shared().config();
        Arc::new(DynamoAnswers::new(&aws, &table, self.0.clone(), 90))
    }
}
