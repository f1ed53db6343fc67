//! What a holder says under its claim, written without reading: one UpdateItem under the condition that the claim still is
//! the newest on an open chunk (I3). A lease stands only on open chunks, so epoch and owner say it all.

use super::access::DynamoLedger;
use super::chunk_item::{ABANDONED, CURSOR, EPOCH, INTENDED, OWNER, TOUCHED_MS, UNTIL_MS};
use super::item::{Reader, number};
use super::keys::Key;
use super::rounds::Rounds;
use super::write::{NONCE, VERSION, Write, Written};
use crate::core::chunk::Claim;
use crate::core::ids::RowNo;
use crate::ports::error::PortResult;
use crate::ports::ledger::Held;

/// The condition of every write under a claim.
pub(super) fn holds() -> String {
    format!("{EPOCH} = :epoch AND attribute_exists({OWNER})")
}

/// An update of the claim's chunk under that condition and `more`.
pub(super) fn under_claim(claim: &Claim, expression: &str, more: &str) -> Write {
    Write::update(Key::chunk(&claim.key), expression)
        .when(&format!("{}{more}", holds()))
        .with(":epoch", number(claim.epoch))
        .with(":one", number(1))
}

/// The same, and not twice in a row: the item then says that this was the last.
fn once(write: Write, nonce: u64) -> Write {
    write
        .and(&format!("{NONCE} <> :nonce"))
        .with(":nonce", number(nonce))
}

/// Whether the item that stood in the way is still held under `claim`: then another condition was not met.
pub(super) fn is_held(written: &Written, claim: &Claim) -> PortResult<bool> {
    let Written::Refused(refused) = written else {
        return Ok(true);
    };
    let Some((_, Some(item))) = refused.first() else {
        return Ok(false);
    };
    let reader = Reader(item);
    Ok(reader.number::<u64>(EPOCH)? == claim.epoch && reader.text(OWNER).is_some())
}

impl DynamoLedger {
    /// Extends a claim, and never shortens it.
    pub(super) async fn renew(&self, claim: &Claim, lease_ms: u64) -> PortResult<Held> {
        let mut rounds = Rounds::default();
        loop {
            let now_ms = self.now_ms();
            let until_ms = now_ms + lease_ms;
            let longer = format!("SET {UNTIL_MS} = :until, {TOUCHED_MS} = :now ADD {VERSION} :one");
            let write = under_claim(claim, &longer, &format!(" AND {UNTIL_MS} <= :until"))
                .with(":until", number(until_ms))
                .with(":now", number(now_ms));
            let written = self.table.write(&[write]).await?;
            if matches!(written, Written::Done) {
                return Ok(Held::Yes);
            }
            if !is_held(&written, claim)? {
                return Ok(Held::Lost);
            }
            let touched = format!("SET {TOUCHED_MS} = :now ADD {VERSION} :one");
            let write = under_claim(claim, &touched, &format!(" AND {UNTIL_MS} > :until"))
                .with(":until", number(until_ms))
                .with(":now", number(now_ms));
            match self.table.write(&[write]).await? {
                Written::Done => return Ok(Held::Yes),
                Written::Refused(_) => rounds.next(self.clock(), "a claim").await?,
            }
        }
    }

    /// Raises the count of intended calls. An open outcome is an error: said again the count is too high, never too low.
    /// The nonce is for a network that delivers a request twice.
    pub(super) async fn intend(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        let raise = format!("SET {NONCE} = :nonce ADD {INTENDED} :calls, {VERSION} :one");
        let write = under_claim(claim, &raise, "").with(":calls", number(calls));
        let nonce = self.clock().random();
        let written = self.table.write_once(once(write, nonce)).await?;
        Ok(Held::from_bool(written.stands(nonce)))
    }

    /// Lowers the count of intended calls, to nothing at least; the chunk gets on.
    pub(super) async fn settle(&self, claim: &Claim, calls: u64) -> PortResult<Held> {
        let mut rounds = Rounds::default();
        loop {
            let lower = format!(
                "SET {INTENDED} = {INTENDED} - :calls, {ABANDONED} = :zero, {NONCE} = :nonce ADD {VERSION} :one"
            );
            let write = under_claim(claim, &lower, &format!(" AND {INTENDED} >= :calls"))
                .with(":calls", number(calls))
                .with(":zero", number(0));
            let nonce = self.clock().random();
            let written = self.table.write_once(once(write, nonce)).await?;
            if written.stands(nonce) {
                return Ok(Held::Yes);
            }
            if !is_held(&written, claim)? {
                return Ok(Held::Lost);
            }
            let to_nothing = format!(
                "SET {INTENDED} = :zero, {ABANDONED} = :zero, {NONCE} = :nonce ADD {VERSION} :one"
            );
            let fewer = format!(" AND (attribute_not_exists({INTENDED}) OR {INTENDED} < :calls)");
            let write = under_claim(claim, &to_nothing, &fewer)
                .with(":calls", number(calls))
                .with(":zero", number(0));
            let nonce = self.clock().random();
            let written = self.table.write_once(once(write, nonce)).await?;
            if written.stands(nonce) {
                return Ok(Held::Yes);
            }
            rounds.next(self.clock(), "a claim").await?;
        }
    }

    /// Sets the cursor. On a chunk that is not isolated it stands for nothing, and goes with the next whole write.
    pub(super) async fn point(&self, claim: &Claim, row: Option<RowNo>) -> PortResult<Held> {
        let write = match row {
            Some(row) => {
                let set = format!("SET {CURSOR} = :row ADD {VERSION} :one");
                under_claim(claim, &set, "").with(":row", number(row))
            }
            None => {
                let remove = format!("REMOVE {CURSOR} ADD {VERSION} :one");
                under_claim(claim, &remove, "")
            }
        };
        let written = self.table.write(&[write]).await?;
        Ok(Held::from_bool(matches!(written, Written::Done)))
    }
}
