//! From what the SDK says of a request to SQS, S3, DynamoDB or CloudFormation to the one error of the ports.
//!
//! What a service refuses had no effect. Where the answer did not come, broke off, or was a failure from within, a
//! request that changes something may have done so (`unknown_outcome`, S11).

use std::error::Error;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use super::{credentials, text};
use crate::ports::error::PortError;

/// A request, as errors speak of it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Service and thing, as `sqs queue https://...`.
    pub(super) place: String,
    /// The permission that it needs, as `sqs:ReceiveMessage`.
    pub(super) action: &'static str,
    /// Whether it changes something there.
    pub(super) has_effect: bool,
}

impl Request {
    /// One that changes something at `place`.
    pub(super) fn write(place: impl Into<String>, action: &'static str) -> Request {
        Request {
            place: place.into(),
            action,
            has_effect: true,
        }
    }

    /// One that only looks at `place`.
    pub(super) fn read(place: impl Into<String>, action: &'static str) -> Request {
        Request {
            has_effect: false,
            ..Request::write(place, action)
        }
    }

    /// Nobody knows what came of it.
    pub(super) fn open(&self, what: impl std::fmt::Display) -> PortError {
        PortError {
            unknown_outcome: self.has_effect,
            ..PortError::transient(format!("{}, {}: {what}", self.place, self.action))
        }
    }

    /// It did not happen; trying again may help.
    pub(super) fn busy(&self, what: impl std::fmt::Display) -> PortError {
        PortError::transient(format!("{}, {}: {what}", self.place, self.action))
    }

    /// It cannot happen as things stand.
    pub(super) fn never(&self, what: impl std::fmt::Display) -> PortError {
        PortError::permanent_job(format!("{}, {}: {what}", self.place, self.action))
    }
}

/// What a service said.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u16,
    /// The service's code; empty where there was no body to say it, as after a HEAD.
    pub(super) code: String,
    /// Its words, cleaned.
    pub(super) said: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "(HTTP {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.said.is_empty() {
            write!(f, ": {}", self.said.trim_end_matches('.'))?;
        }
        f.write_str(")")
    }
}

/// What the service itself answered; none: it did not.
pub(super) fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Option<Refusal>
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(refused) = error else {
        return None;
    };
    let (meta, raw) = (refused.err(), refused.raw());
    Some(Refusal {
        status: raw.status().as_u16(),
        code: text::clean(meta.code().unwrap_or_default()),
        said: text::clean(meta.message().unwrap_or_default()),
    })
}

/// The error of `request`. `judge` has the first word on a refusal; where it has none, the refusal is one that all
/// services have in common.
pub(super) fn explain<E>(
    error: &SdkError<E, HttpResponse>,
    request: &Request,
    judge: impl Fn(&Refusal) -> Option<PortError>,
) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(refusal) = refusal(error) {
        return judge(&refusal).unwrap_or_else(|| common(request, &refusal));
    }
    match error {
        SdkError::ResponseError(broken) => match broken.raw().status().as_u16() {
            status @ (429 | 503) => request.busy(format!("too busy (HTTP {status})")),
            status => request.open(format!(
                "the answer broke off or cannot be read (HTTP {status})"
            )),
        },
        SdkError::TimeoutError(_) => request.open("no answer in time"),
        SdkError::DispatchFailure(failure) => {
            let is_wrong = failure.is_user();
            unanswered(error, is_wrong, request)
        }
        _ if credentials::is_about(error) => credentials::explain(error),
        _ => PortError::bug(format!(
            "{}, {}: the SDK cannot build the request ({})",
            request.place,
            request.action,
            text::chain(error)
        )),
    }
}

