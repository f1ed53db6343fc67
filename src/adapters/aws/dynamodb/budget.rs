//! Reservations under a job's cost cap (I9). What is held lies in one item of the job, which only jobs with a cap touch:
//! a reservation adds to it under the condition that what is held then, with what the shards have spent, is within the cap.

use super::access::DynamoLedger;
use super::chunk_item::{RESERVED, SPENT};
use super::counters::{CLOSED, HELD, base, move_budget};
use super::held::under_claim;
use super::item::number;
use super::rounds::Rounds;
use super::write::{VERSION, Written};
use crate::core::chunk::Claim;
use crate::core::job::Reserved;
use crate::core::money::NanoUsd;
use crate::core::transitions::budget as rules;
use crate::ports::error::PortResult;
use crate::ports::ledger::Held;

impl DynamoLedger {
    pub(super) async fn reserve(&self, claim: &Claim, amount: NanoUsd) -> PortResult<Reserved> {
        let (key, mut rounds) = (&claim.key, Rounds::default());
        loop {
            let (chunk, head) = tokio::try_join!(self.read_chunk(key), self.head(&key.job_id))?;
            let (Some((_, chunk)), Some(head)) = (chunk, head) else {
                return Ok(Reserved::Lost);
            };
            let (mut job, mut record) = (head.kept.job, chunk.record);
            let in_shards = job.counters.budget.spent.0 - head.budget_spent;
            let answer = rules::budget_reserve(&mut job, &mut record, claim, amount);
            if answer != Reserved::Yes || amount == NanoUsd::ZERO {
                return Ok(answer);
            }
            if job.generation != key.generation || !job.is_live() {
                return Ok(Reserved::Lost);
            }
            let set_aside = format!("ADD {RESERVED} :amount, {VERSION} :one");
            let chunk = under_claim(claim, &set_aside, "").with(":amount", number(amount.0));
            let budget = move_budget(&key.job_id, key.generation, amount.0.into(), 0);
            let budget = match job.spec.max_cost_usd {
                None => budget,
                Some(cap) => {
                    // Not below nothing: the rule has just found that it fits.
                    let room = cap.0 - amount.0 - in_shards;
                    let condition = format!(
                        "attribute_not_exists({CLOSED}) AND (attribute_not_exists({HELD}) OR {HELD} <= :room)"
                    );
                    budget.when(&condition).with(":room", number(room))
                }
            };
            if let Written::Done = self.table.write(&[chunk, budget]).await? {
                return Ok(Reserved::Yes);
            }
            // The claim was lost, the counters were closed, or another call took the room: the rule says which.
            rounds.next(self.clock(), "the job's budget").await?;
        }
    }

    pub(super) async fn settle_budget(
        &self,
        claim: &Claim,
        reserved: NanoUsd,
        spent: NanoUsd,
    ) -> PortResult<Held> {
        let (key, mut rounds) = (&claim.key, Rounds::default());
        loop {
            let Some((kept, chunk)) = self.read_chunk(key).await? else {
                return Ok(Held::Lost);
            };
            let (mut counters, mut record) = (base(), chunk.record.clone());
            if !rules::budget_settle(&mut counters, &mut record, claim, reserved, spent) {
                return Ok(Held::Lost);
            }
            let back = chunk.record.reserved.0 - record.reserved.0;
            if back == 0 && spent == NanoUsd::ZERO {
                return Ok(Held::Yes);
            }
            if !kept.job.is_live() {
                return Ok(Held::Lost);
            }
            let settle = match back {
                0 => format!("ADD {SPENT} :spent, {VERSION} :one"),
                _ => format!(
                    "SET {RESERVED} = {RESERVED} - :back ADD {SPENT} :spent, {VERSION} :one"
                ),
            };
            // More was set aside than this, or this is all there is: then nobody may add to it meanwhile.
            let enough = match (back, back == reserved.0) {
                (0, true) => String::new(),
                (0, false) => {
                    format!(" AND (attribute_not_exists({RESERVED}) OR {RESERVED} = :zero)")
                }
                (_, true) => format!(" AND {RESERVED} >= :back"),
                (_, false) => format!(" AND {RESERVED} = :back"),
            };
            let mut chunk = under_claim(claim, &settle, &enough).with(":spent", number(spent.0));
            if back > 0 {
                chunk = chunk.with(":back", number(back));
            } else if back != reserved.0 {
                chunk = chunk.with(":zero", number(0));
            }
            let back = i128::from(back);
            let budget = move_budget(&key.job_id, key.generation, -back, spent.0.into());
            if let Written::Done = self.table.write(&[chunk, budget]).await? {
                return Ok(Held::Yes);
            }
            rounds.next(self.clock(), "the job's budget").await?;
        }
    }
}
