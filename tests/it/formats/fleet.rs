//! A fleet's job whose spec asks for forms: its finisher writes them, a retry keeps the old ones and renews them, a stopped job
//! has partial ones.

use std::collections::BTreeSet;

use annexa::core::job::{JobRecord, NewGeneration};
use annexa::core::spec::BlobRef;
use annexa::ports::Blobs;
use annexa::ports::send::announce;
use serde_json::{Value, json};

use crate::cli::harness::{Place, sha256};
use crate::inbox::world::{REPORTS, World};

const FORMS: [&str; 3] = [
    "results.parquet",
    "results.jsonl",
    "results.spreadsheet.csv",
];

/// A world in which a job with all forms has ended, one of its rows failed.
async fn done() -> World {
    let world = World::new(false);
    // The third row has no text column: it fails however often it is tried.
    let csv = "id,mdr_text\n1,CATHETER FRACTURED DURING USE\n2,VALVE LEAK\n3\n4,STROKE\n";
    world.put("data/a.csv", csv).await;
    let spec = json!({
        "input_bucket": REPORTS, "input_key": "data/a.csv", "chunk_rows": 2,
        "formats": ["parquet", "jsonl", "spreadsheet"],
    });
    world.send(spec.to_string()).await;
    world.all().await;
    assert_eq!(world.job().await.state(), "COMPLETED_WITH_ERRORS");
    world
}

/// Takes a copy of the outputs, as `aws s3 cp --recursive` does, and has `annexa verify` look at it.
async fn verified(world: &World, job: &JobRecord) {
    let place = Place::new();
    let prefix = &job.spec.output_prefix;
    for key in world
        .store
        .list(&job.spec.output_bucket, prefix)
        .await
        .unwrap()
    {
        let name = key.strip_prefix(prefix.as_str()).unwrap();
        let to = place.path("copy").join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let blob = BlobRef::new(&job.spec.output_bucket, &key);
        std::fs::write(to, world.bytes(&blob).await).unwrap();
    }
    place.write("a.csv", world.bytes(&job.spec.input()).await);
    let ran = place.annexa(&["verify", "copy", "--input", "a.csv"]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let good = ran
        .out
        .lines()
        .filter(|line| line.starts_with("ok "))
        .count();
    assert_eq!(good, 18, "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn i6_a_fleets_job_writes_the_forms_of_its_spec_and_a_retry_renews_them() {
    let world = done().await;
    let job = world.job().await;
    let manifest = world.output(&job, "manifest.json").await;
    verified(&world, &job).await;
    let mut first = Vec::new();
    for name in FORMS {
        let bytes = world.bytes(&job.spec.output(name)).await;
        let entries = manifest["outputs"].as_array().unwrap();
        let entry = entries
            .iter()
            .find(|entry| entry["name"] == name)
            .expect(name);
        assert_eq!(entry["sha256"], sha256(&bytes));
        first.push(bytes);
    }
    let lines = String::from_utf8(first[1].clone()).unwrap();
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let outcomes: Vec<&str> = rows
        .iter()
        .map(|row| row["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["coded", "coded", "failed", "coded"]);

    let begun = world
        .ledger
        .new_generation(&job.job_id, 0, &BTreeSet::new())
        .await
        .unwrap();
    assert!(
        matches!(begun, NewGeneration::Begun { generation: 1, .. }),
        "{begun:?}"
    );
    announce(&*world.clock, &*world.done, &job.job_id)
        .await
        .unwrap();
    // What stands there is written over by the finisher, and by nobody else.
    for name in FORMS {
        assert!(!world.bytes(&job.spec.output(name)).await.is_empty());
    }
    world.all().await;
    let job = world.job().await;
    assert_eq!((job.generation, job.state()), (1, "COMPLETED_WITH_ERRORS"));
    verified(&world, &job).await;
    let results = world.bytes(&job.spec.output("results.csv")).await;
    let before = world
        .bytes(&job.spec.output("retry-1/before/results.csv"))
        .await;
    assert!(results == before, "the failed row fails in the same way");
    for (name, first) in FORMS.iter().zip(first) {
        let kept = world
            .bytes(&job.spec.output(&format!("retry-1/before/{name}")))
            .await;
        let renewed = world.bytes(&job.spec.output(name)).await;
        assert!(kept == first, "{name} of before is kept");
        assert!(renewed == first, "{name}: the same rows are the same bytes");
    }
}
