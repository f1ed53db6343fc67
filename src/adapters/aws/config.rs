//! Where calls to AWS go and who signs them: Region, credentials, endpoint. From the usual places (environment, profile,
//! single sign-on, container, instance), in the usual order, without waiting long for what is not there.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::identity::IdentityCache;
use aws_config::imds;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{Credentials, HttpClient, SharedCredentialsProvider};

use super::credentials::{self, FoundCredentials};
use super::places::{find_endpoint, find_region, looks_like_region};
use crate::ports::error::{PortError, PortResult};

/// A Bedrock API key. Where it is set, the SDK takes it in place of credentials without a word (FACTS §1).
pub const BEARER_VARIABLE: &str = "AWS_BEARER_TOKEN_BEDROCK";
/// Set to 1, that key is used on purpose.
pub const USE_BEARER_VARIABLE: &str = "ANNEXA_USE_BEARER_TOKEN";

/// Stands in where no Region is known, so that credentials can still be looked for. Nothing is called with it.
const NO_REGION: &str = "us-east-1";

/// A connection to SQS, S3 or DynamoDB that takes longer fails.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An answer of SQS, S3 or DynamoDB that is not whole by then has failed: long for a part of 8 MiB on a slow line.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of a Bedrock API key in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerToken {
    /// There is none.
    Absent,
    /// There is one, and calls are signed with credentials all the same.
    Ignored,
    /// It is used, as `ANNEXA_USE_BEARER_TOKEN=1` asks.
    Used,
    /// It is asked for, and there is none.
    Missing,
}

/// Configuration for AWS.
#[derive(Debug, Clone)]
pub struct AwsConfig {
    sdk: SdkConfig,
    region: Option<(String, &'static str)>,
    bearer: BearerToken,
    endpoint: Option<(String, String)>,
    is_of_environment: bool,
    attempt_timeout: Duration,
}

impl AwsConfig {
    /// Loads it; `region` stands above environment and profile. Nothing is called but, where nothing else is set, the
    /// instance's metadata service, for about a second.
    pub async fn load(region: Option<&str>) -> AwsConfig {
        // The SDK's own limits add up to half a minute where something answers, and wrongly.
        let imds = imds::Client::builder()
            .connect_timeout(Duration::from_secs(1))
            .read_timeout(Duration::from_secs(1))
            // Longer than the two before it, whose end counts as "there is none" and not as a failure.
            .operation_attempt_timeout(Duration::from_millis(2_500))
            .operation_timeout(Duration::from_secs(3))
            .max_attempts(2)
            .build();
        let region = find_region(region, &imds).await;
        let sdk_region = Region::new(
            region
                .as_ref()
                .map_or(NO_REGION.to_string(), |(name, _)| name.clone()),
        );
        let chain = DefaultCredentialsChain::builder()
            .imds_client(imds)
            .region(sdk_region.clone())
            .build()
            .await;
        let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(sdk_region)
            .credentials_provider(chain)
            .identity_cache(identity_cache())
            .app_name(AppName::new("annexa").expect("letters only"))
            .load()
            .await;
        let endpoint = find_endpoint(&sdk);
        let bearer = match (is_set(BEARER_VARIABLE), is_one(USE_BEARER_VARIABLE)) {
            (true, true) => BearerToken::Used,
            (true, false) => BearerToken::Ignored,
            (false, true) => BearerToken::Missing,
            (false, false) => BearerToken::Absent,
        };
        AwsConfig {
            sdk,
            region,
            bearer,
            endpoint,
            is_of_environment: true,
            attempt_timeout: ATTEMPT_TIMEOUT,
        }
    }

