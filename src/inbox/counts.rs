//! What became of arrivals, counted for logs and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::arrival::Ignored;

/// Counters of one process.
#[derive(Debug, Default)]
pub struct Counts {
    ignored: [AtomicU64; Ignored::ALL.len()],
    created: AtomicU64,
    repeated: AtomicU64,
    failed: AtomicU64,
    unknown: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountsNow {
    /// Arrivals that make no job, by [`Ignored::name`]; only those that happened.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Jobs created.
    pub created: u64,
    /// Arrivals whose job was there.
    pub repeated: u64,
    /// Jobs created as failed, since they can never be done.
    pub failed: u64,
    /// Arrivals that nobody knows, or that name not even a bucket: dead letters.
    pub unknown: u64,
}

impl CountsNow {
    /// As metrics: names, and how often since the start.
    pub fn metrics(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("JobsCreated", self.created),
            ("JobsRefused", self.failed),
            ("ArrivalsRepeated", self.repeated),
            ("ArrivalsIgnored", self.ignored.values().sum()),
            ("ArrivalsUnknown", self.unknown),
        ]
    }
}

/// What became of one arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Ignored(Ignored),
    Created,
    Repeated,
    Failed,
    Unknown,
}

impl Counts {
    pub(super) fn count(&self, became: Became) {
        let counter = match became {
            Became::Ignored(why) => &self.ignored[why as usize],
            Became::Created => &self.created,
            Became::Repeated => &self.repeated,
            Became::Failed => &self.failed,
            Became::Unknown => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters now.
    pub fn now(&self) -> CountsNow {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CountsNow {
            ignored: Ignored::ALL
                .into_iter()
                .map(|why| (why.name(), read(&self.ignored[why as usize])))
                .filter(|(_, count)| *count > 0)
                .collect(),
            created: read(&self.created),
            repeated: read(&self.repeated),
            failed: read(&self.failed),
            unknown: read(&self.unknown),
        }
    }
}
