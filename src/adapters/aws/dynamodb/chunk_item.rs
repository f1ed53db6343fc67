//! A chunk as an item: short names, numbers left out where they are 0, digests and tallies as bytes. Under 1 KB also when
//! committed, so that a write of it costs one unit.

use super::counters::{TALLY_NUMBERS, numbers_of, tally_of};
use super::item::{Item, Reader, bytes, number, text, under};
use super::keys::Key;
use super::packed::{put_number, take_number};
use super::write::VERSION;
use crate::core::chunk::{ChunkRange, ChunkRecord, ChunkStatus, Commit, Isolation, Lease};
use crate::core::identity::hex;
use crate::core::ids::ChunkKey;
use crate::core::money::NanoUsd;
use crate::ports::error::PortResult;

/// Attributes that operations under a claim move without reading the item.
pub(super) const EPOCH: &str = "e";
pub(super) const OWNER: &str = "o";
pub(super) const UNTIL_MS: &str = "u";
pub(super) const TOUCHED_MS: &str = "t";
pub(super) const INTENDED: &str = "i";
pub(super) const ABANDONED: &str = "a";
pub(super) const RESERVED: &str = "r";
pub(super) const SPENT: &str = "p";
pub(super) const CURSOR: &str = "c";
pub(super) const STATUS: &str = "s";

const FAILED: &str = "f";
const LOST: &str = "l";
const POSSIBLY_SPENT: &str = "q";
const STRIKES: &str = "k";
const RANGE: &str = "g";
const REASON: &str = "z";
const BLOB: &str = "b";
const SHA256: &str = "h";
const BYTES: &str = "n";
const COMMIT_EPOCH: &str = "m";
const TALLY: &str = "y";
/// What the names of an earlier generation's commit begin with.
const PREVIOUS: &str = "_";

/// A chunk and the version of its item; 0: it has none yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeptChunk {
    pub(super) record: ChunkRecord,
    pub(super) version: u64,
}

/// The item for `chunk`, without its version.
pub(super) fn to_item(key: &ChunkKey, chunk: &ChunkRecord) -> Item {
    let mut item = under(&Key::chunk(key));
    let mut put = |name: &str, value| item.insert(name.to_string(), value);
    let ChunkRange {
        chunk: _,
        start,
        end,
        first_row,
        rows,
    } = chunk.range;
    let mut range = Vec::new();
    for part in [start, end, first_row, u64::from(rows)] {
        put_number(&mut range, part);
    }
    put(RANGE, bytes(range));
    put(STATUS, number(chunk.status.number()));
    put(EPOCH, number(chunk.epoch));
    put(TOUCHED_MS, number(chunk.touched_ms));
    for (name, count) in [
        (FAILED, u64::from(chunk.failed_attempts)),
        (ABANDONED, u64::from(chunk.abandoned_claims)),
        (INTENDED, chunk.intended_calls),
        (LOST, chunk.lost_calls),
        (RESERVED, chunk.reserved.0),
        (SPENT, chunk.spent.0),
        (POSSIBLY_SPENT, chunk.possibly_spent.0),
    ] {
        if count > 0 {
            put(name, number(count));
        }
    }
    if let Some(Lease { owner, until_ms }) = &chunk.lease {
        put(OWNER, text(owner));
        put(UNTIL_MS, number(until_ms));
    }
    if let Some(Isolation { cursor, strikes }) = &chunk.isolation {
        let strikes: Vec<String> = strikes
            .iter()
            .map(|(row, n)| format!("{row}:{n}"))
            .collect();
        put(STRIKES, text(strikes.join(",")));
        if let Some(row) = cursor {
            put(CURSOR, number(row));
        }
    }
    match &chunk.status {
        ChunkStatus::Open | ChunkStatus::Parked => {}
        ChunkStatus::Quarantined { reason } => {
            item.insert(REASON.to_string(), text(reason));
        }
        ChunkStatus::Committed(commit) => put_commit(&mut item, "", commit),
    }
    if let Some(commit) = &chunk.previous {
        put_commit(&mut item, PREVIOUS, commit);
    }
    item
}

