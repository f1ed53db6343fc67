//! What came of a fleet's work: objects of the results bucket, items of the table, dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::dynamodb::DynamoLedger;
use annexa::adapters::local::clock::SystemClock;
use annexa::core::chunk::{ChunkLimits, ChunkRecord};
use annexa::ports::Ledger;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::place::{FleetPlace, QUEUES};
use super::units;
use crate::aws::emulator::Emulator;
use crate::cli::harness::{HANG, Results};
use crate::cli::process::pause;

impl FleetPlace {
    /// Keys of the results bucket.
    pub fn result_keys(&self) -> Vec<String> {
        let list = self
            .s3
            .list_objects_v2()
            .bucket(self.bucket("ANNEXA_OUTPUT_BUCKET"));
        let listed = self
            .runtime
            .block_on(list.send())
            .expect("a bucket can be listed");
        let key = |object: &aws_sdk_s3::types::Object| object.key().map(str::to_string);
        listed.contents().iter().filter_map(key).collect()
    }

    /// An object of the results bucket.
    pub fn result(&self, key: &str) -> Vec<u8> {
        let get = self
            .s3
            .get_object()
            .bucket(self.bucket("ANNEXA_OUTPUT_BUCKET"))
            .key(key);
        self.runtime.block_on(async {
            let got = get
                .send()
                .await
                .unwrap_or_else(|error| panic!("{key}: {error}"));
            got.body.collect().await.unwrap().to_vec()
        })
    }

    /// The output prefix of the only job, once its splitter took it.
    pub fn prefix(&self) -> Option<String> {
        let keys = self.result_keys();
        keys.iter()
            .find_map(|key| key.strip_suffix("job.json").map(str::to_string))
    }

    /// The output prefix of the only job, once it has ended: the manifest is written last.
    pub fn ended(&self) -> Option<String> {
        let keys = self.result_keys();
        let manifest = |key: &String| key.strip_suffix("manifest.json").map(str::to_string);
        keys.iter().find_map(manifest)
    }

    /// Waits for the end of the only job.
    pub fn wait_until_ended(&self) -> String {
        let mut looks = HANG.as_millis() / 200;
        loop {
            if let Some(prefix) = self.ended() {
                return prefix;
            }
            looks -= 1;
            assert!(looks > 0, "the job does not end: {:?}", self.result_keys());
            pause(Duration::from_millis(200));
        }
    }

    /// The rows under a prefix.
    pub fn results(&self, prefix: &str) -> Results {
        let bytes = self.result(&format!("{prefix}results.csv"));
        self.place.write("results-of-fleet.csv", bytes);
        Results::read(&self.place.path("results-of-fleet.csv"))
    }

    /// The summary under a prefix.
    pub fn summary(&self, prefix: &str) -> Value {
        serde_json::from_slice(&self.result(&format!("{prefix}summary.json"))).unwrap()
    }

    /// Sizes of all items of the table, by their keys, as DynamoDB counts them.
    pub fn item_sizes(&self) -> BTreeMap<String, usize> {
        let scan = Emulator::shared()
            .dynamodb()
            .scan()
            .table_name(&self.env["ANNEXA_TABLE"]);
        let pages = scan.into_paginator().items().send();
        let items = self.runtime.block_on(pages.collect::<Result<Vec<_>, _>>());
        let items = items.expect("a table can be read").into_iter();
        items
            .map(|item| {
                let item = units::as_json(&item);
                (units::key_of(&item), units::item_bytes(&item))
            })
            .collect()
    }

    /// The chunks of the only job, as the ledger has them.
    pub fn chunks(&self) -> Vec<ChunkRecord> {
        let clock = Arc::new(SystemClock::new());
        let (aws, table) = (Emulator::shared().config(), &self.env["ANNEXA_TABLE"]);
        let ledger = DynamoLedger::new(&aws, table, clock, ChunkLimits::default());
        self.runtime.block_on(async {
            let jobs = ledger.list_jobs().await.expect("jobs can be listed");
            assert_eq!(jobs.len(), 1);
            let chunks = ledger.chunks(&jobs[0].job_id, 0, 100_000).await;
            chunks.expect("chunks can be read")
        })
    }

    /// Messages among the dead letters of all queues.
    pub fn dead_letters(&self) -> u64 {
        use QueueAttributeName::ApproximateNumberOfMessages as Visible;
        let count = |queue: &str| {
            let url = format!("{}-dead", self.env[queue]);
            let get = self.sqs.get_queue_attributes().queue_url(url);
            let got = self.runtime.block_on(get.attribute_names(Visible).send());
            let attributes = got.expect("the queue is there").attributes;
            let visible = attributes.and_then(|all| all.get(&Visible)?.parse::<u64>().ok());
            visible.expect("a queue counts its messages")
        };
        QUEUES.map(count).iter().sum()
    }
}