    /// For a stand-in at `endpoint_url`, with keys that mean nothing elsewhere; the environment plays no part.
    pub fn for_stand_in(region: &str, endpoint_url: &str) -> AwsConfig {
        let keys = Credentials::new("AKIASTANDIN000000000", "stand-in", None, None, "stand-in");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_string()))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .identity_cache(identity_cache())
            .endpoint_url(endpoint_url)
            .build();
        AwsConfig {
            sdk,
            region: Some((region.to_string(), "given")),
            bearer: BearerToken::Absent,
            endpoint: Some((endpoint_url.to_string(), "given".to_string())),
            is_of_environment: false,
            attempt_timeout: ATTEMPT_TIMEOUT,
        }
    }

    /// The same with `client` under the SDK, for counting and for troubling requests.
    pub fn with_http_client(mut self, client: impl HttpClient + 'static) -> AwsConfig {
        self.sdk = self.sdk.into_builder().http_client(client).build();
        self
    }

    /// The same with less (or more) patience for one answer of SQS, S3 or DynamoDB; 30 s without.
    pub fn with_attempt_timeout(mut self, attempt_timeout: Duration) -> AwsConfig {
        self.attempt_timeout = attempt_timeout;
        self
    }

    /// The Region.
    ///
    /// # Errors
    /// There is none, or what is given has not the form of one.
    pub fn region(&self) -> PortResult<&str> {
        let Some((region, source)) = &self.region else {
            return Err(PortError::permanent_job(
                "no AWS Region: give --region, or set AWS_REGION, or 'region' in the profile",
            ));
        };
        if !looks_like_region(region) {
            return Err(PortError::permanent_job(format!(
                "'{}' ({source}) is not an AWS Region: expected one such as us-east-1 or eu-central-1",
                super::text::clean(region)
            )));
        }
        Ok(region)
    }

    /// Where the Region is from, as `AWS_REGION or AWS_DEFAULT_REGION`; none: there is no Region.
    pub fn region_source(&self) -> Option<&'static str> {
        self.region.as_ref().map(|(_, source)| *source)
    }

    /// What becomes of a Bedrock API key.
    pub fn bearer(&self) -> BearerToken {
        self.bearer
    }

    /// Another endpoint than AWS's own, and who says so.
    pub fn endpoint_override(&self) -> Option<(&str, &str)> {
        self.endpoint
            .as_ref()
            .map(|(url, source)| (url.as_str(), source.as_str()))
    }

    /// What a user should know before work starts; each a line.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        match self.bearer {
            BearerToken::Ignored => warnings.push(format!(
                "{BEARER_VARIABLE} is set and not used: calls are signed with AWS credentials (unset it, or set \
                 {USE_BEARER_VARIABLE}=1 to use it)"
            )),
            BearerToken::Missing => warnings.push(format!(
                "{USE_BEARER_VARIABLE} is set, but {BEARER_VARIABLE} is not: calls are signed with AWS credentials"
            )),
            BearerToken::Absent | BearerToken::Used => {}
        }
        if let Some((url, source)) = &self.endpoint {
            warnings.push(format!(
                "reports go to {url} and not to AWS ({source}): unset it unless that is meant"
            ));
        }
        warnings
    }

    /// Looks for credentials now, so that their absence is known before work starts. With a Bedrock API key in use
    /// there is nothing to look for, and the answer names the key's variable.
    ///
    /// # Errors
    /// As the calls themselves would have: none found, a login that has run out, a wrong configuration.
    pub async fn credentials(&self) -> PortResult<FoundCredentials> {
        if self.bearer == BearerToken::Used {
            return Ok(FoundCredentials {
                provider: BEARER_VARIABLE.to_string(),
                access_key_id: "****".to_string(),
            });
        }
        match self.sdk.credentials_provider() {
            Some(provider) => credentials::find(&provider).await,
            None => Err(PortError::bug("the SDK was set up without credentials")),
        }
    }

    /// The same with a profile that nobody has as the only source of credentials.
    #[cfg(test)]
    pub(crate) fn without_credentials(mut self) -> AwsConfig {
        let nobody = aws_config::profile::ProfileFileCredentialsProvider::builder()
            .profile_name("annexa-test-of-a-profile-that-nobody-has")
            .build();
        let builder = self.sdk.into_builder();
        self.sdk = builder
            .credentials_provider(SharedCredentialsProvider::new(nobody))
            .build();
        self
    }

    /// Another endpoint than AWS's own for a storage service, whose variable is `variable`, as `AWS_ENDPOINT_URL_S3`.
    pub(super) fn storage_endpoint(&self, variable: &str) -> Option<String> {
        if self.is_of_environment
            && !is_one("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            && let Ok(url) = std::env::var(variable)
            && !url.is_empty()
        {
            return Some(url);
        }
        self.sdk.endpoint_url().map(str::to_string)
    }

    /// How long a connection to a storage service, and one attempt, may take.
    pub(super) fn storage_timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(self.attempt_timeout)
            .build()
    }

    /// The same for a notice, which waits no longer than `most`.
    pub(super) fn notice_timeouts(&self, most: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(self.attempt_timeout.min(most))
            .build()
    }

    /// Patience for one answer of a storage service.
    pub(super) fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout
    }

    /// For building clients.
    pub(super) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }
}

fn identity_cache() -> aws_sdk_bedrockruntime::config::SharedIdentityCache {
    IdentityCache::lazy()
        .load_timeout(credentials::LOAD_TIMEOUT)
        .build()
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_one(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_region_that_is_none_says_where_it_is_from_and_what_is_expected() {
        let config = AwsConfig::load(Some("frankfurt")).await;
        let error = config.region().unwrap_err();
        assert_eq!(
            error.what,
            "'frankfurt' (--region) is not an AWS Region: expected one such as us-east-1 or eu-central-1"
        );
    }

    #[test]
    fn a_stand_in_is_said_to_get_the_reports() {
        let config = AwsConfig::for_stand_in("us-east-1", "http://127.0.0.1:1");
        assert_eq!(config.region().unwrap(), "us-east-1");
        assert!(config.warnings()[0].contains("reports go to http://127.0.0.1:1"));
    }
}
