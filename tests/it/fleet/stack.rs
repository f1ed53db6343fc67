//! What infra/storage.yaml makes, as far as an emulator shows it: infra/checks asserts on the template what none does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::dynamodb::schema;
use annexa::adapters::local::clock::SystemClock;
use aws_sdk_dynamodb::types::TableDescription;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use super::place::{QUEUES, deployed};
use crate::aws::emulator::{Emulator, unique};
use crate::cli::process::pause;

const SECONDS_A_DAY: u32 = 24 * 3600;

/// A deployed stack and its fleet's name.
struct Stack {
    name: String,
    env: BTreeMap<String, String>,
}

impl Stack {
    fn new(parameters: &[&str]) -> Stack {
        let name = unique("f");
        let env = deployed(&name, parameters).unwrap_or_else(|why| panic!("{why}"));
        Stack { name, env }
    }

    fn queue(&self, variable: &str) -> &str {
        &self.env[variable]
    }

    /// The URL of the dead-letter queue that belongs to a queue.
    fn dead(&self, variable: &str) -> String {
        format!("{}-dead", self.queue(variable))
    }
}

async fn attributes(url: &str) -> BTreeMap<String, String> {
    let sqs = Emulator::shared().sqs();
    let all = sqs.get_queue_attributes().queue_url(url);
    let all = all.attribute_names(QueueAttributeName::All).send().await;
    let all = all.expect("the queue is there").attributes;
    let all = all.unwrap_or_default().into_iter();
    all.map(|(name, value)| (name.as_str().to_string(), value))
        .collect()
}

/// Bodies of what is received in one go, waiting for `wait_s`; they are shown again at once.
async fn bodies(url: &str, wait_s: i32) -> Vec<String> {
    let sqs = Emulator::shared().sqs();
    let receive = sqs.receive_message().queue_url(url);
    let receive = receive.max_number_of_messages(10).visibility_timeout(0);
    let received = receive.wait_time_seconds(wait_s).send().await;
    let messages = received.expect("messages can be received").messages;
    let messages = messages.unwrap_or_default().into_iter();
    messages.filter_map(|message| message.body).collect()
}

async fn put(bucket: &str, key: &str) {
    let put = Emulator::shared().s3().put_object().bucket(bucket).key(key);
    put.send().await.expect("an object can be put");
}

#[tokio::test]
async fn the_inbox_queue_is_told_of_what_is_dropped_under_the_prefix_and_of_nothing_else() {
    let stack = Stack::new(&["InboxPrefix=drop/here/"]);
    let bucket = &stack.env["ANNEXA_INBOX_BUCKET"];
    for key in ["inbox/a.csv", "drop/b.csv", "drop/here/my reports.csv"] {
        put(bucket, key).await;
    }
    let mut keys = Vec::new();
    while keys.is_empty() {
        let bodies = bodies(stack.queue("ANNEXA_INBOX_QUEUE_URL"), 5).await;
        assert!(!bodies.is_empty(), "no event came");
        for body in bodies {
            let event: Value = serde_json::from_str(&body).expect("an event is JSON");
            let records = event["Records"].as_array().cloned().unwrap_or_default();
            for record in records {
                assert_eq!(record["s3"]["bucket"]["name"], bucket.as_str());
                let version = &record["s3"]["object"]["versionId"];
                assert!(version.is_string(), "the event names the version: {body}");
                keys.push(record["s3"]["object"]["key"].clone());
            }
        }
    }
    assert_eq!(
        keys.iter()
            .map(|key| key.as_str().unwrap_or_default().replace("%2F", "/"))
            .collect::<Vec<_>>(),
        ["drop/here/my+reports.csv"]
    );
}

