//! Reading many items: of one partition by their sort keys, and, for people who ask for all jobs, of the whole table.

use aws_sdk_dynamodb::types::AttributeValue;

use super::fault::judge;
use super::item::{Item, text};
use super::keys::{PK, SK};
use super::table::Table;
use crate::ports::error::PortResult;

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
                .expression_attribute_values(":pk", text(&range.pk));
            let mut condition = format!("{PK} = :pk");
            if let Some((first, last)) = &range.between {
                condition.push_str(&format!(" AND {SK} BETWEEN :first AND :last"));
                request = request
                    .expression_attribute_values(":first", text(first))
                    .expression_attribute_values(":last", text(last));
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
                        .expression_attribute_values(":sk", text(sk))
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
