//! `annexa submit`, on a fleet in memory; and what it says where there is none.

use std::path::Path;

use annexa::cli::submit::{Failure, SubmitArgs, sentence, submit};
use annexa::core::job::PauseReason;
use annexa::core::spec::BlobRef;
use annexa::inbox::Submitted;
use annexa::ports::Blobs;
use assert_cmd::Command;
use clap::Parser;
use serde_json::json;

use super::world::{OUT, REPORTS, World, csv};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: SubmitArgs,
}

async fn submitted(world: &World, words: &[&str]) -> Result<Submitted, Failure> {
    let cli = Cli::parse_from(["submit"].iter().chain(words));
    submit(&cli.args, world.intake_ports(), world.setup()).await
}

fn problems(result: Result<Submitted, Failure>) -> String {
    match result {
        Ok(submitted) => panic!("{submitted:?}"),
        Err(failure) => {
            assert_eq!(failure.code, 64, "{:?}", failure.problems);
            failure.problems.join("\n")
        }
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_file_is_uploaded_outside_the_inbox_and_becomes_one_job_however_often_it_is_submitted() {
    let world = World::new(false);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my reports.csv");
    std::fs::write(&file, csv("a", 3)).unwrap();
    let first = submitted(
        &world,
        &[shown(&file), "--problem", "product", "--batch-size", "4"],
    )
    .await;
    let Ok(first) = first else { panic!() };
    assert!(first.found.is_none());
    world.all().await;
    let job = world.job().await;
    assert_eq!(job.job_id, first.job_id);
    assert_eq!(job.state(), "COMPLETED");
    assert_eq!(job.spec.batch_size, 4);
    assert_eq!(job.spec.input_bucket, OUT);
    let key = &job.spec.input_key;
    assert!(
        key.starts_with("uploads/") && key.ends_with("/my reports.csv"),
        "{key}"
    );
    assert_eq!(
        world.bytes(&job.spec.input()).await,
        csv("a", 3).into_bytes()
    );
    let again = submitted(
        &world,
        &[shown(&file), "--problem", "product", "--batch-size", "4"],
    )
    .await;
    let Ok(again) = again else { panic!() };
    assert_eq!(again.job_id, first.job_id);
    assert_eq!(again.found.unwrap().state(), "COMPLETED");
    let anew = submitted(
        &world,
        &[
            shown(&file),
            "--problem",
            "product",
            "--batch-size",
            "4",
            "--again",
        ],
    )
    .await;
    let Ok(anew) = anew else { panic!() };
    assert_ne!(anew.job_id, first.job_id);
    assert_eq!(world.jobs().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_object_is_submitted_where_it_lies_with_a_spec_and_flags_above_it() {
    let world = World::new(false);
    world.put("archive/a.csv", csv("a", 3)).await;
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("job.json");
    let fields = json!({"problem_type": "product", "batch_size": 9, "max_workers": "6", "output_prefix": "there"});
    std::fs::write(&spec, fields.to_string()).unwrap();
    let done = submitted(
        &world,
        &[
            "s3://reports/archive/a.csv",
            "--spec",
            shown(&spec),
            "--batch-size",
            "3",
        ],
    )
    .await;
    let Ok(done) = done else { panic!() };
    let job = world.job().await;
    assert_eq!(job.job_id, done.job_id);
    assert_eq!(job.spec.input(), BlobRef::new(REPORTS, "archive/a.csv"));
    assert_eq!((job.spec.batch_size, job.spec.max_workers), (3, 6));
    assert_eq!(job.spec.output("x"), BlobRef::new(OUT, "there/x"));
}

#[tokio::test(start_paused = true)]
async fn all_that_is_wrong_is_said_before_anything_is_uploaded() {
    let world = World::new(false);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    std::fs::write(&file, csv("a", 3)).unwrap();
    let result = submitted(
        &world,
        &[
            shown(&file),
            "--batch-size",
            "11",
            "--rate-limit",
            "-2",
            "--terms",
            "terms.csv",
            "--model",
            "anthropic.claude-3-5-sonnet-20240620-v1:0",
            "--output",
            "s3://reports/inbox/",
            "--prefix",
            "inbox/uploads",
        ],
    )
    .await;
    let said = problems(result);
    for part in [
        "batch_size is 11",
        "rate_limit is -2",
        "--terms is 'terms.csv': s3://BUCKET/KEY expected",
        "end of life",
        "lies in the inbox (",
        "--prefix inbox/uploads/ lies in the inbox",
    ] {
        assert!(said.contains(part), "'{part}' is not said:\n{said}");
    }
    assert!(world.store.list(OUT, "").await.unwrap().is_empty());
    assert!(world.store.list(REPORTS, "").await.unwrap().is_empty());
    assert!(world.jobs().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_csv_of_reports_is_not_uploaded() {
    let world = World::new(false);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "name,age\nx,1\n").unwrap();
    let said = problems(submitted(&world, &[shown(&file)]).await);
    assert!(said.contains("mdr_text"), "{said}");
    let said = problems(submitted(&world, &["/no/such/file.csv"]).await);
    assert!(said.contains("/no/such/file.csv"), "{said}");
    let said = problems(submitted(&world, &[]).await);
    assert!(said.contains("nothing to submit"), "{said}");
    assert!(world.store.list(OUT, "").await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_there_makes_no_job() {
    let world = World::new(false);
    let said = problems(submitted(&world, &["s3://reports/none.csv"]).await);
    assert_eq!(said, "the input reports/none.csv is not there");
    assert!(world.jobs().await.is_empty());
}

#[test]
fn without_a_fleet_all_that_is_missing_is_said_at_once_with_exit_64() {
    let mut command = Command::cargo_bin("annexa").unwrap();
    for name in [
        "ANNEXA_INBOX_QUEUE_URL",
        "ANNEXA_CHUNK_QUEUE_URL",
        "ANNEXA_DONE_QUEUE_URL",
        "ANNEXA_TABLE",
        "ANNEXA_OUTPUT_BUCKET",
    ] {
        command.env_remove(name);
    }
    let ran = command.args(["submit", "a.csv"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(64));
    assert!(ran.stdout.is_empty());
    let said = String::from_utf8(ran.stderr).unwrap();
    for name in [
        "INBOX_QUEUE_URL",
        "CHUNK_QUEUE_URL",
        "DONE_QUEUE_URL",
        "TABLE",
        "OUTPUT_BUCKET",
    ] {
        assert!(said.contains(&format!("ANNEXA_{name} (--")), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_cap_for_a_paused_job_is_told_with_the_old_one_and_that_it_stays_paused() {
    let world = World::new(false);
    world.put("archive/a.csv", csv("a", 3)).await;
    let capped = async |cap: &str| {
        let words = ["s3://reports/archive/a.csv", "--max-cost-usd", cap];
        match submitted(&world, &words).await {
            Ok(submitted) => submitted,
            Err(failure) => panic!("{:?}", failure.problems),
        }
    };
    let id = capped("0.001").await.job_id;
    for (reason, resume) in [
        (
            PauseReason::CostCap,
            format!("annexa resume {id} --max-cost-usd 5.000000000, or more"),
        ),
        (PauseReason::ByUser, format!("annexa resume {id}")),
    ] {
        assert!(world.ledger.pause(&id, &reason).await.unwrap());
        let said = sentence(&capped("5").await);
        let expected = format!(
            "this is job {id}, which is PAUSED already; its cost cap is now 5.000000000 US dollars (was 0.001000000 US dollars); \
             it stays paused: {resume}"
        );
        assert_eq!(said, expected);
        assert_eq!(world.job().await.state(), "PAUSED");
        let said = sentence(&capped("5").await);
        assert!(!said.contains("is now"), "it was so already: {said}");
        capped("0.001").await;
        world.ledger.resume(&id).await.unwrap();
    }
    let said = sentence(&capped("0.001").await);
    assert!(
        !said.contains("cost cap") && !said.contains("resume"),
        "{said}"
    );
}
