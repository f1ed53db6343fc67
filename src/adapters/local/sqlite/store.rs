//! The embedded ledger's store in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Db, from_json, sql, to_json};
use crate::adapters::embedded::{Store, Tx, Work};
use crate::core::chunk::ChunkRecord;
use crate::core::ids::{ChunkKey, ChunkNo, Generation, JobId};
use crate::core::job::JobRecord;
use crate::core::transitions::chunk::{is_at_work, let_go};
use crate::ports::error::PortResult;

/// Jobs, chunks and what workers share in SQLite, one row each; what is searched by stands in columns, all else in the record.
pub struct SqliteStore {
    db: Db,
}

impl SqliteStore {
    /// The tables (see [`Db::open`]).
    pub const SCHEMA: &'static str = "
        CREATE TABLE IF NOT EXISTS jobs (
            job_id TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, record TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS chunks (
            job_id TEXT NOT NULL, generation INTEGER NOT NULL, chunk INTEGER NOT NULL,
            status INTEGER NOT NULL, touched_ms INTEGER NOT NULL, record TEXT NOT NULL,
            PRIMARY KEY (job_id, generation, chunk)
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS chunks_by_status ON chunks (job_id, generation, status, chunk, touched_ms)
            WHERE status < 2;
        CREATE TABLE IF NOT EXISTS shared (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID";

    /// Over an open database that has the schema.
    pub fn new(db: Db) -> SqliteStore {
        SqliteStore { db }
    }

    /// Lets all claims run out at once. Only for a process that knows that it is alone (it holds the folder's lock):
    /// whoever held them is dead. What it was at work on counts as abandoned when it is claimed next; where that is
    /// known, chunks that only waited are let go of without that (S18: a bystander is no suspect).
    pub async fn expire_claims(&self) -> PortResult<u64> {
        self.db
            .write(|tx| {
                let mut tx = SqliteTx(tx);
                let mut expired = 0;
                for mut job in tx.jobs()? {
                    let open =
                        tx.chunks_with_status(&job.job_id, job.generation, 0, u64::MAX, u32::MAX)?;
                    let has_suspect = open.iter().any(is_at_work);
                    for mut chunk in open {
                        // The sweep shall look at it at once, also where its message was never sent.
                        chunk.touched_ms = 0;
                        if has_suspect && !is_at_work(&chunk) {
                            expired += u64::from(let_go(&mut job.counters, &mut chunk));
                        } else if let Some(lease) = &mut chunk.lease {
                            lease.until_ms = 0;
                            expired += 1;
                        }
                        let key = ChunkKey {
                            job_id: job.job_id.clone(),
                            generation: job.generation,
                            chunk: chunk.range.chunk,
                        };
                        tx.put_chunk(&key, &chunk)?;
                    }
                    if let Some(finisher) = &mut job.finisher {
                        finisher.until_ms = 0;
                    }
                    tx.put_job(&job)?;
                }
                Ok(expired)
            })
            .await
    }
}

struct SqliteTx<'t>(&'t Transaction<'t>);

/// SQLite keeps signed integers; "no limit" is the largest of them.
fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl SqliteTx<'_> {
    fn records(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
    ) -> PortResult<Vec<ChunkRecord>> {
        let mut statement = sql("chunks", self.0.prepare_cached(query))?;
        let rows = sql(
            "chunks",
            statement.query_map(parameters, |row| row.get::<_, String>(0)),
        )?;
        rows.map(|text| from_json(&sql("chunks", text)?)).collect()
    }
}

impl Tx for SqliteTx<'_> {
    fn job(&mut self, job_id: &JobId) -> PortResult<Option<JobRecord>> {
        let mut statement = sql(
            "job",
            self.0
                .prepare_cached("SELECT record FROM jobs WHERE job_id = ?1"),
        )?;
        let text: Option<String> = sql(
            "job",
            statement
                .query_row([job_id.as_str()], |row| row.get(0))
                .optional(),
        )?;
        text.map(|text| from_json(&text)).transpose()
    }

    fn jobs(&mut self) -> PortResult<Vec<JobRecord>> {
        let query = "SELECT job_id, record FROM jobs ORDER BY created_ms DESC, job_id DESC";
        let mut statement = sql("jobs", self.0.prepare_cached(query))?;
        let rows = sql(
            "jobs",
            statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            }),
        )?;
        let mut jobs = Vec::new();
        for row in rows {
            let (job, record) = sql("jobs", row)?;
            match from_json(&record) {
                Ok(record) => jobs.push(record),
                // Of another version of the program. It must not hide the others; by its id it is an error.
                Err(_) => tracing::error!(%job, "a job cannot be read, and nobody looks after it"),
            }
        }
        Ok(jobs)
    }

    fn put_job(&mut self, job: &JobRecord) -> PortResult<()> {
        let query = "INSERT OR REPLACE INTO jobs (job_id, created_ms, record) VALUES (?1, ?2, ?3)";
        let mut statement = sql("put job", self.0.prepare_cached(query))?;
        let values = params![job.job_id.as_str(), clamp(job.created_ms), to_json(job)?];
        sql("put job", statement.execute(values)).map(drop)
    }

    fn chunk(&mut self, key: &ChunkKey) -> PortResult<Option<ChunkRecord>> {
        let query =
            "SELECT record FROM chunks WHERE job_id = ?1 AND generation = ?2 AND chunk = ?3";
        let values = params![key.job_id.as_str(), key.generation, key.chunk];
        Ok(self.records(query, values)?.pop())
    }

    fn put_chunk(&mut self, key: &ChunkKey, chunk: &ChunkRecord) -> PortResult<()> {
        let query =
            "INSERT OR REPLACE INTO chunks (job_id, generation, chunk, status, touched_ms, record)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut statement = sql("put chunk", self.0.prepare_cached(query))?;
        let values = params![
            key.job_id.as_str(),
            key.generation,
            key.chunk,
            chunk.status.number(),
            clamp(chunk.touched_ms),
            to_json(chunk)?
        ];
        sql("put chunk", statement.execute(values)).map(drop)
    }

    fn chunks(
        &mut self,
        job_id: &JobId,
        generation: Generation,
        from: ChunkNo,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        let query =
            "SELECT record FROM chunks WHERE job_id = ?1 AND generation = ?2 AND chunk >= ?3
                     ORDER BY chunk LIMIT ?4";
        self.records(query, params![job_id.as_str(), generation, from, max])
    }

    fn chunks_with_status(
        &mut self,
        job_id: &JobId,
        generation: Generation,
        status: u8,
        touched_upto_ms: u64,
        max: u32,
    ) -> PortResult<Vec<ChunkRecord>> {
        // The first condition says what the partial index holds, so that it is used.
        let query = "SELECT record FROM chunks WHERE status < 2 AND job_id = ?1 AND generation = ?2
                     AND status = ?3 AND touched_ms <= ?4 ORDER BY chunk LIMIT ?5";
        let upto = clamp(touched_upto_ms);
        self.records(
            query,
            params![job_id.as_str(), generation, status, upto, max],
        )
    }

    fn shared(&mut self, key: &str) -> PortResult<Option<String>> {
        let query = "SELECT record FROM shared WHERE key = ?1";
        let mut statement = sql("shared", self.0.prepare_cached(query))?;
        let found = statement.query_row([key], |row| row.get(0));
        sql("shared", found.optional())
    }

    fn put_shared(&mut self, key: &str, record: &str) -> PortResult<()> {
        let query = "INSERT OR REPLACE INTO shared (key, record) VALUES (?1, ?2)";
        let mut statement = sql("put shared", self.0.prepare_cached(query))?;
        sql("put shared", statement.execute([key, record])).map(drop)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn transact<R: Send + 'static>(&self, work: Work<R>) -> PortResult<R> {
        self.db.write(move |tx| work(&mut SqliteTx(tx))).await
    }
}
