use std::collections::BTreeSet;

use super::*;
use crate::core::chunk::{ChunkRange, Lease};
use crate::core::identity;
use crate::core::invariants::{
    i2_counters_are_exact, i6_generation_carries_over, i9_budget_is_exact,
};
use crate::core::job::{Finisher, Stop};
use crate::core::money::NanoUsd;
use crate::core::tally::Tally;

fn chunk(number: ChunkNo, status: ChunkStatus) -> ChunkRecord {
    let range = ChunkRange {
        chunk: number,
        start: 0,
        end: 1,
        first_row: 1 + 4 * u64::from(number),
        rows: 4,
    };
    ChunkRecord {
        status,
        epoch: 3,
        ..ChunkRecord::new(range, 0)
    }
}

fn commit(key: &str, failed: u64) -> Commit {
    let tally = Tally {
        rows: 4,
        coded: 4 - failed,
        failed,
        cost: NanoUsd(7),
        ..Tally::default()
    };
    Commit {
        epoch: 3,
        blob_key: key.to_string(),
        sha256: key.to_string(),
        bytes: 9,
        tally,
    }
}

fn job(end: End) -> JobRecord {
    let mut spec = identity::tests::spec();
    spec.output_prefix = "results/x/".into();
    JobRecord {
        phase: Phase::Ended(end),
        stored_chunks: 5,
        sent_upto: 2,
        stopping: Some(Stop::Cancelled),
        ended_ms: Some(77),
        completed_ms: Some(70),
        finisher_epoch: 2,
        ..JobRecord::new(identity::job_id(&spec), spec, 0)
    }
}

fn next(
    job: &mut JobRecord,
    old: &mut [ChunkRecord],
    lost: &BTreeSet<ChunkNo>,
) -> Vec<ChunkRecord> {
    may_follow(job, job.generation).unwrap();
    let (mut counters, mut closed) = (Counters::default(), job.counters);
    let mut new = Vec::new();
    for chunk in old {
        close(&mut closed, chunk);
        let carried = carry(job, chunk, lost.contains(&chunk.range.chunk));
        count(&mut counters, &carried);
        new.push(carried);
    }
    begin(job, counters);
    new
}

#[test]
fn i6_what_was_committed_without_failed_rows_is_carried_over_and_all_else_waits_in_the_park() {
    let mut job = job(End::Cancelled);
    let mut held = chunk(3, ChunkStatus::Open);
    held.lease = Some(Lease {
        owner: "w".into(),
        until_ms: 1_000,
    });
    (held.intended_calls, held.reserved) = (2, NanoUsd(5));
    job.counters.budget.reserved = NanoUsd(5);
    let reason = "its chunk was given up".to_string();
    let mut old = vec![
        chunk(
            0,
            ChunkStatus::Committed(commit("results/x/_work/g0/0-e3.csv", 0)),
        ),
        chunk(
            1,
            ChunkStatus::Committed(commit("results/x/_work/g0/1-e3.csv", 1)),
        ),
        chunk(2, ChunkStatus::Quarantined { reason }),
        held,
        chunk(4, ChunkStatus::Parked),
    ];
    (old[0].spent, old[1].spent) = (NanoUsd(7), NanoUsd(8));
    (
        old[1].failed_attempts,
        old[2].abandoned_claims,
        old[2].lost_calls,
    ) = (4, 12, 6);
    old[2].isolation = Some(Isolation {
        cursor: None,
        strikes: [(9, 3)].into(),
    });
    let new = next(&mut job, &mut old, &BTreeSet::new());

    assert_eq!(
        (job.generation, job.state()),
        (1, "SPLITTING"),
        "its split was not complete"
    );
    assert_eq!(
        (job.completed_ms, job.ended_ms, job.sent_upto),
        (None, None, 5)
    );
    assert_eq!((job.counters.committed, job.counters.parked), (1, 4));
    assert_eq!(job.outstanding_chunks(), 0, "I7: nothing was sent yet");
    let ChunkStatus::Committed(kept) = &new[0].status else {
        panic!("{:?}", new[0]);
    };
    assert_eq!(kept.blob_key, "results/x/chunks/00000000.csv");
    assert_eq!(
        kept.sha256, "results/x/_work/g0/0-e3.csv",
        "the content is the same"
    );
    let previous = new[1].previous.as_ref().unwrap();
    assert_eq!(previous.blob_key, "results/x/chunks/00000001.csv");
    assert_eq!((new[1].failed_attempts, new[2].abandoned_claims), (0, 0));
    assert_eq!(
        new[2].isolation,
        Some(Isolation::default()),
        "it stays isolated"
    );
    assert_eq!((new[2].lost_calls, new[3].lost_calls), (6, 2), "I8");
    assert_eq!(
        (new[3].spent, new[3].epoch),
        (NanoUsd(5), 4),
        "its holder is fenced"
    );
    i2_counters_are_exact(&job, &new).unwrap();
    i9_budget_is_exact(&job, &new).unwrap();
    i6_generation_carries_over(&old, &new, &BTreeSet::new()).unwrap();
}

