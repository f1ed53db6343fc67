//! Writes under conditions: one alone as PutItem, UpdateItem or DeleteItem, several as one transaction under a token that
//! makes its replay harmless for ten minutes (FACTS §2).

use std::collections::HashMap;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use super::fault::{Fault, judge, of_transaction};
use super::item::{Item, Reader, number, under};
use super::keys::{Key, PK, TTL};
use super::table::{Table, Tried};
use crate::ports::error::{PortError, PortResult};

/// Items that one transaction takes.
pub(super) const WRITES_A_TRANSACTION: usize = 100;
/// The version that whoever changes an item must have read.
pub(super) const VERSION: &str = "v";
/// Who wrote the item last: a random number of each write, by which a writer recognises its own (S11).
pub(super) const NONCE: &str = "w";

/// Old items come with refusals.
const OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// One write.
#[derive(Debug, Clone)]
pub(super) struct Write {
    what: What,
    condition: Option<String>,
    values: HashMap<String, AttributeValue>,
}

#[derive(Debug, Clone)]
enum What {
    Put(Item),
    Update(Key, String),
    Delete(Key),
    Check(Key),
}

impl Write {
    /// Puts `item`, over whatever is there.
    pub(super) fn put(item: Item) -> Write {
        Write {
            what: What::Put(item),
            condition: None,
            values: HashMap::new(),
        }
    }

    /// Puts `item` as the version after `read` (0: there is none yet), if that still is the newest. `nonce` marks it.
    pub(super) fn put_after(mut item: Item, read: u64, nonce: u64) -> Write {
        item.insert(VERSION.to_string(), number(read + 1));
        item.insert(NONCE.to_string(), number(nonce));
        let write = Write::put(item);
        if read == 0 {
            return write.when(&format!("attribute_not_exists({PK})"));
        }
        write
            .when(&format!("{VERSION} = :read"))
            .with(":read", number(read))
    }

    /// Updates the item `key`; makes it if it is not there and no condition says otherwise.
    pub(super) fn update(key: Key, expression: &str) -> Write {
        Write {
            what: What::Update(key, expression.to_string()),
            condition: None,
            values: HashMap::new(),
        }
    }

    /// Deletes the item `key`.
    pub(super) fn delete(key: Key) -> Write {
        Write {
            what: What::Delete(key),
            condition: None,
            values: HashMap::new(),
        }
    }

    /// Changes nothing: others in its transaction are made only if `condition` holds for the item `key`.
    pub(super) fn check(key: Key, condition: &str) -> Write {
        Write {
            what: What::Check(key),
            condition: None,
            values: HashMap::new(),
        }
        .when(condition)
    }

    /// Only if `condition` holds.
    pub(super) fn when(mut self, condition: &str) -> Write {
        self.condition = Some(condition.to_string());
        self
    }

    /// Only if `condition` holds, too.
    pub(super) fn and(mut self, condition: &str) -> Write {
        self.condition = Some(match self.condition {
            Some(first) => format!("{first} AND {condition}"),
            None => condition.to_string(),
        });
        self
    }

    /// Gives an expression its value.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Write {
        self.values.insert(name.to_string(), value);
        self
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    /// `#ttl` in expressions: the attribute's name is a reserved word.
    fn names(&self) -> Option<HashMap<String, String>> {
        let condition = self.condition.as_deref().unwrap_or_default();
        condition
            .contains("#ttl")
            .then(|| HashMap::from([("#ttl".to_string(), TTL.to_string())]))
    }

    fn in_transaction(&self, table: &str) -> PortResult<TransactWriteItem> {
        let item = TransactWriteItem::builder();
        let built = match &self.what {
            What::Put(put) => Put::builder()
                .table_name(table)
                .set_item(Some(put.clone()))
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_values(self.values())
                .set_expression_attribute_names(self.names())
                .return_values_on_condition_check_failure(OLD)
                .build()
                .map(|put| item.put(put)),
            What::Update(key, expression) => Update::builder()
                .table_name(table)
                .set_key(Some(under(key)))
                .update_expression(expression)
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_values(self.values())
                .set_expression_attribute_names(self.names())
                .return_values_on_condition_check_failure(OLD)
                .build()
                .map(|update| item.update(update)),
            What::Delete(key) => Delete::builder()
                .table_name(table)
                .set_key(Some(under(key)))
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_values(self.values())
                .set_expression_attribute_names(self.names())
                .build()
                .map(|delete| item.delete(delete)),
            What::Check(key) => ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(under(key)))
                .set_condition_expression(self.condition.clone())
                .set_expression_attribute_values(self.values())
                .build()
                .map(|check| item.condition_check(check)),
        };
        built
            .map(|item| item.build())
            .map_err(|error| PortError::bug(format!("a write cannot be built ({error})")))
    }
}

