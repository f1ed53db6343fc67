//! Paid answers in memory, with trouble.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::chaos::Chaos;
use crate::core::answer::{AnswerKey, PaidAnswer};
use crate::ports::Answers;
use crate::ports::error::PortResult;

/// Paid answers in memory.
pub struct MemoryAnswers {
    kept: Mutex<BTreeMap<AnswerKey, PaidAnswer>>,
    chaos: Arc<Chaos>,
}

impl MemoryAnswers {
    /// An empty store.
    pub fn new(chaos: Arc<Chaos>) -> MemoryAnswers {
        MemoryAnswers {
            kept: Mutex::default(),
            chaos,
        }
    }
}

#[async_trait]
impl Answers for MemoryAnswers {
    async fn get(&self, keys: &[AnswerKey]) -> PortResult<Vec<Option<PaidAnswer>>> {
        self.chaos.before("answers_get").await?;
        let found = {
            let kept = self.kept.lock().expect("no panic while held");
            keys.iter().map(|key| kept.get(key).cloned()).collect()
        };
        self.chaos.after("answers_get", Ok(found))
    }

    async fn put(&self, answers: &[(AnswerKey, PaidAnswer)]) -> PortResult<()> {
        self.chaos.before("answers_put").await?;
        {
            let mut kept = self.kept.lock().expect("no panic while held");
            for (key, answer) in answers {
                kept.entry(*key).or_insert_with(|| answer.clone());
            }
        }
        self.chaos.after("answers_put", Ok(()))
    }
}
