//! Ends: one finisher at a time under an epoch of its own, and a job ends once (I6, S14).

use annexa::core::chunk::{ClaimOutcome, CommitOutcome};
use annexa::core::invariants::EndWatch;
use annexa::core::job::{Election, End, EndOutcome, Phase, Stop};
use annexa::core::transitions::job::verdict;
use annexa::ports::ledger::Held;

use super::Desk;
use crate::conformance::fixtures::LedgerFixture;

/// A job all of whose chunks are final.
async fn done(fixture: &dyn LedgerFixture, name: &str) -> Desk {
    let desk = Desk::running(fixture, name, 2).await;
    desk.finish_chunk(0).await;
    desk.finish_chunk(1).await;
    desk
}

async fn elected(desk: &Desk, owner: &str) -> u64 {
    match desk.elect(owner).await {
        Election::Elected { epoch, .. } => epoch,
        other => panic!("{owner} was to be elected, the answer was {other:?}"),
    }
}

async fn end(desk: &Desk, epoch: u64) -> EndOutcome {
    let end = verdict(&desk.job().await);
    desk.ledger
        .end_job(&desk.job_id, epoch, &end, None)
        .await
        .unwrap()
}

fn failed() -> Stop {
    Stop::Failed {
        reason: "chunk file 3 is gone".into(),
    }
}

async fn nobody_is_elected_before_the_last_chunk(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "not ready", 2).await;
    assert_eq!(desk.elect("a").await, Election::NotReady);
    desk.finish_chunk(0).await;
    assert_eq!(desk.elect("a").await, Election::NotReady);
    assert_eq!(desk.job().await.state(), "RUNNING");
    desk.finish_chunk(1).await;
    let Election::Elected { epoch, job } = desk.elect("a").await else {
        panic!("all chunks are final");
    };
    assert_eq!((epoch, job.state()), (1, "FINISHING"));
    assert_eq!(*job, desk.job().await, "the job as it stands");
    desk.holds().await;
}

async fn one_finisher_at_a_time(fixture: &dyn LedgerFixture) {
    let desk = done(fixture, "one at a time").await;
    let old = elected(&desk, "a").await;
    let until_ms = desk.job().await.finisher.unwrap().until_ms;
    assert_eq!(desk.elect("b").await, Election::Busy { until_ms });
    desk.clock.sleep(desk.lease / 2).await;
    let renew = async |epoch| {
        let renewed = desk
            .ledger
            .renew_finisher(&desk.job_id, epoch, desk.lease_ms());
        renewed.await.unwrap()
    };
    assert_eq!(renew(old).await, Held::Yes);
    desk.clock.sleep(desk.lease * 3 / 4).await;
    assert!(
        matches!(desk.elect("b").await, Election::Busy { .. }),
        "it was renewed"
    );
    desk.outlast_leases().await;
    let new = elected(&desk, "b").await;
    assert!(new > old);
    assert_eq!(renew(old).await, Held::Lost);
    assert_eq!(renew(new).await, Held::Yes);
    assert_eq!(end(&desk, old).await, EndOutcome::Fenced);
    assert_eq!(desk.job().await.state(), "FINISHING");
    assert_eq!(end(&desk, new).await, EndOutcome::Ended);
    assert_eq!(renew(new).await, Held::Lost, "it is over");
}

async fn s11_the_same_owner_is_elected_again(fixture: &dyn LedgerFixture) {
    let desk = done(fixture, "same owner").await;
    let first = elected(&desk, "a").await;
    let second = elected(&desk, "a").await;
    assert!(second >= first);
    assert_eq!(end(&desk, second).await, EndOutcome::Ended);
}

async fn i6_a_job_ends_once(fixture: &dyn LedgerFixture) {
    let desk = done(fixture, "once").await;
    let mut watch = EndWatch::default();
    let old = elected(&desk, "a").await;
    desk.outlast_leases().await;
    let epoch = elected(&desk, "b").await;
    for _ in 0..3 {
        assert_eq!(
            end(&desk, epoch).await,
            EndOutcome::Ended,
            "said again it is no error"
        );
        watch.ended(desk.job_id.as_str(), 0, epoch).unwrap();
    }
    let job = desk.job().await;
    assert_eq!(job.phase, Phase::Ended(End::Completed));
    assert_eq!(end(&desk, old).await, EndOutcome::AlreadyEnded);
    let other = desk
        .ledger
        .end_job(&desk.job_id, epoch, &End::Cancelled, None)
        .await;
    assert_eq!(other.unwrap(), EndOutcome::Ended, "the first end stands");
    assert_eq!(desk.elect("c").await, Election::Over);
    assert!(
        !desk
            .ledger
            .stop(&desk.job_id, &Stop::Cancelled)
            .await
            .unwrap()
    );
    assert!(!desk.ledger.stop(&desk.job_id, &failed()).await.unwrap());
    assert_eq!(desk.job().await, job);
}