/// Refusals that mean the same whatever the service.
fn common(request: &Request, refusal: &Refusal) -> PortError {
    match (refusal.code.as_str(), refusal.status) {
        (
            "ThrottlingException" | "Throttling" | "ThrottledException" | "RequestThrottled"
            | "RequestThrottledException" | "TooManyRequestsException" | "RequestLimitExceeded"
            | "SlowDown" | "KmsThrottled" | "KMS.ThrottlingException"
            | "ProvisionedThroughputExceededException" | "RequestTimeout"
            | "OperationAborted" | "ConditionalRequestConflict",
            _,
        )
        | (_, 429) => request.busy(format!("too busy: slow down {refusal}")),
        ("ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired", _) => {
            request.busy(format!(
                "the credentials have run out: log in again, or see why the role's are not renewed {refusal}"
            ))
        }
        ("RequestTimeTooSkewed", _) => {
            request.never(format!("this machine's clock is wrong: set it {refusal}"))
        }
        (
            "InvalidAccessKeyId" | "InvalidClientTokenId" | "UnrecognizedClientException"
            | "SignatureDoesNotMatch" | "InvalidSignatureException" | "InvalidSecurity"
            | "MissingAuthenticationToken" | "MissingAuthenticationTokenException"
            | "IncompleteSignature",
            _,
        ) => request.never(format!(
            "AWS does not take these credentials: check the key, its secret and session token, and the Region {refusal}"
        )),
        (code, _) if code.starts_with("Kms") || code.starts_with("KMS.") => request.never(format!(
            "its KMS key does not serve this role: allow kms:Decrypt and kms:GenerateDataKey, and see that it is enabled {refusal}"
        )),
        ("AccessDenied" | "AccessDeniedException" | "AllAccessDisabled", _) | (_, 401 | 403) => {
            request.never(format!(
                "no permission: allow {} on it for the role or user that runs this {refusal}",
                request.action
            ))
        }
        // The SDK says so of an answer that it cannot read.
        (_, 200..=299) => {
            request.open(format!("the answer broke off or cannot be read {refusal}"))
        }
        (_, 500..=599) => request.open(format!("the service failed {refusal}")),
        (_, 404) => request.never(format!("it is not there: check its name and Region {refusal}")),
        _ => PortError::bug(format!(
            "{}, {}: refused {refusal}",
            request.place, request.action
        )),
    }
}

/// No answer came, from a connection that was made or could not be made.
fn unanswered(error: &(dyn Error + 'static), is_wrong: bool, request: &Request) -> PortError {
    if credentials::is_about(error) {
        return credentials::explain(error);
    }
    let said = text::chain(error);
    let is_connect = text::causes(error)
        .find_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .is_some_and(hyper_util::client::legacy::Error::is_connect);
    if is_connect && said.to_lowercase().contains("certificate") {
        return request.never(format!(
            "the server's certificate is not trusted: if a proxy opens TLS here, name its CA file in SSL_CERT_FILE ({said})"
        ));
    }
    if is_connect {
        // Nothing was sent.
        return request.busy(format!(
            "no connection: check the network, the Region, HTTPS_PROXY and endpoint overrides ({said})"
        ));
    }
    if is_wrong {
        return request.never(format!(
            "the request cannot be made: check the Region and endpoint overrides ({said})"
        ));
    }
    request.open(format!(
        "the connection was lost before the answer came ({said})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::error::ErrorClass;

    fn judged(status: u16, code: &str) -> PortError {
        let request = Request::write("sqs queue https://q", "sqs:SendMessage");
        let refusal = Refusal {
            status,
            code: code.to_string(),
            said: "Said so.".to_string(),
        };
        common(&request, &refusal)
    }

    #[test]
    fn s15_refusals_have_a_class_and_say_what_to_do() {
        use ErrorClass::{Bug, PermanentJob, Transient};
        for (status, code, class, words) in [
            (400, "RequestThrottled", Transient, "slow down"),
            (503, "SlowDown", Transient, "slow down"),
            (429, "", Transient, "slow down"),
            (409, "ConditionalRequestConflict", Transient, "slow down"),
            (403, "ExpiredToken", Transient, "log in again"),
            (403, "RequestTimeTooSkewed", PermanentJob, "clock"),
            (403, "InvalidAccessKeyId", PermanentJob, "check the key"),
            (400, "KmsAccessDenied", PermanentJob, "kms:Decrypt"),
            (403, "AccessDenied", PermanentJob, "allow sqs:SendMessage"),
            (403, "", PermanentJob, "allow sqs:SendMessage"),
            (404, "", PermanentJob, "not there"),
            (400, "InvalidParameterValue", Bug, "refused"),
        ] {
            let error = judged(status, code);
            assert_eq!(
                (error.class, error.unknown_outcome),
                (class, false),
                "{error}"
            );
            assert!(error.what.contains(words), "{error}");
            assert!(
                error
                    .what
                    .starts_with("sqs queue https://q, sqs:SendMessage: "),
                "{error}"
            );
        }
    }

    #[test]
    fn s11_a_failure_from_within_leaves_a_write_open_and_a_read_not() {
        for status in [200, 500, 502, 503, 504] {
            let error = judged(status, "");
            assert_eq!(
                (error.class, error.unknown_outcome),
                (ErrorClass::Transient, true)
            );
        }
        let read = Request::read("s3://b/k", "s3:GetObject");
        assert!(!read.open("no answer in time").unknown_outcome);
    }
}
