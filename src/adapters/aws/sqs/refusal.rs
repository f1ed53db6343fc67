//! What SQS's refusals ask for. Codes are those of its API reference; it says some things in words alone.

use super::super::failure::{Refusal, Request};
use crate::ports::error::PortError;
use crate::ports::queue::hidden_too_long;

/// Whether a receipt was refused because it is worth nothing any more: the message is deleted, expired or in another
/// hand. The port lets a stale receipt do nothing.
pub(super) fn is_stale(refusal: &Refusal) -> bool {
    let said = refusal.said.to_lowercase();
    match code(refusal) {
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => true,
        "InvalidParameterValue" => {
            said.contains("receipt handle has expired")
                || said.contains("not available for visibility timeout change")
        }
        _ => false,
    }
}

/// The code without the namespace that older answers put before it.
fn code(refusal: &Refusal) -> &str {
    let code = refusal.code.as_str();
    code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
}

/// What is SQS's own among refusals of whole requests.
pub(super) fn judge(request: &Request, refusal: &Refusal) -> Option<PortError> {
    let error = match code(refusal) {
        "NonExistentQueue" | "QueueDoesNotExist" | "QueueDeletedRecently" => request.never(format!(
            "there is no such queue: create it as the stack does, or correct the URL and the Region {refusal}"
        )),
        "InvalidAddress" => request.never(format!(
            "the URL is not one of the Region that is called: set AWS_REGION to the queue's {refusal}"
        )),
        "OverLimit" => request.busy(format!(
            "too many messages are in hands at once (120,000 at most): look for consumers that hold and do not delete {refusal}"
        )),
        // In words alone: the code stands for every bad parameter.
        "InvalidParameterValue" if refusal.said.contains("beyond the limit") => hidden_too_long(),
        _ => return None,
    };
    Some(error)
}

/// The error of one entry of a batch. What is not the sender's fault may pass.
pub(super) fn of_entry(request: &Request, refusal: &Refusal) -> PortError {
    if refusal.status >= 500 || code(refusal) == "RequestThrottled" {
        return request.busy(format!("one entry of the batch failed {refusal}"));
    }
    PortError::bug(format!(
        "{}, {}: one entry of the batch is refused {refusal}",
        request.place, request.action
    ))
}
