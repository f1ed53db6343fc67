//! Decodes text in another encoding to UTF-8, as a stream.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding};

use super::error::InputError;
use super::normalise::BUFFER_BYTES;
use super::sniff::{BOM, wide_encoding};

/// Decodes another encoding to UTF-8.
pub(crate) struct Transcoded<R> {
    inner: R,
    encoding: &'static Encoding,
    decoder: Decoder,
    input: Vec<u8>,
    from: usize,
    to: usize,
    started: bool,
    ended: bool,
    output: Vec<u8>,
    given: usize,
    made: usize,
    finished: bool,
}

impl<R: Read> Transcoded<R> {
    pub fn new(inner: R, encoding: &'static Encoding) -> Self {
        Transcoded {
            inner,
            encoding,
            decoder: encoding.new_decoder_without_bom_handling(),
            input: vec![0; BUFFER_BYTES],
            from: 0,
            to: 0,
            started: false,
            ended: false,
            output: vec![0; BUFFER_BYTES],
            given: 0,
            made: 0,
            finished: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        // The first fill must show a byte order mark whole.
        let least = if self.started { 1 } else { 4 };
        self.from = 0;
        self.to = 0;
        while self.to < least && !self.ended {
            match self.inner.read(&mut self.input[self.to..]) {
                Ok(0) => self.ended = true,
                Ok(n) => self.to += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if !self.started {
            self.started = true;
            self.check_mark()?;
        }
        Ok(())
    }

    fn check_mark(&self) -> io::Result<()> {
        let head = &self.input[..self.to];
        if head.starts_with(BOM) {
            return Err(InputError::EncodingContradicted {
                encoding: self.encoding.name(),
            }
            .into());
        }
        match wide_encoding(head) {
            Some(encoding) => Err(InputError::Utf16 { encoding }.into()),
            None => Ok(()),
        }
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while self.given == self.made {
            if self.finished {
                return Ok(0);
            }
            if self.from == self.to && !self.ended {
                self.fill()?;
            }
            let (result, read, written, _) = self.decoder.decode_to_utf8(
                &self.input[self.from..self.to],
                &mut self.output,
                self.ended,
            );
            self.from += read;
            self.given = 0;
            self.made = written;
            self.finished = self.ended && result == CoderResult::InputEmpty;
        }
        let n = buf.len().min(self.made - self.given);
        buf[..n].copy_from_slice(&self.output[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}