/// A commit's attributes, under names that begin with `prefix`.
fn put_commit(item: &mut Item, prefix: &str, commit: &Commit) {
    let Commit {
        epoch,
        blob_key,
        sha256,
        bytes: length,
        tally,
    } = commit;
    let mut counts = Vec::new();
    for count in numbers_of(tally) {
        put_number(&mut counts, count);
    }
    for (name, value) in [
        (BLOB, text(blob_key)),
        (SHA256, unhex(sha256).map_or(text(sha256), bytes)),
        (BYTES, number(length)),
        (COMMIT_EPOCH, number(epoch)),
        (TALLY, bytes(counts)),
    ] {
        item.insert(format!("{prefix}{name}"), value);
    }
}

/// The chunk of `key` from its item.
pub(super) fn from_item(key: &ChunkKey, item: &Item) -> PortResult<KeptChunk> {
    let reader = Reader(item);
    let mut range = reader.bytes(RANGE)?;
    let mut part = || take_number(&mut range).ok_or_else(|| reader.odd(RANGE));
    let range = ChunkRange {
        chunk: key.chunk,
        start: part()?,
        end: part()?,
        first_row: part()?,
        rows: u32::try_from(part()?).map_err(|_| reader.odd(RANGE))?,
    };
    let lease = match reader.text(OWNER) {
        None => None,
        Some(owner) => Some(Lease {
            owner: owner.to_string(),
            until_ms: reader.number(UNTIL_MS)?,
        }),
    };
    let isolation = match reader.text(STRIKES) {
        None => None,
        Some(strikes) => Some(Isolation {
            cursor: reader.maybe(CURSOR)?,
            strikes: strikes_of(strikes).ok_or_else(|| reader.odd(STRIKES))?,
        }),
    };
    let record = ChunkRecord {
        range,
        status: status_of(&reader)?,
        epoch: reader.number(EPOCH)?,
        lease,
        failed_attempts: reader.number(FAILED)?,
        abandoned_claims: reader.number(ABANDONED)?,
        isolation,
        intended_calls: reader.number(INTENDED)?,
        lost_calls: reader.number(LOST)?,
        reserved: NanoUsd(reader.number(RESERVED)?),
        spent: NanoUsd(reader.number(SPENT)?),
        possibly_spent: NanoUsd(reader.number(POSSIBLY_SPENT)?),
        touched_ms: reader.number(TOUCHED_MS)?,
        previous: match reader.text(&format!("{PREVIOUS}{BLOB}")) {
            None => None,
            Some(_) => Some(commit_of(&reader, PREVIOUS)?),
        },
    };
    let version = reader.number(VERSION)?;
    Ok(KeptChunk { record, version })
}

fn status_of(reader: &Reader<'_>) -> PortResult<ChunkStatus> {
    Ok(match reader.number::<u8>(STATUS)? {
        0 => ChunkStatus::Open,
        1 => ChunkStatus::Parked,
        2 => ChunkStatus::Committed(commit_of(reader, "")?),
        3 => {
            let reason = reader.text(REASON).ok_or_else(|| reader.odd(REASON))?;
            ChunkStatus::Quarantined {
                reason: reason.to_string(),
            }
        }
        _ => return Err(reader.odd(STATUS)),
    })
}

fn commit_of(reader: &Reader<'_>, prefix: &str) -> PortResult<Commit> {
    let name = |name: &str| format!("{prefix}{name}");
    let (blob, digest, counts) = (name(BLOB), name(SHA256), name(TALLY));
    let blob_key = reader.text(&blob).ok_or_else(|| reader.odd(&blob))?;
    let sha256 = match reader.text(&digest) {
        Some(odd_one) => odd_one.to_string(),
        None => hex(reader.bytes(&digest)?),
    };
    let (mut packed, mut tally) = (reader.bytes(&counts)?, [0; TALLY_NUMBERS]);
    for count in &mut tally {
        *count = take_number(&mut packed).ok_or_else(|| reader.odd(&counts))?;
    }
    Ok(Commit {
        epoch: reader.number(&name(COMMIT_EPOCH))?,
        blob_key: blob_key.to_string(),
        sha256,
        bytes: reader.number(&name(BYTES))?,
        tally: tally_of(&tally),
    })
}

fn strikes_of(text: &str) -> Option<std::collections::BTreeMap<u64, u32>> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (row, strikes) = pair.split_once(':')?;
            Some((row.parse().ok()?, strikes.parse().ok()?))
        })
        .collect()
}

/// The bytes of a digest in lower-case hex; none: it is something else, and is kept as the text that it is.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_digest =
        text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
#[path = "chunk_item_tests.rs"]
mod tests;
