//! What DynamoDB's errors ask for: whether the write may have happened, and whether the same may be sent again.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::CancellationReason;

use super::super::{credentials, text};
use super::item::Item;
use crate::ports::error::PortError;

/// Why an attempt was to no avail.
#[derive(Debug)]
pub(super) enum Fault {
    /// A condition was not met: which writes, by their place in the request, and the items that stood in their way.
    Refused(Vec<(usize, Option<Item>)>),
    /// Certainly nothing happened, and it may pass: a throttle, a transaction on the same item, no connection.
    Busy(String),
    /// Nobody knows whether it happened.
    Unknown(String),
    /// It will not pass by itself.
    Fatal(PortError),
}

/// Which table, for words.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) table: String,
    pub(super) region: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dynamodb {}, table {}", self.region, self.table)
    }
}

/// Judges an error of any operation; refused conditions are told apart before.
pub(super) fn judge<E>(error: SdkError<E, HttpResponse>, place: &Place) -> Fault
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(refused) => {
            let said = refused.err();
            let status = refused.raw().status().as_u16();
            if refused.raw().status().is_success() {
                return Fault::Unknown("the answer broke off".to_string());
            }
            of_code(
                status,
                said.code(),
                said.message().unwrap_or_default(),
                place,
            )
        }
        SdkError::ResponseError(broken) => {
            let status = broken.raw().status().as_u16();
            Fault::Unknown(format!("an answer that cannot be read (HTTP {status})"))
        }
        SdkError::TimeoutError(_) => Fault::Unknown("no answer in time".to_string()),
        SdkError::DispatchFailure(_) if credentials::is_about(&error) => {
            Fault::Fatal(credentials::explain(&error))
        }
        SdkError::DispatchFailure(failure) => {
            let said = text::chain(&error);
            let is_connect = text::causes(&error)
                .find_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
                .is_some_and(hyper_util::client::legacy::Error::is_connect);
            match (is_connect, failure.is_timeout()) {
                (true, _) => Fault::Busy(format!("no connection ({said})")),
                (false, true) => Fault::Unknown("no answer in time".to_string()),
                (false, false) => Fault::Unknown(format!("the connection was lost ({said})")),
            }
        }
        _ if credentials::is_about(&error) => Fault::Fatal(credentials::explain(&error)),
        _ => Fault::Fatal(PortError::bug(format!(
            "{place}: the SDK cannot build the call ({})",
            text::chain(&error)
        ))),
    }
}

/// Judges a refusal by its code.
fn of_code(status: u16, code: Option<&str>, said: &str, place: &Place) -> Fault {
    let shown = format!(
        "HTTP {status} {}: {}",
        text::clean(code.unwrap_or("without a code")),
        text::clean(said).trim_end_matches('.')
    );
    let fatal = |advice: String| Fault::Fatal(PortError::permanent_job(advice));
    match code.unwrap_or_default() {
        "ThrottlingException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "TransactionConflictException"
        | "ReplicatedWriteConflictException"
        | "LimitExceededException" => Fault::Busy(shown),
        // Our own first attempt is still at it.
        "TransactionInProgressException" => Fault::Unknown(shown),
        "ResourceNotFoundException" => fatal(format!(
            "{place}: there is no such table: create it (the stack does, and localstack/ for an emulator), or name another one \
             with ANNEXA_TABLE ({shown})"
        )),
        "AccessDeniedException" | "AccessDenied" => fatal(format!(
            "{place}: access denied: allow the role dynamodb:GetItem, BatchGetItem, Query, PutItem, UpdateItem, DeleteItem and \
             ConditionCheckItem on the table, and Scan for annexa jobs --all ({shown})"
        )),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException" => fatal(format!(
            "{place}: the credentials are refused: run `aws sts get-caller-identity` to see whose they are ({shown})"
        )),
        "ExpiredTokenException" | "ExpiredToken" => Fault::Busy(format!(
            "the credentials have run out and were not renewed yet ({shown})"
        )),
        "ValidationException" if said.contains("size") => fatal(format!(
            "{place}: a value does not fit the 400 KB of an item ({shown})"
        )),
        // Every refusal of DynamoDB has a code: this one broke off, or is somebody else's.
        "" => Fault::Unknown(shown),
        _ if status >= 500 => Fault::Unknown(shown),
        _ if status == 429 => Fault::Busy(shown),
        _ => Fault::Fatal(PortError::bug(format!(
            "{place}: a request was refused ({shown})"
        ))),
    }
}

