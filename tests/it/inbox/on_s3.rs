//! Events as an emulator of S3 sends them to a queue of SQS, for objects that really were written.

use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::aws::s3::S3Blobs;
use annexa::adapters::aws::sqs::SqsQueue;
use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::memory::queue::QueueSetup;
use annexa::adapters::stager::BlobStager;
use annexa::consumer::{Disposition, Handler};
use annexa::core::job::{JobRecord, Stop};
use annexa::core::spec::BlobRef;
use annexa::inbox::{CountsNow, Intake, IntakePorts, ResolverSetup};
use annexa::jobs::window::Window;
use annexa::ports::blobs::Put;
use annexa::ports::{Blobs, Clock, Queue};
use annexa::splitter::{Splitter, SplitterPorts};
use aws_sdk_s3::types::{Event, NotificationConfiguration, QueueConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;

use super::world::{World, csv};
use crate::aws::emulator::Emulator;
use crate::conformance::fixtures_aws::{make_bucket, make_queue};

/// A bucket whose events reach a queue, and a splitter of it. Ledger, models and the other queues are in memory.
struct Place {
    world: World,
    bucket: String,
    blobs: Arc<S3Blobs>,
    inbox: Arc<SqsQueue>,
}

impl Place {
    async fn new(keeps_versions: bool) -> Place {
        let setup = QueueSetup {
            visibility: Duration::from_secs(60),
            max_receives: 100,
        };
        let url = make_queue(setup).await;
        let bucket = make_bucket(keeps_versions).await;
        notify(&bucket, &url).await;
        let aws = Emulator::shared().config();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut world = World::new(false);
        world.config.output_bucket.clone_from(&bucket);
        Place {
            world,
            bucket,
            blobs: Arc::new(S3Blobs::new(&aws)),
            inbox: Arc::new(SqsQueue::open(&aws, &url, clock).await.unwrap()),
        }
    }

    fn splitter(&self) -> (Splitter, Arc<Intake>) {
        let ports = self.world.splitter_ports();
        let blobs: Arc<dyn Blobs> = self.blobs.clone();
        let intake = Arc::new(Intake::new(
            IntakePorts {
                blobs: blobs.clone(),
                inbox: self.inbox.clone(),
                ..self.world.intake_ports()
            },
            ResolverSetup::new(&self.world.config, "us-east-1"),
        ));
        let ports = SplitterPorts {
            stager: Arc::new(BlobStager::new(blobs.clone())),
            blobs,
            ..ports
        };
        (
            Splitter::new(ports, Window::of(200)).with_intake(intake.clone()),
            intake,
        )
    }

    async fn put(&self, key: &str, body: String) -> String {
        let at = BlobRef::new(&self.bucket, key);
        match self.blobs.put(&at, body.as_bytes(), false).await.unwrap() {
            Put::Written(head) => head.etag,
            Put::Exists => unreachable!("an unconditional put"),
        }
    }

    /// Works on messages until so many were deleted; says what became of arrivals.
    async fn work(&self, messages: usize) -> CountsNow {
        let (splitter, intake) = self.splitter();
        let mut left = messages;
        while left > 0 {
            let received = self
                .inbox
                .receive(10, Duration::from_secs(10))
                .await
                .unwrap();
            assert!(
                !received.is_empty(),
                "{left} messages of {messages} did not come"
            );
            for message in received {
                let came = splitter.handle(&message).await;
                assert!(
                    matches!(came, Disposition::Delete),
                    "{came:?}: {}",
                    message.body
                );
                let receipts = std::slice::from_ref(&message.receipt);
                self.inbox.delete(receipts).await.unwrap();
                left -= 1;
            }
        }
        intake.counts().now()
    }

    async fn jobs(&self) -> Vec<JobRecord> {
        self.world.jobs().await
    }
}

/// Has `bucket` send the creation of objects to the queue at `url`.
async fn notify(bucket: &str, url: &str) {
    let name = QueueAttributeName::QueueArn;
    let attributes = Emulator::shared()
        .sqs()
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(name.clone())
        .send()
        .await
        .unwrap();
    let arn = attributes.attributes().unwrap()[&name].clone();
    let queue = QueueConfiguration::builder()
        .queue_arn(arn)
        .events(Event::S3ObjectCreated)
        .build()
        .unwrap();
    let configuration = NotificationConfiguration::builder()
        .queue_configurations(queue)
        .build();
    Emulator::shared()
        .s3()
        .put_bucket_notification_configuration()
        .bucket(bucket)
        .notification_configuration(configuration)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn every_version_that_is_written_to_a_bucket_with_versions_is_a_job_of_its_own() {
    let place = Place::new(true).await;
    let key = "inbox/Quartal 1+2/grün.csv";
    let old = place.put(key, csv("old", 2)).await;
    let new = place.put(key, csv("new", 3)).await;
    // The TestEvent, two events, two splits; the records of arrivals and job.json come back as events of the bucket.
    let counts = place.work(1 + 2 + 2 + 4).await;
    assert_eq!(counts.created, 2, "{counts:?}");
    assert_eq!(counts.ignored["test_event"], 1);
    assert_eq!(counts.ignored["own_output"], 4);
    let mut jobs: Vec<(String, u64)> = place
        .jobs()
        .await
        .into_iter()
        .map(|job| {
            assert_eq!(job.spec.input(), BlobRef::new(&place.bucket, key));
            (job.spec.input_version.clone(), job.split.unwrap().rows)
        })
        .collect();
    jobs.sort();
    let mut expected = vec![(old, 2), (new, 3)];
    expected.sort();
    assert_eq!(jobs, expected);
    assert!(jobs[0].0.contains("\"@"), "{}", jobs[0].0);
}

#[tokio::test]
async fn without_versions_the_object_that_is_there_is_a_job_and_the_one_before_it_fails() {
    let place = Place::new(false).await;
    let old = place.put("inbox/a.csv", csv("old", 2)).await;
    let new = place.put("inbox/a.csv", csv("new", 3)).await;
    // The TestEvent, two events, one split; two records of arrivals and one job.json.
    let counts = place.work(1 + 2 + 1 + 3).await;
    assert_eq!((counts.created, counts.failed), (1, 1), "{counts:?}");
    for job in place.jobs().await {
        if job.spec.input_version == new {
            assert_eq!(job.split.unwrap().rows, 3);
        } else {
            assert_eq!(job.spec.input_version, old);
            let Some(Stop::Failed { reason }) = job.stopping else {
                panic!("{job:#?}")
            };
            assert!(reason.contains("was replaced"), "{reason}");
        }
    }
}
