//! Records that a fleet shares (a lane, a prompt prefix): one item each, changed by one rule at a time under its version.

use serde::{Serialize, de::DeserializeOwned};

use super::access::DynamoLedger;
use super::item::{Item, Reader, bytes, number, under};
use super::keys::{Key, TTL};
use super::packed::{pack, unpack};
use super::rounds::Rounds;
use super::write::{VERSION, Write};
use crate::ports::error::{PortError, PortResult};

/// The record; the first byte says how it is written.
const RECORD: &str = "d";
/// Deflated JSON.
const FORMAT: u8 = 1;
/// A record that nobody has changed for so long is forgotten.
const KEPT_S: u64 = 30 * 86_400;

impl DynamoLedger {
    /// What is shared under `name`, as it stands: one read.
    pub(super) async fn shared<T: DeserializeOwned>(&self, name: &str) -> PortResult<Option<T>> {
        let item = self.table.get(&Key::shared(name)).await?;
        item.as_ref().map(read).transpose()
    }

    /// Changes what is shared under `name`; new, it is the default. Where the rule changes nothing, nothing is written.
    pub(super) async fn change_shared<T, R>(
        &self,
        name: &str,
        change: impl Fn(&mut T, u64) -> R + Send + Sync,
    ) -> PortResult<R>
    where
        T: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync,
        R: Send,
    {
        let key = Key::shared(name);
        let (nonce, mut rounds) = (self.clock().random(), Rounds::default());
        loop {
            let item = self.table.get(&key).await?;
            let known: Option<T> = item.as_ref().map(read).transpose()?;
            let version = match &item {
                Some(item) => Reader(item).number(VERSION)?,
                None => 0,
            };
            let mut record = known.clone().unwrap_or_default();
            let now_ms = self.now_ms();
            let result = change(&mut record, now_ms);
            if known.as_ref() == Some(&record) {
                return Ok(result);
            }
            let put = Write::put_after(to_item(&key, &record, now_ms)?, version, nonce);
            if self.table.write(&[put]).await?.stands(nonce) {
                return Ok(result);
            }
            rounds.next(self.clock(), name).await?;
        }
    }
}

/// The item of a record under `key`.
pub(super) fn to_item<T: Serialize>(key: &Key, record: &T, now_ms: u64) -> PortResult<Item> {
    let json = serde_json::to_vec(record)
        .map_err(|error| PortError::bug(format!("{} cannot be written ({error})", key.pk)))?;
    let mut packed = vec![FORMAT];
    packed.extend(pack(&json, &[])?);
    let mut item = under(key);
    item.insert(RECORD.to_string(), bytes(packed));
    item.insert(TTL.to_string(), number(now_ms / 1_000 + KEPT_S));
    Ok(item)
}

/// The record of an item.
pub(super) fn read<T: DeserializeOwned>(item: &Item) -> PortResult<T> {
    let reader = Reader(item);
    let odd = || reader.odd(RECORD);
    let json = match reader.bytes(RECORD)? {
        [FORMAT, packed @ ..] => unpack(packed, &[]).ok_or_else(odd)?,
        _ => return Err(odd()),
    };
    serde_json::from_slice(&json).map_err(|_| odd())
}