/// What became of writes.
#[derive(Debug)]
pub(super) enum Written {
    /// All of them stand.
    Done,
    /// None of them was made: these, by their place, met a condition; with the items that stood in their way.
    Refused(Vec<(usize, Option<Item>)>),
}

impl Written {
    /// Whether the writes were made now.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Written::Done)
    }

    /// Whether the writes stand: now, or by an attempt under `nonce` whose answer was lost.
    pub(super) fn stands(&self, nonce: u64) -> bool {
        match self {
            Written::Done => true,
            Written::Refused(refused) => refused.iter().any(|(_, item)| {
                let found = item.as_ref().map(|item| Reader(item).maybe::<u64>(NONCE));
                matches!(found, Some(Ok(Some(found))) if nonce == found)
            }),
        }
    }
}

impl Table {
    /// Makes `writes`, all or none. Harmless to repeat: each is conditional on what it changes, or says the same again.
    pub(super) async fn write(&self, writes: &[Write]) -> PortResult<Written> {
        self.write_as(writes, true).await
    }

    /// Makes one write that must not have its effect twice: an open outcome is an error of its own (S11).
    pub(super) async fn write_once(&self, write: Write) -> PortResult<Written> {
        self.write_as(std::slice::from_ref(&write), false).await
    }

    async fn write_as(&self, writes: &[Write], is_repeatable: bool) -> PortResult<Written> {
        let tried = match writes {
            [] => return Ok(Written::Done),
            [one] => {
                self.send(is_repeatable, || self.write_one(one.clone()))
                    .await?
            }
            several if several.len() > WRITES_A_TRANSACTION => {
                let what = format!("{} items in one transaction", several.len());
                return Err(PortError::bug(what).context(&self.place));
            }
            several => {
                let items: PortResult<Vec<TransactWriteItem>> = several
                    .iter()
                    .map(|write| write.in_transaction(&self.place.table))
                    .collect();
                let (items, clock) = (items?, &self.clock.0);
                let token = format!("{:016x}{:016x}", clock.random(), clock.random());
                self.send(true, || self.transact(items.clone(), token.clone()))
                    .await?
            }
        };
        Ok(match tried {
            Tried::Done(()) => Written::Done,
            Tried::Refused(refused) => Written::Refused(refused),
        })
    }

    async fn write_one(&self, write: Write) -> Result<(), Fault> {
        let (table, values, names) = (&self.place.table, write.values(), write.names());
        match write.what {
            What::Put(item) => {
                let request = self.client.put_item().table_name(table);
                let request = request
                    .set_item(Some(item))
                    .set_condition_expression(write.condition)
                    .set_expression_attribute_values(values)
                    .set_expression_attribute_names(names)
                    .return_values_on_condition_check_failure(OLD);
                let sent = request.send().await;
                sent.map(drop).map_err(|error| self.of_put(error))
            }
            What::Update(key, expression) => {
                let request = self.client.update_item().table_name(table);
                let request = request
                    .set_key(Some(under(&key)))
                    .update_expression(expression)
                    .set_condition_expression(write.condition)
                    .set_expression_attribute_values(values)
                    .set_expression_attribute_names(names)
                    .return_values_on_condition_check_failure(OLD);
                let sent = request.send().await;
                sent.map(drop).map_err(|error| self.of_update(error))
            }
            What::Delete(key) => {
                let request = self.client.delete_item().table_name(table);
                let request = request
                    .set_key(Some(under(&key)))
                    .set_condition_expression(write.condition)
                    .set_expression_attribute_values(values)
                    .set_expression_attribute_names(names);
                let sent = request.send().await;
                sent.map(drop).map_err(|error| self.of_delete(error))
            }
            What::Check(_) => Err(Fault::Fatal(PortError::bug(
                "a condition alone is no write",
            ))),
        }
    }

    async fn transact(&self, items: Vec<TransactWriteItem>, token: String) -> Result<(), Fault> {
        let request = self.client.transact_write_items();
        let request = request
            .set_transact_items(Some(items))
            .client_request_token(token);
        let error = match request.send().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => Err(
                of_transaction(cancelled.cancellation_reasons(), &self.place),
            ),
            _ => Err(judge(error, &self.place)),
        }
    }

    fn of_put(&self, error: SdkError<PutItemError, HttpResponse>) -> Fault {
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                Fault::Refused(vec![(0, refused.item().cloned())])
            }
            _ => judge(error, &self.place),
        }
    }

    fn of_update(&self, error: SdkError<UpdateItemError, HttpResponse>) -> Fault {
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Fault::Refused(vec![(0, refused.item().cloned())])
            }
            _ => judge(error, &self.place),
        }
    }

    fn of_delete(&self, error: SdkError<DeleteItemError, HttpResponse>) -> Fault {
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(refused)) => {
                Fault::Refused(vec![(0, refused.item().cloned())])
            }
            _ => judge(error, &self.place),
        }
    }
}
