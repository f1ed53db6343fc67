//! Small and dense: numbers of variable length, and raw deflate with an optional dictionary.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::ports::error::{PortError, PortResult};

/// No value unpacks to more: an item holds 400 KB, and what comes from a table is not trusted with all memory.
const MAX_UNPACKED_BYTES: usize = 32 << 20;

/// Compresses `bytes`; whoever unpacks needs the same dictionary.
pub(super) fn pack(bytes: &[u8], dictionary: &[u8]) -> PortResult<Vec<u8>> {
    let failed = || PortError::bug("a value for DynamoDB cannot be compressed");
    let mut deflate = Compress::new(Compression::best(), false);
    if !dictionary.is_empty() {
        deflate.set_dictionary(dictionary).map_err(|_| failed())?;
    }
    let mut packed = Vec::with_capacity(bytes.len() / 2 + 128);
    loop {
        let taken = deflate.total_in() as usize;
        let status = deflate
            .compress_vec(&bytes[taken..], &mut packed, FlushCompress::Finish)
            .map_err(|_| failed())?;
        if status == Status::StreamEnd {
            return Ok(packed);
        }
        packed.reserve(packed.capacity().max(128));
    }
}

/// The reverse of [`pack`]; none: these are not bytes that it made.
pub(super) fn unpack(packed: &[u8], dictionary: &[u8]) -> Option<Vec<u8>> {
    let mut inflate = Decompress::new(false);
    if !dictionary.is_empty() {
        inflate.set_dictionary(dictionary).ok()?;
    }
    let mut bytes = Vec::with_capacity(packed.len() * 4 + 128);
    loop {
        let (taken, given) = (inflate.total_in() as usize, bytes.len());
        let status = inflate
            .decompress_vec(&packed[taken..], &mut bytes, FlushDecompress::Finish)
            .ok()?;
        if status == Status::StreamEnd {
            return Some(bytes);
        }
        let is_stuck = inflate.total_in() as usize == taken
            && bytes.len() == given
            && bytes.len() < bytes.capacity();
        if is_stuck || bytes.len() > MAX_UNPACKED_BYTES {
            return None;
        }
        bytes.reserve(bytes.capacity());
    }
}

/// Appends `number`: seven bits a byte, the lowest first.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends how far `to` is from `from`, either way; a step of little is a byte.
pub(super) fn put_step(bytes: &mut Vec<u8>, from: u64, to: u64) {
    let step = to.wrapping_sub(from) as i64;
    put_number(bytes, (step << 1 ^ step >> 63) as u64);
}

/// Takes a number off the front; none: they end.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Takes a step off the front, and says where it leads from `from`.
pub(super) fn take_step(bytes: &mut &[u8], from: u64) -> Option<u64> {
    let folded = take_number(bytes)?;
    let step = (folded >> 1) as i64 ^ -((folded & 1) as i64);
    Some(from.wrapping_add(step as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_not_packed_is_not_unpacked() {
        let packed = pack(b"the quick brown fox", b"").unwrap();
        assert_eq!(unpack(&packed, b"").unwrap(), b"the quick brown fox");
        for end in 0..packed.len() {
            assert_eq!(unpack(&packed[..end], b""), None, "cut at {end}");
        }
        assert_eq!(unpack(&[0xff; 9], b""), None);
    }

    #[test]
    fn a_dictionary_saves_what_it_holds() {
        let text = b"a patient experienced a stroke after the procedure";
        let with = pack(text, text).unwrap();
        assert!(with.len() < 8, "{}", with.len());
        assert_eq!(unpack(&with, text).unwrap(), text);
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..5_000), dictionary in prop::collection::vec(any::<u8>(), 0..300)) {
            let packed = pack(&bytes, &dictionary).unwrap();
            prop_assert_eq!(unpack(&packed, &dictionary), Some(bytes));
        }

        #[test]
        fn numbers_and_steps_come_back(numbers in prop::collection::vec(any::<u64>(), 0..20)) {
            let mut bytes = Vec::new();
            for pair in numbers.windows(2) {
                put_number(&mut bytes, pair[0]);
                put_step(&mut bytes, pair[0], pair[1]);
            }
            let mut rest = bytes.as_slice();
            for pair in numbers.windows(2) {
                prop_assert_eq!(take_number(&mut rest), Some(pair[0]));
                prop_assert_eq!(take_step(&mut rest, pair[0]), Some(pair[1]));
            }
            prop_assert_eq!(take_number(&mut rest), None);
        }
    }
}
