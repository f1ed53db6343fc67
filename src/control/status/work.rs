//! Who is at work on a job now, from what can be read of it in one small read.

use serde::Serialize;

use crate::core::chunk::ChunkRecord;
use crate::core::lane::LaneRecord;
use crate::report::summary::rfc3339;

/// Who is at work. The JSON form is stable: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AtWork {
    /// Processes. In a fleet those that have a part of the model's quota now, whatever jobs they use it for; of a run its own.
    pub workers: u64,
    /// Chunks that a process holds now; none: not looked at (in a fleet that would be many reads).
    pub chunks_in_hand: Option<u64>,
    /// Tokens a minute that these processes use of the model's quota, for all jobs; none: there is no shared quota.
    pub quota_tokens_per_minute: Option<u64>,
    /// When one of them last wrote to the ledger (RFC 3339); none: not known.
    pub last_seen: Option<String>,
}

impl AtWork {
    /// By the record of the model's lane, at `now_ms` (Unix milliseconds). A part of a lane is a lease of seconds.
    pub fn in_lane(lane: &LaneRecord, now_ms: u64) -> AtWork {
        let present = || {
            lane.members
                .values()
                .filter(|member| member.until_ms > now_ms)
        };
        let told = lane.tokens.told_ms.max(lane.requests.told_ms);
        AtWork {
            workers: present().count() as u64,
            chunks_in_hand: None,
            quota_tokens_per_minute: Some(present().map(|member| member.uses.0).sum()),
            last_seen: (told > 0).then(|| rfc3339(told)),
        }
    }

    /// By the open chunks of a run on one machine. One that died holds its chunks until their leases are over.
    pub fn on_chunks(open: &[ChunkRecord], now_ms: u64) -> AtWork {
        let is_held = |chunk: &&ChunkRecord| {
            let lease = chunk.lease.as_ref();
            lease.is_some_and(|lease| lease.until_ms > now_ms)
        };
        let held = open.iter().filter(is_held).count() as u64;
        let last = open.iter().map(|chunk| chunk.touched_ms).max();
        AtWork {
            // A folder is one process's at a time.
            workers: held.min(1),
            chunks_in_hand: Some(held),
            quota_tokens_per_minute: None,
            last_seen: last.filter(|last| *last > 0).map(rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::chunk::{ChunkRange, Lease};
    use crate::core::lane::Member;

    #[test]
    fn workers_are_those_whose_lease_holds() {
        let mut lane = LaneRecord::default();
        for (name, until_ms) in [("w1", 2_000), ("w2", 900), ("w3", 5_000)] {
            let member = Member {
                until_ms,
                uses: (700, 3),
                ..Member::default()
            };
            lane.members.insert(name.to_string(), member);
        }
        let work = AtWork::in_lane(&lane, 1_000);
        assert_eq!(
            (work.workers, work.quota_tokens_per_minute),
            (2, Some(1_400))
        );
        assert_eq!(work.last_seen, None);
        assert_eq!(AtWork::in_lane(&lane, 5_000).workers, 0);
    }

    #[test]
    fn a_run_that_died_is_not_at_work_once_its_leases_are_over() {
        let chunk = |number: u32, until_ms: Option<u64>| {
            let range = ChunkRange {
                chunk: number,
                start: 0,
                end: 1,
                first_row: 1,
                rows: 1,
            };
            let mut chunk = ChunkRecord::new(range, 60_000);
            chunk.lease = until_ms.map(|until_ms| Lease {
                owner: format!("run/{number}"),
                until_ms,
            });
            chunk
        };
        let open = [
            chunk(0, Some(90_000)),
            chunk(1, Some(90_000)),
            chunk(2, None),
        ];
        let at = |now_ms| {
            let work = AtWork::on_chunks(&open, now_ms);
            (work.workers, work.chunks_in_hand)
        };
        assert_eq!(at(70_000), (1, Some(2)));
        assert_eq!(at(90_000), (0, Some(0)));
        let seen = AtWork::on_chunks(&open, 70_000).last_seen;
        assert_eq!(seen.as_deref(), Some("1970-01-01T00:01:00Z"));
    }
}
