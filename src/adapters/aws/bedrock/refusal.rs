//! What each refusal of Bedrock asks for: by its code first, by its message second, by the HTTP status last.
//!
//! Codes and messages are those of FACTS §1 and of "Troubleshooting Amazon Bedrock API Error Codes" in its user guide;
//! how they are meant was read there and in issues of other clients, and not tried on a live account.

use super::errors::Place;
use crate::ports::error::{ErrorClass, Throttle};

/// What to do, and in which words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) class: ErrorClass,
    pub(super) throttle: Option<Throttle>,
    /// The model may have been at work, so the call may have been paid for.
    pub(super) is_outcome_unknown: bool,
    pub(super) advice: String,
}

impl Verdict {
    fn new(class: ErrorClass, advice: impl Into<String>) -> Verdict {
        Verdict {
            class,
            throttle: None,
            is_outcome_unknown: false,
            advice: advice.into(),
        }
    }

    fn job(advice: impl Into<String>) -> Verdict {
        Verdict::new(ErrorClass::PermanentJob, advice)
    }

    /// Turned away at the door: shared capacity, not a quota of ours.
    fn busy(advice: &str) -> Verdict {
        Verdict::new(ErrorClass::Transient, advice)
    }

    /// The call got in. Whether Bedrock charges for what then fails is not documented; I8 says: count it.
    fn failed_inside(advice: &str) -> Verdict {
        Verdict {
            is_outcome_unknown: true,
            ..Verdict::busy(advice)
        }
    }
}

/// Judges a refusal. `message` is the service's own.
pub(super) fn judge(status: u16, code: Option<&str>, message: &str, place: &Place<'_>) -> Verdict {
    let said = Said(message.to_lowercase().replace('\u{2019}', "'"));
    if said.is_of_a_wrong_clock(code) {
        return wrong_clock();
    }
    match code.unwrap_or_default() {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded" => throttled(&said),
        "ServiceQuotaExceededException" => match throttled(&said) {
            Verdict { throttle: None, .. } => out_of_quota(),
            verdict => verdict,
        },
        "ModelNotReadyException" => Verdict::busy("the model is not ready yet"),
        "ServiceUnavailableException" | "ServiceUnavailable" => {
            Verdict::busy("Bedrock has no capacity free just now (shared by all, not the quota)")
        }
        "InternalServerException" | "InternalFailure" | "InternalServerError" => {
            Verdict::failed_inside("Bedrock failed")
        }
        "ModelTimeoutException" => {
            Verdict::failed_inside("the model took too long: send fewer reports a call")
        }
        "ModelErrorException" | "ModelStreamErrorException" => {
            Verdict::failed_inside("the model failed on this call")
        }
        "ExpiredTokenException" | "ExpiredToken" => login_expired(),
        "UnrecognizedClientException" | "InvalidClientTokenId" => Verdict::job(
            "AWS does not know the access key or its session token: check the credentials, and that they belong to the \
             partition of the Region",
        ),
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "AuthFailure" => Verdict::job(
            "the signature does not match: check the secret access key, and that no proxy changes requests",
        ),
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => {
            Verdict::job("the call came without a signature: check that no proxy drops headers")
        }
        "AccessDeniedException"
        | "AccessDenied"
        | "NotAuthorized"
        | "UnauthorizedException"
        | "OptInRequired"
        | "MPAgreementBeingCreated"
        | "BadCScoreException" => access_denied(&said, place),
        "ResourceNotFoundException" | "FTUFormNotFilled" => not_found(&said, place),
        "ValidationException" | "ValidationError" => invalid(&said, place),
        "RequestEntityTooLargeException" => too_long(),
        "UnknownOperationException" | "InvalidAction" => no_bedrock(),
        _ => by_status(status, &said, place),
    }
}

/// A message in lower case, with straight apostrophes.
struct Said(String);

impl Said {
    fn has(&self, words: &str) -> bool {
        self.0.contains(words)
    }

    fn has_any(&self, list: &[&str]) -> bool {
        list.iter().any(|words| self.has(words))
    }

    fn is_of_a_wrong_clock(&self, code: Option<&str>) -> bool {
        matches!(code, Some("RequestExpired" | "RequestTimeTooSkewed"))
            || self.has_any(&["signature expired", "signature not yet current"])
    }
}

fn by_status(status: u16, said: &Said, place: &Place<'_>) -> Verdict {
    match status {
        300..=399 => no_bedrock(),
        400 => invalid(said, place),
        401 | 403 => access_denied(said, place),
        404 | 405 => not_found(said, place),
        407 => Verdict::job("the proxy wants a login: put it into HTTPS_PROXY"),
        408 | 424 | 425 => Verdict::failed_inside("the call took too long"),
        413 => too_long(),
        429 => throttled(said),
        503 => {
            Verdict::busy("Bedrock has no capacity free just now (shared by all, not the quota)")
        }
        529 => Verdict::busy("the model is overloaded (shared by all, not the quota)"),
        500..=599 => Verdict::failed_inside("Bedrock, or a gateway before it, failed"),
        _ => Verdict::job("Bedrock refuses the call"),
    }
}