/// Judges a cancelled transaction by the reasons of its writes. A condition that was not met counts for more than a
/// conflict beside it: it will not be met by saying the same again.
pub(super) fn of_transaction(reasons: &[CancellationReason], place: &Place) -> Fault {
    let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_string();
    let refused: Vec<(usize, Option<Item>)> = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
        .map(|(at, reason)| (at, reason.item().cloned()))
        .collect();
    if !refused.is_empty() {
        return Fault::Refused(refused);
    }
    let mut others = reasons.iter().filter(|reason| code(reason) != "None");
    let Some(first) = others.next() else {
        return Fault::Unknown("a transaction was cancelled without a reason".to_string());
    };
    let passes = |reason: &CancellationReason| {
        matches!(
            reason.code(),
            Some(
                "TransactionConflict"
                    | "ThrottlingError"
                    | "ProvisionedThroughputExceeded"
                    | "RequestLimitExceeded"
            )
        )
    };
    if passes(first) && others.all(passes) {
        return Fault::Busy(format!("a transaction was cancelled: {}", code(first)));
    }
    let worst = reasons.iter().find(|r| code(r) != "None" && !passes(r));
    let worst = worst.unwrap_or(first);
    of_code(
        400,
        Some(if code(worst) == "ValidationError" {
            "ValidationException"
        } else {
            worst.code().unwrap_or("None")
        }),
        worst.message().unwrap_or_default(),
        place,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ErrorClass;

    fn place() -> Place {
        Place {
            table: "annexa".into(),
            region: "eu-central-1".into(),
        }
    }

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).build()
    }

    #[test]
    fn s11_a_conflict_had_no_effect_and_a_failure_from_within_may_have_had_one() {
        let of = |code| of_code(400, Some(code), "", &place());
        assert!(matches!(of("TransactionConflictException"), Fault::Busy(_)));
        assert!(matches!(of("ThrottlingException"), Fault::Busy(_)));
        assert!(matches!(
            of("TransactionInProgressException"),
            Fault::Unknown(_)
        ));
        let within = of_code(500, Some("InternalServerError"), "", &place());
        assert!(matches!(within, Fault::Unknown(_)));
        assert!(matches!(
            of_code(503, None, "", &place()),
            Fault::Unknown(_)
        ));
    }

    #[test]
    fn a_missing_table_and_a_missing_permission_say_where_and_what_to_do() {
        for (code, advice) in [
            ("ResourceNotFoundException", "ANNEXA_TABLE"),
            ("AccessDeniedException", "dynamodb:PutItem"),
        ] {
            let advice = advice.trim_start_matches("dynamodb:");
            let Fault::Fatal(error) = of_code(400, Some(code), "no.", &place()) else {
                panic!("{code} does not pass by itself");
            };
            assert_eq!(error.class, ErrorClass::PermanentJob);
            assert!(
                error
                    .what
                    .starts_with("dynamodb eu-central-1, table annexa: ")
            );
            assert!(error.what.contains(advice), "{error}");
            assert!(!error.what.ends_with('.'), "{error}");
        }
    }

    #[test]
    fn a_cancelled_transaction_is_judged_by_its_reasons() {
        let none = || reason("None");
        let refused = of_transaction(&[none(), reason("ConditionalCheckFailed")], &place());
        assert!(matches!(&refused, Fault::Refused(at) if at[0].0 == 1 && at.len() == 1));
        let both = [
            reason("TransactionConflict"),
            reason("ConditionalCheckFailed"),
        ];
        assert!(matches!(
            of_transaction(&both, &place()),
            Fault::Refused(at) if at[0].0 == 1
        ));
        for code in ["TransactionConflict", "ThrottlingError"] {
            let cancelled = of_transaction(&[reason(code), none()], &place());
            assert!(matches!(cancelled, Fault::Busy(_)), "{code}");
        }
        let mixed = [reason("TransactionConflict"), reason("ValidationError")];
        assert!(matches!(of_transaction(&mixed, &place()), Fault::Fatal(_)));
        assert!(matches!(
            of_transaction(&[none()], &place()),
            Fault::Unknown(_)
        ));
    }
}
