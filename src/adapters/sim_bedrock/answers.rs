//! What the simulated model says about a text: the offline model's answer, restricted to the codes that the request lists.
//! Said before, it is not worked out again.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::listing::Listing;
use super::reports::Report;
use crate::adapters::local::precedents::tool_input;
use crate::core::problem::ProblemType;
use crate::precedents::{Precedents, PrecedentsError};

/// A generation of remembered answers holds so many; two generations are kept.
const GENERATION: usize = 4_096;

/// System prompt, what is asked, and text.
type Key = [u8; 32];

/// Answers, the newer and the older: what is asked for is carried over, the rest is dropped by and by.
#[derive(Default)]
struct Memory {
    young: HashMap<Key, Arc<Value>>,
    old: HashMap<Key, Arc<Value>>,
}

impl Memory {
    fn get(&mut self, key: &Key) -> Option<Arc<Value>> {
        if let Some(known) = self.young.get(key) {
            return Some(known.clone());
        }
        let known = self.old.remove(key)?;
        self.put(*key, known.clone());
        Some(known)
    }

    fn put(&mut self, key: Key, answer: Arc<Value>) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, answer);
    }
}

/// Answers texts.
pub(super) struct Answers {
    precedents: Arc<Precedents>,
    memory: Mutex<Memory>,
    /// One for each core: more threads would only hold more memory.
    cores: Semaphore,
}

impl Answers {
    pub(super) fn open() -> Result<Answers, PrecedentsError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Answers {
            precedents: Precedents::builtin()?,
            memory: Mutex::default(),
            cores: Semaphore::new(cores),
        })
    }

    /// The entries of the tool input for `reports`, each with its report's index; none: the model panicked on a text.
    pub(super) async fn entries(
        &self,
        listing: &Arc<Listing>,
        problem_type: ProblemType,
        reports: &[Report],
    ) -> Option<Vec<Value>> {
        let mut entries = Vec::with_capacity(reports.len());
        for report in reports {
            let answer = self.one(listing, problem_type, &report.text).await?;
            let mut entry = Value::clone(&answer);
            entry["index"] = Value::from(report.index);
            entries.push(entry);
        }
        Some(entries)
    }

    async fn one(
        &self,
        listing: &Arc<Listing>,
        problem_type: ProblemType,
        text: &str,
    ) -> Option<Arc<Value>> {
        let key = key(listing, problem_type, text);
        let memory = || self.memory.lock().expect("no panic while held");
        if let Some(known) = memory().get(&key) {
            return Some(known);
        }
        let _core = self.cores.acquire().await;
        let (precedents, listing) = (self.precedents.clone(), listing.clone());
        let texts = [text.to_string()];
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the adapter for blocking work; it is awaited"
        )]
        let input = tokio::task::spawn_blocking(move || {
            tool_input(&precedents, &listing.terms, problem_type, &texts)
        });
        let mut input = input.await.ok()?;
        let answer = Arc::new(input["incidents"][0].take());
        memory().put(key, answer.clone());
        Some(answer)
    }
}

fn key(listing: &Listing, problem_type: ProblemType, text: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update(listing.sha256);
    hash.update([problem_type as u8]);
    hash.update(text);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_keeps_what_is_asked_for() {
        let mut memory = Memory::default();
        let key = |n: usize| -> Key { Sha256::digest(n.to_le_bytes()).into() };
        for n in 0..5 * GENERATION {
            memory.put(key(n), Arc::new(Value::from(n)));
            assert_eq!(memory.get(&key(0)).as_deref(), Some(&Value::from(0)));
        }
        assert!(memory.young.len() + memory.old.len() <= 2 * GENERATION);
        assert!(memory.get(&key(1)).is_none());
    }
}
