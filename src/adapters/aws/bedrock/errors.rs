//! From what the SDK says to the one error of the ports: class, words, how long to wait, and whether the call may have
//! been paid for.
//!
//! It may have been (`unknown_outcome`) whenever the request may have reached a model and its answer did not come back
//! whole: timeouts, lost connections, answers that broke off, and failures from within (500, 408, 424, gateways). It
//! certainly was not when no connection came about, or when Bedrock turned the call away (4xx, 429, 503, 529).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::SdkError;
use aws_sdk_bedrockruntime::operation::RequestId;
use aws_sdk_bedrockruntime::operation::converse::ConverseError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::super::{credentials, text};
use super::refusal::judge;
use crate::ports::error::PortError;

/// Longer than this nobody waits because a header says so.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// Which call it was, for words.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    pub(super) model_id: &'a str,
    pub(super) replacement: Option<&'a str>,
    pub(super) call_timeout: Duration,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bedrock {}, model {}", self.region, self.model_id)
    }
}

/// The error of a call over `texts`, none of which is ever repeated (I10).
pub(super) fn of_call(
    error: &SdkError<ConverseError, HttpResponse>,
    place: &Place<'_>,
    texts: &[&str],
) -> PortError {
    let told = match error {
        SdkError::ServiceError(refused) => {
            let (meta, raw) = (refused.err().meta(), refused.raw());
            of_response(raw, meta.code(), meta.message(), place, texts)
        }
        SdkError::ResponseError(broken) => of_response(broken.raw(), None, None, place, texts),
        SdkError::TimeoutError(_) => no_answer(place),
        SdkError::DispatchFailure(failure) => {
            let is_timeout = failure.is_timeout();
            of_dispatch(error, is_timeout, place)
        }
        _ if credentials::is_about(error) => credentials::explain(error),
        _ => PortError::bug(format!(
            "the SDK cannot build the call ({})",
            text::chain(error)
        )),
    };
    told.context(place)
}

/// A response came: refused, or an answer that cannot be read.
fn of_response(
    raw: &HttpResponse,
    code: Option<&str>,
    message: Option<&str>,
    place: &Place<'_>,
    texts: &[&str],
) -> PortError {
    let status = raw.status().as_u16();
    if raw.status().is_success() {
        return PortError::unknown(
            "the answer broke off or is not one of Bedrock's: if this stays, look at what stands between (a proxy, an \
             endpoint override)",
        );
    }
    // Of a body that is no JSON the SDK keeps nothing, not even the code in the header.
    let header = raw.headers().get("x-amzn-errortype");
    let code = code.or_else(|| header.map(|code| code.split(':').next().unwrap_or(code)));
    let said = message.unwrap_or_default();
    let verdict = judge(status, code, said, place);
    let mut details = format!("HTTP {status}");
    if let Some(code) = code {
        details.push_str(&format!(" {}", text::clean(code)));
    }
    if text::quotes(said, texts) {
        details.push_str(", with a message that repeats the report and is not shown");
    } else if !said.is_empty() {
        details.push_str(&format!(": {}", text::clean(said).trim_end_matches('.')));
    }
    if let Some(id) = raw.request_id() {
        details.push_str(&format!("; request {}", text::clean(id)));
    }
    PortError {
        class: verdict.class,
        unknown_outcome: verdict.is_outcome_unknown,
        what: format!("{} ({details})", verdict.advice),
        retry_after: retry_after(raw),
        throttle: verdict.throttle,
    }
}

fn no_answer(place: &Place<'_>) -> PortError {
    PortError::unknown(format!(
        "no answer within {} s: send fewer reports a call, or allow more time",
        place.call_timeout.as_secs_f64()
    ))
}

/// No response came.
fn of_dispatch(error: &(dyn Error + 'static), is_timeout: bool, place: &Place<'_>) -> PortError {
    if credentials::is_about(error) {
        return credentials::explain(error);
    }
    let said = text::chain(error);
    let connecting = find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect);
    if connecting {
        return unconnected(&said, is_timeout, place);
    }
    if is_timeout {
        return no_answer(place);
    }
    let was_sent = find::<hyper_util::client::legacy::Error>(error).is_some()
        || find::<hyper::Error>(error).is_some();
    if was_sent {
        return PortError::unknown(format!(
            "the connection was lost before the answer came ({said})"
        ));
    }
    PortError::permanent_job(format!(
        "the call cannot be made: check the Region and AWS_ENDPOINT_URL_BEDROCK_RUNTIME ({said})"
    ))
}

/// No connection came about: nothing was sent.
fn unconnected(said: &str, is_timeout: bool, place: &Place<'_>) -> PortError {
    let lower = said.to_lowercase();
    if lower.contains("certificate") {
        return PortError::permanent_job(format!(
            "the server's certificate is not trusted: if a proxy opens TLS here, name its CA file in SSL_CERT_FILE ({said})"
        ));
    }
    if lower.contains("dns") || lower.contains("resolve") || lower.contains("lookup address") {
        return PortError::transient(format!(
            "the host cannot be found: check the network, and that the Region {} exists and has Bedrock ({said})",
            place.region
        ));
    }
    if is_timeout {
        return PortError::transient(format!(
            "no connection within the time allowed: check the network, the firewall and HTTPS_PROXY ({said})"
        ));
    }
    PortError::transient(format!(
        "no connection: check the network, HTTPS_PROXY and endpoint overrides ({said})"
    ))
}

/// How long the service wants to be left alone: milliseconds in its own header, seconds or a date in the usual one.
fn retry_after(raw: &HttpResponse) -> Option<Duration> {
    let header = |name| raw.headers().get(name).map(str::trim);
    let millis = header("x-amz-retry-after").and_then(|text| text.parse().ok());
    let seconds = || header("retry-after").and_then(|text| text.parse().ok());
    let date = |name| DateTime::from_str(header(name)?, Format::HttpDate).ok();
    // Against the service's own date: this machine's clock may be off.
    let until = || {
        let seconds = date("retry-after")?.secs() - date("date")?.secs();
        u64::try_from(seconds).ok()
    };
    let wait = millis
        .map(Duration::from_millis)
        .or_else(|| seconds().or_else(until).map(Duration::from_secs));
    wait.map(|wait| wait.min(MAX_RETRY_AFTER))
}

fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    text::causes(error).find_map(|cause| cause.downcast_ref::<E>())
}
