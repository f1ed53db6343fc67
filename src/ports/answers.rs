//! Paid answers: what a model was paid for once is kept, and given to whoever asks the same again (I8).
//!
//! A port of its own and not part of the ledger: answers outlive jobs and, on a laptop, lie elsewhere.

use async_trait::async_trait;

use super::error::PortResult;
use crate::core::answer::{AnswerKey, PaidAnswer};

/// A store of paid answers.
#[async_trait]
pub trait Answers: Send + Sync {
    /// The answers for `keys`, in their order; none where there is none (or it is past its time).
    async fn get(&self, keys: &[AnswerKey]) -> PortResult<Vec<Option<PaidAnswer>>>;

    /// Keeps answers. Under a key that has one already the first stays, so that its payer keeps the cost; saying the
    /// same again is no error. Returned only once the answers will survive the process.
    async fn put(&self, answers: &[(AnswerKey, PaidAnswer)]) -> PortResult<()>;
}
