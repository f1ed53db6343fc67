//! One tiny call that shows whether a model answers, for `annexa doctor`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clients::BedrockClients;
use super::request::{Manner, body, send};
use super::{answer, errors};
use crate::catalog::ModelFacts;
use crate::core::money::Usage;
use crate::ports::error::PortResult;

/// Output tokens of the call; the word that is asked for has one or two.
const MAX_TOKENS: u32 = 16;

/// What the call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What it used, and so what it cost.
    pub usage: Usage,
    /// How long it took.
    pub latency: Duration,
}

/// Asks `model_id` for one word, without the list of codes.
///
/// # Errors
/// As a real call would have.
#[expect(
    clippy::disallowed_methods,
    reason = "an adapter may look at the clock; it only says how long the call took"
)]
pub async fn probe(
    clients: &Arc<BedrockClients>,
    model_id: &str,
    facts: &ModelFacts,
) -> PortResult<Probe> {
    let place = errors::Place {
        region: clients.region(),
        model_id,
        replacement: facts.replacement.as_deref(),
        call_timeout: clients.setup().call_timeout,
    };
    let manner = Manner::of(facts);
    let began = Instant::now();
    let message = "Answer with the word OK.".to_string();
    let body = body(message, MAX_TOKENS, manner, manner.more_fields());
    let output = send(clients.next(), model_id, body)
        .await
        .map_err(|error| errors::of_call(&error, &place, &[]))?;
    Ok(Probe {
        usage: output.usage().map(answer::usage).unwrap_or_default(),
        latency: began.elapsed(),
    })
}
