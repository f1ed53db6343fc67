//! Paid answers, an item each, with a time to live.
//!
//! Reads are strongly consistent. Reads that lag would cost half (0.06 US dollars a million rows), and could miss an answer
//! that another worker has just stored: it would be paid for again although it was there, which I8 rules out.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::answer_value::{from_bytes, to_bytes};
use super::item::{Item, Reader, billed_bytes, bytes, number, under};
use super::keys::{Key, PK, TTL};
use super::table::Table;
use super::write::Write;
use crate::adapters::aws::AwsConfig;
use crate::core::answer::{AnswerKey, PaidAnswer};
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::{Answers, Clock};

/// The packed answer.
const VALUE: &str = "d";
/// Answers that one call stores at the same time. Conditions cannot be batched, and who comes first keeps the answer.
const PUTS_AT_ONCE: usize = 16;
/// The most that an item holds.
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Paid answers in one DynamoDB table, that of the ledger or one of their own.
#[derive(Debug)]
pub struct DynamoAnswers {
    table: Table,
    kept_s: u64,
}

impl DynamoAnswers {
    /// Answers in the table `table`, where `aws` says; each is kept for `kept_days` from when it was paid for.
    pub fn new(
        aws: &AwsConfig,
        table: &str,
        clock: Arc<dyn Clock>,
        kept_days: u32,
    ) -> DynamoAnswers {
        DynamoAnswers {
            table: Table::new(aws, table, clock),
            kept_s: u64::from(kept_days) * 86_400,
        }
    }

    fn now_s(&self) -> u64 {
        self.table.clock.0.now_ms() / 1_000
    }

    /// An item may stay readable for days after its time (FACTS §2).
    fn read(&self, item: &Item) -> PortResult<Option<PaidAnswer>> {
        let reader = Reader(item);
        if reader.number::<u64>(TTL)? <= self.now_s() {
            return Ok(None);
        }
        from_bytes(reader.bytes(VALUE)?)
            .map(Some)
            .ok_or_else(|| reader.odd(VALUE))
    }

    async fn put_one(&self, key: &AnswerKey, answer: &PaidAnswer) -> PortResult<()> {
        let now_s = self.now_s();
        let item = to_item(key, answer, now_s + self.kept_s)?;
        // The first payer stays, unless its answer is past its time and merely not yet gone.
        let put = Write::put(item)
            .when(&format!("attribute_not_exists({PK}) OR #ttl <= :now"))
            .with(":now", number(now_s));
        self.table.write(&[put]).await.map(drop)
    }
}

/// The item that keeps `answer` until `ttl_s`.
fn to_item(key: &AnswerKey, answer: &PaidAnswer, ttl_s: u64) -> PortResult<Item> {
    let mut item = under(&Key::answer(key));
    item.insert(VALUE.to_string(), bytes(to_bytes(answer)?));
    item.insert(TTL.to_string(), number(ttl_s));
    let size = billed_bytes(&item);
    if size > MAX_ITEM_BYTES {
        let row = answer.payer.row;
        let what = format!(
            "the paid answer of row {row} takes {size} bytes, and DynamoDB keeps {MAX_ITEM_BYTES} in an item: ask for shorter \
             evidence and rationales"
        );
        return Err(PortError::new(ErrorClass::PermanentRow, what));
    }
    Ok(item)
}

#[async_trait]
impl Answers for DynamoAnswers {
    async fn get(&self, keys: &[AnswerKey]) -> PortResult<Vec<Option<PaidAnswer>>> {
        let places: Vec<Key> = keys.iter().map(Key::answer).collect();
        let found = self.table.get_all(&places).await?;
        places
            .iter()
            .map(|place| match found.get(place) {
                Some(item) => self.read(item),
                None => Ok(None),
            })
            .collect()
    }

    async fn put(&self, answers: &[(AnswerKey, PaidAnswer)]) -> PortResult<()> {
        let mut seen = std::collections::HashSet::new();
        let first = answers.iter().filter(|(key, _)| seen.insert(*key));
        let puts: Vec<_> = first
            .map(|(key, answer)| self.put_one(key, answer))
            .collect();
        stream::iter(puts)
            .buffer_unordered(PUTS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
