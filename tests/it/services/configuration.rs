//! What is wrong is said at once, before any work.

use super::place::{Place, program};

#[test]
fn a_service_says_all_that_is_wrong_with_its_configuration_and_ends_with_64() {
    for name in ["annexa-splitter", "annexa-worker", "annexa-aggregator"] {
        let mut service = program(name);
        service
            .env("ANNEXA_CHUNK_QUEUE_URL", "chunks")
            .env("ANNEXA_DRAIN_S", "300")
            .env("AWS_REGION", "nowhere")
            .args(["--table", "a table"]);
        let ended = service.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(64), "{said}");
        for wrong in [
            "ANNEXA_INBOX_QUEUE_URL (--inbox-queue-url) is not set",
            "ANNEXA_CHUNK_QUEUE_URL (--chunk-queue-url) is 'chunks'",
            "ANNEXA_DONE_QUEUE_URL (--done-queue-url) is not set",
            "ANNEXA_TABLE (--table) is 'a table'",
            "ANNEXA_OUTPUT_BUCKET (--output-bucket) is not set",
            "ANNEXA_DRAIN_S (--drain-s) is '300'",
            "'nowhere' (AWS_REGION or AWS_DEFAULT_REGION) is not an AWS Region",
            "credentials",
        ] {
            assert!(said.contains(wrong), "{name}: no '{wrong}' in {said}");
        }
    }
}

#[test]
fn what_is_wrong_about_notices_ends_annexa_up_and_no_service() {
    let said = |name: &str, args: &[&str]| {
        let mut program = program(name);
        let program = program.env("ANNEXA_NOTIFY_TOPIC_ARN", "jobs").args(args);
        // There is no table, either, so that both end.
        let ended = program.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(64), "{said}");
        assert!(said.contains("ANNEXA_TABLE"), "{said}");
        said
    };
    assert!(!said("annexa-aggregator", &[]).contains("ANNEXA_NOTIFY"));
    let by_hand = said("annexa", &["up"]);
    let wrong = "ANNEXA_NOTIFY_TOPIC_ARN (--notify-topic-arn): a topic's ARN";
    assert!(by_hand.contains(wrong), "{by_hand}");
}

#[tokio::test]
async fn what_a_service_needs_and_does_not_find_is_said_at_once_and_ends_it_with_64() {
    let place = Place::new().await;
    let mut service = place.program("annexa-worker");
    service
        .env("ANNEXA_CHUNK_QUEUE_URL", format!("{}-gone", place.chunks))
        .env("ANNEXA_DONE_QUEUE_URL", format!("{}-gone", place.done))
        // Not the worker's business.
        .env("ANNEXA_INBOX_QUEUE_URL", format!("{}-gone", place.inbox))
        .env("ANNEXA_TABLE", format!("{}-gone", place.table))
        .env("ANNEXA_OUTPUT_BUCKET", format!("{}-gone", place.bucket));
    let ended = service.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(64), "{said}");
    for missing in [
        "ANNEXA_CHUNK_QUEUE_URL: ",
        "ANNEXA_DONE_QUEUE_URL: ",
        "ANNEXA_TABLE: ",
        "ANNEXA_OUTPUT_BUCKET: ",
    ] {
        assert!(said.contains(missing), "no '{missing}' in {said}");
    }
    assert!(!said.contains("ANNEXA_INBOX_QUEUE_URL"), "{said}");
}

#[test]
fn a_health_check_without_a_port_or_a_service_says_so() {
    let ask = |port: &str| {
        let mut ask = program("annexa-aggregator");
        let ended = ask.env("ANNEXA_HEALTH_PORT", port).arg("health").output();
        let ended = ended.unwrap();
        (
            ended.status.code(),
            String::from_utf8(ended.stderr).unwrap(),
        )
    };
    let (code, said) = ask("");
    assert_eq!(code, Some(64));
    assert!(
        said.contains("ANNEXA_HEALTH_PORT (--health-port) is not set"),
        "{said}"
    );
    let (code, said) = ask("1");
    assert_eq!(code, Some(1));
    assert!(
        said.contains("not live: nobody answers on port 1"),
        "{said}"
    );
}

/// The variables that name the fleet's queues.
const QUEUES: [&str; 3] = [
    "ANNEXA_INBOX_QUEUE_URL",
    "ANNEXA_CHUNK_QUEUE_URL",
    "ANNEXA_DONE_QUEUE_URL",
];

#[test]
fn a_command_without_credentials_says_so_once_and_ends_with_64() {
    let mut command = program("annexa");
    for queue in QUEUES {
        command.env(
            queue,
            format!("https://sqs.us-east-1.amazonaws.com/1/{queue}"),
        );
    }
    let home = tempfile::tempdir().unwrap();
    let ended = command
        .env("HOME", home.path())
        .env("ANNEXA_TABLE", "annexa")
        .env("ANNEXA_OUTPUT_BUCKET", "annexa")
        .env("AWS_REGION", "us-east-1")
        .arg("jobs")
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(64), "{said}");
    let begin = format!("annexa: {}: no AWS credentials found", QUEUES.join(", "));
    assert!(said.starts_with(&begin), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn a_command_whose_queue_or_table_is_not_there_names_it_and_ends_with_64() {
    let place = Place::new().await;
    for (variable, gone) in [
        ("ANNEXA_DONE_QUEUE_URL", format!("{}-gone", place.done)),
        ("ANNEXA_TABLE", format!("{}-gone", place.table)),
    ] {
        let ended = place
            .program("annexa")
            .env(variable, &gone)
            .arg("jobs")
            .output();
        let ended = ended.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(64), "{said}");
        assert!(said.contains(&gone), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
