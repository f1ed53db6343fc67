//! What of a request the prompt cache can hold: all up to the last cachePoint in tools and system.

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::errors::ServiceError;
use super::request::{Block, malformed};

/// A cachePoint as it is sent.
#[derive(Deserialize)]
pub(super) struct CachePoint {
    r#type: String,
    ttl: Option<String>,
}

/// How long a cached prefix lasts, as the request says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheTtl {
    /// Five minutes, the service's default.
    Short,
    /// An hour.
    Long,
}

/// All up to the last cachePoint in tools and system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prefix {
    /// SHA-256 of it.
    pub(super) sha256: [u8; 32],
    /// Its length.
    pub(super) bytes: u64,
    /// How long it lasts.
    pub(super) ttl: CacheTtl,
}

/// The prefix that is cached, and the bytes of tools and system behind it.
///
/// Tools count as their JSON written tightly, in the order of their fields: what the service makes of them is not known.
pub(super) fn cut<'r>(
    tools: impl Iterator<Item = &'r Value>,
    system: &[Block],
) -> Result<(Option<Prefix>, u64), ServiceError> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut prefix = None;
    let mut point = |hash: &Sha256, bytes: u64, given: &CachePoint| {
        let ttl = match (given.r#type.as_str(), given.ttl.as_deref()) {
            ("default", None | Some("5m")) => CacheTtl::Short,
            ("default", Some("1h")) => CacheTtl::Long,
            _ => return Err(malformed("cachePoint".to_string())),
        };
        prefix = Some(Prefix {
            sha256: hash.clone().finalize().into(),
            bytes,
            ttl,
        });
        Ok(())
    };
    let add = |hash: &mut Sha256, text: &str| {
        // The length before each part: no two lists of parts run together to the same bytes.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
        text.len() as u64
    };
    for tool in tools {
        match tool.get("cachePoint") {
            Some(given) => {
                let given = CachePoint::deserialize(given)
                    .map_err(|_| malformed("#/toolConfig/tools: cachePoint".to_string()))?;
                point(&hash, bytes, &given)?;
            }
            None => bytes += add(&mut hash, &tool.to_string()),
        }
    }
    for block in system {
        if let Some(text) = &block.text {
            bytes += add(&mut hash, text);
        }
        if let Some(given) = &block.cache_point {
            point(&hash, bytes, given)?;
        }
    }
    let cached = prefix.as_ref().map_or(0, |prefix| prefix.bytes);
    Ok((prefix, bytes - cached))
}
