//! One suite per port, the same for every adapter (DESIGN §4): memory, SQLite and files, and AWS's services as an emulator
//! plays them; others bring a fixture each.
//!
//! A suite asks no more than the port's own words: queues are unordered, counts approximate, and what a stale receipt
//! answers is left open. What only one adapter promises stands in a file of its own.
//!
//! To add an adapter: implement its fixtures (see [`fixtures`]) and name them in the macros below, nowhere else.

/// For each adapter a module with one test for each check, in the time that its fixture's clock tells.
macro_rules! conform {
    ($($adapter:ident = $fixture:expr),+ ; $checks:tt) => {
        $(conform!(@adapter $adapter, $fixture, $checks);)+
    };
    (@adapter $adapter:ident, $fixture:expr, [$($check:ident),+ $(,)?]) => {
        mod $adapter {
            $(#[tokio::test(start_paused = true)]
            async fn $check() {
                super::$check(&$fixture).await;
            })+
        }
    };
}

/// The same on several threads and in real time, for what only shows when things happen at once.
macro_rules! conform_in_parallel {
    ($($adapter:ident = $fixture:expr),+ ; $checks:tt) => {
        $(conform_in_parallel!(@adapter $adapter, $fixture, $checks);)+
    };
    (@adapter $adapter:ident, $fixture:expr, [$($check:ident),+ $(,)?]) => {
        mod $adapter {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $check() {
                super::$check(&$fixture).await;
            })+
        }
    };
}

/// The checks of [`conform`] where time passes by itself and cannot be made to: adapters that talk over a network.
macro_rules! conform_in_real_time {
    ($($adapter:ident = $fixture:expr),+ ; $checks:tt) => {
        $(conform_in_real_time!(@adapter $adapter, $fixture, $checks);)+
    };
    (@adapter $adapter:ident, $fixture:expr, [$($check:ident),+ $(,)?]) => {
        mod $adapter {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                super::$check(&$fixture).await;
            })+
        }
    };
}

/// The adapters of [`annexa::ports::Queue`].
macro_rules! every_queue {
    (conform $checks:tt) => {
        conform! {
            memory = crate::conformance::fixtures::MemoryQueues::new(),
            sqlite = crate::conformance::fixtures::SqliteQueues::new();
            $checks
        }
        conform_in_real_time! {
            sqs = crate::conformance::fixtures_aws::SqsQueues::new();
            $checks
        }
    };
    (conform_in_parallel $checks:tt) => {
        conform_in_parallel! {
            memory = crate::conformance::fixtures::MemoryQueues::new(),
            sqlite = crate::conformance::fixtures::SqliteQueues::new(),
            sqs = crate::conformance::fixtures_aws::SqsQueues::new();
            $checks
        }
    };
}

/// Those of them whose hours pass at once. Not `sqs`: its twelve hours are real ones, and the emulator does not count
/// them; what SQS says when they are over is judged in `adapters::aws::sqs::tests`.
macro_rules! every_queue_in_virtual_time {
    ($checks:tt) => {
        conform! {
            memory = crate::conformance::fixtures::MemoryQueues::new(),
            sqlite = crate::conformance::fixtures::SqliteQueues::new();
            $checks
        }
    };
}

/// The adapters of [`annexa::ports::Ledger`].
macro_rules! every_ledger {
    ($runtime:ident $checks:tt) => {
        $runtime! {
            memory = crate::conformance::fixtures::MemoryLedgers::new(),
            sqlite = crate::conformance::fixtures::SqliteLedgers::new();
            $checks
        }
        conform_in_real_time! {
            dynamodb = crate::conformance::fixtures_dynamodb::DynamoLedgers::new();
            $checks
        }
    };
}

/// The adapters of [`annexa::ports::Blobs`].
macro_rules! every_blobs {
    (conform $checks:tt) => {
        conform! {
            memory = crate::conformance::fixtures::MemoryObjects::new(),
            files = crate::conformance::fixtures::FileObjects::new();
            $checks
        }
        conform_in_real_time! {
            s3 = crate::conformance::fixtures_aws::S3Objects::new().await,
            s3_versioned = crate::conformance::fixtures_aws::S3Objects::versioned().await;
            $checks
        }
    };
    (conform_in_parallel $checks:tt) => {
        conform_in_parallel! {
            memory = crate::conformance::fixtures::MemoryObjects::new(),
            files = crate::conformance::fixtures::FileObjects::new(),
            s3 = crate::conformance::fixtures_aws::S3Objects::new().await,
            s3_versioned = crate::conformance::fixtures_aws::S3Objects::versioned().await;
            $checks
        }
    };
}

/// The adapters of [`annexa::ports::Answers`].
macro_rules! every_answers {
    ($runtime:ident $checks:tt) => {
        $runtime! {
            memory = crate::conformance::fixtures::MemoryPaid::new(),
            sqlite = crate::conformance::fixtures::SqlitePaid::new();
            $checks
        }
        conform_in_real_time! {
            dynamodb = crate::conformance::fixtures_dynamodb::DynamoPaid::new();
            $checks
        }
    };
}

pub mod fixtures;
pub mod fixtures_aws;
pub mod fixtures_dynamodb;

pub mod answers;
pub mod blobs;
mod blobs_parallel;
mod blobs_streams;
mod chaos;
mod chaos_model;
mod chaos_queue;
mod clock;
mod files;
pub mod ledger;
mod model;
pub mod queue;
mod queue_dead;
mod queue_receipts;
mod queue_time;
mod sqlite;
mod sqlite_recovery;
mod stager;
