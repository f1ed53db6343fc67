//! Rows over time: what was committed when, in at most 60 spans of equal length, however long the job took.
//!
//! The times are those at which the ledger says that chunks became final. They do not change afterwards, so that whoever
//! finishes a job writes the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::summary::rfc3339_ms;
use crate::core::chunk::{ChunkRecord, ChunkStatus};
use crate::core::job::JobRecord;
use crate::core::tally::Tally;
use crate::core::transitions::chunk::given_up_tally;
use crate::core::transitions::generation::WORK_PREFIX;

/// Spans at most, those between the first and the last one in which nothing ended with them.
const MAX_SPANS: u64 = 60;
/// Lengths of a span that people can read, in milliseconds; each divides the next. Past the last one they double.
const LENGTHS_MS: [u64; 15] = [
    10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
    21_600_000, 86_400_000,
];

/// Rows, calls and throttles over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Throughput {
    /// Length of a span in milliseconds; 0: nothing ended.
    pub span_ms: u64,
    /// Spans in which chunks ended, in order. In those that are missing none did.
    pub spans: Vec<Span>,
    /// Rows of chunks that an earlier pass had committed; they are in no span.
    pub rows_kept: u64,
}

/// What became final within one span.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Span {
    /// When it begins (RFC 3339).
    pub from: String,
    /// Rows of the chunks that ended in it.
    pub rows: u64,
    /// Calls that were made for them.
    pub calls: u64,
    /// Calls that the quota refused.
    pub throttles: u64,
}

/// Gathers chunks. Memory is that of the spans.
#[derive(Debug, Clone, Default)]
pub struct ThroughputReader {
    step: usize,
    spans: BTreeMap<u64, Tally>,
    rows_kept: u64,
}

impl ThroughputReader {
    /// Counts a chunk of `job`, unless it is still open.
    pub fn chunk(&mut self, job: &JobRecord, chunk: &ChunkRecord) {
        match &chunk.status {
            ChunkStatus::Open | ChunkStatus::Parked => {}
            ChunkStatus::Quarantined { .. } => self.add(chunk.touched_ms, given_up_tally(chunk)),
            ChunkStatus::Committed(commit) => {
                let name = commit.blob_key.strip_prefix(&job.spec.output_prefix);
                match name.unwrap_or(&commit.blob_key).starts_with(WORK_PREFIX) {
                    true => self.add(chunk.touched_ms, commit.tally),
                    // Its time went with the pass that committed it.
                    false => self.rows_kept += commit.tally.rows,
                }
            }
        }
    }

    fn add(&mut self, at_ms: u64, tally: Tally) {
        *self.spans.entry(at_ms / length_ms(self.step)).or_default() += tally;
        while self.width() > MAX_SPANS {
            let (old, new) = (length_ms(self.step), length_ms(self.step + 1));
            self.step += 1;
            for (number, tally) in std::mem::take(&mut self.spans) {
                *self.spans.entry(number * old / new).or_default() += tally;
            }
        }
    }

    /// Spans from the first to the last.
    fn width(&self) -> u64 {
        let ends = self
            .spans
            .first_key_value()
            .zip(self.spans.last_key_value());
        ends.map_or(0, |((first, _), (last, _))| last - first + 1)
    }

    /// What was gathered.
    pub fn finish(self) -> Throughput {
        let span_ms = length_ms(self.step);
        let spans = self.spans.iter().map(|(number, tally)| Span {
            from: rfc3339_ms(number * span_ms),
            rows: tally.rows,
            calls: tally.calls,
            throttles: tally.throttles,
        });
        Throughput {
            span_ms: if self.spans.is_empty() { 0 } else { span_ms },
            spans: spans.collect(),
            rows_kept: self.rows_kept,
        }
    }
}

fn length_ms(step: usize) -> u64 {
    let last = LENGTHS_MS.len() - 1;
    LENGTHS_MS[step.min(last)] << step.saturating_sub(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::chunk::{ChunkRange, Commit};
    use crate::core::ids::JobId;
    use proptest::prelude::*;

    fn of(times: &[u64]) -> Throughput {
        let mut reader = ThroughputReader::default();
        for at in times {
            let tally = Tally {
                rows: 1,
                ..Tally::default()
            };
            reader.add(*at, tally);
        }
        reader.finish()
    }

    #[test]
    fn a_short_job_has_short_spans_and_a_long_one_long_ones() {
        assert_eq!(of(&[]), Throughput::default());
        assert_eq!(of(&[5, 9, 599]).span_ms, 10);
        assert_eq!(of(&[5, 700]).span_ms, 50);
        let day = of(&[0, 86_400_000]);
        assert_eq!(day.span_ms, 1_800_000);
        assert_eq!(day.spans[1].from, "1970-01-02T00:00:00.000Z");
    }

    #[test]
    fn rows_that_an_earlier_pass_committed_have_no_place_in_time() {
        let spec = crate::core::identity::tests::spec();
        let job = JobRecord::new(JobId("j".to_string()), spec, 0);
        let range = ChunkRange {
            chunk: 0,
            start: 0,
            end: 9,
            first_row: 1,
            rows: 4,
        };
        let mut reader = ThroughputReader::default();
        let mut chunk = |status| {
            let record = ChunkRecord::new(range, 1_000);
            reader.chunk(&job, &ChunkRecord { status, ..record });
        };
        let committed = |key: &str, rows| {
            ChunkStatus::Committed(Commit {
                epoch: 1,
                blob_key: key.to_string(),
                sha256: String::new(),
                bytes: 1,
                tally: Tally {
                    rows,
                    ..Tally::default()
                },
            })
        };
        chunk(ChunkStatus::Open);
        chunk(ChunkStatus::Parked);
        chunk(committed("_work/g1/0.csv", 10));
        chunk(committed("chunks/00000001.csv", 300));
        let reason = String::new();
        chunk(ChunkStatus::Quarantined { reason });
        let found = reader.finish();
        assert_eq!(found.rows_kept, 300);
        assert_eq!(found.spans.len(), 1);
        assert_eq!(found.spans[0].rows, 10 + 4);
        assert_eq!(found.spans[0].from, "1970-01-01T00:00:01.000Z");
    }

    #[test]
    fn each_length_of_a_span_divides_the_next() {
        for step in 0..20 {
            assert_eq!(length_ms(step + 1) % length_ms(step), 0, "{step}");
        }
    }

    proptest! {
        #[test]
        fn no_row_is_lost_no_order_matters_and_spans_stay_few(times in prop::collection::vec(0u64..4_000_000_000_000, 1..50)) {
            let one = of(&times);
            let mut turned = times.clone();
            turned.reverse();
            prop_assert_eq!(&one, &of(&turned));
            prop_assert_eq!(one.spans.iter().map(|span| span.rows).sum::<u64>(), times.len() as u64);
            prop_assert!(one.spans.len() as u64 <= MAX_SPANS);
        }
    }
}