async fn i6_an_epoch_to_which_nobody_was_elected_ends_nothing(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "no epoch", 1).await;
    for epoch in [0, 1, 7] {
        let before = desk.job().await;
        let ended = desk
            .ledger
            .end_job(&desk.job_id, epoch, &End::Completed, None)
            .await;
        assert_eq!(ended.unwrap(), EndOutcome::Fenced, "epoch {epoch}");
        let renewed = desk.ledger.renew_finisher(&desk.job_id, epoch, 1_000).await;
        assert_eq!(renewed.unwrap(), Held::Lost, "epoch {epoch}");
        assert_eq!(desk.job().await, before);
    }
}

async fn every_finisher_writes_the_same_time(fixture: &dyn LedgerFixture) {
    let desk = done(fixture, "same time").await;
    elected(&desk, "a").await;
    let completed_ms = desk
        .job()
        .await
        .completed_ms
        .expect("it was just completed");
    desk.outlast_leases().await;
    let epoch = elected(&desk, "b").await;
    assert_eq!(desk.job().await.completed_ms, Some(completed_ms));
    end(&desk, epoch).await;
    let job = desk.job().await;
    assert_eq!(job.completed_ms, Some(completed_ms));
    assert!(job.ended_ms > Some(completed_ms) && job.created_ms <= completed_ms);
}

async fn a_stopped_job_ends_before_all_is_done(fixture: &dyn LedgerFixture) {
    for (name, stop, state) in [
        ("cancelled", Stop::Cancelled, "CANCELLED"),
        ("failed", failed(), "FAILED"),
    ] {
        let desk = Desk::running(fixture, name, 3).await;
        desk.finish_chunk(0).await;
        let claim = desk.claim(1, "w").await;
        assert!(desk.ledger.stop(&desk.job_id, &stop).await.unwrap());
        let epoch = elected(&desk, "a").await;
        assert_eq!(desk.commit(&claim).await, CommitOutcome::JobOver);
        assert_eq!(desk.ask(2, "w").await, ClaimOutcome::JobOver);
        assert_eq!(end(&desk, epoch).await, EndOutcome::Ended);
        let job = desk.job().await;
        assert_eq!((job.state(), job.counters.committed), (state, 1));
        assert_eq!(desk.commit(&claim).await, CommitOutcome::JobOver);
        desk.holds().await;
    }
}

async fn a_job_can_be_stopped_while_it_is_split(fixture: &dyn LedgerFixture) {
    let limits = annexa::core::chunk::ChunkLimits::default();
    let desk = Desk::with_job(fixture, "split stopped", limits).await;
    assert!(desk.ledger.stop(&desk.job_id, &failed()).await.unwrap());
    let epoch = elected(&desk, "a").await;
    assert_eq!(end(&desk, epoch).await, EndOutcome::Ended);
    assert_eq!(desk.job().await.state(), "FAILED");
}

async fn outputs_that_cannot_be_written_fail_the_job(fixture: &dyn LedgerFixture) {
    let desk = done(fixture, "cannot finish").await;
    let old = elected(&desk, "a").await;
    let cancelled = desk
        .ledger
        .stop(&desk.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    assert!(!cancelled, "all is done: it is too late to cancel");
    assert!(desk.ledger.stop(&desk.job_id, &failed()).await.unwrap());
    assert!(
        !desk.ledger.stop(&desk.job_id, &failed()).await.unwrap(),
        "the first stands"
    );
    assert_eq!(
        end(&desk, old).await,
        EndOutcome::Fenced,
        "whoever wrote them is fenced off"
    );
    let renewed = desk
        .ledger
        .renew_finisher(&desk.job_id, old, desk.lease_ms())
        .await;
    assert_eq!(renewed.unwrap(), Held::Lost);
    let epoch = elected(&desk, "b").await;
    assert!(epoch > old);
    assert_eq!(end(&desk, epoch).await, EndOutcome::Ended);
    assert_eq!(desk.job().await.state(), "FAILED");
}

async fn failed_rows_show_in_the_end(fixture: &dyn LedgerFixture) {
    let desk = Desk::running(fixture, "with errors", 1).await;
    let claim = desk.claim(0, "w").await;
    desk.ledger
        .quarantine_chunk(&claim, "unreadable")
        .await
        .unwrap();
    let epoch = elected(&desk, "a").await;
    assert_eq!(end(&desk, epoch).await, EndOutcome::Ended);
    assert_eq!(desk.job().await.state(), "COMPLETED_WITH_ERRORS");
}

every_ledger! { conform [
    nobody_is_elected_before_the_last_chunk,
    one_finisher_at_a_time,
    s11_the_same_owner_is_elected_again,
    i6_a_job_ends_once,
    i6_an_epoch_to_which_nobody_was_elected_ends_nothing,
    every_finisher_writes_the_same_time,
    a_stopped_job_ends_before_all_is_done,
    a_job_can_be_stopped_while_it_is_split,
    outputs_that_cannot_be_written_fail_the_job,
    failed_rows_show_in_the_end,
]}
