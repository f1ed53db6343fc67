//! Seeded trouble below the SDK: what a network and a service can do to a request, at rates of a test's choice, and a
//! count of what was done. It stands between the SDK's retries and the wire, so that retries see it, too.
//!
//! ```ignore
//! let trouble = Trouble::new(7, Rates { drop_after: 50, ..Rates::default() });
//! let aws = Emulator::shared().config().with_http_client(trouble.client());
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::refusals::{Service, conflict, failure, throttle, without_some_entries};

/// Always.
pub const SURE: u32 = 1_000;

/// How often each kind of trouble happens, per mille of requests that it can happen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// The connection breaks before the request arrives.
    pub drop_before: u32,
    /// It breaks after the request had its effect.
    pub drop_after: u32,
    /// The request arrives twice; the second answer counts.
    pub double: u32,
    /// No answer comes, ever; every other time the request has its effect.
    pub stall: u32,
    /// The answer breaks off in the middle of its body.
    pub truncate: u32,
    /// The service says that there is too much to do.
    pub throttle: u32,
    /// The service fails: 500 after the effect, or 503 before it.
    pub fail: u32,
    /// Entries of an SQS batch fail, each alone, in an answer of 200.
    pub partial_batch: u32,
    /// A DynamoDB transaction is cancelled for a conflict.
    pub conflict: u32,
}

impl Rates {
    /// Everything, each at `per_mille`.
    pub fn all(per_mille: u32) -> Rates {
        Rates {
            drop_before: per_mille,
            drop_after: per_mille,
            double: per_mille,
            stall: per_mille,
            truncate: per_mille,
            throttle: per_mille,
            fail: per_mille,
            partial_batch: per_mille,
            conflict: per_mille,
        }
    }
}

#[derive(Debug)]
struct State {
    drawn: u64,
    rates: Rates,
    seen: BTreeMap<&'static str, u64>,
    requests: BTreeMap<String, u64>,
}

/// A source of trouble.
#[derive(Debug, Clone)]
pub struct Trouble(Arc<Mutex<State>>);

impl Trouble {
    /// Trouble at `rates`; the same seed draws the same numbers.
    pub fn new(seed: u64, rates: Rates) -> Trouble {
        Trouble(Arc::new(Mutex::new(State {
            drawn: seed,
            rates,
            seen: BTreeMap::new(),
            requests: BTreeMap::new(),
        })))
    }

    /// An HTTP client for the SDK that makes this trouble.
    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(TroubledClient {
            inner: Builder::new().build_http(),
            trouble: self.clone(),
        })
    }

    /// From now on other rates.
    pub fn set_rates(&self, rates: Rates) {
        self.0.lock().expect("no panic while held").rates = rates;
    }

    /// How often `kind`, a name of a field of [`Rates`], was done.
    pub fn seen(&self, kind: &str) -> u64 {
        let state = self.0.lock().expect("no panic while held");
        state.seen.get(kind).copied().unwrap_or_default()
    }

    /// How much trouble there was in all.
    pub fn all(&self) -> u64 {
        let state = self.0.lock().expect("no panic while held");
        state.seen.values().sum()
    }

    /// Requests by operation, as `SQS.ReceiveMessage`, `DynamoDB.TransactWriteItems`, `S3.PUT`, attempts of their own
    /// each.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let state = self.0.lock().expect("no panic while held");
        state.requests.clone()
    }

    fn rates(&self) -> Rates {
        self.0.lock().expect("no panic while held").rates
    }

    /// The next number of the seed (SplitMix64).
    fn draw(&self) -> u64 {
        let mut state = self.0.lock().expect("no panic while held");
        state.drawn = state.drawn.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state.drawn;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Whether `kind` happens now; counts it if so.
    fn happens(&self, kind: &'static str, per_mille: u32) -> bool {
        let hit = per_mille > 0 && self.draw() % 1_000 < u64::from(per_mille);
        if hit {
            let mut state = self.0.lock().expect("no panic while held");
            *state.seen.entry(kind).or_default() += 1;
        }
        hit
    }

    fn count(&self, request: &HttpRequest) {
        let operation = match request.headers().get("x-amz-target") {
            Some(target) => target
                .replace("AmazonSQS.", "SQS.")
                .replace("DynamoDB_20120810.", "DynamoDB."),
            None => format!("S3.{}", request.method()),
        };
        let mut state = self.0.lock().expect("no panic while held");
        *state.requests.entry(operation).or_default() += 1;
    }

    async fn troubled(
        self,
        wire: SharedHttpConnector,
        request: HttpRequest,
    ) -> Result<HttpResponse, ConnectorError> {
        self.count(&request);
        let (rates, service) = (self.rates(), Service::of(&request));
        if self.happens("drop_before", rates.drop_before) {
            return Err(lost("before the request arrived"));
        }
        if self.happens("throttle", rates.throttle) {
            return Ok(throttle(service));
        }
        if service.is_transaction() && self.happens("conflict", rates.conflict) {
            return Ok(conflict(&request, || self.draw()));
        }
        if self.happens("stall", rates.stall) {
            if self.draw().is_multiple_of(2) {
                wire.call(request).await?;
            }
            return std::future::pending().await;
        }
        if self.happens("fail", rates.fail) {
            let has_effect = self.draw().is_multiple_of(2);
            if has_effect {
                wire.call(request).await?;
            }
            return Ok(failure(service, has_effect));
        }
        if service.is_batch() && rates.partial_batch > 0 {
            let fails = || self.happens("partial_batch", rates.partial_batch);
            return without_some_entries(wire, request, fails).await;
        }
        if self.happens("double", rates.double)
            && let Some(first) = request.try_clone()
        {
            let first = wire.call(first).await?;
            // Whole, so that the second finds the effect.
            let _ = whole(first).await?;
        }
        let answer = wire.call(request).await?;
        if self.happens("drop_after", rates.drop_after) {
            let _ = whole(answer).await?;
            return Err(lost("after the request had its effect"));
        }
        if rates.truncate == 0 {
            return Ok(answer);
        }
        let (mut answer, body) = whole(answer).await?;
        let is_cut = !body.is_empty() && self.happens("truncate", rates.truncate);
        let kept = if is_cut { body.len() / 2 } else { body.len() };
        *answer.body_mut() = SdkBody::from(body[..kept].to_vec());
        Ok(answer)
    }
}

fn lost(when: &str) -> ConnectorError {
    ConnectorError::io(format!("injected: the connection was lost {when}").into())
}

/// An answer with all of its body read.
pub(super) async fn whole(
    mut answer: HttpResponse,
) -> Result<(HttpResponse, Vec<u8>), ConnectorError> {
    let body = ByteStream::new(answer.take_body()).collect().await;
    let body = body.map_err(|error| ConnectorError::io(error.into()))?;
    Ok((answer, body.to_vec()))
}

#[derive(Debug)]
struct TroubledClient {
    inner: SharedHttpClient,
    trouble: Trouble,
}

impl HttpClient for TroubledClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(TroubledConnector {
            wire: self.inner.http_connector(settings, components),
            trouble: self.trouble.clone(),
        })
    }
}

#[derive(Debug)]
struct TroubledConnector {
    wire: SharedHttpConnector,
    trouble: Trouble,
}

impl HttpConnector for TroubledConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (trouble, wire) = (self.trouble.clone(), self.wire.clone());
        HttpConnectorFuture::new(trouble.troubled(wire, request))
    }
}
