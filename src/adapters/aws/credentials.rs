//! Whether there are credentials, and what to do where there are none. Secrets are never shown.

use std::error::Error;
use std::time::Duration;

use aws_sdk_bedrockruntime::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};

use super::text;
use crate::ports::error::{ErrorClass, PortError, PortResult};

/// The longest that a source of credentials may take: a login program may ask its own server.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Credentials that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCredentials {
    /// Where they are from, in the SDK's words.
    pub provider: String,
    /// The access key's id, its middle hidden.
    pub access_key_id: String,
}

/// Loads credentials once from `provider`.
#[expect(
    clippy::disallowed_methods,
    reason = "an adapter bounds what the SDK leaves unbounded"
)]
pub(super) async fn find(provider: &SharedCredentialsProvider) -> PortResult<FoundCredentials> {
    match tokio::time::timeout(LOAD_TIMEOUT, provider.provide_credentials()).await {
        Ok(Ok(credentials)) => Ok(FoundCredentials {
            provider: provider_name(&credentials),
            access_key_id: mask(credentials.access_key_id()),
        }),
        Ok(Err(error)) => Err(explain(&error)),
        Err(_) => Err(PortError::transient(format!(
            "the source of AWS credentials gave none within {} s: run `aws sts get-caller-identity` to see what it waits for",
            LOAD_TIMEOUT.as_secs()
        ))),
    }
}

/// The name that the SDK gives only in its debug text, which holds no secret.
fn provider_name(credentials: &Credentials) -> String {
    let shown = format!("{credentials:?}");
    let name = shown
        .split_once("provider_name: \"")
        .and_then(|(_, rest)| rest.split_once('"'));
    name.map_or("unknown source", |(name, _)| name).to_string()
}

/// The first and last four characters.
fn mask(access_key_id: &str) -> String {
    let chars: Vec<char> = access_key_id.chars().collect();
    if chars.len() < 12 {
        return "****".to_string();
    }
    let (head, tail) = (&chars[..4], &chars[chars.len() - 4..]);
    format!(
        "{}****{}",
        head.iter().collect::<String>(),
        tail.iter().collect::<String>()
    )
}

/// Whether credentials are what `error` is about.
pub(super) fn is_about(error: &(dyn Error + 'static)) -> bool {
    text::causes(error).any(|cause| {
        let said = cause.to_string();
        [
            NOT_FOUND,
            "credentials provider",
            "loading credentials",
            "credentials error",
            "identity resolver",
        ]
        .iter()
        .any(|words| said.contains(words))
    })
}

/// What the SDK says where no source of the chain has credentials (its `CredentialsNotLoaded`).
const NOT_FOUND: &str = "the credential provider was not enabled";

/// The error for credentials that cannot be had.
///
/// None at all and a wrong configuration end the job. A login that has run out parks the lane: the job pauses, and goes
/// on once somebody has logged in again. Everything else may pass (a metadata service that does not answer).
pub(super) fn explain(error: &(dyn Error + 'static)) -> PortError {
    let said = text::chain(error);
    let lower = said.to_lowercase();
    // The last place of the chain, an instance's metadata service, may be closed and say so.
    let is_nowhere = said.contains(NOT_FOUND) || lower.contains("imds is disabled");
    if is_nowhere || lower.contains("no identity resolver") {
        let profile = match std::env::var("AWS_PROFILE") {
            Ok(name) => format!(
                " (AWS_PROFILE is '{}': is there such a profile?)",
                text::clean(&name)
            ),
            Err(_) => String::new(),
        };
        return PortError::permanent_job(format!(
            "no AWS credentials found{profile}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in \
             with `aws sso login`; on AWS give the task or instance a role"
        ));
    }
    if lower.contains("not properly configured") {
        return PortError::permanent_job(format!(
            "the AWS credentials are wrongly configured: mend ~/.aws/config, ~/.aws/credentials or the AWS_ variables ({said})"
        ));
    }
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    if words.any(|word| word.starts_with("sso") || word == "expired" || word == "login") {
        return PortError::new(
            ErrorClass::LaneParked,
            format!(
                "the AWS login is missing or has run out: log in again, as with `aws sso login`, and run the same command \
                 ({said})"
            ),
        );
    }
    PortError::transient(format!(
        "AWS credentials could not be loaded: run `aws sts get-caller-identity` to see whether it passes ({said})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn credentials_are_named_without_a_secret() {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI",
            None,
            None,
            "EnvironmentVariable",
        );
        let found = find(&SharedCredentialsProvider::new(credentials))
            .await
            .unwrap();
        assert_eq!(found.provider, "EnvironmentVariable");
        assert_eq!(found.access_key_id, "AKIA****MPLE");
        assert_eq!(mask("short"), "****");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<Box<Said>>);

    #[test]
    fn each_kind_of_trouble_with_credentials_says_what_to_do() {
        let because = |top, cause| Said(top, Some(Box::new(Said(cause, None))));
        let cases = [
            (
                because(NOT_FOUND, "no providers in chain provided credentials"),
                ErrorClass::PermanentJob,
                "set AWS_PROFILE",
            ),
            (
                because(
                    "an error occurred while loading credentials",
                    "request forbidden: IMDS is disabled",
                ),
                ErrorClass::PermanentJob,
                "set AWS_PROFILE",
            ),
            (
                because(
                    "an error occurred while loading credentials",
                    "the SSO token has expired",
                ),
                ErrorClass::LaneParked,
                "aws sso login",
            ),
            (
                because(
                    "the credentials provider was not properly configured",
                    "profile `x` was not defined",
                ),
                ErrorClass::PermanentJob,
                "profile `x`",
            ),
            (
                because(
                    "an error occurred while loading credentials",
                    "dispatch failure",
                ),
                ErrorClass::Transient,
                "get-caller-identity",
            ),
        ];
        for (error, class, words) in cases {
            assert!(is_about(&error), "{error}");
            let explained = explain(&error);
            assert_eq!(explained.class, class, "{explained}");
            assert!(explained.what.contains(words), "{explained}");
        }
        assert!(!is_about(&Said("connection refused", None)));
    }
}
