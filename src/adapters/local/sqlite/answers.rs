//! Paid answers in SQLite, in a file of the user's own that outlives jobs.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::{Db, from_json, sql, to_json};
use crate::core::answer::{AnswerKey, PaidAnswer};
use crate::ports::Answers;
use crate::ports::error::PortResult;

/// Paid answers in SQLite.
pub struct SqliteAnswers {
    db: Db,
}

impl SqliteAnswers {
    /// The table (see [`Db::open`]).
    pub const SCHEMA: &'static str = "
        CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID";

    /// Over an open database that has the schema and syncs every commit: an answer was paid for.
    pub fn new(db: Db) -> SqliteAnswers {
        SqliteAnswers { db }
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
        self.db
            .write(move |tx| {
                let query = "INSERT OR IGNORE INTO answers (key, record) VALUES (?1, ?2)";
                let mut statement = sql("put answers", tx.prepare_cached(query))?;
                for (key, record) in &rows {
                    sql("put answers", statement.execute(params![&key[..], record]))?;
                }
                Ok(())
            })
            .await
    }
}
