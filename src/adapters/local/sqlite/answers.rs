//! Paid answers in SQLite, in a file of the user's own that outlives jobs.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};
use tokio::sync::oneshot;

use super::{Db, from_json, sql, to_json};
use crate::core::answer::{AnswerKey, PaidAnswer};
use crate::ports::Answers;
use crate::ports::error::PortResult;

/// Version of the file's schema.
const VERSION: u32 = 1;

/// Paid answers in SQLite.
pub struct SqliteAnswers {
    db: Db,
    /// Answers that came while others were being written.
    waiting: Mutex<Vec<Put>>,
    writer: tokio::sync::Mutex<()>,
}

/// A key and its record.
type Row = ([u8; 32], String);

/// What one caller brings, and how it is told.
struct Put {
    rows: Arc<Vec<Row>>,
    told: oneshot::Sender<PortResult<()>>,
}

impl SqliteAnswers {
    /// The table (see [`Db::open`]).
    pub const SCHEMA: &'static str = "
        CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID";

    /// Opens a user's file of paid answers, or makes it.
    pub fn open(path: &Path) -> PortResult<SqliteAnswers> {
        // Synced: what is in it was paid for.
        Ok(SqliteAnswers::new(Db::open(
            path,
            SqliteAnswers::SCHEMA,
            VERSION,
            true,
        )?))
    }

    /// Opens a user's file of paid answers to look answers up; none: there is no such file, or nothing is in it.
    pub fn open_to_read(path: &Path) -> PortResult<Option<SqliteAnswers>> {
        Ok(Db::open_to_read(path, VERSION)?.map(SqliteAnswers::new))
    }

    /// Writes what several calls brought, with one sync of the disk for all.
    async fn write(&self, puts: Vec<Arc<Vec<Row>>>) -> PortResult<()> {
        self.db
            .write(move |tx| {
                let query = "INSERT OR IGNORE INTO answers (key, record) VALUES (?1, ?2)";
                let mut statement = sql("put answers", tx.prepare_cached(query))?;
                for (key, record) in puts.iter().flat_map(|rows| rows.iter()) {
                    sql("put answers", statement.execute(params![&key[..], record]))?;
                }
                Ok(())
            })
            .await
    }

    /// Over an open database that has the schema and syncs every commit: an answer was paid for.
    pub fn new(db: Db) -> SqliteAnswers {
        SqliteAnswers {
            db,
            waiting: Mutex::default(),
            writer: tokio::sync::Mutex::default(),
        }
    }
}

#[async_trait]
impl Answers for SqliteAnswers {
    async fn get(&self, keys: &[AnswerKey]) -> PortResult<Vec<Option<PaidAnswer>>> {
        let keys = keys.to_vec();
        self.db
            .write(move |tx| {
                let query = "SELECT record FROM answers WHERE key = ?1";
                let mut statement = sql("answers", tx.prepare_cached(query))?;
                let mut found = Vec::with_capacity(keys.len());
                for key in &keys {
                    let text: Option<String> = sql(
                        "answers",
                        statement
                            .query_row([&key.0[..]], |row| row.get(0))
                            .optional(),
                    )?;
                    found.push(text.map(|text| from_json(&text)).transpose()?);
                }
                Ok(found)
            })
            .await
    }

    async fn put(&self, answers: &[(AnswerKey, PaidAnswer)]) -> PortResult<()> {
        let mut rows = Vec::with_capacity(answers.len());
        for (key, answer) in answers {
            rows.push((key.0, to_json(answer)?));
        }
        let rows = Arc::new(rows);
        let (told, mut outcome) = oneshot::channel();
        self.waiting.lock().expect("no panic while held").push(Put {
            rows: rows.clone(),
            told,
        });
        let _writer = self.writer.lock().await;
        let was_dropped = match outcome.try_recv() {
            Ok(outcome) => return outcome,
            Err(why) => why == oneshot::error::TryRecvError::Closed,
        };
        let puts = std::mem::take(&mut *self.waiting.lock().expect("no panic while held"));
        let (mut all, told): (Vec<_>, Vec<_>) =
            puts.into_iter().map(|put| (put.rows, put.told)).unzip();
        if was_dropped {
            // Whoever took these along was dropped while it wrote: nobody knows, and saying it twice is harmless.
            all.push(rows);
        }
        let written = self.write(all).await;
        for told in told {
            // Who does not listen any more was dropped; its answers are kept all the same.
            let _ = told.send(written.clone());
        }
        written
    }
}
