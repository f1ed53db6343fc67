//! SQLite: one file for queue and ledger, one for paid answers.
//!
//! WAL, so that readers never block; every write in `BEGIN IMMEDIATE`, so that two writers wait and never deadlock
//! (S27). One connection per file, used on the runtime's threads for blocking work.

mod answers;
mod dead_letters;
mod queue;
mod store;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub use answers::SqliteAnswers;
pub use queue::SqliteQueue;
pub use store::SqliteStore;

use crate::ports::error::{ErrorClass, PortError, PortResult};

/// An open database.
#[derive(Clone)]
pub struct Db {
    connection: Arc<Mutex<Connection>>,
    /// How a transaction begins: at once as a writer, or, of a file that is only read, as a reader.
    begin: TransactionBehavior,
    /// For error texts.
    name: Arc<str>,
    /// The file is read as one that does not change: how it was when it was opened.
    still: Option<Still>,
}

/// A file that nobody has open, as it was.
#[derive(Clone)]
struct Still {
    path: PathBuf,
    seen: Option<(u64, SystemTime)>,
}

impl Still {
    fn of(path: &Path) -> Still {
        Still {
            path: path.to_path_buf(),
            seen: seen(path),
        }
    }

    /// Whether somebody has opened it since, or has been at work in it.
    fn is_disturbed(&self) -> bool {
        beside(&self.path, "-wal").exists() || seen(&self.path) != self.seen
    }
}

fn seen(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = path.metadata().ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

impl Db {
    /// Opens or creates the file with `schema` (idempotent statements). `user_version` guards against a file of another
    /// make: 0 is new, `version` is ours, anything else is refused.
    ///
    /// With `sync_every_commit` a commit survives a loss of power; without, it survives the death of the process, and a
    /// loss of power may take the newest commits but never leaves the file inconsistent (SQLite: synchronous, WAL).
    pub fn open(
        path: &Path,
        schema: &str,
        version: u32,
        sync_every_commit: bool,
    ) -> PortResult<Db> {
        let name: Arc<str> = path.display().to_string().into();
        let open = || -> rusqlite::Result<(Connection, u32)> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, found))
        };
        let (connection, found) = open().map_err(|error| failed(&name, &error))?;
        if found != 0 && found != version {
            return Err(other_version(&name, found, version));
        }
        // Only now: a file that is refused is left as it is.
        let set_up = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            let synchronous = if sync_every_commit { "FULL" } else { "NORMAL" };
            connection.pragma_update(None, "synchronous", synchronous)
        };
        patiently(set_up).map_err(|error| failed(&name, &error))?;
        let create = format!("BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT;");
        connection
            .execute_batch(&create)
            .map_err(|error| failed(&name, &error))?;
        Ok(Db {
            connection: Arc::new(Mutex::new(connection)),
            begin: TransactionBehavior::Immediate,
            name,
            still: None,
        })
    }

    /// Opens a file of ours to read from it, also while another process works on it; `version` as in [`Db::open`]. Nothing is
    /// written: neither the file, nor one beside it. None: the file is not there, or nothing is in it yet.
    ///
    /// What is read is as it was at some moment: each transaction sees one state of the file, and waits for nobody (WAL).
    ///
    /// Where nobody works on the file, a process that begins to while it is read makes the read fail as transient: the next
    /// try reads beside it.
    ///
    /// # Errors
    /// It is no file of ours, or it cannot be read.
    pub fn open_to_read(path: &Path, version: u32) -> PortResult<Option<Db>> {
        let name: Arc<str> = path.display().to_string().into();
        if !path.is_file() {
            return Ok(None);
        }
        let open = || -> rusqlite::Result<(Connection, u32, Option<Still>)> {
            // Where nobody has the file open, there is no log beside it. SQLite would make one even for a reader, unless it
            // is told that the file does not change meanwhile: so none of it is kept open for long.
            let log = beside(path, "-wal");
            let still = Still::of(path);
            let is_still = !log.exists();
            let connection = match is_still {
                false => Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
                true => Connection::open_with_flags(
                    as_immutable(path),
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
                )?,
            };
            connection.busy_timeout(Duration::from_secs(10))?;
            let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, found, is_still.then_some(still)))
        };
        let opened = patiently(open).map_err(|error| failed(&name, &error));
        let (connection, found, still) = opened?;
        match found {
            0 => Ok(None),
            found if found == version => Ok(Some(Db {
                connection: Arc::new(Mutex::new(connection)),
                begin: TransactionBehavior::Deferred,
                name,
                still,
            })),
            found => Err(other_version(&name, found, version)),
        }
    }

    /// Runs `work` in one transaction on a thread for blocking work: a writer's, unless the file was opened to read.
    pub async fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> PortResult<R> + Send + 'static,
    ) -> PortResult<R> {
        let db = self.clone();
        let run = move || {
            let mut connection = db
                .connection
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            let tx = connection
                .transaction_with_behavior(db.begin)
                .map_err(|error| failed(&db.name, &error))?;
            let result = work(&tx);
            // What was read of a file that changed meanwhile may be a mixture, or look damaged.
            if db.still.as_ref().is_some_and(Still::is_disturbed) {
                let what = format!("{} changed while it was read: read it again", db.name);
                return Err(PortError::transient(what));
            }
            let result = result?;
            tx.commit().map_err(|error| failed(&db.name, &error))?;
            Ok(result)
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the adapter for blocking work; it is awaited"
        )]
        let joined = tokio::task::spawn_blocking(run).await;
        joined.unwrap_or_else(|error| Err(PortError::bug(format!("a database task died: {error}"))))
    }
}

