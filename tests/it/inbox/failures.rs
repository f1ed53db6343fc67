//! What can never become a job: each ends as a failed one that says why, or as a dead letter that does.

use annexa::core::spec::BlobRef;
use annexa::ports::queue::Queue;
use serde_json::{Value, json};

use super::world::{Came, OUT, REPORTS, World, created, csv};

/// What becomes of a spec for a CSV that is there.
async fn spec_with(fields: Value) -> (World, String) {
    let world = World::new(false);
    world.put("data/a.csv", csv("a", 2)).await;
    let mut spec = json!({"input_bucket": REPORTS, "input_key": "data/a.csv"});
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    world.send(spec.to_string()).await;
    world.all().await;
    let reason = world.failure().await;
    (world, reason)
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_is_a_failed_job_and_the_same_one_when_told_again() {
    let world = World::new(false);
    world
        .send(created("inbox/gone.csv", "sha256:00", "01"))
        .await;
    world.all().await;
    let reason = world.failure().await;
    assert_eq!(reason, "the input reports/inbox/gone.csv is not there");
    let job = world.job().await;
    assert_eq!(job.spec.input(), BlobRef::new(REPORTS, "inbox/gone.csv"));
    assert_eq!(
        job.spec.output(""),
        BlobRef::new(OUT, format!("results/{}/", job.job_id))
    );
    world
        .send(created("inbox/gone.csv", "sha256:00", "01"))
        .await;
    assert_eq!(world.all().await, [Came::Deleted]);
    assert_eq!(world.job().await.job_id, job.job_id);
    // Put there after all, it is a job of its own.
    let version = world.put("inbox/gone.csv", csv("back", 1)).await;
    world.send(created("inbox/gone.csv", &version, "02")).await;
    world.all().await;
    assert_eq!(world.jobs().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_be_read_is_a_failed_job_that_says_so() {
    let world = World::new(false);
    let version = world.put("inbox/a.csv", csv("a", 1)).await;
    world.store.forbid(&BlobRef::new(REPORTS, "inbox/a.csv"));
    world.send(created("inbox/a.csv", &version, "01")).await;
    world.all().await;
    let reason = world.failure().await;
    assert!(reason.contains("may not be read (403)"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_csv_of_reports_is_a_failed_job() {
    for content in ["", "a,b\n1,2\n"] {
        let world = World::new(false);
        let version = world.put("inbox/a.csv", content).await;
        world.send(created("inbox/a.csv", &version, "01")).await;
        world.all().await;
        assert!(!world.failure().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn i10_the_reason_of_a_file_without_a_header_shows_nothing_of_it_and_says_what_a_sidecar_says()
 {
    let many = format!("{}Jane\n", "catheter,".repeat(40));
    for content in [
        "Jane Doe\nfell\n",
        "MDR-1001,Jane Doe died after the catheter broke\n",
        "Jane Doe,died\n",
        "The catheter broke, Jane fell, Jane died\n",
        "Jane,Jane\n",
        &many,
    ] {
        let world = World::new(false);
        let version = world.put("inbox/a.csv", content).await;
        world.send(created("inbox/a.csv", &version, "01")).await;
        world.all().await;
        let reason = world.failure().await;
        for part in [
            "no id column 'id' and no text column 'mdr_text'",
            "id_column and text_column in the sidecar NAME.csv.json",
        ] {
            assert!(reason.contains(part), "'{part}' is not said: {reason}");
        }
        let job = format!("{:?}", world.job().await);
        for word in ["Jane", "Doe", "catheter", "died"] {
            assert!(!job.contains(word), "{word} of {content:?}: {job}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i10_reports_named_as_terms_are_not_shown() {
    for content in [
        "7001,JANE DOE,x\n7002,y,z\n",
        "JANE DOE,JANE DOE,term\n",
        "JANE DOE fell and died in surgery\n",
    ] {
        let world = World::new(false);
        world.put("data/a.csv", csv("a", 2)).await;
        world.put("terms.csv", content).await;
        let spec = json!({"input_bucket": REPORTS, "input_key": "data/a.csv", "imdrf_bucket": REPORTS, "imdrf_key": "terms.csv"});
        world.send(spec.to_string()).await;
        world.all().await;
        let reason = world.failure().await.to_lowercase();
        assert!(
            reason.contains("terms.csv cannot be used (line 1"),
            "{reason}"
        );
        assert!(
            !reason.contains("jane") && !reason.contains("7001"),
            "{reason}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_is_wrong_with_a_spec_stands_in_the_reason() {
    let (_, reason) = spec_with(json!({
        "batchsize": 3, "problem_type": "device", "model_id": "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "second_opinion": true, "output_bucket": REPORTS, "output_prefix": "inbox/out",
        "imdrf_bucket": REPORTS, "imdrf_key": "no/terms.csv",
    }))
    .await;
    for part in [
        "unknown field 'batchsize': 'batch_size' may be meant",
        "problem_type is 'device'",
        "end of life",
        "second_opinion is true: precedents or sample expected",
        "lies in the inbox",
        "reports/no/terms.csv is not there",
    ] {
        assert!(reason.contains(part), "'{part}' is not said: {reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_is_a_failed_job() {
    let (world, reason) = spec_with(json!({"model_id": "claude-haiku-4-5"})).await;
    assert!(
        reason.contains("'claude-haiku-4-5' is no model"),
        "{reason}"
    );
    assert_eq!(world.job().await.spec.model_id, "claude-haiku-4-5");
}

#[tokio::test(start_paused = true)]
async fn a_cap_that_cannot_be_kept_is_refused() {
    let fields = json!({"model_id": "us.anthropic.claude-unheard-of-v9:0", "max_cost_usd": "5"});
    let (_, reason) = spec_with(fields).await;
    assert!(reason.contains("max_cost_usd cannot be kept"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn broken_terms_are_said_by_line_and_not_quoted() {
    let world = World::new(false);
    world.put("data/a.csv", csv("a", 2)).await;
    world
        .put("terms.csv", "code,term\nPATIENT JANE DOE,\n")
        .await;
    let spec = json!({"input_bucket": REPORTS, "input_key": "data/a.csv", "imdrf_bucket": REPORTS, "imdrf_key": "terms.csv"});
    world.send(spec.to_string()).await;
    world.all().await;
    let reason = world.failure().await;
    assert!(
        reason.contains("the terms reports/terms.csv cannot be used (line 2"),
        "{reason}"
    );
    assert!(!reason.contains("JANE"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_is_no_json_fails_under_its_own_name() {
    let world = World::new(false);
    let version = world.put("inbox/job.json", "{\"input_bucket\": ").await;
    world.send(created("inbox/job.json", &version, "01")).await;
    world.all().await;
    let reason = world.failure().await;
    assert!(
        reason.contains("the spec reports/inbox/job.json: the spec is not JSON (line 1"),
        "{reason}"
    );
    assert_eq!(world.job().await.spec.input_key, "inbox/job.json");
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_names_not_even_a_bucket_is_a_dead_letter_with_a_reason() {
    let world = World::new(false);
    world
        .send(json!({"input_key": "a.csv", "model_id": "PATIENT JANE DOE"}).to_string())
        .await;
    let came = world.split().await;
    let [Came::Buried(reason)] = &came[..] else {
        panic!("{came:?}")
    };
    assert!(reason.contains("without a usable input_bucket"), "{reason}");
    assert!(!reason.contains("JANE"), "{reason}");
    assert!(world.jobs().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_trouble_and_no_failed_job() {
    let world = World::new(false);
    let version = world.put("inbox/a.csv", csv("a", 1)).await;
    world.send(created("inbox/a.csv", &version, "01")).await;
    world.store.fail_after(Some(0));
    let came = world.split().await;
    assert!(matches!(came[..], [Came::Trouble(_)]), "{came:?}");
    assert!(world.jobs().await.is_empty());
    world.store.fail_after(None);
    tokio::time::advance(world.inbox.visibility() * 2).await;
    world.all().await;
    assert_eq!(world.job().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn trouble_with_one_record_leaves_the_others_their_jobs() {
    let world = World::new(false);
    // The second is refused for good, the first is well: neither waits for the other.
    let one = world.put("inbox/1.csv", csv("one", 1)).await;
    let two = world.put("inbox/2.csv", csv("two", 1)).await;
    world.store.forbid(&BlobRef::new(REPORTS, "inbox/2.csv"));
    let body = json!({"Records": [
        super::world::record("inbox/2.csv", &two, "02"),
        super::world::record("inbox/1.csv", &one, "01"),
    ]});
    world.send(body.to_string()).await;
    world.all().await;
    let states: Vec<&str> = world.jobs().await.iter().map(|job| job.state()).collect();
    assert_eq!(states, ["COMPLETED", "FAILED"]);
}
