//! What a suite needs of an adapter: a fresh instance, and the clock that lets the adapter's time pass.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::embedded::{EmbeddedLedger, Store};
use annexa::adapters::local::files::FileBlobs;
use annexa::adapters::local::sqlite::{Db, SqliteAnswers, SqliteQueue, SqliteStore};
use annexa::adapters::memory::answers::MemoryAnswers;
use annexa::adapters::memory::blobs::MemoryBlobs;
use annexa::adapters::memory::chaos::Chaos;
use annexa::adapters::memory::clock::SimClock;
use annexa::adapters::memory::ledger::{ChaosLedger, MemoryStore};
use annexa::adapters::memory::queue::{MemoryQueue, QueueSetup};
use annexa::core::chunk::ChunkLimits;
use annexa::core::spec::BlobRef;
use annexa::ports::{Answers, Blobs, Clock, Ledger, Queue};
use async_trait::async_trait;
use tempfile::TempDir;

/// Makes queues.
#[async_trait]
pub trait QueueFixture: Send + Sync {
    /// Sleeping on it lets the queues' time pass: really, or at once.
    fn clock(&self) -> Arc<dyn Clock>;
    /// A new queue, empty.
    async fn queue(&self, setup: QueueSetup) -> Arc<dyn Queue>;
    /// How long received messages stay hidden in checks: whole seconds, and long against a request.
    fn visibility(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// Makes ledgers.
#[async_trait]
pub trait LedgerFixture: Send + Sync {
    /// Sleeping on it lets the ledgers' time pass: really, or at once.
    fn clock(&self) -> Arc<dyn Clock>;
    /// A new ledger; others' jobs may be in it.
    async fn ledger(&self, limits: ChunkLimits) -> Arc<dyn Ledger>;
    /// How long claims last in checks: long against a request.
    fn lease(&self) -> Duration {
        Duration::from_secs(60)
    }
    /// Writes a notice into its ledgers as no version that we know writes it, due before all others.
    async fn put_odd_notice(&self);
}

/// Puts it where the embedded ledger has its notices.
async fn put_odd_notice(store: &impl Store) {
    let put = store.transact(Box::new(|tx| {
        tx.put_shared("notices", r#"[{"due": "first"}]"#)
    }));
    put.await.expect("a record can be kept");
}

/// Makes a blob store.
#[async_trait]
pub trait BlobsFixture: Send + Sync {
    /// The store.
    fn blobs(&self) -> Arc<dyn Blobs>;
    /// A bucket that was empty at first.
    fn bucket(&self) -> &str;
    /// Whether a version that was replaced or deleted can still be read.
    fn keeps_versions(&self) -> bool {
        false
    }
    /// An object in it.
    fn at(&self, key: &str) -> BlobRef {
        BlobRef::new(self.bucket(), key)
    }
}

/// Makes a store of paid answers.
#[async_trait]
pub trait AnswersFixture: Send + Sync {
    /// A new store; others' answers may be in it.
    async fn answers(&self) -> Arc<dyn Answers>;
}

/// Opens one file of a new folder with the tables that `annexa run` has in it.
pub fn open_db(folder: &TempDir) -> Db {
    let schema = format!(
        "{};{};{}",
        SqliteStore::SCHEMA,
        SqliteQueue::SCHEMA,
        SqliteAnswers::SCHEMA
    );
    Db::open(&folder.path().join("state.sqlite"), &schema, 1, false).expect("a new file opens")
}

/// A folder that goes when the fixture goes.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Fixture of the queue in memory, with no trouble.
pub struct MemoryQueues(Arc<SimClock>);

impl MemoryQueues {
    /// One.
    pub fn new() -> Self {
        MemoryQueues(Arc::new(SimClock::new(1)))
    }
}

#[async_trait]
impl QueueFixture for MemoryQueues {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clone()
    }
    async fn queue(&self, setup: QueueSetup) -> Arc<dyn Queue> {
        let calm = Chaos::none(self.0.clone());
        Arc::new(MemoryQueue::new(self.0.clone(), calm, setup))
    }
}

/// Fixture of the queue in SQLite.
pub struct SqliteQueues(Arc<SimClock>, TempDir);

impl SqliteQueues {
    /// One.
    pub fn new() -> Self {
        SqliteQueues(Arc::new(SimClock::new(2)), folder())
    }
}

#[async_trait]
impl QueueFixture for SqliteQueues {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clone()
    }
    async fn queue(&self, setup: QueueSetup) -> Arc<dyn Queue> {
        let db = open_db(&self.1);
        Arc::new(SqliteQueue::new(db, "chunks", self.0.clone(), setup))
    }
}

/// Fixture of the ledger in memory, with no trouble.
pub struct MemoryLedgers(Arc<SimClock>, Arc<MemoryStore>);

impl MemoryLedgers {
    /// One.
    pub fn new() -> Self {
        MemoryLedgers(Arc::new(SimClock::new(3)), Arc::default())
    }
}

#[async_trait]
impl LedgerFixture for MemoryLedgers {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clone()
    }
    async fn ledger(&self, limits: ChunkLimits) -> Arc<dyn Ledger> {
        let inner = EmbeddedLedger::new(self.1.clone(), self.0.clone(), limits);
        Arc::new(ChaosLedger::new(
            Arc::new(inner),
            Chaos::none(self.0.clone()),
        ))
    }
    async fn put_odd_notice(&self) {
        put_odd_notice(&self.1).await;
    }
}