#[tokio::test]
async fn a_message_that_is_received_too_often_is_a_dead_letter_of_its_own_queue() {
    let stack = Stack::new(&["MaxReceiveCount=10"]);
    let sqs = Emulator::shared().sqs();
    for variable in QUEUES {
        // The inbox queue has S3's test event; it shall not be in the way.
        let url = stack.queue(variable);
        sqs.purge_queue().queue_url(url).send().await.unwrap();
        let send = sqs.send_message().queue_url(url).message_body(variable);
        send.send().await.expect("a message can be sent");
        for _ in 0..10 {
            assert_eq!(bodies(url, 1).await, [variable]);
        }
        assert!(bodies(url, 0).await.is_empty(), "{variable}");
        assert_eq!(bodies(&stack.dead(variable), 1).await, [variable]);
    }
}

#[tokio::test]
async fn queues_are_as_the_design_says_encrypted_and_closed_to_plain_http() {
    let stack = Stack::new(&[]);
    for variable in QUEUES {
        let live = attributes(stack.queue(variable)).await;
        let dead = attributes(&stack.dead(variable)).await;
        assert_eq!(live["VisibilityTimeout"], "120");
        assert_eq!(live["ReceiveMessageWaitTimeSeconds"], "20");
        let days = |days: u32| (days * SECONDS_A_DAY).to_string();
        // Nothing but its message knows of a file that nobody has taken up.
        let kept = match variable {
            "ANNEXA_INBOX_QUEUE_URL" => 14,
            _ => 7,
        };
        assert_eq!(live["MessageRetentionPeriod"], days(kept));
        assert_eq!(dead["MessageRetentionPeriod"], days(14));
        let redrive: Value = serde_json::from_str(&live["RedrivePolicy"]).unwrap();
        assert_eq!(redrive["deadLetterTargetArn"], dead["QueueArn"]);
        assert_eq!(
            redrive["maxReceiveCount"].to_string().trim_matches('"'),
            "100"
        );
        let allow: Value = serde_json::from_str(&dead["RedriveAllowPolicy"]).unwrap();
        assert_eq!(allow["sourceQueueArns"], json!([live["QueueArn"]]));
        for attributes in [&live, &dead] {
            assert!(attributes["KmsMasterKeyId"].contains(":key/"));
            assert_eq!(attributes["KmsDataKeyReusePeriodSeconds"], "86400");
            let policy: Value = serde_json::from_str(&attributes["Policy"]).unwrap();
            let statements = policy["Statement"].as_array().unwrap();
            let denies = statements.iter().filter(|one| one["Effect"] == "Deny");
            let resources: Vec<_> = denies.map(|one| &one["Resource"]).collect();
            assert_eq!(resources, [attributes["QueueArn"].as_str()]);
        }
    }
}

#[tokio::test]
async fn buckets_are_closed_and_only_the_inbox_keeps_versions() {
    let stack = Stack::new(&[]);
    let s3 = Emulator::shared().s3();
    for (variable, versions) in [
        ("ANNEXA_INBOX_BUCKET", Some("Enabled")),
        ("ANNEXA_OUTPUT_BUCKET", None),
    ] {
        let bucket = &stack.env[variable];
        let versioning = s3.get_bucket_versioning().bucket(bucket).send().await;
        let status = versioning.unwrap().status;
        assert_eq!(status.as_ref().map(|status| status.as_str()), versions);
        let block = s3.get_public_access_block().bucket(bucket).send().await;
        let block = block.unwrap().public_access_block_configuration.unwrap();
        assert_eq!(block.block_public_acls, Some(true));
        assert_eq!(block.block_public_policy, Some(true));
        assert_eq!(block.ignore_public_acls, Some(true));
        assert_eq!(block.restrict_public_buckets, Some(true));
        let policy = s3.get_bucket_policy().bucket(bucket).send().await;
        let policy = policy.unwrap().policy.unwrap();
        let policy: Value = serde_json::from_str(&policy).unwrap();
        let plain = json!({"Bool": {"aws:SecureTransport": "false"}});
        let arn = format!("arn:aws:s3:::{bucket}");
        let refused = policy["Statement"].as_array().unwrap().iter().any(|one| {
            one["Effect"] == "Deny"
                && one["Condition"] == plain
                && one["Resource"] == json!([arn, format!("{arn}/*")])
        });
        assert!(refused, "{policy}");
    }
}

