//! A paid answer as bytes: JSON, deflated under a dictionary of what such answers repeat. A usual one then fits 1 KB with
//! its key, so that storing it costs one write unit.

use super::packed::{pack, unpack};
use crate::core::answer::PaidAnswer;
use crate::ports::error::{PortError, PortResult};

/// JSON, deflated under the first dictionary. A change of the dictionary is another format: what was paid for stays readable.
const FORMAT: u8 = 1;

/// What answers repeat, the most frequent last, where a reference to it is shortest.
const DICTIONARY: &[u8] = include_bytes!("answers.dictionary");

/// The bytes of `answer`.
pub(super) fn to_bytes(answer: &PaidAnswer) -> PortResult<Vec<u8>> {
    let json = serde_json::to_vec(answer)
        .map_err(|error| PortError::bug(format!("a paid answer cannot be written ({error})")))?;
    let mut value = vec![FORMAT];
    value.extend(pack(&json, DICTIONARY)?);
    Ok(value)
}

/// The reverse; none: these are not the bytes of an answer.
pub(super) fn from_bytes(value: &[u8]) -> Option<PaidAnswer> {
    match value {
        [FORMAT, packed @ ..] => serde_json::from_slice(&unpack(packed, DICTIONARY)?).ok(),
        _ => None,
    }
}
