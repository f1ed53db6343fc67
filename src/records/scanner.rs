//! The push scanner: cuts a stream of CSV bytes into chunks of whole records by byte range, in bounded memory.

use serde::{Deserialize, Serialize};

use super::header::Layout;
use super::machine::{Broken, Event, Machine, Window};
use super::row::RowFault;

/// How much of a slice is joined to a record that was cut at the end of the slice before, at a time.
const PIECE_BYTES: usize = 8 * 1024;
/// How many failed records are remembered with their place.
const FIRST_FAILED: usize = 10;

pub use crate::core::chunk::ChunkRange;

impl ChunkRange {
    /// How many bytes from `start` on are enough to read the chunk's rows. Less than the whole range only where a line
    /// beyond the maximum size, or a long run of empty lines, ends the chunk; so a reader's memory is bounded.
    pub fn read_bytes(&self, layout: &Layout) -> u64 {
        let enough = layout
            .chunk_limit_bytes()
            .saturating_add(layout.max_record_bytes)
            .saturating_add(2);
        (self.end - self.start).min(enough)
    }
}

/// Where a record failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedPlace {
    /// The row's number from 1.
    pub row: u64,
    /// Where its record starts in the file.
    pub byte: u64,
    /// [`RowFault::name`].
    pub fault: String,
}

/// What a scan came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanSummary {
    /// All rows, failed ones among them.
    pub rows: u64,
    /// The file's length in bytes, header included.
    pub bytes: u64,
    /// How many chunks were cut.
    pub chunks: u32,
    /// Rows whose record is broken: the sum of the two below.
    pub failed_records: u64,
    /// Broken records that run over the end of their line inside quotes and are not complete within the maximum size or at the end of the file.
    pub quote_not_closed: u64,
    /// Lines that are longer than the maximum record size.
    pub record_too_long: u64,
    /// The first ten of them.
    pub first_failed: Vec<FailedPlace>,
}

/// Finds the chunks of a file in one pass.
///
/// Bytes are pushed in order, in slices of any size, from byte 0 (the header is passed over). Chunks do not depend on how the bytes
/// were sliced. It keeps at most a record of the maximum size and a slice's rest in memory, and its work is linear in the
/// length of the file, whatever the file holds.
#[derive(Debug, Clone)]
pub struct Scanner {
    machine: Machine,
    data_start: u64,
    chunk_limit: u64,
    chunk_rows: u32,
    /// The byte that the next slice starts with.
    position: u64,
    /// The start of a record that was cut by the end of the last slice; `carry[0]` is byte `carry_base`.
    carry: Vec<u8>,
    carry_base: u64,
    cutter: Cutter,
}

/// Counts records into chunks.
#[derive(Debug, Clone)]
struct Cutter {
    open: ChunkRange,
    summary: ScanSummary,
}

impl Scanner {
    /// A scanner for a file of this layout, with at most `chunk_rows` rows a chunk (0 counts as 1).
    pub fn new(layout: &Layout, chunk_rows: u32) -> Self {
        Self::from(layout, chunk_rows, 0, layout.data_start_byte, 0, 1)
    }

    /// A scanner that goes on after a range that an earlier scan of the same file has found. Bytes are pushed from
    /// `done.end` on; its summary counts all rows from the start, but failed ones only from here.
    pub fn resume(layout: &Layout, chunk_rows: u32, done: &ChunkRange) -> Self {
        let next_row = done.first_row + u64::from(done.rows);
        Self::from(
            layout,
            chunk_rows,
            done.end,
            done.end,
            done.chunk + 1,
            next_row,
        )
    }

    fn from(
        layout: &Layout,
        chunk_rows: u32,
        position: u64,
        data_start: u64,
        chunk: u32,
        first_row: u64,
    ) -> Self {
        Scanner {
            machine: Machine::new(layout.delimiter, layout.max_record_bytes, data_start),
            data_start,
            chunk_limit: layout.chunk_limit_bytes(),
            chunk_rows: chunk_rows.max(1),
            position,
            carry: Vec::new(),
            carry_base: data_start,
            cutter: Cutter {
                open: ChunkRange {
                    chunk,
                    start: data_start,
                    end: data_start,
                    first_row,
                    rows: 0,
                },
                summary: ScanSummary {
                    rows: first_row - 1,
                    chunks: chunk,
                    ..ScanSummary::default()
                },
            },
        }
    }

