//! The files of decisions: an appended history, and the newest decision of each row written from it.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::Hasher;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use csv::{ReaderBuilder, StringRecord};

use super::decision::{COLUMNS, Decision, Undo, Verdict, header};
use super::pin::{PIN, Pin, replace, sync_folder};
use crate::core::ids::RowNo;

pub use crate::core::files::{REVIEW_HISTORY as HISTORY, REVIEWED};

/// While all newest decisions together are no longer than this, reviewed.csv is written after each.
const SMALL_BYTES: u64 = 64 << 10;

/// Where in the history a row's newest decision stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u64,
    bytes: u32,
    verdict: Verdict,
}

/// The newest decisions as a file's history has them: about 40 bytes a row.
#[derive(Debug, Default)]
pub struct Newest {
    places: BTreeMap<RowNo, Place>,
    bytes: u64,
}

impl Newest {
    /// What was decided of a row; none: nothing.
    pub fn verdict(&self, row: RowNo) -> Option<Verdict> {
        self.places.get(&row).map(|place| place.verdict)
    }

    /// How many rows have this decision.
    pub fn count(&self, verdict: Verdict) -> usize {
        let own = |place: &&Place| place.verdict == verdict;
        self.places.values().filter(own).count()
    }

    /// The decisions of a folder that nobody writes into now, or whose writer is at work: reads and changes nothing.
    ///
    /// # Errors
    /// The history is damaged, or about other results than `pin`.
    pub fn read(folder: &Path, pin: &Pin) -> anyhow::Result<Newest> {
        let path = folder.join(HISTORY);
        if !path.exists() {
            return Ok(Newest::default());
        }
        pin.check(folder)?;
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(scan(&path, &file, None)?.0)
    }

    fn put(&mut self, row: RowNo, place: Place) {
        let old = match place.verdict {
            Verdict::Undone => self.places.remove(&row),
            _ => {
                self.bytes += u64::from(place.bytes);
                self.places.insert(row, place)
            }
        };
        self.bytes -= old.map_or(0, |old| u64::from(old.bytes));
    }
}

/// The decisions about a folder's results, for the one process that makes them.
#[derive(Debug)]
pub struct DecisionLog {
    folder: PathBuf,
    path: PathBuf,
    /// Locked for as long as this lives; the system lets go of it when the process dies, however it dies.
    history: File,
    /// Bytes of whole lines.
    bytes: u64,
    newest: Newest,
    /// reviewed.csv lags behind.
    is_behind: bool,
}

impl DecisionLog {
    /// Opens the decisions about the results that `pin` names, and brings reviewed.csv up to date.
    ///
    /// A line that was cut by a kill, and so never counted as made, is removed.
    ///
    /// # Errors
    /// Somebody else reviews here; the decisions are about other results; a file is damaged or was changed: names file and line.
    pub fn open(folder: &Path, pin: &Pin) -> anyhow::Result<DecisionLog> {
        let path = folder.join(HISTORY);
        let (shown, folder_shown) = (path.display().to_string(), folder.display());
        let was_there = path.exists();
        if !was_there && folder.join(REVIEWED).exists() {
            bail!(
                "{folder_shown} has a {REVIEWED} without its {HISTORY}: put the history back, or move {REVIEWED} away"
            );
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let history = options
            .open(&path)
            .with_context(|| format!("cannot write {shown}"))?;
        match history.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "somebody else reviews {folder_shown} now ({HISTORY} is locked): wait until they quit, or review a copy"
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {shown}"));
            }
        }
        let mut lines = HashSet::new();
        let (newest, whole) = scan(&path, &history, Some(&mut lines))?;
        match pin.check(folder)? {
            Some(()) => {}
            None if whole > header().len() as u64 => bail!(
                "{folder_shown} has a {HISTORY} without {PIN}, which says what results it is about: put {PIN} back, or move \
                 {HISTORY} and {REVIEWED} away"
            ),
            None => pin.write(folder)?,
        }
        check_reviewed(&folder.join(REVIEWED), &lines)?;
        let made_ready = || -> std::io::Result<u64> {
            history.set_len(whole)?;
            let mut bytes = whole;
            if bytes == 0 {
                (&history).seek(SeekFrom::Start(0))?;
                (&history).write_all(&header())?;
                bytes = header().len() as u64;
            }
            history.sync_all()?;
            sync_folder(folder)?;
            Ok(bytes)
        };
        let bytes = made_ready().with_context(|| format!("cannot write {shown}"))?;
        let mut log = DecisionLog {
            folder: folder.to_path_buf(),
            path,
            history,
            bytes,
            is_behind: was_there,
            newest,
        };
        log.fold()?;
        Ok(log)
    }

    /// The newest decisions.
    pub fn newest(&self) -> &Newest {
        &self.newest
    }

    /// Keeps a decision: when this returns, it is on the disk.
    ///
    /// # Errors
    /// It cannot be written; then it was not made, and the history is as before.
    pub fn decide(&mut self, decision: &Decision) -> anyhow::Result<()> {
        let line = decision.line();
        let start = self.bytes;
        let mut append = || -> std::io::Result<()> {
            self.history.seek(SeekFrom::Start(start))?;
            self.history.write_all(&line)?;
            self.history.sync_data()
        };
        if let Err(error) = append() {
            // What was written of it is taken back; where that fails too, the next start does it.
            let _ = self.history.set_len(start);
            return Err(error).with_context(|| format!("cannot write {}", self.path.display()));
        }
        self.bytes += line.len() as u64;
        let place = Place {
            start,
            bytes: line.len() as u32,
            verdict: decision.verdict,
        };
        self.newest.put(decision.row, place);
        self.is_behind = true;
        if self.newest.bytes <= SMALL_BYTES {
            // The decision is kept already: what fails here is done again on quitting, and said there.
            let _ = self.fold();
        }
        Ok(())
    }

    /// Takes a row's decision back.
    ///
    /// # Errors
    /// As [`DecisionLog::decide`].
    pub fn undo(&mut self, undo: Undo) -> anyhow::Result<()> {
        self.decide(&undo.into())
    }

    /// A row's newest decision.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn decision(&mut self, row: RowNo) -> anyhow::Result<Option<Decision>> {
        let Some(place) = self.newest.places.get(&row) else {
            return Ok(None);
        };
        let damaged = || format!("{} is damaged at byte {}", self.path.display(), place.start);
        let mut line = vec![0; place.bytes as usize];
        self.history.seek(SeekFrom::Start(place.start))?;
        self.history.read_exact(&mut line).with_context(damaged)?;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&line[..]);
        let mut record = StringRecord::new();
        reader.read_record(&mut record).with_context(damaged)?;
        let decision = Decision::of_record(&record).map_err(anyhow::Error::msg);
        decision.with_context(damaged).map(Some)
    }

    /// Writes reviewed.csv from the history, if it lags behind.
    ///
    /// # Errors
    /// It cannot be written; the history has everything all the same.
    pub fn fold(&mut self) -> anyhow::Result<()> {
        if !self.is_behind {
            return Ok(());
        }
        let (history, places) = (&self.history, &self.newest.places);
        replace(&self.folder, REVIEWED, |file| {
            let mut to = BufWriter::with_capacity(1 << 18, file);
            let mut from = BufReader::with_capacity(1 << 18, history);
            to.write_all(&header())?;
            let mut at = from.seek(SeekFrom::Start(0))?;
            let mut line = Vec::new();
            for place in places.values() {
                from.seek_relative(place.start as i64 - at as i64)?;
                line.resize(place.bytes as usize, 0);
                from.read_exact(&mut line)?;
                to.write_all(&line)?;
                at = place.start + u64::from(place.bytes);
            }
            to.flush()
        })?;
        self.is_behind = false;
        Ok(())
    }
}

