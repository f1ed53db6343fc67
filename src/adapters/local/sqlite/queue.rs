//! A queue in SQLite with the manners of SQS: a random receipt per receive, visibility, dead letters (S27).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};

use super::dead_letters::DeadLetters;
use super::{Db, sql};
use crate::adapters::memory::queue::{QueueSetup, check_batch};
use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{
    Depth, MAX_BATCH_ENTRIES, MOST_HIDDEN, Outgoing, Queue, Receipt, Received, hidden_too_long,
};

/// A waiting receive looks again at least this often: messages become visible by time alone.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// One queue of a database that may hold several.
pub struct SqliteQueue {
    db: Db,
    name: &'static str,
    clock: Arc<dyn Clock>,
    setup: QueueSetup,
    arrived: tokio::sync::Notify,
}

impl SqliteQueue {
    /// The tables (see [`Db::open`]).
    pub const SCHEMA: &'static str = "
        CREATE TABLE IF NOT EXISTS messages (
            number INTEGER PRIMARY KEY, queue TEXT NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL,
            group_id TEXT NOT NULL, sent_ms INTEGER NOT NULL, visible_ms INTEGER NOT NULL,
            receive_count INTEGER NOT NULL DEFAULT 0, receipt TEXT UNIQUE, received_ms INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX IF NOT EXISTS messages_due ON messages (queue, visible_ms, number);
        CREATE TABLE IF NOT EXISTS dead_letters (
            number INTEGER PRIMARY KEY, queue TEXT NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL,
            group_id TEXT NOT NULL, sent_ms INTEGER NOT NULL, receive_count INTEGER NOT NULL
        );
        CREATE TABLE IF NOT EXISTS dead_letter_notes (
            number INTEGER PRIMARY KEY, reason TEXT, receipt TEXT UNIQUE, visible_ms INTEGER NOT NULL DEFAULT 0,
            received_ms INTEGER NOT NULL DEFAULT 0
        )";

    /// The queue `name` in an open database that has the schema.
    pub fn new(
        db: Db,
        name: &'static str,
        clock: Arc<dyn Clock>,
        setup: QueueSetup,
    ) -> SqliteQueue {
        SqliteQueue {
            db,
            name,
            clock,
            setup,
            arrived: tokio::sync::Notify::new(),
        }
    }

    /// Makes everything visible at once. Only for a process that knows that it is alone: whoever held it is dead.
    pub async fn expire_receipts(&self) -> PortResult<()> {
        let (name, now_ms) = (self.name, self.clock.now_ms() as i64);
        self.db
            .write(move |tx| {
                let query =
                    "UPDATE messages SET visible_ms = ?2 WHERE queue = ?1 AND receipt IS NOT NULL
                             AND visible_ms > ?2";
                sql("expire receipts", tx.execute(query, params![name, now_ms])).map(drop)
            })
            .await
    }

    async fn take(&self, max: usize) -> PortResult<Vec<Received>> {
        let (name, setup, now_ms) = (self.name, self.setup, self.clock.now_ms() as i64);
        let receipts: Vec<String> = (0..max)
            .map(|_| format!("{:016x}{:016x}", self.clock.random(), self.clock.random()))
            .collect();
        self.db
            .write(move |tx| take(tx, name, &setup, now_ms, receipts))
            .await
    }

    async fn hide(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        let (receipt, now_ms) = (receipt.0.clone(), self.clock.now_ms() as i64);
        let until_ms = now_ms + hide_for.as_millis() as i64;
        self.db
            .write(move |tx| {
                let query = "SELECT received_ms FROM messages WHERE receipt = ?1";
                let received_ms: Option<i64> = sql(
                    "extend",
                    tx.query_row(query, [&receipt], |row| row.get(0)).optional(),
                )?;
                let Some(received_ms) = received_ms else {
                    return Ok(());
                };
                if until_ms > received_ms + MOST_HIDDEN.as_millis() as i64 {
                    return Err(hidden_too_long());
                }
                let query = "UPDATE messages SET visible_ms = ?2 WHERE receipt = ?1";
                sql("extend", tx.execute(query, params![receipt, until_ms])).map(drop)
            })
            .await
    }
}

fn take(
    tx: &Transaction<'_>,
    name: &str,
    setup: &QueueSetup,
    now_ms: i64,
    mut receipts: Vec<String>,
) -> PortResult<Vec<Received>> {
    let bury =
        "INSERT INTO dead_letters (queue, message_id, body, group_id, sent_ms, receive_count)
                SELECT queue, message_id, body, group_id, sent_ms, receive_count FROM messages
                WHERE queue = ?1 AND visible_ms <= ?2 AND receive_count >= ?3";
    let values = params![name, now_ms, setup.max_receives];
    if sql("bury", tx.prepare_cached(bury)).and_then(|mut s| sql("bury", s.execute(values)))? > 0 {
        let remove =
            "DELETE FROM messages WHERE queue = ?1 AND visible_ms <= ?2 AND receive_count >= ?3";
        sql(
            "bury",
            tx.execute(remove, params![name, now_ms, setup.max_receives]),
        )?;
    }
    let due = "SELECT number, message_id, body, sent_ms, receive_count FROM messages
               WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, number LIMIT ?3";
    let mut statement = sql("receive", tx.prepare_cached(due))?;
    let rows = statement.query_map(params![name, now_ms, receipts.len() as i64], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get::<_, i64>(3)?,
            row.get::<_, u32>(4)?,
        ))
    });
    let hold = "UPDATE messages SET receipt = ?2, visible_ms = ?3, received_ms = ?4,
                receive_count = receive_count + 1 WHERE number = ?1";
    let visible_ms = now_ms + setup.visibility.as_millis() as i64;
    let mut received = Vec::new();
    for row in sql("receive", rows)? {
        let (number, message_id, body, sent_ms, receive_count) = sql("receive", row)?;
        let receipt = receipts
            .pop()
            .expect("as many receipts as rows were asked for");
        let values = params![number, receipt, visible_ms, now_ms];
        sql("hold", tx.prepare_cached(hold)).and_then(|mut s| sql("hold", s.execute(values)))?;
        received.push(Received {
            message_id,
            body,
            receipt: Receipt(receipt),
            receive_count: receive_count + 1,
            sent_ms: sent_ms as u64,
            reason: None,
        });
    }
    Ok(received)
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send_batch(&self, entries: &[Outgoing]) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(entries.len(), entries.iter().map(|e| e.body.len()).sum())?;
        let (name, now_ms) = (self.name, self.clock.now_ms() as i64);
        let count = entries.len();
        let entries: Vec<(Outgoing, String)> = entries
            .iter()
            .map(|entry| (entry.clone(), format!("{:016x}", self.clock.random())))
            .collect();
        self.db
            .write(move |tx| {
                let query =
                    "INSERT INTO messages (queue, message_id, body, group_id, sent_ms, visible_ms)
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let mut statement = sql("send", tx.prepare_cached(query))?;
                for (entry, message_id) in &entries {
                    let visible_ms = now_ms + entry.delay.as_millis() as i64;
                    let values = params![
                        name,
                        message_id,
                        entry.body,
                        entry.group,
                        now_ms,
                        visible_ms
                    ];
                    sql("send", statement.execute(values))?;
                }
                Ok(())
            })
            .await?;
        self.arrived.notify_waiters();
        Ok((0..count).map(|_| Ok(())).collect())
    }

    async fn receive(&self, max: usize, wait: Duration) -> PortResult<Vec<Received>> {
        let deadline = self.clock.monotonic() + wait;
        loop {
            let arrived = self.arrived.notified();
            let received = self.take(max.min(MAX_BATCH_ENTRIES)).await?;
            let left = deadline.saturating_sub(self.clock.monotonic());
            if !received.is_empty() || left.is_zero() {
                return Ok(received);
            }
            tokio::select! {
                biased;
                () = arrived => {}
                () = self.clock.sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    async fn extend(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        self.hide(receipt, hide_for).await
    }

    async fn release(&self, receipt: &Receipt, after: Duration) -> PortResult<()> {
        self.hide(receipt, after).await?;
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(receipts.len(), 0)?;
        let receipts = receipts.to_vec();
        self.db
            .write(move |tx| {
                for receipt in &receipts {
                    sql(
                        "delete",
                        tx.execute("DELETE FROM messages WHERE receipt = ?1", [&receipt.0]),
                    )?;
                }
                Ok(receipts.iter().map(|_| Ok(())).collect())
            })
            .await
    }

    async fn bury(&self, message: &Received, reason: &str) -> PortResult<()> {
        let (receipt, reason) = (message.receipt.0.clone(), reason.to_string());
        self.db
            .write(move |tx| {
                let bury = "INSERT INTO dead_letters (queue, message_id, body, group_id, sent_ms, receive_count)
                            SELECT queue, message_id, body, group_id, sent_ms, receive_count FROM messages
                            WHERE receipt = ?1";
                if sql("bury", tx.execute(bury, [&receipt]))? == 0 {
                    return Ok(());
                }
                let note = "INSERT INTO dead_letter_notes (number, reason) VALUES (last_insert_rowid(), ?1)";
                sql("bury", tx.execute(note, [&reason]))?;
                let remove = "DELETE FROM messages WHERE receipt = ?1";
                sql("bury", tx.execute(remove, [&receipt])).map(drop)
            })
            .await
    }

    fn dead_letters(&self) -> Option<Arc<dyn Queue>> {
        Some(Arc::new(DeadLetters {
            db: self.db.clone(),
            name: self.name,
            clock: self.clock.clone(),
            setup: self.setup,
        }))
    }

    async fn depth(&self) -> PortResult<Depth> {
        let (name, now_ms) = (self.name, self.clock.now_ms() as i64);
        self.db
            .write(move |tx| {
                let query = "SELECT coalesce(sum(visible_ms <= ?2), 0),
                             coalesce(sum(visible_ms > ?2 AND receipt IS NOT NULL), 0),
                             coalesce(sum(visible_ms > ?2 AND receipt IS NULL), 0),
                             (SELECT count(*) FROM dead_letters WHERE queue = ?1)
                             FROM messages WHERE queue = ?1";
                let counts = tx.query_row(query, params![name, now_ms], |row| {
                    Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
                });
                let [visible, in_flight, delayed, dead] = sql("depth", counts)?.map(|n| n as u64);
                Ok(Depth {
                    visible,
                    in_flight,
                    delayed,
                    dead,
                })
            })
            .await
    }

    fn visibility(&self) -> Duration {
        self.setup.visibility
    }
}
