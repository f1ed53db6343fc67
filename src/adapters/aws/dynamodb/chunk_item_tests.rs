use super::super::item::billed_bytes;
use super::super::write::NONCE;
use super::*;
use crate::core::ids::JobId;
use crate::core::tally::Tally;
use std::collections::BTreeMap;

fn key() -> ChunkKey {
    ChunkKey {
        job_id: JobId("job-0123456789abcdef0123".into()),
        generation: 0,
        chunk: 9_999,
    }
}

/// A chunk in the middle of a file of a terabyte, with all that can be said of it.
fn full() -> ChunkRecord {
    let mut chunk = ChunkRecord::new(
        ChunkRange {
            chunk: 9_999,
            start: 1 << 40,
            end: (1 << 40) + 100_000,
            first_row: 999_901,
            rows: 100,
        },
        1_767_225_600_000,
    );
    chunk.epoch = 17;
    chunk.lease = Some(Lease {
        owner: format!("ip-10-0-0-1/{}/{}", "0".repeat(36), "1".repeat(16)),
        until_ms: 1_767_225_720_000,
    });
    (chunk.failed_attempts, chunk.abandoned_claims) = (4, 11);
    chunk.isolation = Some(Isolation {
        cursor: Some(999_950),
        strikes: BTreeMap::from([(999_949, 2), (999_950, 1)]),
    });
    (chunk.intended_calls, chunk.lost_calls) = (50, 123);
    chunk.reserved = NanoUsd(123_456_789);
    chunk.spent = NanoUsd(987_654_321);
    chunk.possibly_spent = NanoUsd(12_345);
    chunk
}

fn committed() -> ChunkRecord {
    let mut numbers = [0; TALLY_NUMBERS];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = 1_000_000_007 * (at as u64 + 1);
    }
    let tally: Tally = tally_of(&numbers);
    ChunkRecord {
        status: ChunkStatus::Committed(Commit {
            epoch: 17,
            blob_key: "results/job-0123456789abcdef0123/_work/00009999-17.csv".into(),
            sha256: "0123456789abcdef".repeat(4),
            bytes: 123_456,
            tally,
        }),
        lease: None,
        isolation: None,
        ..full()
    }
}

/// A chunk that is done again for its failed rows.
fn retried() -> ChunkRecord {
    let previous = match committed().status {
        ChunkStatus::Committed(commit) => Some(commit),
        _ => None,
    };
    ChunkRecord {
        previous,
        ..committed()
    }
}

#[test]
fn a_chunk_comes_back_from_its_item() {
    let mut odd_digest = committed();
    if let ChunkStatus::Committed(commit) = &mut odd_digest.status {
        commit.sha256 = "other".into();
    }
    let reason = "its rows cannot be read: \"x\", \u{bf}\n".to_string();
    let quarantined = ChunkRecord {
        status: ChunkStatus::Quarantined { reason },
        ..full()
    };
    let parked = ChunkRecord {
        status: ChunkStatus::Parked,
        isolation: Some(Isolation::default()),
        ..full()
    };
    let new = ChunkRecord::new(full().range, 0);
    let again = retried();
    for record in [
        full(),
        committed(),
        odd_digest,
        quarantined,
        parked,
        new,
        again,
    ] {
        let item = to_item(&key(), &record);
        let kept = from_item(&key(), &item).unwrap();
        assert_eq!(kept, KeptChunk { record, version: 0 });
    }
}

#[test]
fn a_committed_chunk_fits_one_write_unit_with_room() {
    for (record, most_bytes) in [(full(), 700), (committed(), 700), (retried(), 1_024)] {
        let mut item = to_item(&key(), &record);
        item.insert(VERSION.into(), number(1_000));
        item.insert(NONCE.into(), number(u64::MAX));
        let bytes = billed_bytes(&item);
        assert!(bytes <= most_bytes, "{bytes} bytes");
    }
}