fn other_version(name: &str, found: u32, version: u32) -> PortError {
    PortError::permanent_job(format!(
        "{name} has schema version {found}, this program knows {version}: use the program that made it, or another file"
    ))
}

/// The file that lies beside `path` with this behind its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// `path` as a URI that says that nobody changes the file (sqlite.org/uri.html).
fn as_immutable(path: &Path) -> String {
    let mut uri = "file:".to_string();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Tries again for a while where the file is busy: the switch to WAL does not wait for others by itself, and two
/// processes may open a file at the same moment.
fn patiently<R>(operation: impl Fn() -> rusqlite::Result<R>) -> rusqlite::Result<R> {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    let mut tries_left = 500;
    loop {
        match operation() {
            Err(error)
                if tries_left > 0
                    && matches!(
                        error.sqlite_error_code(),
                        Some(DatabaseBusy | DatabaseLocked)
                    ) =>
            {
                tries_left -= 1;
                #[expect(
                    clippy::disallowed_methods,
                    reason = "an adapter may block while it opens a file"
                )]
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// An SQLite error as a port's error. SQLite never leaves the outcome open: what is not committed did not happen.
fn failed(name: &str, error: &rusqlite::Error) -> PortError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, PermissionDenied, ReadOnly};
    let class = match error.sqlite_error_code() {
        Some(NotADatabase | DatabaseCorrupt | PermissionDenied | ReadOnly) => {
            ErrorClass::PermanentJob
        }
        Some(_) => ErrorClass::Transient,
        None => ErrorClass::Bug,
    };
    PortError::new(class, format!("database {name}: {error}"))
}

/// Adds the name of the statement's purpose to an error inside a transaction.
fn sql<T>(what: &str, result: rusqlite::Result<T>) -> PortResult<T> {
    result.map_err(|error| failed(what, &error))
}

/// A record as JSON text.
fn to_json<T: serde::Serialize>(record: &T) -> PortResult<String> {
    serde_json::to_string(record)
        .map_err(|error| PortError::bug(format!("cannot encode a record: {error}")))
}

/// A record from JSON text.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> PortResult<T> {
    serde_json::from_str(text).map_err(|error| {
        PortError::permanent_job(format!("a stored record cannot be read: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS t (a INTEGER)";

    #[tokio::test]
    async fn a_read_that_somebody_begins_to_write_under_fails_as_transient_and_the_next_one_is_good()
     {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.sqlite");
        drop(Db::open(&path, SCHEMA, 7, false).unwrap());
        assert!(!beside(&path, "-wal").exists(), "nobody has it open");
        let reader = Db::open_to_read(&path, 7).unwrap().unwrap();
        assert_eq!(reader.write(|_| Ok(1)).await.unwrap(), 1);

        let own = path.clone();
        let disturbed = reader
            .write(move |_| Db::open(&own, SCHEMA, 7, false))
            .await;
        let error = disturbed.err().unwrap();
        assert!(
            error.to_string().contains("changed while it was read"),
            "{error}"
        );

        let writer = Db::open(&path, SCHEMA, 7, false).unwrap();
        let reader = Db::open_to_read(&path, 7).unwrap().unwrap();
        assert_eq!(reader.write(|_| Ok(2)).await.unwrap(), 2);
        drop(writer);
    }
}
