//! What services say when they refuse, each in its own form.

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::connector::whole;

/// Whose request it is, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// SQS, any request but those of the next two.
    Sqs,
    /// SQS, a batch.
    SqsBatch,
    /// DynamoDB, any request but those of the next.
    Dynamo,
    /// DynamoDB, a transaction that writes.
    DynamoTransaction,
    /// S3.
    S3,
}

impl Service {
    /// By the header that SQS and DynamoDB name the operation in.
    pub fn of(request: &HttpRequest) -> Service {
        match request.headers().get("x-amz-target") {
            None => Service::S3,
            Some(target) if target.ends_with(".TransactWriteItems") => Service::DynamoTransaction,
            Some(target) if target.starts_with("DynamoDB") => Service::Dynamo,
            Some(target) if target.ends_with("MessageBatch") => Service::SqsBatch,
            Some(_) => Service::Sqs,
        }
    }

    pub(super) fn is_batch(self) -> bool {
        self == Service::SqsBatch
    }

    pub(super) fn is_transaction(self) -> bool {
        self == Service::DynamoTransaction
    }
}

fn answer(status: u16, content_type: &'static str, body: String) -> HttpResponse {
    let status = status.try_into().expect("a status");
    let mut answer = HttpResponse::new(status, SdkBody::from(body));
    let headers = answer.headers_mut();
    headers.insert("content-type", content_type);
    headers.insert("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    answer
}

fn said(service: Service, status: u16, code: &str, message: &str) -> HttpResponse {
    let space = match service {
        Service::S3 => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            );
            return answer(status, "application/xml", body);
        }
        Service::Sqs | Service::SqsBatch => "com.amazonaws.sqs",
        Service::Dynamo | Service::DynamoTransaction => "com.amazonaws.dynamodb.v20120810",
    };
    let body = json!({"__type": format!("{space}#{code}"), "message": message});
    answer(status, "application/x-amz-json-1.0", body.to_string())
}

/// Too much to do.
pub(super) fn throttle(service: Service) -> HttpResponse {
    match service {
        Service::S3 => said(service, 503, "SlowDown", "Please reduce your request rate."),
        Service::Sqs | Service::SqsBatch => said(
            service,
            400,
            "RequestThrottled",
            "The request was denied due to request throttling.",
        ),
        Service::Dynamo | Service::DynamoTransaction => said(
            service,
            400,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
    }
}

/// A failure from within; `has_effect` says which of two it is.
pub(super) fn failure(service: Service, has_effect: bool) -> HttpResponse {
    let (status, code) = match (service, has_effect) {
        (Service::S3, true) => (500, "InternalError"),
        (Service::Sqs | Service::SqsBatch, true) => (500, "InternalFailure"),
        (Service::Dynamo | Service::DynamoTransaction, true) => (500, "InternalServerError"),
        (_, false) => (503, "ServiceUnavailable"),
    };
    said(
        service,
        status,
        code,
        "We encountered an internal error. Please try again.",
    )
}

/// A transaction that met another: one of its items at least is in conflict, which ones is drawn.
pub(super) fn conflict(request: &HttpRequest, draw: impl Fn() -> u64) -> HttpResponse {
    let items = body_of(request)["TransactItems"]
        .as_array()
        .map_or(1, Vec::len);
    let sure = draw() as usize % items.max(1);
    let reasons: Vec<Value> = (0..items)
        .map(|place| match place == sure || draw().is_multiple_of(4) {
            true => json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}),
            false => json!({"Code": "None"}),
        })
        .collect();
    let codes: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| reason["Code"].as_str())
        .collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        ),
        "CancellationReasons": reasons,
    });
    answer(400, "application/x-amz-json-1.0", body.to_string())
}

fn body_of(request: &HttpRequest) -> Value {
    let bytes = request.body().bytes().unwrap_or_default();
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// Sends a batch on without the entries that `fails` says, and adds those to the answer as failed.
pub(super) async fn without_some_entries(
    wire: SharedHttpConnector,
    mut request: HttpRequest,
    fails: impl Fn() -> bool,
) -> Result<HttpResponse, ConnectorError> {
    let mut body = body_of(&request);
    let entries = body["Entries"].as_array().cloned().unwrap_or_default();
    let (failed, kept): (Vec<Value>, Vec<Value>) = entries.into_iter().partition(|_| fails());
    let failed: Vec<Value> = failed
        .iter()
        .map(|entry| {
            let message = "We encountered an internal error. Please try again.";
            json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false, "Message": message})
        })
        .collect();
    let mut result = json!({"Successful": [], "Failed": []});
    if failed.is_empty() {
        return wire.call(request).await;
    }
    if !kept.is_empty() {
        body["Entries"] = Value::from(kept);
        let text = body.to_string();
        let headers = request.headers_mut();
        headers.insert("content-length", text.len().to_string());
        *request.body_mut() = SdkBody::from(text);
        let (answer, text) = whole(wire.call(request).await?).await?;
        if !answer.status().is_success() {
            let mut answer = answer;
            *answer.body_mut() = SdkBody::from(text);
            return Ok(answer);
        }
        result = serde_json::from_slice(&text).map_err(|error| ConnectorError::io(error.into()))?;
    }
    let mut all = result["Failed"].as_array().cloned().unwrap_or_default();
    all.extend(failed);
    result["Failed"] = Value::from(all);
    Ok(answer(
        200,
        "application/x-amz-json-1.0",
        result.to_string(),
    ))
}
