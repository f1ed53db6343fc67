//! The search for record boundaries, shared by the scanner and the row reader.
//!
//! It follows the state machine of csv-core 0.1 with its default settings (`csv_core::Reader`, `transition_nfa`): a quote
//! opens a quoted field only as the first byte of a field; inside quotes everything but a quote is data and a doubled quote
//! stands for one; after a closing quote other bytes go on as an unquoted field; CR, LF and CRLF end a record; empty lines
//! are skipped. Outside quotes only line endings and quotes can matter, and a quote matters only right after a delimiter, so
//! the search jumps from one such byte to the next instead of walking through the fields.

use memchr::{memchr, memchr2, memchr3};

pub(crate) const QUOTE: u8 = b'"';

/// Bytes of the file that the machine may look at: `bytes[0]` is byte `base` of the file.
///
/// A window must reach back to [`Machine::needs_from`] and forward to every byte that the machine has seen before.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a> {
    pub base: u64,
    pub bytes: &'a [u8],
    /// Whether nothing follows: the end of the file, or of the chunk.
    pub at_end: bool,
}

impl Window<'_> {
    fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    fn slice(&self, from: u64, to: u64) -> &[u8] {
        &self.bytes[self.index(from)..self.index(to)]
    }

    fn byte(&self, at: u64) -> u8 {
        self.bytes[self.index(at)]
    }

    fn index(&self, at: u64) -> usize {
        // A window lies in memory, so that the distance fits.
        (at - self.base) as usize
    }
}

/// Why a record has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Its first line alone is longer than the maximum.
    LineTooLong,
    /// It runs over the end of its first line inside quotes, and is not complete within the maximum or at the end of the file.
    QuoteOpen,
}

/// What the machine came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The window is used up (and if it was the last one, all is done).
    More,
    /// A record: its bytes without the line ending.
    Record { start: u64, end: u64 },
    /// A record that failed on its first line. `end` is where that line ends, unless it is too long to be looked at.
    Failed {
        start: u64,
        end: Option<u64>,
        why: Broken,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between records.
    Start,
    /// In a field that is not quoted, or after one.
    Plain,
    /// Inside quotes.
    Quoted,
    /// Right after a quote inside quotes.
    Closing,
    /// In the rest of a line that is too long.
    Skip,
}

/// The boundary search: its state between two windows.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    delimiter: u8,
    max_record_bytes: u64,
    state: State,
    /// The next byte to look at.
    pos: u64,
    /// Where the current record starts.
    start: u64,
    /// How far the last failed record was followed, and in which state it was there. It passed every line ending on its way
    /// inside quotes (else it would have ended), so a later record that meets any of these line endings inside quotes
    /// comes to the same place in the same state. This keeps the search linear where record after record fails.
    frontier: Option<(u64, State)>,
}

impl Machine {
    pub fn new(delimiter: u8, max_record_bytes: u64, pos: u64) -> Self {
        Machine {
            delimiter,
            max_record_bytes,
            state: State::Start,
            pos,
            start: pos,
            frontier: None,
        }
    }

    /// The first byte that a later window must still hold.
    pub fn needs_from(&self) -> u64 {
        match self.state {
            State::Start | State::Skip => self.pos,
            State::Plain | State::Quoted | State::Closing => self.start,
        }
    }

    /// Where the record starts that is being followed, if one is.
    pub fn record_start(&self) -> Option<u64> {
        match self.state {
            State::Start | State::Skip => None,
            State::Plain | State::Quoted | State::Closing => Some(self.start),
        }
    }

