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

/// Items of one partition, by their sort keys.
pub(super) struct Range {
    pub(super) pk: String,
    /// First and last sort key; none: the whole partition.
    pub(super) between: Option<(String, String)>,
    /// The last first.
    pub(super) is_backward: bool,
    /// Only those whose attribute of this name has this value. What is left out is paid for as well.
    pub(super) only: Option<(&'static str, AttributeValue)>,
    /// No more than so many.
    pub(super) max: usize,
}

impl Range {
    /// All of partition `pk`.
    pub(super) fn all(pk: impl Into<String>) -> Range {
        Range {
            pk: pk.into(),
            between: None,
            is_backward: false,
            only: None,
            max: usize::MAX,
        }
    }
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
    async fn ask<T, F>(&self, attempt: impl FnMut() -> F) -> PortResult<T>
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

    /// The items of `range`, in the order of their sort keys.
    pub(super) async fn query(&self, range: &Range) -> PortResult<Vec<Item>> {
        let mut found = Vec::new();
        let mut from: Option<Item> = None;
        loop {
            let (items, next) = self.query_page(range, from.take()).await?;
            found.extend(items);
            if found.len() >= range.max {
                found.truncate(range.max);
                return Ok(found);
            }
            match next {
                Some(next) => from = Some(next),
                None => return Ok(found),
            }
        }
    }

    async fn query_page(
        &self,
        range: &Range,
        from: Option<Item>,
    ) -> PortResult<(Vec<Item>, Option<Item>)> {
        let limit = i32::try_from(range.max)
            .ok()
            .filter(|_| range.only.is_none());
        self.ask(|| {
            let mut request = self
                .client
                .query()
                .table_name(&self.place.table)
                .consistent_read(true)
                .scan_index_forward(!range.is_backward)
                .set_limit(limit)
                .set_exclusive_start_key(from.clone())
                .expression_attribute_values(":pk", super::item::text(&range.pk));
            let mut condition = format!("{PK} = :pk");
            if let Some((first, last)) = &range.between {
                condition.push_str(&format!(" AND {SK} BETWEEN :first AND :last"));
                request = request
                    .expression_attribute_values(":first", super::item::text(first))
                    .expression_attribute_values(":last", super::item::text(last));
            }
            if let Some((name, value)) = &range.only {
                request = request
                    .filter_expression(format!("{name} = :only"))
                    .expression_attribute_values(":only", value.clone());
            }
            let request = request.key_condition_expression(condition).send();
            async {
                let answer = request.await.map_err(|error| judge(error, &self.place))?;
                Ok((
                    answer.items.unwrap_or_default(),
                    answer.last_evaluated_key.filter(|key| !key.is_empty()),
                ))
            }
        })
        .await
    }

    /// Every item of the table with this sort key: reads all there is.
    pub(super) async fn scan(&self, sk: &str) -> PortResult<Vec<Item>> {
        let mut found = Vec::new();
        let mut from: Option<Item> = None;
        loop {
            let (items, next) = self
                .ask(|| {
                    let request = self
                        .client
                        .scan()
                        .table_name(&self.place.table)
                        .consistent_read(true)
                        .filter_expression(format!("{SK} = :sk"))
                        .expression_attribute_values(":sk", super::item::text(sk))
                        .set_exclusive_start_key(from.clone())
                        .send();
                    async {
                        let answer = request.await.map_err(|error| judge(error, &self.place))?;
                        Ok((
                            answer.items.unwrap_or_default(),
                            answer.last_evaluated_key.filter(|key| !key.is_empty()),
                        ))
                    }
                })
                .await?;
            found.extend(items);
            match next {
                Some(next) => from = Some(next),
                None => return Ok(found),
            }
        }
    }
}

fn key_of(item: &Item) -> Key {
    let part = |name| match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    };
    Key::new(part(PK), part(SK))
}
