//! The SDK's clients: several, each with connections of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::auth::{Params, ResolveAuthScheme};
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{
    Builder, ConfigBag, RuntimeComponents, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeId, AuthSchemeOption, AuthSchemeOptionsFuture,
};

use super::super::config::{AwsConfig, BearerToken};
use super::super::places::stand_in;
use crate::ports::error::PortResult;

/// Calls in flight per client. HTTP/2 gives one connection a host, with about 100 streams (FACTS §1); past them calls
/// would wait for each other.
const CALLS_A_CLIENT: u32 = 64;

/// An idle connection is kept so long: through a pause after a throttle, not through a night.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The SDK's id of signing with credentials.
const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");

/// How Bedrock is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BedrockSetup {
    /// Calls in flight at most; sets the number of connections.
    pub calls_in_flight: u32,
    /// A connection that takes longer fails.
    pub connect_timeout: Duration,
    /// An answer that has not begun by then fails. Bedrock is silent until the whole answer is there.
    pub read_timeout: Duration,
    /// A call that is not over by then fails.
    pub call_timeout: Duration,
}

impl Default for BedrockSetup {
    fn default() -> Self {
        BedrockSetup {
            calls_in_flight: 32,
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(120),
            call_timeout: Duration::from_secs(120),
        }
    }
}

/// Clients for one Region, taken in turn.
#[derive(Debug)]
pub struct BedrockClients {
    clients: Vec<Client>,
    next: AtomicUsize,
    region: String,
    setup: BedrockSetup,
    stand_in: Option<String>,
}

impl BedrockClients {
    /// Clients as `aws` and `setup` say. Nothing is called yet.
    ///
    /// # Errors
    /// There is no Region.
    pub fn new(aws: &AwsConfig, setup: &BedrockSetup) -> PortResult<Arc<BedrockClients>> {
        let region = aws.region()?.to_string();
        let count = setup.calls_in_flight.div_ceil(CALLS_A_CLIENT).max(1);
        Ok(Arc::new(BedrockClients {
            clients: (0..count).map(|_| client(aws, setup)).collect(),
            next: AtomicUsize::new(0),
            region,
            setup: setup.clone(),
            stand_in: aws.endpoint_override().and_then(|(url, _)| stand_in(url)),
        }))
    }

    /// The host that answers in place of AWS; none: AWS does. Its answers are no model's, and must never pass for such.
    pub fn stand_in(&self) -> Option<&str> {
        self.stand_in.as_deref()
    }

    /// The Region that is called.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// How calls are made.
    pub fn setup(&self) -> &BedrockSetup {
        &self.setup
    }

    /// The client whose turn it is.
    pub(super) fn next(&self) -> &Client {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.clients[turn % self.clients.len()]
    }
}

fn client(aws: &AwsConfig, setup: &BedrockSetup) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(setup.connect_timeout)
        .read_timeout(setup.read_timeout)
        .operation_attempt_timeout(setup.call_timeout)
        .operation_timeout(setup.call_timeout)
        .build();
    // Of a download: a body that stalls fails after 20 s and not at the end of the call's time. Of an upload it would
    // only measure how fast a body in memory is taken.
    let stalled = StalledStreamProtectionConfig::enabled()
        .upload_enabled(false)
        .build();
    let config = Builder::from(aws.sdk())
        .http_client(http_client())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(stalled);
    // The SDK takes an empty variable of the service for an address (`From<&SdkConfig>` in its config.rs).
    let config = match std::env::var_os("AWS_ENDPOINT_URL_BEDROCK_RUNTIME") {
        Some(url) if url.is_empty() => {
            let mut config = config;
            config.set_endpoint_url(aws.endpoint_override().map(|(url, _)| url.to_string()));
            config
        }
        _ => config,
    };
    let config = match aws.bearer() {
        BearerToken::Used => config,
        // An empty key in the environment counts for the SDK, too.
        BearerToken::Absent | BearerToken::Ignored | BearerToken::Missing => config
            .auth_scheme_preference([SIGV4])
            .auth_scheme_resolver(SigV4Alone),
    };
    Client::from_conf(config.build())
}

/// An HTTP client that shares no connection with others. As the SDK's own it goes through the proxy that the
/// environment names; one that is merely built would not.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = aws_smithy_http_client::Connector::builder()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build()
    })
}

/// Takes no other way of signing than with credentials, whatever keys lie about.
#[derive(Debug)]
struct SigV4Alone;

impl ResolveAuthScheme for SigV4Alone {
    fn resolve_auth_scheme<'a>(
        &'a self,
        _: &'a Params,
        _: &'a ConfigBag,
        _: &'a RuntimeComponents,
    ) -> AuthSchemeOptionsFuture<'a> {
        AuthSchemeOptionsFuture::ready(Ok(vec![AuthSchemeOption::from(SIGV4)]))
    }
}
