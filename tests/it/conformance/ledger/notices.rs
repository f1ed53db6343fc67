//! Notices: kept in the write that ends a job, moved by one at a time, gone when they are through.

use std::collections::BTreeSet;

use annexa::core::ids::{Generation, JobId};
use annexa::core::job::{Election, End, EndOutcome, NewGeneration, Stop};
use annexa::core::notice::{DueNotice, Notice, Target, notice_id};
use annexa::core::transitions::job::verdict;
use serde_json::json;

use super::Desk;
use crate::conformance::fixtures::LedgerFixture;

/// What would be told of a job.
fn notice(job_id: &JobId, generation: Generation, state: &str) -> Notice {
    serde_json::from_value(json!({
        "type": "annexa.job.ended", "timestamp": "2026-01-01T00:00:00Z", "schema_version": 1,
        "notice_id": notice_id(job_id, generation), "job_id": job_id, "generation": generation,
        "state": state, "reason": null, "partial": false, "model_id": "memory", "rows": 7, "outcomes": {"coded": 7},
        "review_rows": 1, "cost_usd": null,
        "tokens": {"input": 1, "output": 2, "cache_read": 3, "cache_write": 4},
        "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:00Z", "output_bucket": "out",
        "output_prefix": "results/", "outputs": ["results.csv"], "annexa_version": "0"
    }))
    .unwrap()
}

/// A notice of a job that is to be told from `now_ms` on.
pub fn due(job_id: &JobId, generation: Generation, now_ms: u64) -> DueNotice {
    let targets = [Target::EventBus, Target::Webhook].into();
    DueNotice::new(notice(job_id, generation, "CANCELLED"), targets, now_ms)
}

/// The same of the desk's job, which ended as `state`.
fn due_of(desk: &Desk, generation: Generation, state: &str) -> DueNotice {
    let mut due = due(&desk.job_id, generation, desk.clock.now_ms());
    due.notice.state = state.to_string();
    due
}

/// The notices of the desk's own job: others may share the ledger.
async fn kept(desk: &Desk) -> Vec<DueNotice> {
    let mut all = desk.ledger.notices(usize::MAX).await.unwrap();
    assert!(
        all.is_sorted_by_key(|notice| notice.not_before_ms),
        "the one that is due first first"
    );
    all.retain(|notice| notice.job_id == desk.job_id);
    all
}

/// Stops the job and ends it, with a notice.
async fn ended(fixture: &dyn LedgerFixture, name: &str) -> (Desk, DueNotice) {
    let desk = Desk::running(fixture, name, 2).await;
    desk.ledger
        .stop(&desk.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    let Election::Elected { epoch, job } = desk.elect("a").await else {
        panic!("it is being stopped");
    };
    let end = verdict(&job);
    let due = due_of(&desk, 0, end.name());
    let answer = desk.ledger.end_job(&desk.job_id, epoch, &end, Some(&due));
    assert_eq!(answer.await.unwrap(), EndOutcome::Ended);
    (desk, due)
}

async fn i6_only_the_write_that_ends_a_job_keeps_its_notice(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "only the end", 1).await;
    desk.finish_chunk(0).await;
    let Election::Elected { epoch: old, .. } = desk.elect("a").await else {
        panic!("all chunks are final");
    };
    desk.outlast_leases().await;
    let Election::Elected { epoch, .. } = desk.elect("b").await else {
        panic!("the first has gone");
    };
    let end = async |epoch, state: &str| {
        let due = due_of(&desk, 0, state);
        let ended = desk
            .ledger
            .end_job(&desk.job_id, epoch, &End::Completed, Some(&due));
        ended.await.unwrap()
    };
    assert_eq!(end(old, "OLD").await, EndOutcome::Fenced);
    assert_eq!(kept(&desk).await, []);
    assert_eq!(end(epoch, "COMPLETED").await, EndOutcome::Ended);
    for (epoch, outcome) in [(epoch, EndOutcome::Ended), (old, EndOutcome::AlreadyEnded)] {
        assert_eq!(end(epoch, "AGAIN").await, outcome);
    }
    let kept = kept(&desk).await;
    let states: Vec<&str> = kept.iter().map(|due| due.notice.state.as_str()).collect();
    assert_eq!(states, ["COMPLETED"]);
}