async fn table(name: &str) -> TableDescription {
    let describe = Emulator::shared().dynamodb().describe_table();
    let described = describe.table_name(name).send().await;
    described.expect("the table is there").table.unwrap()
}

#[tokio::test]
async fn the_table_is_as_the_ledger_makes_one_for_itself() {
    let stack = Stack::new(&[]);
    let own = unique("own");
    let clock = Arc::new(SystemClock::new());
    schema::create_table(&Emulator::shared().config(), &own, clock)
        .await
        .expect("a table can be made");
    let (stacks, own) = (table(&stack.env["ANNEXA_TABLE"]).await, table(&own).await);
    assert_eq!(stacks.key_schema, own.key_schema);
    assert_eq!(stacks.attribute_definitions, own.attribute_definitions);
    let billing = |table: TableDescription| table.billing_mode_summary.unwrap().billing_mode;
    assert_eq!(billing(stacks), billing(own));
}

#[tokio::test]
async fn a_stack_that_is_deployed_again_keeps_its_resources_and_takes_new_settings() {
    let stack = Stack::new(&[]);
    put(&stack.env["ANNEXA_INBOX_BUCKET"], "inbox/a.csv").await;
    let again = deployed(&stack.name, &[]).expect("it can be said again");
    assert_eq!(again, stack.env);
    let changed = deployed(&stack.name, &["VisibilityTimeoutS=60"]).expect("it can be updated");
    assert_eq!(changed, stack.env);
    let url = stack.queue("ANNEXA_INBOX_QUEUE_URL");
    assert_eq!(attributes(url).await["VisibilityTimeout"], "60");
    let told = bodies(url, 5).await;
    assert!(told.iter().any(|body| body.contains("a.csv")), "{told:?}");
}

#[tokio::test]
async fn parameters_that_would_not_work_are_refused_before_anything_is_made() {
    for (name, parameter, word) in [
        ("Annexa", "InboxPrefix=inbox/", "FleetName"),
        ("a-name-of-22-letters-xx", "InboxPrefix=inbox/", "FleetName"),
        ("f", "InboxPrefix=inbox/", "FleetName"),
        ("fleet", "InboxPrefix=inbox", "InboxPrefix"),
        ("fleet", "InboxPrefix=/inbox/", "InboxPrefix"),
        ("fleet", "InboxPrefix=my inbox/", "InboxPrefix"),
        ("fleet", "LogRetentionDays=31", "LogRetentionDays"),
        ("fleet", "VisibilityTimeoutS=5", "VisibilityTimeoutS"),
    ] {
        let why = deployed(name, &[parameter]).expect_err(parameter);
        assert!(why.contains(word), "{name}, {parameter}: {why}");
    }
}

#[tokio::test]
async fn deleting_the_stack_keeps_what_holds_data() {
    let stack = Stack::new(&[]);
    let emulator = Emulator::shared();
    let results = &stack.env["ANNEXA_OUTPUT_BUCKET"];
    put(results, "results/kept").await;
    let cloudformation = aws_sdk_cloudformation::Client::new(&emulator.sdk());
    let of_storage = format!("{}-storage", stack.name);
    let delete = cloudformation.delete_stack().stack_name(&of_storage);
    delete.send().await.expect("a stack can be deleted");
    // The queues go last of what goes: their policies and the alias lean on them.
    let sqs = emulator.sqs();
    for looks in 0.. {
        let look = sqs
            .get_queue_url()
            .queue_name(format!("{}-chunks", stack.name));
        if look.send().await.is_err() {
            break;
        }
        assert!(looks < 100, "the queue stays");
        pause(Duration::from_millis(100));
    }
    let head = emulator.s3().head_object().bucket(results);
    head.key("results/kept").send().await.expect("results stay");
    let head = emulator.s3().head_bucket();
    let head = head.bucket(&stack.env["ANNEXA_INBOX_BUCKET"]).send();
    head.await.expect("the inbox stays");
    table(&stack.env["ANNEXA_TABLE"]).await;
}
