//! Events that come twice, out of order, or after a crash halfway.

use std::time::Duration;

use annexa::core::spec::BlobRef;
use annexa::ports::Blobs;
use annexa::ports::queue::Queue;
use serde_json::json;

use super::world::{Came, REPORTS, World, bridged, created, csv, settings};

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_is_the_same_job() {
    let world = World::new(false);
    let intake = world.intake();
    let version = world.put("inbox/a.csv", csv("a", 2)).await;
    for body in [
        created("inbox/a.csv", &version, "01"),
        created("inbox/a.csv", &version, "01"),
        // The same write, told by EventBridge too.
        bridged("inbox/a.csv", &version, "01"),
    ] {
        world.send(body).await;
    }
    world.split_with(intake.clone()).await;
    world.all().await;
    assert_eq!(world.job().await.state(), "COMPLETED");
    let counts = intake.counts().now();
    assert_eq!((counts.created, counts.repeated), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_defaults_makes_no_second_job_of_an_event() {
    let mut world = World::new(false);
    let version = world.put("inbox/a.csv", csv("a", 2)).await;
    world.send(created("inbox/a.csv", &version, "01")).await;
    world.split().await;
    let before = world.job().await;
    let mut other = settings();
    other.default_batch_size = Some("7".to_string());
    other.default_problem_type = Some("product".to_string());
    world.config = other.check().unwrap();
    // A sidecar that comes late changes nothing either.
    world.put("inbox/a.csv.json", r#"{"chunk_rows":1}"#).await;
    world.send(created("inbox/a.csv", &version, "01")).await;
    world.split().await;
    let after = world.job().await;
    assert_eq!((&after.job_id, &after.spec), (&before.job_id, &before.spec));
    // Another write is another matter.
    let version = world.put("inbox/a.csv", csv("b", 2)).await;
    world.send(created("inbox/a.csv", &version, "02")).await;
    world.split().await;
    assert_eq!(world.jobs().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_again_after_its_input_was_tidied_away_fails_nothing() {
    let world = World::new(false);
    let version = world.put("inbox/a.csv", csv("a", 2)).await;
    world.send(created("inbox/a.csv", &version, "01")).await;
    world.all().await;
    world
        .store
        .delete(&BlobRef::new(REPORTS, "inbox/a.csv"))
        .await
        .unwrap();
    world.send(created("inbox/a.csv", &version, "01")).await;
    assert_eq!(world.split().await, [Came::Deleted]);
    assert_eq!(world.job().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn events_out_of_order_make_the_jobs_of_their_own_versions() {
    let world = World::new(true);
    let old = world.put("inbox/a.csv", csv("old", 2)).await;
    let new = world.put("inbox/a.csv", csv("new", 3)).await;
    world.send(created("inbox/a.csv", &new, "02")).await;
    world.send(created("inbox/a.csv", &old, "01")).await;
    world.all().await;
    let mut rows: Vec<(String, u64)> = world
        .jobs()
        .await
        .into_iter()
        .map(|job| {
            assert_eq!(job.state(), "COMPLETED");
            (job.spec.input_version.clone(), job.split.unwrap().rows)
        })
        .collect();
    let mut expected = vec![(old, 2), (new, 3)];
    rows.sort();
    expected.sort();
    assert_eq!(rows, expected);
}

#[tokio::test(start_paused = true)]
async fn without_versions_the_event_of_a_replaced_object_fails_with_that_reason() {
    let world = World::new(false);
    let old = world.put("inbox/a.csv", csv("old", 2)).await;
    let new = world.put("inbox/a.csv", csv("new", 3)).await;
    world.send(created("inbox/a.csv", &new, "02")).await;
    world.send(created("inbox/a.csv", &old, "01")).await;
    world.all().await;
    for job in world.jobs().await {
        if job.spec.input_version == new {
            assert_eq!(job.state(), "COMPLETED");
        } else {
            assert_eq!(job.spec.input_version, old);
            let reason = world.failure_of(&job).await;
            assert!(
                reason.contains("was replaced before its job was made"),
                "{reason}"
            );
        }
    }
    assert_eq!(world.jobs().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_work_asked_again_goes_on_under_the_new_limits_and_an_old_event_does_not_undo_them()
 {
    let world = World::new(false);
    world.put("data/a.csv", csv("a", 2)).await;
    let spec = |limits: serde_json::Value| {
        let mut spec = json!({"input_bucket": REPORTS, "input_key": "data/a.csv"});
        for (name, value) in limits.as_object().unwrap() {
            spec[name] = value.clone();
        }
        spec.to_string()
    };
    let first = world
        .put(
            "inbox/first.json",
            spec(json!({"rate_limit": 5, "max_workers": 4})),
        )
        .await;
    world.send(created("inbox/first.json", &first, "01")).await;
    world.split().await;
    world.send(spec(json!({"rate_limit": 1.5}))).await;
    world.split().await;
    // Told once more, perhaps by a redelivery.
    world.send(created("inbox/first.json", &first, "01")).await;
    world.split().await;
    let job = world.job().await;
    assert_eq!(job.spec.rate_limit, Some(1.5));
    assert_eq!(job.spec.max_workers, 4);
}

#[tokio::test(start_paused = true)]
async fn the_same_work_asked_for_at_another_place_says_where_it_is() {
    let world = World::new(false);
    world.put("data/a.csv", csv("a", 2)).await;
    let spec = |prefix: &str| {
        json!({"input_bucket": REPORTS, "input_key": "data/a.csv", "output_prefix": prefix})
            .to_string()
    };
    world.send(spec("one/")).await;
    world.send(spec("two/")).await;
    world.all().await;
    let jobs = world.jobs().await;
    let (done, failed): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| job.state() == "COMPLETED");
    assert_eq!((done.len(), failed.len()), (1, 1));
    assert_eq!(done[0].spec.output_prefix, "one/");
    let reason = world.failure_of(failed[0]).await;
    let expected = format!(
        "this is job {}, whose outputs go to out-bucket/one/",
        done[0].job_id
    );
    assert!(reason.starts_with(&expected), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn another_jobs_output_place_is_left_as_it_is() {
    let world = World::new(false);
    for name in ["a", "b"] {
        world.put(&format!("data/{name}.csv"), csv(name, 2)).await;
        let key = format!("data/{name}.csv");
        let spec = json!({"input_bucket": REPORTS, "input_key": key, "output_prefix": "ours"});
        world.send(spec.to_string()).await;
        world.all().await;
    }
    let jobs = world.jobs().await;
    assert_eq!(jobs[0].state(), "COMPLETED");
    let summary = world.output(&jobs[0], "summary.json").await;
    assert_eq!(summary["job_id"], jobs[0].job_id.as_str());
    let reason = world.failure_of(&jobs[1]).await;
    assert!(
        reason.contains(&format!("belongs to {}", jobs[0].job_id)),
        "{reason}"
    );
    assert_eq!(
        jobs[1].spec.output_prefix,
        format!("results/{}/", jobs[1].job_id)
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_step_is_made_good_by_the_same_message() {
    let mut steps = 0;
    loop {
        let world = World::new(false);
        world.put("inbox/a.csv.json", r#"{"batch_size":5}"#).await;
        let version = world.put("inbox/a.csv", csv("a", 2)).await;
        world.send(created("inbox/a.csv", &version, "01")).await;
        // The store is gone after so many requests, and the process ends there.
        world.store.fail_after(Some(steps));
        let came = world.split().await;
        world.store.fail_after(None);
        // The messages come back, to a process that has other defaults.
        tokio::time::advance(world.inbox.visibility() * 2).await;
        let mut world = world;
        let mut other = settings();
        other.default_max_workers = Some("3".to_string());
        world.config = other.check().unwrap();
        world.all().await;
        let job = world.job().await;
        assert_eq!(job.state(), "COMPLETED", "after {steps} requests: {came:?}");
        assert_eq!(job.spec.batch_size, 5);
        if !came.iter().any(|came| matches!(came, Came::Trouble(_))) {
            break;
        }
        assert!(
            matches!(
                came[..],
                [Came::Trouble(_)] | [Came::Deleted, Came::Trouble(_)]
            ),
            "{came:?}"
        );
        steps += 1;
    }
    assert!(steps > 5, "{steps} steps were seen");
}

#[tokio::test(start_paused = true)]
async fn a_splitter_that_is_killed_at_any_moment_leaves_one_job_that_the_same_message_finishes() {
    let mut alive = Duration::ZERO;
    let mut kills = 0;
    loop {
        let world = World::new(false);
        world
            .put(
                "inbox/a.csv.json",
                r#"{"batch_size":5,"output_prefix":"mine"}"#,
            )
            .await;
        let version = world.put("inbox/a.csv", csv("a", 2)).await;
        world.send(created("inbox/a.csv", &version, "01")).await;
        world
            .send(created("inbox/gone.csv", "sha256:00", "02"))
            .await;
        let came_through = world.split_for(alive).await;
        tokio::time::advance(world.inbox.visibility() * 2).await;
        world.all().await;
        let jobs = world.jobs().await;
        assert_eq!(jobs.len(), 2, "killed after {alive:?}");
        assert_eq!(jobs[0].state(), "COMPLETED", "killed after {alive:?}");
        assert_eq!(jobs[0].spec.output_prefix, "mine/");
        world.failure_of(&jobs[1]).await;
        if came_through {
            break;
        }
        kills += 1;
        alive += Duration::from_millis(3);
    }
    assert!(kills > 20, "only {kills} moments were tried");
}