fn throttled(said: &Said) -> Verdict {
    if said.has_any(&["per day", "daily"]) {
        return out_of_quota();
    }
    let throttle = if said.has("too many tokens") {
        Some(Throttle::Tokens)
    } else if said.has_any(&["too many requests", "request rate"]) {
        Some(Throttle::Requests)
    } else {
        None
    };
    let quota = match throttle {
        Some(Throttle::Tokens) => "the quota of tokens per minute is used up",
        Some(Throttle::Requests) => "the quota of requests per minute is used up",
        None => "throttled",
    };
    Verdict {
        throttle,
        ..Verdict::new(
            ErrorClass::Throttled,
            format!("{quota} (if no call gets through, it may be 0: see Service Quotas)"),
        )
    }
}

fn out_of_quota() -> Verdict {
    Verdict::new(
        ErrorClass::LaneParked,
        "the quota for a day is used up, or is 0 as in some new accounts: go on tomorrow with the same command, or ask for \
         more in Service Quotas, Amazon Bedrock",
    )
}

fn login_expired() -> Verdict {
    Verdict::new(
        ErrorClass::LaneParked,
        "the AWS login has run out: log in again, as with `aws sso login`, and run the same command",
    )
}

/// The SDK learns the service's time from this very answer and signs the next call with it.
fn wrong_clock() -> Verdict {
    Verdict::busy(
        "the clock of this machine is wrong: set it (until then calls are signed with the service's time)",
    )
}

fn no_bedrock() -> Verdict {
    Verdict::job(
        "whatever answers there is not Bedrock: check AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_ENDPOINT_URL and proxies",
    )
}

fn too_long() -> Verdict {
    Verdict::new(
        ErrorClass::PermanentRow,
        "the text is too long for the model: lower max_text_chars, or take a model with a longer context",
    )
}

fn access_denied(said: &Said, place: &Place<'_>) -> Verdict {
    if said.has_any(&[
        "token included in the request is expired",
        "token has expired",
    ]) {
        return login_expired();
    }
    Verdict::job(if said.has("payment") {
        "access denied: AWS Marketplace finds no valid way of payment: add one under Billing"
            .to_string()
    } else if said.has("aws-marketplace") || said.has("marketplace subscription") {
        "access denied: the account has not subscribed to the model yet: call it once with a role that may \
         aws-marketplace:Subscribe and aws-marketplace:ViewSubscriptions, or enable it in the Bedrock console, and wait some \
         minutes"
            .to_string()
    } else if said.has("explicit deny") {
        "access denied: a policy denies it explicitly, often a service control policy on Regions: allow all Regions of the \
         inference profile, or take a profile of another geography"
            .to_string()
    } else if said.has("not authorized to perform") {
        "access denied: allow bedrock:InvokeModel on this model; for an inference profile on the profile and on the \
         foundation model in each of its Regions"
            .to_string()
    } else if said.has("access to the model") {
        format!(
            "access denied: enable the model on the model access page of the Bedrock console in {}",
            place.region
        )
    } else if said.has_any(&["api key", "bearer"]) {
        "access denied: the Bedrock API key is not valid: renew AWS_BEARER_TOKEN_BEDROCK, or unset ANNEXA_USE_BEARER_TOKEN"
            .to_string()
    } else if said.has("account is not authorized") {
        "access denied to the whole account: open a case with AWS Support".to_string()
    } else {
        "access denied: allow bedrock:InvokeModel on this model, and look at the model access page of the Bedrock console"
            .to_string()
    })
}

fn not_found(said: &Said, place: &Place<'_>) -> Verdict {
    let take = match place.replacement {
        Some(replacement) => format!("take {replacement}"),
        None => "take a current model".to_string(),
    };
    Verdict::job(if said.has("end of its life") {
        format!("the model has reached the end of its life: {take}")
    } else if said.has("legacy") {
        format!(
            "the model is marked as legacy and closed to accounts that have not used it of late: {take}"
        )
    } else if said.has("use case details") {
        "the account has not said what it uses the model for: fill out Anthropic's use case form in the Bedrock console, and \
         wait some minutes"
            .to_string()
    } else if said.0.is_empty() || said.has("<html") {
        return no_bedrock();
    } else {
        format!(
            "there is no such model or profile in {}: check both",
            place.region
        )
    })
}

fn invalid(said: &Said, place: &Place<'_>) -> Verdict {
    if said.has_any(&[
        "input is too long",
        "prompt is too long",
        "exceed context limit",
    ]) {
        return too_long();
    }
    if said.has("content filtering policy") {
        return Verdict {
            is_outcome_unknown: true,
            ..Verdict::new(
                ErrorClass::PermanentRow,
                "the answer was withheld by a content filter",
            )
        };
    }
    Verdict::job(if said.has("model identifier is invalid") {
        format!(
            "there is no such model or profile in {}: check both",
            place.region
        )
    } else if said.has("on-demand throughput") {
        "the model is offered through inference profiles only: take one, such as us., eu. or global. before the id".to_string()
    } else if said.has("operation not allowed") {
        "Bedrock is not open to this account yet, as in some new accounts: look at its quotas in Service Quotas, and open a \
         case with AWS Support"
            .to_string()
    } else if said.has("maximum tokens you requested") {
        "more output tokens were asked for than the model gives: correct max_output_tokens in the models file".to_string()
    } else if said.has("thinking") || said.has("tool_choice") {
        "the model takes no forced tool while it thinks: correct thinking in the models file"
            .to_string()
    } else if said.has("temperature") {
        "the model refuses temperature: add it to refuses in the models file".to_string()
    } else if said.has("cachepoint") || said.has("prompt caching") {
        "the model has no prompt cache: remove cache_minimum_tokens in the models file".to_string()
    } else {
        "Bedrock does not take the request".to_string()
    })
}
