//! What can be changed while the simulator runs, and how `POST /control` says it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::chance::Latency;
use super::rates::FaultRates;

/// What can be changed while the simulator runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Tokens per minute of each lane; none: not limited.
    pub tokens_per_minute: Option<u64>,
    /// Requests per minute of each lane; none: not limited.
    pub requests_per_minute: Option<u64>,
    /// Settled tokens of each lane in 24 hours; none: not limited.
    pub daily_tokens: Option<u64>,
    /// How long answers take.
    pub latency: Latency,
    /// How long a stalled call is silent; none: for ever.
    pub stall: Option<Duration>,
    /// How likely each fault is.
    pub faults: FaultRates,
}

/// The body of `POST /control`. What is not named stays; null takes a limit away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default, deserialize_with = "named")]
    tpm: Option<Option<u64>>,
    #[serde(default, deserialize_with = "named")]
    rpm: Option<Option<u64>>,
    #[serde(default, deserialize_with = "named")]
    daily_tokens: Option<Option<u64>>,
    #[serde(default, deserialize_with = "named")]
    stall_ms: Option<Option<u64>>,
    latency_ms: Option<LatencyMs>,
    faults: Option<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LatencyMs {
    Fixed(u32),
    Text(String),
}

/// A field that is there, null or not.
fn named<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl Settings {
    /// These settings with the change that `body` asks for. `faults` replaces all probabilities.
    ///
    /// # Errors
    /// What is wrong with the body; then nothing changes.
    pub(super) fn changed(&self, body: &[u8]) -> Result<Settings, String> {
        let change: Change = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let latency = match change.latency_ms {
            Some(LatencyMs::Fixed(ms)) => Latency::fixed(ms),
            Some(LatencyMs::Text(text)) => text.parse()?,
            None => self.latency,
        };
        let faults = match &change.faults {
            Some(rates) => {
                let named = rates.iter().map(|(name, rate)| (name.as_str(), *rate));
                FaultRates::new(named).map_err(|problems| problems.join("; "))?
            }
            None => self.faults.clone(),
        };
        let stall_ms = change.stall_ms.map(|ms| ms.map(Duration::from_millis));
        Ok(Settings {
            tokens_per_minute: change.tpm.unwrap_or(self.tokens_per_minute),
            requests_per_minute: change.rpm.unwrap_or(self.requests_per_minute),
            daily_tokens: change.daily_tokens.unwrap_or(self.daily_tokens),
            latency,
            stall: stall_ms.unwrap_or(self.stall),
            faults,
        })
    }

    /// The same as JSON, in the names of `POST /control`.
    pub(super) fn to_json(&self) -> Value {
        let stall_ms = self.stall.map(|stall| stall.as_millis() as u64);
        json!({
            "tpm": self.tokens_per_minute,
            "rpm": self.requests_per_minute,
            "daily_tokens": self.daily_tokens,
            "latency_ms": self.latency.to_string(),
            "stall_ms": stall_ms,
            "faults": self.faults.named(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_changes_and_the_rest_stays() {
        let before = Settings {
            tokens_per_minute: Some(100),
            requests_per_minute: Some(10),
            stall: Some(Duration::from_secs(1)),
            faults: FaultRates::new([("stall", 0.5)]).unwrap(),
            ..Settings::default()
        };
        let body = br#"{"tpm":50,"stall_ms":null,"latency_ms":"10..20","faults":{"cut":0.1}}"#;
        let after = before.changed(body).unwrap();
        assert_eq!(after.tokens_per_minute, Some(50));
        assert_eq!(after.requests_per_minute, Some(10));
        assert_eq!(after.stall, None);
        assert_eq!(after.latency, "10..20".parse().unwrap());
        assert_eq!(after.faults.named(), BTreeMap::from([("cut", 0.1)]));
        assert_eq!(before.changed(b"{}").unwrap(), before);
        // What it says of itself is what it takes.
        let said = after.to_json().to_string();
        assert_eq!(before.changed(said.as_bytes()).unwrap(), after);
    }

    #[test]
    fn a_change_that_is_not_understood_changes_nothing_and_says_why() {
        let settings = Settings::default();
        let error = |body: &str| settings.changed(body.as_bytes()).unwrap_err();
        assert!(error(r#"{"tmp":1}"#).contains("tmp"));
        assert!(error(r#"{"faults":{"nosuch":1}}"#).contains("nosuch"));
        assert!(error(r#"{"latency_ms":"slow"}"#).contains("slow"));
    }
}
