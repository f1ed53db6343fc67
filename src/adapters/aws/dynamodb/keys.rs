//! Where things lie in the table: partition keys, sort keys, and the ranges that are asked for together.

use crate::core::answer::AnswerKey;
use crate::core::ids::{ChunkKey, ChunkNo, Generation, JobId};
use crate::core::notice::DueNotice;

/// The partition key's attribute.
pub(super) const PK: &str = "pk";
/// The sort key's attribute.
pub(super) const SK: &str = "sk";
/// When an item may go, in Unix seconds.
pub(super) const TTL: &str = "ttl";
/// Sort key of the job item.
pub(super) const JOB: &str = "JOB";
/// Partition of the jobs that have not ended.
pub(super) const LIVE: &str = "LIVE";
/// Partition of the notices that somebody still has to be told.
pub(super) const NOTICES: &str = "NOTICES";
/// Items over which a job's counters are spread: as many commits can be in flight at once without meeting.
pub(super) const SHARDS: u32 = 8;
/// Chunk ranges in one page of the index.
pub(super) const RANGES_A_PAGE: u32 = 500;

/// Names one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Key {
        Key {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    /// The job item.
    pub(super) fn job(job_id: &JobId) -> Key {
        Key::new(job_pk(job_id), JOB)
    }

    /// The shard of the counters that `chunk` moves. Neighbours are worked on at the same time, and lie in different ones.
    pub(super) fn counters(job_id: &JobId, generation: Generation, chunk: ChunkNo) -> Key {
        Key::shard(job_id, generation, chunk % SHARDS)
    }

    /// Shard number `shard` of the counters.
    pub(super) fn shard(job_id: &JobId, generation: Generation, shard: u32) -> Key {
        Key::new(
            job_pk(job_id),
            format!("{}{shard:02}", counters_prefix(generation)),
        )
    }

    /// What is held against the job's cost cap.
    pub(super) fn budget(job_id: &JobId, generation: Generation) -> Key {
        Key::new(job_pk(job_id), budget_sk(generation))
    }

    /// A page of the chunk index. All generations have the same.
    pub(super) fn page(job_id: &JobId, page: u32) -> Key {
        Key::new(job_pk(job_id), format!("IDX#{page:07}"))
    }

    /// A chunk.
    pub(super) fn chunk(key: &ChunkKey) -> Key {
        Key::new(job_pk(&key.job_id), chunk_sk(key.generation, key.chunk))
    }

    /// A live job's place in the index.
    pub(super) fn live(job_id: &JobId) -> Key {
        Key::new(LIVE, job_id.as_str())
    }

    /// An ended job's place in the index of its state.
    pub(super) fn ended(job_id: &JobId, state: &str, ended_ms: u64) -> Key {
        Key::new(ended_pk(state), format!("{ended_ms:013}#{job_id}"))
    }

    /// A notice, in the order in which they are due.
    pub(super) fn notice(due: &DueNotice) -> Key {
        let (ms, job_id, generation) = due.place();
        Key::new(NOTICES, format!("{ms:013}#{job_id}#G{generation}"))
    }

    /// What a fleet shares under a name.
    pub(super) fn shared(name: &str) -> Key {
        Key::new(format!("SHARED#{name}"), "R")
    }

    /// A paid answer.
    pub(super) fn answer(key: &AnswerKey) -> Key {
        Key::new(
            format!("A#{}", aws_smithy_types::base64::encode(key.0)),
            "A",
        )
    }
}

/// The partition of a job.
pub(super) fn job_pk(job_id: &JobId) -> String {
    format!("JOB#{job_id}")
}

/// The partition of the jobs that ended in `state`.
pub(super) fn ended_pk(state: &str) -> String {
    format!("ENDED#{state}")
}

/// Sort key of a chunk.
pub(super) fn chunk_sk(generation: Generation, chunk: ChunkNo) -> String {
    format!("G{generation}#C#{chunk:010}")
}

/// How the sort keys of a generation's counters begin.
pub(super) fn counters_prefix(generation: Generation) -> String {
    format!("{JOB}#G{generation}#CNT#")
}

/// Sort key of a generation's budget.
pub(super) fn budget_sk(generation: Generation) -> String {
    format!("{JOB}#G{generation}#BUDGET")
}

/// First and last sort key of the job item with all its counters: one query reads them.
pub(super) fn head_range() -> (String, String) {
    (JOB.to_string(), format!("{JOB}~"))
}
