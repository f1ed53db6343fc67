//! Items: attributes in and out, and what an item that is not one of ours is called.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::keys::{Key, PK, SK};
use crate::ports::error::{PortError, PortResult};

/// An item as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A number.
pub(super) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A text.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Bytes.
pub(super) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value.into()))
}

/// An item under `key` without further attributes.
pub(super) fn under(key: &Key) -> Item {
    HashMap::from([
        (PK.to_string(), text(&key.pk)),
        (SK.to_string(), text(&key.sk)),
    ])
}

/// Reads attributes of one item.
pub(super) struct Reader<'i>(pub(super) &'i Item);

impl<'i> Reader<'i> {
    /// What is wrong with the attribute `name`.
    pub(super) fn odd(&self, name: &str) -> PortError {
        let key = |name| match self.0.get(name) {
            Some(AttributeValue::S(text)) => text.as_str(),
            _ => "?",
        };
        PortError::bug(format!(
            "item {} {}: attribute '{name}' is missing or not one of ours (was the table written by another version?)",
            key(PK),
            key(SK)
        ))
    }

    /// A number; none: there is no such attribute.
    pub(super) fn maybe<T: std::str::FromStr>(&self, name: &str) -> PortResult<Option<T>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(digits)) => digits.parse().map(Some).map_err(|_| self.odd(name)),
            Some(_) => Err(self.odd(name)),
        }
    }

    /// A number, 0 where it is left out.
    pub(super) fn number<T: std::str::FromStr + Default>(&self, name: &str) -> PortResult<T> {
        Ok(self.maybe(name)?.unwrap_or_default())
    }

    /// A text; none: there is no such attribute.
    pub(super) fn text(&self, name: &str) -> Option<&'i str> {
        match self.0.get(name) {
            Some(AttributeValue::S(text)) => Some(text),
            _ => None,
        }
    }

    /// Bytes that must be there.
    pub(super) fn bytes(&self, name: &str) -> PortResult<&'i [u8]> {
        match self.0.get(name) {
            Some(AttributeValue::B(blob)) => Ok(blob.as_ref()),
            _ => Err(self.odd(name)),
        }
    }

    /// The sort key.
    pub(super) fn sk(&self) -> PortResult<&'i str> {
        self.text(SK).ok_or_else(|| self.odd(SK))
    }
}

/// The item's size as DynamoDB bills it: names and values, a number by its digits.
pub(super) fn billed_bytes(item: &Item) -> usize {
    let value_bytes = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        _ => 1,
    };
    item.iter()
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}
