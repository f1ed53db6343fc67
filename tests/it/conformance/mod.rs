//! One suite per port, the same for every adapter (DESIGN §4): memory, SQLite and files; others bring a fixture each.
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

/// The adapters of [`annexa::ports::Queue`].
macro_rules! every_queue {
    ($runtime:ident $checks:tt) => {
        $runtime! {
            memory = crate::conformance::fixtures::MemoryQueues::new(),
            sqlite = crate::conformance::fixtures::SqliteQueues::new();
            $checks
        }
    };
}

/// Those of them whose hours pass at once.
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
    };
}

/// The adapters of [`annexa::ports::Blobs`].
macro_rules! every_blobs {
    ($runtime:ident $checks:tt) => {
        $runtime! {
            memory = crate::conformance::fixtures::MemoryObjects::new(),
            files = crate::conformance::fixtures::FileObjects::new();
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
    };
}

pub mod fixtures;

mod answers;
mod blobs;
mod blobs_parallel;
mod blobs_streams;
mod chaos;
mod chaos_model;
mod chaos_queue;
mod clock;
mod files;
pub mod ledger;
mod model;
mod queue;
mod queue_receipts;
mod queue_time;
mod sqlite;
mod sqlite_recovery;
mod stager;
