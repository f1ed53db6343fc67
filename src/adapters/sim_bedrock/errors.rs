//! What the service refuses with: status, code and its own words (FACTS §1).
//!
//! Words were taken from error reports of clients, among them the curly apostrophe of "isn’t supported" and the
//! backquotes around a refused parameter; a client that tells errors apart by their words meets the real ones here.

use std::borrow::Cow;

use super::faults::Fault;
use crate::pacing::quota::Refused;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceError {
    /// The HTTP status.
    pub(super) status: u16,
    /// The exception's name; none: a refusal from before the service, as a page in HTML or a bare message.
    pub(super) code: Option<&'static str>,
    /// The service's words.
    pub(super) message: Cow<'static, str>,
    /// What it is counted as in the statistics.
    pub(super) kind: &'static str,
}

const VALIDATION: Option<&str> = Some("ValidationException");
const THROTTLING: Option<&str> = Some("ThrottlingException");
const NOT_FOUND: Option<&str> = Some("ResourceNotFoundException");

impl ServiceError {
    fn new(
        status: u16,
        code: Option<&'static str>,
        kind: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> ServiceError {
        ServiceError {
            status,
            code,
            message: message.into(),
            kind,
        }
    }

    /// A 400 of the kind `kind`.
    pub(super) fn invalid(
        kind: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> ServiceError {
        ServiceError::new(400, VALIDATION, kind, message)
    }

    /// No credentials were sent at all.
    pub(super) fn missing_authorization() -> ServiceError {
        ServiceError::new(
            403,
            Some("MissingAuthenticationTokenException"),
            "missing_authorization",
            "Missing Authentication Token",
        )
    }

    /// A path that is no operation of the simulator.
    pub(super) fn unknown_operation() -> ServiceError {
        ServiceError::new(
            404,
            Some("UnknownOperationException"),
            "unknown_operation",
            "annexa sim-bedrock plays POST /model/{modelId}/converse only",
        )
    }

    /// A body above what the simulator reads.
    pub(super) fn too_large() -> ServiceError {
        ServiceError::new(413, None, "too_large", "Request Entity Too Large")
    }

    /// The quota of the minute.
    pub(super) fn refused(refused: Refused) -> ServiceError {
        match refused {
            Refused::Tokens => ServiceError::of(Fault::ThrottlingTokens),
            Refused::Requests => ServiceError::of(Fault::ThrottlingRequests),
        }
    }

    /// The quota of the day.
    pub(super) fn daily() -> ServiceError {
        ServiceError::of(Fault::DailyQuota)
    }

    /// The model has reached its end of life.
    pub(super) fn end_of_life() -> ServiceError {
        ServiceError::of(Fault::EndOfLife)
    }

    /// The model id is none of this service's.
    pub(super) fn invalid_model() -> ServiceError {
        ServiceError::of(Fault::Validation)
    }

    /// The refusal that `fault` is; for faults that are none, an internal error.
    pub(super) fn of(fault: Fault) -> ServiceError {
        let (status, code, message) = match fault {
            Fault::ThrottlingTokens => (
                429,
                THROTTLING,
                "Too many tokens, please wait before trying again.",
            ),
            Fault::ThrottlingRequests => (
                429,
                THROTTLING,
                "Too many requests, please wait before trying again.",
            ),
            Fault::DailyQuota => (
                429,
                THROTTLING,
                "Too many tokens per day, please wait before trying again.",
            ),
            Fault::NotReady => (
                429,
                Some("ModelNotReadyException"),
                "The model is not ready to serve this request. Try again.",
            ),
            Fault::Codeless429 => (
                429,
                None,
                "<html><body><h1>429 Too Many Requests</h1></body></html>",
            ),
            Fault::Overloaded => (529, None, "Overloaded"),
            Fault::Unavailable => (
                503,
                Some("ServiceUnavailableException"),
                "Bedrock is unable to process your request.",
            ),
            Fault::TooLong => (400, VALIDATION, "Input is too long for requested model."),
            Fault::AccessDenied => (
                403,
                Some("AccessDeniedException"),
                "You don't have access to the model with the specified model ID.",
            ),
            Fault::NotFound => (404, NOT_FOUND, "Model not found."),
            Fault::EndOfLife => (
                404,
                NOT_FOUND,
                "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
            ),
            Fault::Validation => (400, VALIDATION, "The provided model identifier is invalid."),
            Fault::ModelTimeout => (
                408,
                Some("ModelTimeoutException"),
                "Model has timed out in processing the request. Try your request again.",
            ),
            Fault::ModelError => (
                424,
                Some("ModelErrorException"),
                "The model encountered an error while processing the request. Try your request again.",
            ),
            _ => (
                500,
                Some("InternalServerException"),
                "The system encountered an unexpected error during processing. Try your request again.",
            ),
        };
        ServiceError::new(status, code, fault.name(), message)
    }

    /// The body and its content type.
    pub(super) fn body(&self) -> (String, &'static str) {
        if self.message.starts_with('<') {
            return (self.message.to_string(), "text/html");
        }
        let body = serde_json::json!({ "message": self.message });
        (body.to_string(), "application/json")
    }

    /// The value of the header `x-amzn-ErrorType`, in the form in which the service sends it.
    pub(super) fn error_type(&self) -> Option<String> {
        let code = self.code?;
        Some(format!(
            "{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"
        ))
    }
}
