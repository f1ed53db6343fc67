//! Notices by HTTPS: one POST, signed as Standard Webhooks has it (docs/NOTICES.md).
//!
//! Redirects are not followed (the specification: update the URL instead), so what is signed for one host never reaches
//! another. Logs and errors name scheme, host and port alone; no body of an answer is read.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use crate::core::notice::{Notice, Target};
use crate::notices::{Secret, WebhookUrl};
use crate::ports::error::{PortError, PortResult};
use crate::ports::notifier::Taken;
use crate::ports::{Clock, Notifier};

/// A receiver that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that takes longer, too.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A receiver of webhooks.
pub struct Webhook {
    client: Client,
    url: WebhookUrl,
    secret: Option<Secret>,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// The receiver at `url`; without a secret nothing is signed.
    ///
    /// # Errors
    /// The machine's certificates cannot be read.
    pub fn new(url: WebhookUrl, secret: Option<Secret>, clock: Arc<dyn Clock>) -> PortResult<Self> {
        Webhook::with_timeout(url, secret, clock, TIMEOUT)
    }

    /// The same with another patience.
    ///
    /// # Errors
    /// As [`Webhook::new`].
    pub fn with_timeout(
        url: WebhookUrl,
        secret: Option<Secret>,
        clock: Arc<dyn Clock>,
        timeout: Duration,
    ) -> PortResult<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .user_agent(concat!("annexa/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| {
            let why = causes(&error);
            PortError::permanent_job(format!("webhooks cannot be sent from this machine: {why}"))
        })?;
        Ok(Webhook {
            client,
            url,
            secret,
            clock,
        })
    }

    /// What a status means.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> PortResult<Taken> {
        let says = |what: &str| format!("webhook {}: {what} (HTTP {})", self.url, status.as_u16());
        let error = match status.as_u16() {
            200..=299 => return Ok(Taken::Yes),
            410 => return Ok(Taken::Gone),
            300..=399 => PortError::permanent_job(says(
                "it redirects, which is not followed: set ANNEXA_NOTIFY_WEBHOOK_URL to where it leads",
            )),
            408 | 425 | 429 => PortError::transient(says("it is too busy")),
            500..=599 => PortError::transient(says("it failed")),
            401 | 403 => PortError::permanent_job(says(
                "it refuses us: check the URL, and that both sides have the same secret",
            )),
            404 => PortError::permanent_job(says("nobody is there: check the URL")),
            _ => PortError::permanent_job(says("it refuses the notice")),
        };
        Err(PortError {
            retry_after: retry_after(headers, self.clock.now_ms()),
            ..error
        })
    }
}

#[async_trait]
impl Notifier for Webhook {
    fn target(&self) -> Target {
        Target::Webhook
    }

    async fn tell(&self, notice: &Notice) -> PortResult<Taken> {
        let body = serde_json::to_vec(notice)
            .map_err(|error| PortError::bug(format!("a notice cannot be written ({error})")))?;
        let (id, timestamp) = (&notice.notice_id, self.clock.now_ms() / 1_000);
        let mut request = self
            .client
            .post(self.url.url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp);
        if let Some(secret) = &self.secret {
            request = request.header("webhook-signature", secret.sign(id, timestamp, &body));
        }
        match request.body(body).send().await {
            Ok(answer) => self.judge(answer.status(), answer.headers()),
            Err(error) if is_untrusted(&error) => Err(PortError::permanent_job(format!(
                "webhook {}: its certificate is not trusted here: if it is of your own authority, or a proxy opens TLS, name \
                 the authority's file in SSL_CERT_FILE ({})",
                self.url,
                causes(&error)
            ))),
            Err(error) => {
                let why = match (error.is_timeout(), error.is_connect()) {
                    (true, _) => "no answer in time".to_string(),
                    (false, true) => format!("no connection ({})", causes(&error)),
                    (false, false) => format!("the connection broke ({})", causes(&error)),
                };
                Err(PortError::unknown(format!("webhook {}: {why}", self.url)))
            }
        }
    }
}

fn is_untrusted(error: &reqwest::Error) -> bool {
    error.is_connect() && causes(error).to_lowercase().contains("certificate")
}

/// Why a request failed: its causes, since the error itself may name the URL.
fn causes(error: &reqwest::Error) -> String {
    let first = std::error::Error::source(error);
    let chain = std::iter::successors(first, |cause| cause.source());
    let mut said: Vec<String> = Vec::new();
    for cause in chain {
        let cause = cause.to_string();
        if !said.iter().any(|known| known.contains(&cause)) {
            said.push(cause);
        }
    }
    match said.is_empty() {
        true => "no cause is told".to_string(),
        false => said.join(": "),
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110).
fn retry_after(headers: &HeaderMap, now_ms: u64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    let at_ms = u64::try_from(date.timestamp().as_millisecond()).ok()?;
    Some(Duration::from_millis(at_ms.saturating_sub(now_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, 1_767_225_600_000)
        };
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        let date = "Thu, 01 Jan 2026 00:01:00 GMT";
        assert_eq!(read(date), Some(Duration::from_secs(60)));
        assert_eq!(
            read("Wed, 31 Dec 2025 00:00:00 GMT"),
            Some(Duration::ZERO),
            "it is over"
        );
        assert_eq!(read("soon"), None);
    }
}