    /// The byte of the file that the next slice must start with.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Where the chunk starts that is not complete yet.
    pub fn open_chunk_start(&self) -> u64 {
        self.cutter.open.start
    }

    /// Takes the file's next bytes and appends the chunks that are complete with them.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<ChunkRange>) {
        let mut base = self.position;
        self.position += bytes.len() as u64;
        let mut fresh = bytes;
        if base < self.data_start {
            let header = (self.data_start - base).min(fresh.len() as u64);
            fresh = &fresh[header as usize..];
            base += header;
        }
        let mut taken = 0;
        while !self.carry.is_empty() {
            if self.machine.needs_from() >= base {
                self.carry.clear();
                break;
            }
            if taken == fresh.len() {
                return;
            }
            let piece = PIECE_BYTES.min(fresh.len() - taken);
            self.carry.extend_from_slice(&fresh[taken..taken + piece]);
            taken += piece;
            let carry = std::mem::take(&mut self.carry);
            self.run(self.carry_base, &carry, false, out);
            self.carry = carry;
            self.compact();
        }
        if fresh.is_empty() {
            return;
        }
        self.run(base, fresh, false, out);
        let from = self.machine.needs_from();
        self.carry_base = from;
        self.carry
            .extend_from_slice(&fresh[(from - base) as usize..]);
    }

    /// The file ends here: appends the last chunk and says what was found.
    pub fn finish(&mut self, out: &mut Vec<ChunkRange>) -> ScanSummary {
        if self.position >= self.data_start {
            let carry = std::mem::take(&mut self.carry);
            let base = self.position - carry.len() as u64;
            self.run(base, &carry, true, out);
        }
        self.cutter.close(self.position.max(self.data_start), out);
        let mut summary = std::mem::take(&mut self.cutter.summary);
        summary.bytes = self.position;
        summary
    }

    fn run(&mut self, base: u64, bytes: &[u8], at_end: bool, out: &mut Vec<ChunkRange>) {
        let window = Window {
            base,
            bytes,
            at_end,
        };
        loop {
            let (start, broken) = match self.machine.next(&window) {
                Event::More => break,
                Event::Record { start, .. } => (start, None),
                Event::Failed { start, why, .. } => (start, Some(why)),
            };
            self.record_at(start, out);
            self.cutter.count(start, broken);
        }
        // A record that has begun is a row, however it ends; so the chunk before it is complete now.
        if let Some(start) = self.machine.record_start() {
            self.record_at(start, out);
        }
    }

    /// Ends the open chunk where it is full and a record starts. A record that starts in a chunk does so within the chunk's
    /// first `chunk_limit` bytes, which bounds what its reader needs.
    fn record_at(&mut self, start: u64, out: &mut Vec<ChunkRange>) {
        let open = &self.cutter.open;
        if open.rows >= self.chunk_rows || start - open.start >= self.chunk_limit {
            self.cutter.close(start, out);
        }
    }

    /// Forgets the carried bytes that no record needs, once they are the larger part.
    fn compact(&mut self) {
        let done = (self.machine.needs_from() - self.carry_base) as usize;
        if done > self.carry.len() / 2 {
            self.carry.drain(..done);
            self.carry_base += done as u64;
        }
    }
}

impl Cutter {
    /// Ends the open chunk before byte `end`, and opens the next one there. A chunk without rows only moves.
    fn close(&mut self, end: u64, out: &mut Vec<ChunkRange>) {
        let mut done = self.open;
        self.open.start = end;
        self.open.end = end;
        if done.rows == 0 {
            return;
        }
        done.end = end;
        out.push(done);
        self.summary.chunks += 1;
        self.open.chunk += 1;
        self.open.first_row += u64::from(done.rows);
        self.open.rows = 0;
    }

    fn count(&mut self, start: u64, broken: Option<Broken>) {
        self.open.rows += 1;
        self.summary.rows += 1;
        let Some(why) = broken else { return };
        self.summary.failed_records += 1;
        match why {
            Broken::LineTooLong => self.summary.record_too_long += 1,
            Broken::QuoteOpen => self.summary.quote_not_closed += 1,
        }
        if self.summary.first_failed.len() < FIRST_FAILED {
            self.summary.first_failed.push(FailedPlace {
                row: self.summary.rows,
                byte: start,
                fault: RowFault::broken_name(why).to_owned(),
            });
        }
    }
}
