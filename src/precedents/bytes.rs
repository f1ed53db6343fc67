//! Numbers and strings to bytes and back, every read checked.

use super::error::PrecedentsError;

/// The error for a place where the bytes are not what they should be.
pub(super) fn damaged(part: &'static str, at_bytes: usize, what: String) -> PrecedentsError {
    PrecedentsError::Damaged {
        part,
        at_bytes,
        what,
    }
}

/// A number in groups of 7 bits, lowest first.
pub(super) fn put_count(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// The four bytes of `number`.
pub(super) fn put_f32(to: &mut Vec<u8>, number: f32) {
    to.extend_from_slice(&number.to_le_bytes());
}

/// All lengths, then all letters.
pub(super) fn put_strings<'a>(to: &mut Vec<u8>, strings: impl Iterator<Item = &'a str> + Clone) {
    for string in strings.clone() {
        put_count(to, string.len());
    }
    for string in strings {
        to.extend_from_slice(string.as_bytes());
    }
}

/// Bytes that are read from front to back.
#[derive(Debug)]
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Source { bytes, at: 0 }
    }

    /// The error for what was read last.
    pub(super) fn wrong(&self, what: String) -> PrecedentsError {
        damaged("content", self.at, what)
    }

    pub(super) fn left_bytes(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PrecedentsError> {
        let left = self.left_bytes();
        if length > left {
            return Err(self.wrong(format!("{left} bytes left, {length} expected")));
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<usize, PrecedentsError> {
        let mut number = 0u64;
        for group in 0..5 {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << (7 * group);
            if byte < 0x80 {
                return Ok(number as usize);
            }
        }
        Err(self.wrong("a number of more than 35 bits".into()))
    }

    /// The number of items that follow, of which each takes `least_bytes` at least: what cannot be there is an error before
    /// memory is taken for it.
    pub(super) fn count(&mut self, least_bytes: usize) -> Result<usize, PrecedentsError> {
        let (count, left) = (self.number()?, self.left_bytes());
        if count > left / least_bytes {
            return Err(self.wrong(format!("{count} items and {left} bytes left for them")));
        }
        Ok(count)
    }

    pub(super) fn u64(&mut self) -> Result<u64, PrecedentsError> {
        let mut bytes = [0u8; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(bytes))
    }

    /// A finite number.
    pub(super) fn f32(&mut self) -> Result<f32, PrecedentsError> {
        let mut bytes = [0u8; 4];
        bytes.copy_from_slice(self.take(4)?);
        let number = f32::from_le_bytes(bytes);
        if number.is_finite() {
            Ok(number)
        } else {
            Err(self.wrong(format!("the number {number}")))
        }
    }

    pub(super) fn strings(&mut self, count: usize) -> Result<Vec<&'a str>, PrecedentsError> {
        if count > self.left_bytes() {
            return Err(self.wrong(format!("{count} strings and no room for them")));
        }
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            lengths.push(self.number()?);
        }
        let mut strings = Vec::with_capacity(count);
        for length in lengths {
            let bytes = self.take(length)?;
            let string = std::str::from_utf8(bytes)
                .map_err(|error| self.wrong(format!("a string that is not UTF-8: {error}")))?;
            strings.push(string);
        }
        Ok(strings)
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), PrecedentsError> {
        match self.left_bytes() {
            0 => Ok(()),
            left => Err(self.wrong(format!("{left} bytes left, none expected"))),
        }
    }
}
