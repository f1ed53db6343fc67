//! Reads an input from a stream, once and in bounded memory: its layout, then chunk after chunk with the chunk's bytes.

use std::io::{self, Cursor, Read};

use super::error::InputError;
use super::header::{HEAD_BYTES, InputOptions, Layout, layout};
use super::normalise::{Normalise, needs_normalising, normalised};
use super::scanner::{ChunkRange, ScanSummary, Scanner};

const SLICE_BYTES: usize = 256 * 1024;
/// Enough for every compression's first bytes.
const MAGIC_BYTES: usize = 64;

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The input is refused.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The source failed.
    #[error(
        "reading the input failed at byte {byte}: {source}; check the file or the drive it is on, then start again"
    )]
    Io {
        /// How far the (normalised) text had been read.
        byte: u64,
        /// What failed.
        source: io::Error,
    },
}

impl StreamError {
    fn at(byte: u64, source: io::Error) -> Self {
        match InputError::from_io(&source) {
            Some(input) => StreamError::Input(input.clone()),
            None => StreamError::Io { byte, source },
        }
    }
}

/// An input whose head has been read.
pub struct Opened<'a> {
    /// What its head says.
    pub layout: Layout,
    /// What its bytes go through, if they are not UTF-8 text as they are.
    pub normalise: Option<Normalise>,
    /// The whole UTF-8 text, from byte 0.
    pub text: Box<dyn Read + Send + 'a>,
}

/// Reads the head of an input, and unpacks and decodes it where needed.
///
/// # Errors
/// When the input is refused, or its source fails.
pub fn open<'a, R: Read + Send + 'a>(
    mut source: R,
    opts: &InputOptions,
) -> Result<Opened<'a>, StreamError> {
    let magic = read_up_to(&mut source, MAGIC_BYTES).map_err(|e| StreamError::at(0, e))?;
    let normalise = needs_normalising(&magic, opts);
    let whole = Cursor::new(magic).chain(source);
    let mut text: Box<dyn Read + Send + 'a> = match &normalise {
        Some(n) => normalised(whole, n)?,
        None => Box::new(whole),
    };
    let wanted = HEAD_BYTES.max(opts.max_record_bytes.saturating_add(SLICE_BYTES));
    let head = read_up_to(&mut text, wanted).map_err(|e| StreamError::at(0, e))?;
    let layout = layout(&head, head.len() < wanted, opts)?;
    Ok(Opened {
        layout,
        normalise,
        text: Box::new(Cursor::new(head).chain(text)),
    })
}

fn read_up_to<R: Read>(source: &mut R, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    source.take(bytes as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Scans a text from byte 0 and hands each chunk to `visit`, with the bytes that [`RowReader`](super::RowReader) needs.
/// Memory holds one chunk at most.
///
/// # Errors
/// When the source fails, its packed data is damaged, or `visit` fails.
pub fn visit_chunks<R, E>(
    mut text: R,
    layout: &Layout,
    chunk_rows: u32,
    mut visit: impl FnMut(&ChunkRange, &[u8]) -> Result<(), E>,
) -> Result<ScanSummary, E>
where
    R: Read,
    E: From<StreamError>,
{
    let mut scanner = Scanner::new(layout, chunk_rows);
    let mut slice = vec![0; SLICE_BYTES];
    let mut held = Held::new(layout);
    let mut ranges = Vec::new();
    loop {
        let n = match text.read(&mut slice) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(StreamError::at(scanner.position(), e).into()),
        };
        held.add(scanner.position(), &slice[..n]);
        let summary = if n == 0 {
            Some(scanner.finish(&mut ranges))
        } else {
            scanner.push(&slice[..n], &mut ranges);
            None
        };
        for range in ranges.drain(..) {
            visit(&range, held.chunk(&range, layout))?;
        }
        if let Some(summary) = summary {
            return Ok(summary);
        }
        held.forget_before(scanner.open_chunk_start());
    }
}

/// The bytes of the chunk that is not complete yet, up to the number that its reader needs.
struct Held {
    base: u64,
    bytes: Vec<u8>,
    most: usize,
    /// The latest slice and where it starts, if what is held ends before it. The bytes between are the rest of a chunk
    /// that no reader needs, and a chunk that starts after them starts in this slice: the scanner opens a chunk as soon as it
    /// meets the record that starts it.
    latest: Vec<u8>,
    latest_base: u64,
}

impl Held {
    fn new(layout: &Layout) -> Self {
        let endless = ChunkRange {
            chunk: 0,
            start: 0,
            end: u64::MAX,
            first_row: 1,
            rows: 0,
        };
        Held {
            base: 0,
            bytes: Vec::new(),
            most: usize::try_from(endless.read_bytes(layout)).unwrap_or(usize::MAX),
            latest: Vec::new(),
            latest_base: 0,
        }
    }

    fn add(&mut self, position: u64, slice: &[u8]) {
        if self.base + self.bytes.len() as u64 == position {
            self.bytes.extend_from_slice(slice);
        } else {
            self.latest_base = position;
            self.latest.extend_from_slice(slice);
        }
    }

    fn chunk(&self, range: &ChunkRange, layout: &Layout) -> &[u8] {
        let in_latest = !self.latest.is_empty() && range.start >= self.latest_base;
        let (base, bytes) = if in_latest {
            (self.latest_base, &self.latest)
        } else {
            (self.base, &self.bytes)
        };
        let from = (range.start - base) as usize;
        &bytes[from..from + range.read_bytes(layout) as usize]
    }

    fn forget_before(&mut self, start: u64) {
        if !self.latest.is_empty() && start >= self.latest_base {
            self.base = start;
            self.bytes.clear();
            let from = (start - self.latest_base) as usize;
            self.bytes.extend_from_slice(&self.latest[from..]);
        } else {
            let done = ((start - self.base) as usize).min(self.bytes.len());
            self.bytes.drain(..done);
            self.base += done as u64;
        }
        self.latest.clear();
        self.bytes.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Terminator;

    #[test]
    fn no_more_is_held_of_a_chunk_than_its_reader_needs() {
        let layout = Layout {
            delimiter: b',',
            bom: false,
            terminator: Terminator::Lf,
            columns: vec!["id".to_owned(), "mdr_text".to_owned()],
            id_index: 0,
            text_index: 1,
            data_start_byte: 0,
            scanner_version: 1,
            max_record_bytes: 100,
        };
        let mut held = Held::new(&layout);
        for slice in 0..50u64 {
            held.add(slice * 1000, &[b'x'; 1000]);
            held.forget_before(0);
            assert!(held.bytes.len() <= 8 * 100 + 100 + 2 && held.latest.is_empty());
        }
        held.add(50_000, b"x\n2,b\n");
        held.forget_before(50_002);
        assert_eq!((held.base, &held.bytes[..]), (50_002, &b"2,b\n"[..]));
    }
}
