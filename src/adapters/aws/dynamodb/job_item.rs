//! A job as an item: its record without counters, and what the ledger keeps beside it about what was sent. Compressed,
//! since a plan repeats every column's name and the item is written with each block of chunks that is taken.

use serde::{Deserialize, Serialize};

use super::item::{Item, Reader, bytes, text, under};
use super::keys::Key;
use super::packed::{pack, unpack};
use super::write::VERSION;
use crate::core::ids::{ChunkNo, JobId};
use crate::core::job::{Counters, JobRecord};
use crate::ports::error::{PortError, PortResult};

/// The record; the first byte says how it is written.
const RECORD: &str = "d";
/// Deflated JSON.
const FORMAT: u8 = 1;
/// The state, for people who look at the table.
const STATE: &str = "state";
/// Blocks of sent chunks whose times are kept apart.
const MAX_BLOCKS: usize = 32;

/// A job, what was sent of it, and the version of its item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeptJob {
    /// Without counters, unless they were read too.
    pub(super) job: JobRecord,
    /// What was sent.
    pub(super) sent: Sent,
    /// 0: there is no item yet.
    pub(super) version: u64,
}

/// What is known of the chunks that were sent, beyond that they were.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sent {
    /// All chunks below are final: neither sweep nor park has to look there.
    pub(super) done_upto: ChunkNo,
    /// When chunks were sent first: up to which (not included), and when in Unix milliseconds. A chunk without an item has
    /// no other time. In order; what lies below `done_upto` is dropped.
    blocks: Vec<(ChunkNo, u64)>,
}

impl Sent {
    /// All chunks up to `upto` were sent, and each has an item that says when.
    pub(super) fn all(upto: ChunkNo) -> Sent {
        Sent {
            done_upto: 0,
            blocks: vec![(upto, 0)],
        }
    }

    /// Chunks up to `upto` were taken now.
    pub(super) fn push(&mut self, upto: ChunkNo, now_ms: u64) {
        match self.blocks.last_mut() {
            Some((last, ms)) if *ms == now_ms => *last = upto,
            _ => self.blocks.push((upto, now_ms)),
        }
        // Two blocks that lie close in time become one of the later time: the sweep comes a little later, never too soon.
        if self.blocks.len() > MAX_BLOCKS {
            let gap = |at: &usize| self.blocks[at + 1].1.saturating_sub(self.blocks[*at].1);
            let closest = (0..self.blocks.len() - 1).min_by_key(gap).unwrap_or(0);
            self.blocks.remove(closest);
        }
    }

    /// When `chunk` was sent first; none: it was not, or is known to be final.
    pub(super) fn sent_ms(&self, chunk: ChunkNo) -> Option<u64> {
        let block = self.blocks.iter().find(|(upto, _)| chunk < *upto);
        block.map(|(_, ms)| *ms).filter(|_| chunk >= self.done_upto)
    }

    /// All chunks below `upto` are final.
    pub(super) fn set_done(&mut self, upto: ChunkNo) {
        self.done_upto = upto;
        self.blocks.retain(|(block, _)| *block > upto);
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    job: JobRecord,
    sent: Sent,
}

impl KeptJob {
    /// The item, without its version.
    pub(super) fn to_item(&self) -> PortResult<Item> {
        let stored = Stored {
            job: JobRecord {
                counters: Counters::default(),
                ..self.job.clone()
            },
            sent: self.sent.clone(),
        };
        let id = &self.job.job_id;
        let json = serde_json::to_vec(&stored)
            .map_err(|error| PortError::bug(format!("job {id} cannot be written ({error})")))?;
        let mut record = vec![FORMAT];
        record.extend(pack(&json, &[])?);
        let mut item = under(&Key::job(id));
        item.insert(RECORD.to_string(), bytes(record));
        item.insert(STATE.to_string(), text(self.job.state()));
        Ok(item)
    }

    /// A job from its item.
    pub(super) fn from_item(item: &Item) -> PortResult<KeptJob> {
        let reader = Reader(item);
        let odd = || reader.odd(RECORD);
        let packed = match reader.bytes(RECORD)? {
            [FORMAT, packed @ ..] => packed,
            _ => return Err(odd()),
        };
        let json = unpack(packed, &[]).ok_or_else(odd)?;
        let Stored { job, sent } = serde_json::from_slice(&json).map_err(|_| odd())?;
        let version = reader.number(VERSION)?;
        Ok(KeptJob { job, sent, version })
    }
}

/// An unknown job is a bug of whoever asks.
pub(super) fn unknown(job_id: &JobId) -> PortError {
    PortError::bug(format!("job {job_id} is not in the ledger"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i4_blocks_that_are_joined_take_the_later_time() {
        let mut sent = Sent::default();
        for n in 1..=40u32 {
            sent.push(n * 10, u64::from(n) * 1_000);
        }
        assert_eq!(sent.blocks.len(), MAX_BLOCKS);
        for chunk in 0..400u32 {
            let exact = u64::from(chunk / 10 + 1) * 1_000;
            let kept = sent.sent_ms(chunk).unwrap();
            assert!(kept >= exact && kept <= exact + 9_000, "{chunk}: {kept}");
        }
        assert_eq!(sent.sent_ms(400), None);
    }

    #[test]
    fn what_is_done_needs_no_time() {
        let mut sent = Sent::default();
        sent.push(3, 10);
        sent.push(5, 10);
        sent.push(9, 20);
        assert_eq!(sent.blocks, [(5, 10), (9, 20)]);
        sent.set_done(6);
        assert_eq!(sent.blocks, [(9, 20)]);
        assert_eq!((sent.sent_ms(5), sent.sent_ms(6)), (None, Some(20)));
    }
}
