//! Objects that are replaced while their job runs: the pinned version is used, or the job fails and says so.

use annexa::core::identity::sha256_hex;
use annexa::inbox::JobRequest;
use annexa::jobs;
use serde_json::json;

use super::world::{REPORTS, World, created, csv};

/// A job whose input is replaced after it was split, or just after it was made.
async fn replaced(keeps_versions: bool, after_split: bool) -> World {
    let world = World::new(keeps_versions);
    let version = world.put("inbox/a.csv", csv("old", 4)).await;
    if after_split {
        world.send(created("inbox/a.csv", &version, "01")).await;
        world.split().await;
    } else {
        let request = JobRequest {
            input_bucket: Some(REPORTS.into()),
            input_key: Some("inbox/a.csv".into()),
            ..JobRequest::default()
        };
        world.intake().submit(&request).await.unwrap();
    }
    world.put("inbox/a.csv", csv("new", 4)).await;
    world.all().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_pinned_version_is_read_however_often_the_object_is_replaced() {
    for after_split in [false, true] {
        let world = replaced(true, after_split).await;
        let job = world.job().await;
        assert_eq!(job.state(), "COMPLETED", "{job:#?}");
        let results = world.bytes(&job.spec.output("results.csv")).await;
        let results = String::from_utf8(results).unwrap();
        assert!(results.contains("old-3") && !results.contains("new-"));
    }
}

#[tokio::test(start_paused = true)]
async fn without_versions_a_replaced_input_fails_its_job_with_that_reason() {
    for after_split in [false, true] {
        let world = replaced(false, after_split).await;
        let reason = world.failure().await;
        assert!(reason.contains("has changed"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn terms_are_pinned_by_version_and_digest_when_the_job_is_made() {
    for keeps_versions in [true, false] {
        let world = World::new(keeps_versions);
        let table =
            "code,term,definition\nA04,Material Integrity Problem,broken\nE24,Other,other\n";
        let version = world.put("terms.csv", table).await;
        world.put("data/a.csv", csv("a", 2)).await;
        let spec = json!({"input_bucket": REPORTS, "input_key": "data/a.csv", "imdrf_bucket": REPORTS,
            "imdrf_key": "terms.csv"});
        world.send(spec.to_string()).await;
        world.split().await;
        let spec = world.job().await.spec;
        assert_eq!(spec.imdrf_version.as_deref(), Some(version.as_str()));
        let load = || jobs::terms::load(&*world.clock, &*world.store, &spec);
        assert_eq!(load().await.unwrap().sha256_hex(), spec.terms_sha256);
        world
            .put("terms.csv", "code,term\nA05,Mechanical Problem\n")
            .await;
        match load().await {
            Ok(terms) => {
                assert!(keeps_versions);
                assert_eq!(terms.sha256_hex(), spec.terms_sha256);
                assert!(terms.by_code("A05").is_none());
            }
            Err(error) => {
                assert!(!keeps_versions);
                assert!(error.what.contains("changed"), "{error}");
            }
        }
        assert_eq!(version, format!("sha256:{}", sha256_hex(table.as_bytes())));
    }
}