/// Fixture of the ledger in SQLite.
pub struct SqliteLedgers(Arc<SimClock>, TempDir);

impl SqliteLedgers {
    /// One.
    pub fn new() -> Self {
        SqliteLedgers(Arc::new(SimClock::new(4)), folder())
    }
}

#[async_trait]
impl LedgerFixture for SqliteLedgers {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clone()
    }
    async fn ledger(&self, limits: ChunkLimits) -> Arc<dyn Ledger> {
        let store = SqliteStore::new(open_db(&self.1));
        Arc::new(EmbeddedLedger::new(store, self.0.clone(), limits))
    }
    async fn put_odd_notice(&self) {
        put_odd_notice(&SqliteStore::new(open_db(&self.1))).await;
    }
}

/// Fixture of objects in memory, with no trouble.
pub struct MemoryObjects(Arc<dyn Blobs>);

impl MemoryObjects {
    /// One.
    pub fn new() -> Self {
        let calm = Chaos::none(Arc::new(SimClock::new(5)));
        MemoryObjects(Arc::new(MemoryBlobs::new(calm)))
    }
}

impl BlobsFixture for MemoryObjects {
    fn blobs(&self) -> Arc<dyn Blobs> {
        self.0.clone()
    }
    fn bucket(&self) -> &str {
        "bucket"
    }
}

/// Fixture of objects as files.
pub struct FileObjects(Arc<dyn Blobs>, TempDir);

impl FileObjects {
    /// One.
    pub fn new() -> Self {
        let folder = folder();
        let roots = [("bucket".to_string(), folder.path().to_path_buf())];
        FileObjects(Arc::new(FileBlobs::new(roots)), folder)
    }

    /// Where the object `key` lies.
    pub fn path(&self, key: &str) -> PathBuf {
        self.1.path().join(key)
    }
}

impl BlobsFixture for FileObjects {
    fn blobs(&self) -> Arc<dyn Blobs> {
        self.0.clone()
    }
    fn bucket(&self) -> &str {
        "bucket"
    }
}

/// Fixture of paid answers in memory, with no trouble.
pub struct MemoryPaid(Arc<SimClock>);

impl MemoryPaid {
    /// One.
    pub fn new() -> Self {
        MemoryPaid(Arc::new(SimClock::new(6)))
    }
}

#[async_trait]
impl AnswersFixture for MemoryPaid {
    async fn answers(&self) -> Arc<dyn Answers> {
        Arc::new(MemoryAnswers::new(Chaos::none(self.0.clone())))
    }
}

/// Fixture of paid answers in SQLite.
pub struct SqlitePaid(TempDir);

impl SqlitePaid {
    /// One.
    pub fn new() -> Self {
        SqlitePaid(folder())
    }
}

#[async_trait]
impl AnswersFixture for SqlitePaid {
    async fn answers(&self) -> Arc<dyn Answers> {
        Arc::new(SqliteAnswers::new(open_db(&self.0)))
    }
}