    /// Goes on to the next event.
    pub fn next(&mut self, w: &Window) -> Event {
        loop {
            let event = match self.state {
                State::Start => self.between(w),
                State::Plain => self.plain(w),
                State::Quoted => self.quoted(w),
                State::Closing => self.closing(w),
                State::Skip => self.skip(w),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    fn between(&mut self, w: &Window) -> Option<Event> {
        let rest = w.slice(self.pos, w.end());
        let Some(n) = rest.iter().position(|&b| b != b'\n' && b != b'\r') else {
            self.pos = w.end();
            return Some(Event::More);
        };
        self.start = self.pos + n as u64;
        self.pos = self.start;
        if rest[n] == QUOTE {
            self.pos += 1;
            self.state = State::Quoted;
        } else {
            self.state = State::Plain;
        }
        None
    }

    fn plain(&mut self, w: &Window) -> Option<Event> {
        let limit = self.limit(w);
        let Some(n) = memchr3(b'\n', b'\r', QUOTE, w.slice(self.pos, limit)) else {
            self.pos = limit;
            return Some(self.stopped(w));
        };
        let at = self.pos + n as u64;
        self.pos = at + 1;
        if w.byte(at) != QUOTE {
            self.state = State::Start;
            return Some(Event::Record {
                start: self.start,
                end: at,
            });
        }
        // The first byte of a record is never met here, so that the byte before belongs to the record.
        if w.byte(at - 1) == self.delimiter {
            self.state = State::Quoted;
        }
        None
    }

    fn quoted(&mut self, w: &Window) -> Option<Event> {
        let limit = self.limit(w);
        if let Some((reached, state)) = self.frontier
            && self.pos < reached
        {
            let stop = limit.min(reached);
            match memchr3(QUOTE, b'\n', b'\r', w.slice(self.pos, stop)) {
                Some(n) if w.byte(self.pos + n as u64) == QUOTE => {
                    self.pos += n as u64 + 1;
                    self.state = State::Closing;
                }
                Some(_) => {
                    self.pos = reached;
                    self.state = state;
                }
                None => self.pos = stop,
            }
            return None;
        }
        match memchr(QUOTE, w.slice(self.pos, limit)) {
            Some(n) => {
                self.pos += n as u64 + 1;
                self.state = State::Closing;
                None
            }
            None => {
                self.pos = limit;
                Some(self.stopped(w))
            }
        }
    }

    fn closing(&mut self, w: &Window) -> Option<Event> {
        if self.pos == self.limit(w) {
            return Some(self.stopped(w));
        }
        if w.byte(self.pos) == QUOTE {
            self.pos += 1;
            self.state = State::Quoted;
        } else {
            self.state = State::Plain;
        }
        None
    }

    fn skip(&mut self, w: &Window) -> Option<Event> {
        match memchr2(b'\n', b'\r', w.slice(self.pos, w.end())) {
            Some(n) => {
                self.pos += n as u64;
                self.state = State::Start;
                None
            }
            None => {
                self.pos = w.end();
                Some(Event::More)
            }
        }
    }

    /// How far the current record may be followed: one byte more than the maximum shows that it is too long.
    fn limit(&self, w: &Window) -> u64 {
        w.end().min(self.over())
    }

    fn over(&self) -> u64 {
        self.start
            .saturating_add(self.max_record_bytes)
            .saturating_add(1)
    }

    /// The record goes on at the limit.
    fn stopped(&mut self, w: &Window) -> Event {
        if self.pos == self.over() {
            return self.fail(w);
        }
        if !w.at_end {
            return Event::More;
        }
        if self.state == State::Quoted {
            return self.fail(w);
        }
        self.state = State::Start;
        Event::Record {
            start: self.start,
            end: self.pos,
        }
    }

    fn fail(&mut self, w: &Window) -> Event {
        let start = self.start;
        let first_line = memchr2(b'\n', b'\r', w.slice(start, self.pos));
        if let Some(n) = first_line {
            let end = start + n as u64;
            self.frontier = Some((self.pos, self.state));
            self.pos = end;
            self.state = State::Start;
            return Event::Failed {
                start,
                end: Some(end),
                why: Broken::QuoteOpen,
            };
        }
        if self.pos == self.over() {
            self.state = State::Skip;
            return Event::Failed {
                start,
                end: None,
                why: Broken::LineTooLong,
            };
        }
        self.state = State::Start;
        Event::Failed {
            start,
            end: Some(self.pos),
            why: Broken::QuoteOpen,
        }
    }
}
