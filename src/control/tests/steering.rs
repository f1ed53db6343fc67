//! Pausing, resuming, sending again, finding a job, and its pace (S26).

use super::*;
use crate::core::job::PauseReason;

#[tokio::test(start_paused = true)]
async fn s26_pause_and_resume_hold_and_fill_the_window() {
    let place = Place::new(12, &[]).await;
    place.work(false, |job| job.split.is_some()).await;
    let job = place.job().await;
    assert_eq!(
        steer::pause(&place.ports, &job).await.unwrap(),
        Steered::Done
    );
    let job = place.job().await;
    assert_eq!(
        (job.state(), steer::pause(&place.ports, &job).await.unwrap()),
        ("PAUSED", Steered::WasSo)
    );
    place.work(true, |job| job.counters.parked == 2).await;
    assert_eq!(place.job().await.counters.committed, 0);
    let job = place.job().await;
    let cap = Some(crate::core::money::NanoUsd(5_000_000_000));
    assert_eq!(
        steer::resume(&place.ports, &job, cap).await.unwrap(),
        Steered::Done
    );
    assert_eq!(place.job().await.spec.max_cost_usd, cap);
    let job = place.work_to_the_end().await;
    assert_eq!(job.state(), "COMPLETED");
    for refused in [
        steer::pause(&place.ports, &job).await,
        steer::resume(&place.ports, &job, None).await,
        steer::cancel(&place.ports, &job).await,
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("is COMPLETED and cannot be"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn s26_dead_letters_are_sent_again_or_removed_and_others_are_left() {
    let place = Place::new(2, &[]).await;
    let bury = async |queue: &Arc<dyn Queue>, body: &str| {
        let entry = Outgoing {
            body: body.into(),
            group: "x".into(),
            delay: Duration::ZERO,
        };
        queue.send_batch(&[entry]).await.unwrap();
        let message = queue.receive(1, Duration::ZERO).await.unwrap().remove(0);
        queue
            .bury(&message, "a message of unknown shape")
            .await
            .unwrap();
        message.message_id
    };
    place.work_to_the_end().await;
    let ports = &place.ports;
    let (one, two) = (
        bury(&ports.done, "one").await,
        bury(&ports.done, "two").await,
    );
    bury(&ports.inbox, "three").await;
    let listed = dead::list(ports, &[Which::Done]).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        listed[0].reason.as_deref(),
        Some("a message of unknown shape")
    );
    let unknown = dead::redrive(ports, &Which::ALL, Some(&["none".to_string()])).await;
    assert!(unknown.unwrap_err().to_string().contains("annexa dlq list"));
    let moved = dead::redrive(ports, &[Which::Done], Some(std::slice::from_ref(&one)))
        .await
        .unwrap();
    assert_eq!(moved.done, [one]);
    let again = ports.done.receive(10, Duration::ZERO).await.unwrap();
    assert_eq!(
        again.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(),
        ["one"]
    );
    let purged = dead::purge(ports, &[Which::Done], None).await.unwrap();
    assert_eq!(purged.done, [two]);
    let depths = queues::depths(ports).await.unwrap();
    assert_eq!(depths.iter().map(|d| d.dead).collect::<Vec<_>>(), [1, 0, 0]);
    let chunk = "chunk:job-1/g0/3".to_string();
    let refused = dead::redrive(ports, &Which::ALL, Some(&[chunk]))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("annexa retry job-1"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_live_job_is_found_by_the_beginning_of_its_id_and_an_ended_one_by_all_of_it() {
    let place = Place::new(1, &[]).await;
    let id = place.job_id.as_str();
    let found = find::job(&place.ports, &id[..8]).await.unwrap();
    assert_eq!(found.job_id, place.job_id);
    let unknown = find::job(&place.ports, "nothing").await.unwrap_err();
    assert!(
        unknown.to_string().contains(id),
        "it names what is there: {unknown}"
    );
    place.work_to_the_end().await;
    assert!(find::job(&place.ports, &id[..8]).await.is_err());
    assert_eq!(
        find::job(&place.ports, id).await.unwrap().job_id,
        place.job_id
    );
    let of = async |state| find::jobs(&place.ports, find::Which::State(state)).await;
    assert_eq!(of("COMPLETED").await.unwrap().len(), 1);
    assert_eq!(of("RUNNING").await.unwrap().len(), 0);
    assert!(
        of("DONE")
            .await
            .unwrap_err()
            .to_string()
            .contains("COMPLETED_WITH_ERRORS")
    );
}

#[tokio::test(start_paused = true)]
async fn i9_a_job_that_its_cap_paused_goes_on_only_under_a_cap_above_what_is_counted() {
    let place = Place::new(12, &[]).await;
    let ledger = &place.ports.ledger;
    let cap = crate::core::money::NanoUsd;
    let limits = crate::core::spec::Limits {
        max_cost: Some(cap(1)),
        ..place.spec.limits()
    };
    ledger.set_limits(&place.job_id, &limits).await.unwrap();
    place.work(true, |job| job.paused.is_some()).await;
    let job = place.job().await;
    assert_eq!(job.paused, Some(PauseReason::CostCap));
    let why = status::JobStatus::new(&job).reason.unwrap();
    assert!(why.contains("no room for the next call"), "{why}");
    let budget = job.counters.budget;
    let counted = budget.spent + budget.reserved;
    for used_up in [None, Some(counted)] {
        let refused = steer::resume(&place.ports, &job, used_up)
            .await
            .unwrap_err();
        let said = refused.to_string();
        assert!(matches!(refused, ControlError::Refused(_)), "{said}");
        let named = format!(
            "{counted} US dollars count under it: annexa resume {} --max-cost-usd",
            job.job_id
        );
        assert!(said.contains(&named), "{said}");
    }
    let same = place.job().await;
    assert_eq!(
        (same.state(), same.spec.max_cost_usd),
        ("PAUSED", Some(cap(1)))
    );
    let more = Some(cap(5_000_000_000));
    let resumed = steer::resume(&place.ports, &job, more).await.unwrap();
    assert_eq!(resumed, Steered::Done);
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
}
