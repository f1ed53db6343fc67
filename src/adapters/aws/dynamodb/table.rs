//! One table, and how it is asked: every read strongly consistent, every request tried again where that is harmless, with
//! full jitter on the port's clock. The SDK's own retries are off.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::super::AwsConfig;
use super::fault::{Fault, Place, judge};
use super::item::{Item, under};
use super::keys::{Key, PK, SK};
use crate::ports::Clock;
use crate::ports::error::{PortError, PortResult};
use crate::ports::retry::Backoff;

/// A connection that takes longer fails.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A request that is not over by then fails, unless the configuration has less patience: DynamoDB answers within
/// milliseconds, and a claim's holder waits for the answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of one request. Throttles and conflicts pass within a second or so; callers try again on top.
const REQUESTS: Backoff = Backoff {
    tries: 8,
    first: Duration::from_millis(25),
    most: Duration::from_secs(2),
};
/// Items that one BatchGetItem takes.
pub(super) const ITEMS_A_BATCH: usize = 100;

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) place: Place,
    pub(super) clock: Clocked,
}

/// A clock that can stand in a `Debug` type.
#[derive(Clone)]
pub(super) struct Clocked(pub(super) Arc<dyn Clock>);

impl std::fmt::Debug for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// What a request that ended well, or met a condition, came to.
pub(super) enum Tried<T> {
    /// It is done.
    Done(T),
    /// Conditions were not met (see [`Fault::Refused`]).
    Refused(Vec<(usize, Option<Item>)>),
}

impl Table {
    /// The table `name` where `aws` says.
    pub(super) fn new(aws: &AwsConfig, name: &str, clock: Arc<dyn Clock>) -> Table {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT.min(aws.attempt_timeout()))
            .build();
        let config = Builder::from(aws.sdk())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        Table {
            client: Client::from_conf(config.build()),
            place: Place {
                table: name.to_string(),
                region: aws.region().unwrap_or("without a Region").to_string(),
            },
            clock: Clocked(clock),
        }
    }

    /// Sends until it is done, refused or hopeless. `is_repeatable`: it has its effect once however often it is sent.
    pub(super) async fn send<T, F>(
        &self,
        is_repeatable: bool,
        mut attempt: impl FnMut() -> F,
    ) -> PortResult<Tried<T>>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let (mut tried, mut may_have_happened) = (0, false);
        loop {
            tried += 1;
            let why = match attempt().await {
                Ok(done) => return Ok(Tried::Done(done)),
                Err(Fault::Refused(refused)) => return Ok(Tried::Refused(refused)),
                Err(Fault::Fatal(error)) => {
                    return Err(PortError {
                        unknown_outcome: may_have_happened || error.unknown_outcome,
                        ..error
                    });
                }
                Err(Fault::Busy(why)) => why,
                Err(Fault::Unknown(why)) => {
                    may_have_happened = true;
                    if !is_repeatable {
                        return Err(PortError::unknown(why).context(&self.place));
                    }
                    why
                }
            };
            if tried >= REQUESTS.tries {
                let error = match may_have_happened {
                    true => PortError::unknown(why),
                    false => PortError::transient(why),
                };
                return Err(error.context(&self.place));
            }
            let pause = REQUESTS.pause(&*self.clock.0, tried);
            self.clock.0.sleep(pause).await;
        }
    }

    /// The same for a request that has no conditions.
    pub(super) async fn ask<T, F>(&self, attempt: impl FnMut() -> F) -> PortResult<T>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        match self.send(true, attempt).await? {
            Tried::Done(answer) => Ok(answer),
            Tried::Refused(_) => Err(PortError::bug(format!(
                "{}: a read was refused for a condition",
                self.place
            ))),
        }
    }

    /// One item.
    pub(super) async fn get(&self, key: &Key) -> PortResult<Option<Item>> {
        self.ask(|| {
            let request = self
                .client
                .get_item()
                .table_name(&self.place.table)
                .set_key(Some(under(key)))
                .consistent_read(true)
                .send();
            async {
                let answer = request.await.map_err(|error| judge(error, &self.place))?;
                Ok(answer.item)
            }
        })
        .await
    }

    /// Several items, each where it is; keys may repeat.
    pub(super) async fn get_all(&self, keys: &[Key]) -> PortResult<HashMap<Key, Item>> {
        let mut found = HashMap::new();
        let mut different: Vec<&Key> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for key in keys {
            if seen.insert(key) {
                different.push(key);
            }
        }
        for batch in different.chunks(ITEMS_A_BATCH) {
            let mut left: Vec<Item> = batch.iter().map(|key| under(key)).collect();
            let mut rounds = 0;
            while !left.is_empty() {
                let (items, unprocessed) = self.get_batch(&left).await?;
                let is_slow = unprocessed.len() == left.len();
                for item in items {
                    found.insert(key_of(&item), item);
                }
                left = unprocessed;
                // What is not processed was throttled, or did not fit the 16 MB of an answer.
                if is_slow {
                    rounds += 1;
                    if rounds >= REQUESTS.tries {
                        let why = "reads stay unprocessed: the table or the account is throttled";
                        return Err(PortError::transient(why).context(&self.place));
                    }
                    let pause = REQUESTS.pause(&*self.clock.0, rounds);
                    self.clock.0.sleep(pause).await;
                }
            }
        }
        Ok(found)
    }

    async fn get_batch(&self, keys: &[Item]) -> PortResult<(Vec<Item>, Vec<Item>)> {
        self.ask(|| {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys.to_vec()))
                .consistent_read(true)
                .build();
            let request = wanted.map(|wanted| {
                self.client
                    .batch_get_item()
                    .request_items(&self.place.table, wanted)
                    .send()
            });
            async {
                let Ok(request) = request else {
                    return Err(Fault::Fatal(PortError::bug("a batch without keys")));
                };
                let answer = request.await.map_err(|error| judge(error, &self.place))?;
                let table = &self.place.table;
                let mut items = answer.responses.unwrap_or_default();
                let mut left = answer.unprocessed_keys.unwrap_or_default();
                let left = left.remove(table).map(|left| left.keys).unwrap_or_default();
                Ok((items.remove(table).unwrap_or_default(), left))
            }
        })
        .await
    }
}

fn key_of(item: &Item) -> Key {
    let part = |name| match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    };
    Key::new(part(PK), part(SK))
}
