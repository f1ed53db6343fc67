//! What can be dropped into the inbox, and what comes of it.

use annexa::core::job::JobRecord;
use annexa::core::problem::ProblemType;
use annexa::core::spec::BlobRef;
use serde_json::json;

use super::world::{Came, OUT, REPORTS, World, bridged, created, csv, record};

#[tokio::test(start_paused = true)]
async fn a_csv_alone_becomes_a_job_under_the_defaults_and_is_split() {
    let world = World::new(false);
    let key = "inbox/Quartal 1+2/grün & blau.csv";
    let version = world.put(key, csv("a", 3)).await;
    world.send(created(key, &version, "01")).await;
    // The event's message, and the split's own.
    assert_eq!(world.split().await, [Came::Deleted, Came::Deleted]);
    let job = world.job().await;
    let spec = &job.spec;
    assert_eq!(spec.input(), BlobRef::new(REPORTS, key));
    assert_eq!(spec.input_version, version);
    assert_eq!(spec.output_bucket, OUT);
    assert_eq!(spec.output_prefix, format!("results/{}/", job.job_id));
    assert_eq!((spec.batch_size, spec.max_workers), (2, 32));
    assert_eq!(spec.model_id, "precedents");
    assert_eq!(spec.problem_type, ProblemType::Both);
    assert_eq!(job.split.as_ref().unwrap().rows, 3);
    assert_eq!(world.chunks.bodies().len(), 1);
    // One job owns its output place.
    assert_eq!(
        world.output(&job, "job.json").await["job_id"],
        job.job_id.as_str()
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_of_event_bridge_names_the_key_as_it_is() {
    let world = World::new(false);
    let key = "inbox/a+b %20.csv";
    let version = world.put(key, csv("a", 1)).await;
    world.send(bridged(key, &version, "01")).await;
    assert_eq!(world.split().await, [Came::Deleted, Came::Deleted]);
    assert_eq!(world.job().await.spec.input_key, key);
}

#[tokio::test(start_paused = true)]
async fn a_job_comes_to_its_end_from_the_event_alone() {
    let world = World::new(false);
    let version = world.put("inbox/a.csv", csv("a", 5)).await;
    world.send(created("inbox/a.csv", &version, "01")).await;
    world.all().await;
    let job = world.job().await;
    assert_eq!(job.state(), "COMPLETED", "{job:#?}");
    let results = String::from_utf8(world.bytes(&job.spec.output("results.csv")).await).unwrap();
    assert_eq!(results.lines().count(), 6);
}

async fn with_sidecar(sidecar: serde_json::Value) -> (World, JobRecord) {
    let world = World::new(false);
    world.put("inbox/a.csv.json", sidecar.to_string()).await;
    let version = world.put("inbox/a.csv", csv("a", 2)).await;
    world.send(created("inbox/a.csv", &version, "01")).await;
    world.all().await;
    let job = world.job().await;
    (world, job)
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_says_what_its_csv_is_asked() {
    for input in [
        json!({}),
        json!({"input_bucket": REPORTS, "input_key": "inbox/a.csv"}),
    ] {
        let mut sidecar = json!({"problem_type": "patient", "batch_size": 5, "chunk_rows": 1, "output_prefix": "mine"});
        for (name, value) in input.as_object().unwrap() {
            sidecar[name] = value.clone();
        }
        let (_, job) = with_sidecar(sidecar).await;
        assert_eq!(job.state(), "COMPLETED");
        assert_eq!(job.spec.problem_type, ProblemType::Patient);
        assert_eq!((job.spec.batch_size, job.spec.chunk_rows), (5, 1));
        assert_eq!(job.spec.output_prefix, "mine/");
        assert_eq!(job.split.unwrap().chunks, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_for_another_input_fails_its_csv_and_says_so() {
    let (world, job) = with_sidecar(json!({"input_key": "inbox/b.csv", "batch_size": 0})).await;
    let reason = world.failure_of(&job).await;
    assert_eq!(job.spec.input_key, "inbox/a.csv");
    for part in ["names another input", "batch_size is 0"] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_by_itself_waits_for_its_csv() {
    let world = World::new(false);
    let version = world.put("inbox/a.csv.json", r#"{"batch_size":1}"#).await;
    world
        .send(created("inbox/a.csv.json", &version, "01"))
        .await;
    assert_eq!(world.split().await, [Came::Deleted]);
    assert!(world.jobs().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_is_dropped_by_itself_names_its_input_anywhere() {
    let world = World::new(false);
    let input = world.put("archive/a.csv", csv("a", 2)).await;
    let spec =
        json!({"input_bucket": REPORTS, "input_key": "archive/a.csv", "problem_type": "product"});
    let version = world.put("inbox/job.json", spec.to_string()).await;
    world.send(created("inbox/job.json", &version, "01")).await;
    world.all().await;
    let job = world.job().await;
    assert_eq!(job.state(), "COMPLETED");
    assert_eq!(job.spec.input(), BlobRef::new(REPORTS, "archive/a.csv"));
    assert_eq!(job.spec.input_version, input);
}

#[tokio::test(start_paused = true)]
async fn a_spec_may_be_the_message_itself() {
    let world = World::new(false);
    world.put("archive/a.csv", csv("a", 2)).await;
    let spec = json!({"input_bucket": REPORTS, "input_key": "archive/a.csv", "rate_limit": "3"});
    world.send(spec.to_string()).await;
    assert_eq!(world.split().await, [Came::Deleted, Came::Deleted]);
    assert_eq!(world.job().await.spec.rate_limit, Some(3.0));
}

/// The guide's payload, with what is there to be found.
async fn guide(world: &World) -> serde_json::Value {
    let payload = include_str!("../../data/guide_payload.json");
    let input = BlobRef::new("fda-reports", "incoming/maude_2024_q1.csv");
    let terms = BlobRef::new("fda-reports", "terms/imdrf_terms.csv");
    use annexa::ports::Blobs;
    let reports = csv("guide", 2);
    world
        .store
        .put(&input, reports.as_bytes(), false)
        .await
        .unwrap();
    let table =
        "code,term\nA01,Patient Device Interaction Problem\nA04,Material Integrity Problem\n";
    world
        .store
        .put(&terms, table.as_bytes(), false)
        .await
        .unwrap();
    serde_json::from_str(payload).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_guides_payload_is_taken_as_it_is_and_its_ended_model_refused_with_its_replacement() {
    let world = World::new(false);
    let payload = guide(&world).await;
    world.send(payload.to_string()).await;
    world.all().await;
    let reason = world.failure().await;
    assert!(reason.contains("end of life"), "{reason}");
    assert!(reason.contains("take 'us.anthropic.claude-"), "{reason}");
    // Nothing else is wrong with it.
    assert!(!reason.contains(';'), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn the_guides_payload_with_a_current_model_is_a_job_as_it_says() {
    let world = World::new(false);
    let mut payload = guide(&world).await;
    payload["model_id"] = json!("us.anthropic.claude-haiku-4-5-20251001-v1:0");
    world.send(payload.to_string()).await;
    assert_eq!(world.split().await, [Came::Deleted, Came::Deleted]);
    let spec = world.job().await.spec;
    assert_eq!(spec.model_id, "us.anthropic.claude-haiku-4-5-20251001-v1:0");
    assert_eq!((spec.batch_size, spec.max_workers), (1, 5));
    assert_eq!(spec.rate_limit, Some(5.0));
    assert_eq!(spec.problem_type, ProblemType::Product);
    assert_eq!(
        spec.output("x"),
        BlobRef::new("fda-results", "imdrf/2024_q1/x")
    );
    assert!(spec.imdrf_version.unwrap().starts_with("sha256:"));
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_sns_wraps_is_read_too() {
    let world = World::new(false);
    let version = world.put("inbox/a.csv", csv("a", 1)).await;
    let inner = created("inbox/a.csv", &version, "01");
    let body = json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": inner});
    world.send(body.to_string()).await;
    assert_eq!(world.split().await, [Came::Deleted, Came::Deleted]);
    assert_eq!(world.job().await.spec.input_version, version);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_arrival_is_ignored_with_a_count_and_a_reason() {
    let world = World::new(false);
    let intake = world.intake();
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": REPORTS});
    world.send(test.to_string()).await;
    let mut removed = record("inbox/a.csv", "sha256:00", "02");
    removed["eventName"] = json!("ObjectRemoved:Delete");
    world
        .send(json!({ "Records": [removed] }).to_string())
        .await;
    for key in [
        "elsewhere/a.csv",
        "inbox/notes.docx",
        "inbox/folder/",
        "inbox/a.csv.gz.json",
        "results/job-0123456789abcdef0123/results.csv",
        "_annexa/inbox/00.json",
    ] {
        let version = world.put(key, "x").await;
        world.send(created(key, &version, "03")).await;
    }
    let came = world.split_with(intake.clone()).await;
    assert_eq!(came, vec![Came::Deleted; 8]);
    assert!(world.jobs().await.is_empty());
    let ignored: Vec<(&str, u64)> = intake.counts().now().ignored.into_iter().collect();
    let expected = [
        ("other_file", 2),
        ("other_kind", 1),
        ("other_place", 1),
        ("own_output", 2),
        ("sidecar_alone", 1),
        ("test_event", 1),
    ];
    assert_eq!(ignored, expected);
}

#[tokio::test(start_paused = true)]
async fn s20_one_bad_record_never_touches_its_neighbours() {
    let world = World::new(false);
    let intake = world.intake();
    let one = world.put("inbox/1.csv", csv("one", 1)).await;
    let two = world.put("inbox/2.csv", csv("two", 1)).await;
    let body = json!({"Records": [
        record("inbox/1.csv", &one, "01"),
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": REPORTS}}},
        record("inbox/gone.csv", "sha256:00", "02"),
        record("inbox/2.csv", &two, "03"),
    ]});
    world.send(body.to_string()).await;
    let came = world.split_with(intake.clone()).await;
    // The body is kept as a dead letter for the one record that nobody can read.
    let buried = Came::Buried("a record of a notification without bucket or key".to_string());
    assert_eq!(came, [buried, Came::Deleted, Came::Deleted]);
    world.all().await;
    let states: Vec<(String, &str)> = world
        .jobs()
        .await
        .into_iter()
        .map(|job| (job.spec.input_key.clone(), job.state()))
        .collect();
    let expected = [
        ("inbox/1.csv".to_string(), "COMPLETED"),
        ("inbox/2.csv".to_string(), "COMPLETED"),
        ("inbox/gone.csv".to_string(), "FAILED"),
    ];
    assert_eq!(states, expected);
    let counts = intake.counts().now();
    assert_eq!((counts.created, counts.failed, counts.unknown), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn s19_unknown_shapes_become_dead_letters_whose_reason_holds_no_word_of_them() {
    let world = World::new(false);
    for body in [
        "PATIENT JANE DOE",
        "[1]",
        r#"{"PATIENT":"JANE DOE"}"#,
        r#"{"split_job":"j","PATIENT":1}"#,
    ] {
        world.send(body).await;
    }
    let came = world.split().await;
    assert_eq!(came.len(), 4);
    for came in came {
        let Came::Buried(reason) = came else {
            panic!("{came:?}")
        };
        assert!(
            !reason.contains("PATIENT") && !reason.contains("JANE"),
            "{reason}"
        );
    }
    assert!(world.jobs().await.is_empty());
}
