//! The emulator of S3, SQS and DynamoDB that tests share: the one that `ANNEXA_TEST_ENDPOINT` names, else one that this
//! process starts and that ends with it, also when a test panics or the process is killed.
//!
//! Tests keep out of each other's way by names that nobody else has.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use annexa::adapters::aws::AwsConfig;
use annexa::adapters::local::clock::SystemClock;
use annexa::ports::Clock;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};

/// Another endpoint than one of our own.
const ENDPOINT_VARIABLE: &str = "ANNEXA_TEST_ENDPOINT";

/// Where the tests' buckets, queues and tables are said to be.
pub const REGION: &str = "us-east-1";

/// An endpoint that answers for S3, SQS and DynamoDB.
pub struct Emulator {
    endpoint: String,
    // It ends when its standard input closes, which the kernel does when this process ends: a static is never dropped.
    _process: Option<Child>,
}

impl Emulator {
    /// The one for this process.
    pub fn shared() -> &'static Emulator {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(ENDPOINT_VARIABLE) {
            Ok(endpoint) if !endpoint.is_empty() => Emulator {
                endpoint: endpoint.trim_end_matches('/').to_string(),
                _process: None,
            },
            _ => Emulator::start(),
        })
    }

    fn start() -> Emulator {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/emulator.py");
        let mut process = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is on the PATH");
        let mut endpoint = String::new();
        BufReader::new(process.stdout.take().expect("it is piped"))
            .read_line(&mut endpoint)
            .expect("a pipe can be read");
        let endpoint = endpoint.trim().to_string();
        assert!(
            endpoint.starts_with("http://"),
            "the emulator did not start; its own words stand above"
        );
        Emulator {
            endpoint,
            _process: Some(process),
        }
    }

    /// Its address, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Configuration for adapters that call it.
    pub fn config(&self) -> AwsConfig {
        AwsConfig::for_stand_in(REGION, &self.endpoint)
    }

    /// Configuration for the SDK's own clients, with which tests make queues, buckets and tables.
    pub fn sdk(&self) -> SdkConfig {
        let keys = Credentials::new("AKIASTANDIN000000000", "stand-in", None, None, "stand-in");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .endpoint_url(&self.endpoint)
            .build()
    }

    /// A client for queues.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk())
    }

    /// A client for objects.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk()).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// A client for tables.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk())
    }
}

/// `prefix` with an end that no other test has: fit for a bucket, a queue and a table.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{:016x}", SystemClock::new().random())
}

#[tokio::test]
async fn the_emulator_has_queues_buckets_and_tables_of_this_test_alone() {
    let emulator = Emulator::shared();
    let name = unique("emulator");
    assert_ne!(name, unique("emulator"));
    let bucket = emulator.s3().create_bucket().bucket(&name).send();
    bucket.await.expect("a bucket can be made");
    let queue = emulator.sqs().create_queue().queue_name(&name).send();
    let url = queue.await.expect("a queue can be made").queue_url;
    assert!(url.is_some_and(|url| url.ends_with(&name)));
    let buckets = emulator.s3().list_buckets().send().await.expect("a list");
    let is_ours = |bucket: &aws_sdk_s3::types::Bucket| bucket.name() == Some(&name);
    assert_eq!(buckets.buckets().iter().filter(|b| is_ours(b)).count(), 1);
    let tables = emulator
        .dynamodb()
        .list_tables()
        .send()
        .await
        .expect("a list");
    assert!(!tables.table_names().contains(&name));
}