/// Whether somebody reviews in this folder now.
pub fn in_use(folder: &Path) -> bool {
    let history = File::open(folder.join(HISTORY));
    history.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Reads a history: the newest decisions, and how many bytes of it are whole lines. Digests of the lines go into `lines`.
fn scan(
    path: &Path,
    history: &File,
    mut lines: Option<&mut HashSet<u64>>,
) -> anyhow::Result<(Newest, u64)> {
    let mut newest = Newest::default();
    let length = history.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 18, history);
    file.seek(SeekFrom::Start(0))?;
    if !begins(&mut file)? {
        // Killed while its first line was written: nothing was decided yet.
        let mut begun = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        (&mut file)
            .take(header().len() as u64)
            .read_to_end(&mut begun)?;
        if header().starts_with(&begun) {
            return Ok((newest, 0));
        }
        bail!(
            "{} is no history of decisions: its first line is another",
            path.display()
        );
    }
    let ends_whole = ends_with_line_end(history, length)?;
    file.seek(SeekFrom::Start(0))?;
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
    reader.headers()?;
    let mut record = StringRecord::new();
    let mut good = reader.position().byte();
    loop {
        let (start, line) = (reader.position().byte(), reader.position().line());
        let damaged = |what: String| anyhow::anyhow!("{}, line {line}: {what}", path.display());
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => return Err(damaged(said(&error))),
        }
        let end = reader.position().byte();
        let is_last = end >= length;
        if is_last && (!ends_whole || record.len() < COLUMNS.len()) {
            // Cut while it was written: it was never said to be made.
            break;
        }
        let decision = Decision::of_record(&record).map_err(damaged)?;
        if let Some(lines) = &mut lines {
            lines.insert(digest(&record));
        }
        let place = Place {
            start,
            bytes: (end - start) as u32,
            verdict: decision.verdict,
        };
        newest.put(decision.row, place);
        good = end;
    }
    Ok((newest, good))
}

fn begins(file: &mut impl Read) -> std::io::Result<bool> {
    let mut begun = Vec::new();
    file.take(header().len() as u64).read_to_end(&mut begun)?;
    Ok(begun == header())
}

fn ends_with_line_end(mut file: &File, length: u64) -> std::io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// reviewed.csv only ever holds lines of the history: others were written by somebody else, and writing it anew would lose them.
fn check_reviewed(path: &Path, history: &HashSet<u64>) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let shown = path.display();
    let file = fs::File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
    let advice = format!(
        "decisions are made with annexa review; move {REVIEWED} away, and it is written anew from {HISTORY}"
    );
    let header = reader
        .headers()
        .map_err(|error| anyhow::anyhow!("{shown}, line 1: {}", said(&error)))?;
    if header.iter().ne(COLUMNS) {
        bail!("{shown}, line 1: other columns than annexa review writes; {advice}");
    }
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => bail!("{shown}, line {line}: {}; {advice}", said(&error)),
        }
        if !history.contains(&digest(&record)) {
            bail!(
                "{shown}, line {line}: it does not stand in {HISTORY}, somebody else changed it; {advice}"
            );
        }
    }
}

/// What the reader says of a record, without its place, which the caller names, and without its content.
fn said(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "bytes that are no UTF-8".to_string(),
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => "it cannot be read as CSV".to_string(),
    }
}

fn digest(record: &StringRecord) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    for field in record {
        hasher.write_usize(field.len());
        hasher.write(field.as_bytes());
    }
    hasher.finish()
}
