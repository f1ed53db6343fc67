//! What the simulator has seen and been paid for, so that a test can hold a client to its promises.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::reports::Report;
use crate::core::identity::hex;
use crate::core::money::Usage;

/// Counts of all calls, or of one model's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Converse requests, whatever became of them.
    pub requests: u64,
    /// Calls for which an answer was made: these are paid, whether the client got it or not.
    pub answered: u64,
    /// Paid calls whose client had gone before the answer.
    pub abandoned: u64,
    /// Refusals by kind, those that are injected faults with them.
    pub refused: BTreeMap<&'static str, u64>,
    /// Injected faults by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Input tokens that were neither read from nor written to the cache.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the prompt cache.
    pub cache_write_tokens: u64,
    /// What answered calls counted against the quota.
    pub settled_tokens: u64,
}

/// The use of one prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PrefixCounts {
    /// Paid calls that wrote it.
    pub writes: u64,
    /// Paid calls that read it.
    pub reads: u64,
}

/// All that is known at one moment; the answer of `GET /stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Counts of all calls.
    #[serde(flatten)]
    pub all: Counts,
    /// The same by model or profile.
    pub models: BTreeMap<String, Counts>,
    /// Calls in work.
    pub in_flight: u64,
    /// The most calls that were in work at once.
    pub max_in_flight: u64,
    /// Open connections.
    pub open_connections: u64,
    /// Connections ever.
    pub connections: u64,
    /// Use of the prompt cache by SHA-256 of the prefix.
    pub prefixes: BTreeMap<String, PrefixCounts>,
    /// How many different texts were paid for.
    pub distinct_texts: u64,
    /// How often each text was paid for, by its SHA-256; none where they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<BTreeMap<String, u64>>,
}

/// The counts while they grow.
#[derive(Default)]
pub(super) struct Book {
    all: Counts,
    models: BTreeMap<String, Counts>,
    pub(super) in_flight: u64,
    max_in_flight: u64,
    pub(super) open_connections: u64,
    connections: u64,
    prefixes: HashMap<[u8; 32], PrefixCounts>,
    texts: HashMap<[u8; 32], u64>,
}

impl Book {
    /// Counts in the whole and, where the model is known, in its own.
    pub(super) fn count(&mut self, model: Option<&str>, change: impl Fn(&mut Counts)) {
        change(&mut self.all);
        if let Some(model) = model {
            self.count_model(model, change);
        }
    }

    /// Counts in the model's own alone.
    pub(super) fn count_model(&mut self, model: &str, change: impl Fn(&mut Counts)) {
        match self.models.get_mut(model) {
            Some(counts) => change(counts),
            None => change(self.models.entry(model.to_string()).or_default()),
        }
    }

    /// A connection opens.
    pub(super) fn connected(&mut self) {
        self.connections += 1;
        self.open_connections += 1;
    }

    /// A call is in work.
    pub(super) fn begins(&mut self) {
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
    }

    /// A call is paid for.
    pub(super) fn paid(&mut self, model: &str, usage: &Usage, settled: u64) {
        self.count(Some(model), |counts| {
            counts.answered += 1;
            counts.input_tokens += usage.input_tokens;
            counts.output_tokens += usage.output_tokens;
            counts.cache_read_tokens += usage.cache_read_tokens;
            counts.cache_write_tokens += usage.cache_write_tokens;
            counts.settled_tokens += settled;
        });
    }

    /// A paid call used a prefix.
    pub(super) fn prefix(&mut self, sha256: [u8; 32], is_read: bool) {
        let counts = self.prefixes.entry(sha256).or_default();
        *if is_read {
            &mut counts.reads
        } else {
            &mut counts.writes
        } += 1;
    }

    /// The texts of a paid call, by digest.
    pub(super) fn texts(&mut self, digests: &[[u8; 32]]) {
        for digest in digests {
            *self.texts.entry(*digest).or_default() += 1;
        }
    }

    /// Begins anew; what is open or in work stays so.
    pub(super) fn clear(&mut self) {
        *self = Book {
            in_flight: self.in_flight,
            max_in_flight: self.in_flight,
            open_connections: self.open_connections,
            connections: self.open_connections,
            ..Book::default()
        };
    }

    /// All of it now.
    pub(super) fn stats(&self, with_texts: bool) -> Stats {
        let texts = || self.texts.iter().map(|(sha, n)| (hex(sha), *n)).collect();
        let prefixes = self.prefixes.iter();
        Stats {
            all: self.all.clone(),
            models: self.models.clone(),
            in_flight: self.in_flight,
            max_in_flight: self.max_in_flight,
            open_connections: self.open_connections,
            connections: self.connections,
            prefixes: prefixes.map(|(sha, n)| (hex(sha), n.clone())).collect(),
            distinct_texts: self.texts.len() as u64,
            texts: with_texts.then(texts),
        }
    }
}

/// The digests of the texts of `reports`, in order.
pub(super) fn digests(reports: &[Report]) -> Vec<[u8; 32]> {
    use sha2::{Digest, Sha256};
    let digest = |report: &Report| Sha256::digest(&report.text).into();
    reports.iter().map(digest).collect()
}
