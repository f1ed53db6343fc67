//! What a job will ask, counted from its input before anything is spent: the same texts, keys and calls as the worker's.
//!
//! Distinct texts are told apart by 64 bits of their keys: about 18 bytes of memory each, and one in 10^5 that two of ten
//! million texts are taken for one.

use std::collections::HashSet;

use serde::Serialize;

use super::batch::pack;
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
    /// Calls to make, if each is answered at the first try.
    pub calls: u64,
    /// Bytes of the messages of these calls.
    pub message_bytes: u64,
}

/// A text of a chunk that no earlier chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewText {
    /// Its key.
    pub key: AnswerKey,
    /// Its length as it is sent.
    pub bytes: usize,
}

/// Counts chunk after chunk, in the order of the file.
pub struct WorkloadCounter {
    keys: KeyBase,
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
            batch_size,
            max_text_chars,
            seen: HashSet::new(),
            workload: Workload::default(),
        }
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
                new.push(NewText { key, bytes });
            }
        }
        new
    }

    /// Counts the calls for a chunk's new texts; `is_paid` tells for each whether its answer is kept from before.
    pub fn count_calls(&mut self, new: &[NewText], is_paid: &[bool]) {
        let asked: Vec<usize> = new
            .iter()
            .zip(is_paid)
            .filter(|(_, is_paid)| !**is_paid)
            .map(|(text, _)| text.bytes)
            .collect();
        let workload = &mut self.workload;
        workload.distinct_texts += new.len() as u64;
        workload.paid_texts += (new.len() - asked.len()) as u64;
        workload.asked_texts += asked.len() as u64;
        workload.calls += pack(asked.iter().copied(), self.batch_size).len() as u64;
        workload.message_bytes += message_bytes(asked);
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