#[test]
fn i6_said_again_after_a_crash_it_writes_the_same() {
    let mut old = vec![
        chunk(0, ChunkStatus::Open),
        chunk(
            1,
            ChunkStatus::Committed(commit("results/x/_work/g0/1-e3.csv", 2)),
        ),
    ];
    old[0].lease = Some(Lease {
        owner: "w".into(),
        until_ms: 9,
    });
    let (mut one, mut two) = (job(End::CompletedWithErrors), job(End::CompletedWithErrors));
    let first = next(&mut one, &mut old, &BTreeSet::new());
    let again = next(&mut two, &mut old, &BTreeSet::new());
    assert_eq!(first, again);
    assert_eq!(one, two);
}

#[test]
fn a_file_of_a_retry_stays_where_it_is_in_the_next_one() {
    let mut job = job(End::CompletedWithErrors);
    job.generation = 2;
    let work = commit("results/x/_work/g2/00000001-e9.csv", 1);
    let kept = commit("results/x/retry-1/chunks/00000000.csv", 0);
    let name = |commit: &Commit, chunk| published_name(&job.spec, 2, chunk, commit);
    assert_eq!(name(&work, 1), "retry-2/chunks/00000001.csv");
    assert_eq!(name(&kept, 0), "retry-1/chunks/00000000.csv");
    let new = carry(&job, &chunk(0, ChunkStatus::Committed(kept.clone())), false);
    assert_eq!(new.status, ChunkStatus::Committed(kept));
}

#[test]
fn a_chunk_that_is_given_up_keeps_what_an_earlier_generation_committed_of_it() {
    let mut job = job(End::CompletedWithErrors);
    let reason = "unreadable".to_string();
    let mut given_up = chunk(0, ChunkStatus::Quarantined { reason });
    given_up.previous = Some(commit("results/x/chunks/00000000.csv", 1));
    let new = next(
        &mut job,
        std::slice::from_mut(&mut given_up),
        &BTreeSet::new(),
    );
    assert_eq!(new[0].previous, given_up.previous);
    let lost = next(
        &mut JobRecord {
            phase: Phase::Ended(End::CompletedWithErrors),
            ..job
        },
        &mut [given_up],
        &[0].into(),
    );
    assert_eq!(lost[0].previous, None, "its file is gone");
}

#[test]
fn only_a_job_that_ended_without_all_answers_goes_on() {
    let refused = |job: &JobRecord, ended| may_follow(job, ended).unwrap_err();
    let complete = job(End::Completed);
    assert_eq!(refused(&complete, 0), NewGeneration::NothingToDo);
    let other = NewGeneration::NotThis { generation: 0 };
    assert_eq!(refused(&complete, 1), other);
    let mut live = job(End::Cancelled);
    assert_eq!(may_follow(&live, 0), Ok(()));
    live.phase = Phase::Running;
    assert_eq!(refused(&live, 0), other);
    live.phase = Phase::Finishing;
    live.finisher = Some(Finisher {
        owner: "a".into(),
        until_ms: 0,
    });
    assert_eq!(refused(&live, 0), other);
}