async fn a_notice_comes_back_as_it_was_kept(fixture: &dyn LedgerFixture) {
    let (desk, due) = ended(fixture, "as kept").await;
    assert_eq!(kept(&desk).await, [due]);
    assert_eq!(desk.ledger.notices(0).await.unwrap(), []);
    let other = Desk::running(fixture, "as kept, without", 1).await;
    other
        .ledger
        .stop(&other.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    let Election::Elected { epoch, .. } = other.elect("a").await else {
        panic!("it is being stopped");
    };
    let ended = other
        .ledger
        .end_job(&other.job_id, epoch, &End::Cancelled, None);
    assert_eq!(ended.await.unwrap(), EndOutcome::Ended);
    assert_eq!(kept(&other).await, [], "nobody is to be told");
}

async fn a_notice_is_moved_by_one(fixture: &dyn LedgerFixture) {
    let (desk, due) = ended(fixture, "moved").await;
    let later = |more_ms: u64| DueNotice {
        not_before_ms: due.not_before_ms + more_ms,
        ..due.clone()
    };
    let (mine, theirs) = (later(60_000), later(60_001));
    let moved = futures_util::future::join(
        desk.ledger.move_notice(&due, Some(&mine)),
        desk.ledger.move_notice(&due, Some(&theirs)),
    );
    let (mine_did, theirs_did) = moved.await;
    assert_ne!(mine_did.unwrap(), theirs_did.unwrap(), "one of them has it");
    let now = kept(&desk).await;
    assert_eq!(now.len(), 1);
    assert!(now[0] == mine || now[0] == theirs);

    let settled = DueNotice {
        not_before_ms: due.not_before_ms + 90_000,
        targets: [(Target::Webhook, due.targets[&Target::Webhook])].into(),
        ..now[0].clone()
    };
    assert!(
        !desk.ledger.move_notice(&due, None).await.unwrap(),
        "that one is gone"
    );
    assert!(
        desk.ledger
            .move_notice(&now[0], Some(&settled))
            .await
            .unwrap()
    );
    assert_eq!(kept(&desk).await, std::slice::from_ref(&settled));
    assert!(desk.ledger.move_notice(&settled, None).await.unwrap());
    assert!(
        !desk.ledger.move_notice(&settled, None).await.unwrap(),
        "said again"
    );
    assert_eq!(kept(&desk).await, []);
}

async fn a_notice_outlives_the_next_generation_and_says_what_ended(fixture: &dyn LedgerFixture) {
    let (desk, due) = ended(fixture, "outlives").await;
    let begun = desk
        .ledger
        .new_generation(&desk.job_id, 0, &BTreeSet::new())
        .await;
    assert!(matches!(
        begun.unwrap(),
        NewGeneration::Begun { generation: 1, .. }
    ));
    assert_eq!(kept(&desk).await, std::slice::from_ref(&due));
    desk.ledger
        .stop(&desk.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    let Election::Elected { epoch, .. } = desk.elect("b").await else {
        panic!("it is being stopped");
    };
    let second = due_of(&desk, 1, "CANCELLED");
    let ended = desk
        .ledger
        .end_job(&desk.job_id, epoch, &End::Cancelled, Some(&second));
    assert_eq!(ended.await.unwrap(), EndOutcome::Ended);
    let ids: BTreeSet<String> = kept(&desk)
        .await
        .into_iter()
        .map(|due| due.notice.notice_id)
        .collect();
    let id = desk.job_id.to_string();
    assert_eq!(ids, [id.clone(), format!("{id}-retry-1")].into());
}

async fn one_that_cannot_be_read_keeps_no_job_from_ending_and_no_other_from_being_told(
    fixture: &dyn LedgerFixture,
) {
    fixture.put_odd_notice().await;
    let (desk, due) = ended(fixture, "beside an odd one").await;
    assert_eq!(
        desk.ledger.notices(1).await.unwrap(),
        std::slice::from_ref(&due)
    );
    assert!(desk.ledger.move_notice(&due, None).await.unwrap());
    assert_eq!(kept(&desk).await, []);
}

every_ledger! { conform [
    i6_only_the_write_that_ends_a_job_keeps_its_notice,
    a_notice_comes_back_as_it_was_kept,
    a_notice_is_moved_by_one,
    a_notice_outlives_the_next_generation_and_says_what_ended,
    one_that_cannot_be_read_keeps_no_job_from_ending_and_no_other_from_being_told,
]}
