//! The dead letters of a queue in SQLite, as a queue of their own (S26, S27).
//!
//! What is known of a dead letter beside itself (why it was buried, who looks at it) lies in a table of its own, so that
//! files of earlier versions are read as they are.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Db, sql};
use crate::adapters::memory::queue::{QueueSetup, check_batch};
use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};
use crate::ports::queue::{
    Depth, MAX_BATCH_ENTRIES, MOST_HIDDEN, Outgoing, Queue, Receipt, Received, hidden_too_long,
};

/// The dead letters of the queue `name`.
pub(super) struct DeadLetters {
    pub(super) db: Db,
    pub(super) name: &'static str,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) setup: QueueSetup,
}

fn take(
    tx: &Transaction<'_>,
    name: &str,
    setup: &QueueSetup,
    now_ms: i64,
    receipts: Vec<String>,
) -> PortResult<Vec<Received>> {
    let due = "SELECT d.number, d.message_id, d.body, d.sent_ms, d.receive_count, n.reason
               FROM dead_letters d LEFT JOIN dead_letter_notes n ON n.number = d.number
               WHERE d.queue = ?1 AND coalesce(n.visible_ms, 0) <= ?2 ORDER BY d.number LIMIT ?3";
    let mut statement = sql("receive", tx.prepare_cached(due))?;
    let rows = statement.query_map(params![name, now_ms, receipts.len() as i64], |row| {
        let letter = Received {
            message_id: row.get(1)?,
            body: row.get(2)?,
            receipt: Receipt(String::new()),
            receive_count: row.get::<_, u32>(4)? + 1,
            sent_ms: row.get::<_, i64>(3)? as u64,
            reason: row.get(5)?,
        };
        Ok((row.get::<_, i64>(0)?, letter))
    });
    let count = "UPDATE dead_letters SET receive_count = ?2 WHERE number = ?1";
    let hold = "INSERT INTO dead_letter_notes (number, receipt, visible_ms, received_ms) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (number) DO UPDATE SET receipt = ?2, visible_ms = ?3, received_ms = ?4";
    let visible_ms = now_ms + setup.visibility.as_millis() as i64;
    let mut received = Vec::new();
    for (row, receipt) in sql("receive", rows)?.zip(receipts) {
        let (number, letter) = sql("receive", row)?;
        sql(
            "hold",
            tx.execute(count, params![number, letter.receive_count]),
        )?;
        let values = params![number, receipt, visible_ms, now_ms];
        sql("hold", tx.execute(hold, values))?;
        received.push(Received {
            receipt: Receipt(receipt),
            ..letter
        });
    }
    Ok(received)
}

#[async_trait]
impl Queue for DeadLetters {
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
                let query = "INSERT INTO dead_letters (queue, message_id, body, group_id, sent_ms, receive_count)
                             VALUES (?1, ?2, ?3, ?4, ?5, 0)";
                for (entry, message_id) in &entries {
                    let values = params![name, message_id, entry.body, entry.group, now_ms];
                    sql("send", tx.execute(query, values))?;
                }
                Ok(())
            })
            .await?;
        Ok((0..count).map(|_| Ok(())).collect())
    }

    /// Looks once: dead letters are not waited for.
    async fn receive(&self, max: usize, _wait: Duration) -> PortResult<Vec<Received>> {
        let (name, setup, now_ms) = (self.name, self.setup, self.clock.now_ms() as i64);
        let receipts: Vec<String> = (0..max.min(MAX_BATCH_ENTRIES))
            .map(|_| format!("{:016x}{:016x}", self.clock.random(), self.clock.random()))
            .collect();
        self.db
            .write(move |tx| take(tx, name, &setup, now_ms, receipts))
            .await
    }

    async fn extend(&self, receipt: &Receipt, hide_for: Duration) -> PortResult<()> {
        let (receipt, now_ms) = (receipt.0.clone(), self.clock.now_ms() as i64);
        let until_ms = now_ms + hide_for.as_millis() as i64;
        self.db
            .write(move |tx| {
                let query = "SELECT received_ms FROM dead_letter_notes WHERE receipt = ?1";
                let held = tx.query_row(query, [&receipt], |row| row.get::<_, i64>(0));
                let Some(received_ms) = sql("extend", held.optional())? else {
                    return Ok(());
                };
                if until_ms > received_ms + MOST_HIDDEN.as_millis() as i64 {
                    return Err(hidden_too_long());
                }
                let query = "UPDATE dead_letter_notes SET visible_ms = ?2 WHERE receipt = ?1";
                sql("extend", tx.execute(query, params![receipt, until_ms])).map(drop)
            })
            .await
    }

    async fn release(&self, receipt: &Receipt, after: Duration) -> PortResult<()> {
        self.extend(receipt, after).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> PortResult<Vec<Result<(), PortError>>> {
        check_batch(receipts.len(), 0)?;
        let receipts = receipts.to_vec();
        self.db
            .write(move |tx| {
                let letter = "DELETE FROM dead_letters WHERE number IN
                              (SELECT number FROM dead_letter_notes WHERE receipt = ?1)";
                let note = "DELETE FROM dead_letter_notes WHERE receipt = ?1";
                for receipt in &receipts {
                    sql("delete", tx.execute(letter, [&receipt.0]))?;
                    sql("delete", tx.execute(note, [&receipt.0]))?;
                }
                Ok(receipts.iter().map(|_| Ok(())).collect())
            })
            .await
    }

    async fn depth(&self) -> PortResult<Depth> {
        let (name, now_ms) = (self.name, self.clock.now_ms() as i64);
        self.db
            .write(move |tx| {
                let query = "SELECT coalesce(sum(coalesce(n.visible_ms, 0) <= ?2), 0),
                             coalesce(sum(coalesce(n.visible_ms, 0) > ?2), 0)
                             FROM dead_letters d LEFT JOIN dead_letter_notes n ON n.number = d.number
                             WHERE d.queue = ?1";
                let counts = tx.query_row(query, params![name, now_ms], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                });
                let (visible, in_flight) = sql("depth", counts)?;
                Ok(Depth {
                    visible: visible as u64,
                    in_flight: in_flight as u64,
                    ..Depth::default()
                })
            })
            .await
    }

    fn visibility(&self) -> Duration {
        self.setup.visibility
    }
}
