//! What a job will ask, counted from its input before anything is spent: the same texts, keys and calls as the worker's.
//!
//! Distinct texts are told apart by 64 bits of their keys: about 18 bytes of memory each, and one in 10^5 that two of ten
//! million texts are taken for one.

use std::collections::HashSet;

use serde::Serialize;

use super::batch::{pack, sample_order};
use super::examples::EXAMPLE_BYTES;
use super::key::KeyBase;
use super::text::prepare;
use super::tokens::{TokenBook, message_bytes};
use crate::core::answer::AnswerKey;
use crate::core::money::{NanoUsd, Price, Usage};
use crate::records::{Layout, Row};

/// What an input holds and what will be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Workload {
    /// Rows of the input.
    pub rows: u64,
    /// Rows without text.
    pub empty_rows: u64,
    /// Rows that fail for their form.
    pub failed_rows: u64,
    /// Rows whose text is cut.
    pub truncated_rows: u64,
    /// Distinct texts.
    pub distinct_texts: u64,
    /// Of these, texts whose answers were paid for before.
    pub paid_texts: u64,
    /// Texts to ask for.
    pub asked_texts: u64,
    /// Texts to ask once more, for a second sample.
    pub sampled_texts: u64,
    /// Calls to make, if each is answered at the first try.
    pub calls: u64,
    /// Of these, calls for second samples.
    pub sample_calls: u64,
    /// Bytes of the messages of these calls.
    pub message_bytes: u64,
}

/// A text of a chunk that no earlier chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewText {
    /// Its key.
    pub key: AnswerKey,
    /// The key of its second sample; none: none is asked for.
    pub sample_key: Option<AnswerKey>,
    /// Its length as it is sent.
    pub bytes: usize,
}

/// Bytes of the examples of a report.
#[derive(Debug, Clone, Copy, Default)]
struct ExampleBytes {
    /// What they count when calls are packed.
    packed: usize,
    /// What they take in a message, about.
    sent: u64,
}

/// Counts chunk after chunk, in the order of the file.
pub struct WorkloadCounter {
    keys: KeyBase,
    sample_keys: Option<KeyBase>,
    examples: ExampleBytes,
    batch_size: u32,
    max_text_chars: u32,
    seen: HashSet<u64>,
    workload: Workload,
}

impl WorkloadCounter {
    /// Nothing is counted yet.
    pub fn new(keys: KeyBase, batch_size: u32, max_text_chars: u32) -> WorkloadCounter {
        WorkloadCounter {
            keys,
            sample_keys: None,
            examples: ExampleBytes::default(),
            batch_size,
            max_text_chars,
            seen: HashSet::new(),
            workload: Workload::default(),
        }
    }

    /// Each text is asked once more under these keys, too.
    pub fn with_samples(mut self, sample_keys: Option<KeyBase>) -> WorkloadCounter {
        self.sample_keys = sample_keys;
        self
    }

    /// Each report has `count` examples, of `mean_bytes` on the average.
    pub fn with_examples(mut self, count: u32, mean_bytes: u64) -> WorkloadCounter {
        self.examples = ExampleBytes {
            packed: count as usize * EXAMPLE_BYTES,
            sent: u64::from(count) * mean_bytes,
        };
        self
    }

    /// The texts of a chunk that are new, in the order of their first rows.
    pub fn new_texts(&mut self, rows: &[Row], layout: &Layout) -> Vec<NewText> {
        let mut new = Vec::new();
        for row in rows {
            self.workload.rows += 1;
            if row.fault.is_some() {
                self.workload.failed_rows += 1;
                continue;
            }
            let prepared = prepare(row.text(layout), self.max_text_chars);
            if prepared.text.is_empty() {
                self.workload.empty_rows += 1;
                continue;
            }
            self.workload.truncated_rows += u64::from(prepared.truncated);
            let key = self.keys.key(prepared.text);
            let (head, _) = key.0.split_first_chunk().expect("a key has 32 bytes");
            if self.seen.insert(u64::from_le_bytes(*head)) {
                let bytes = prepared.text.len();
                let sample = self.sample_keys.as_ref();
                new.push(NewText {
                    key,
                    sample_key: sample.map(|keys| keys.key(prepared.text)),
                    bytes,
                });
            }
        }
        new
    }

    /// Counts the calls for a chunk's new texts; `is_paid` tells for each whether its answer is kept from before, and
    /// `is_sample_paid` the same of its second sample.
    pub fn count_calls(&mut self, new: &[NewText], is_paid: &[bool], is_sample_paid: &[bool]) {
        let asked: Vec<usize> = new
            .iter()
            .zip(is_paid)
            .filter(|(_, is_paid)| !**is_paid)
            .map(|(text, _)| text.bytes)
            .collect();
        let sampled: Vec<usize> = new
            .iter()
            .zip(is_sample_paid)
            .filter(|(text, is_paid)| text.sample_key.is_some() && !**is_paid)
            .map(|(text, _)| text.bytes)
            .collect();
        let order = sample_order(sampled.len(), self.batch_size);
        let (size, packed) = (self.batch_size, self.examples.packed);
        let sample_bytes = order.into_iter().map(|at| sampled[at] + packed);
        let sample_calls = pack(sample_bytes, size).len() as u64;
        let calls = pack(asked.iter().map(|bytes| bytes + packed), size).len() as u64;
        let workload = &mut self.workload;
        workload.distinct_texts += new.len() as u64;
        workload.paid_texts += (new.len() - asked.len()) as u64;
        workload.asked_texts += asked.len() as u64;
        workload.sampled_texts += sampled.len() as u64;
        workload.sample_calls += sample_calls;
        workload.calls += calls + sample_calls;
        let reports = (asked.len() + sampled.len()) as u64;
        workload.message_bytes += message_bytes(asked.into_iter().chain(sampled));
        workload.message_bytes += reports * self.examples.sent;
    }

    /// What was counted.
    pub fn finish(self) -> Workload {
        self.workload
    }
}

/// What calls will use, with and without the prompt cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Projection {
    /// As it will be, by what is known.
    pub usage: Usage,
    /// As it would be if nothing were cached.
    pub uncached: Usage,
    /// Tokens of the prompt that every call shares.
    pub prefix_tokens: u64,
}

/// What `calls` calls for `reports` reports in messages of `message_bytes` will use, by `book`. `is_warm`: the prefix was
/// written before.
pub fn project(
    book: &TokenBook,
    calls: u64,
    reports: u64,
    message_bytes: u64,
    is_warm: bool,
) -> Projection {
    let one = book.forecast(1, message_bytes);
    let output_tokens = one.output_tokens * reports;
    let prefix_tokens = one.prefix_tokens;
    let uncached = Usage {
        input_tokens: one.message_tokens + calls * prefix_tokens,
        output_tokens,
        ..Usage::default()
    };
    let usage = if one.is_prefix_cached {
        let writes = u64::from(!is_warm).min(calls);
        Usage {
            input_tokens: one.message_tokens,
            output_tokens,
            cache_read_tokens: (calls - writes) * prefix_tokens,
            cache_write_tokens: writes * prefix_tokens,
        }
    } else {
        uncached
    };
    Projection {
        usage,
        uncached,
        prefix_tokens,
    }
}

/// What use over many calls costs: the long-prompt price is not applied, since calls are kept under it.
pub fn cost_of(usage: &Usage, price: &Price) -> NanoUsd {
    let price = Price {
        long_prompt: None,
        ..*price
    };
    usage.cost(&price)
}
