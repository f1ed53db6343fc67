//! Every refusal of FACTS §1 and of Bedrock's user guide, and some that nobody knows, over real HTTP: class, what may have
//! been paid for, and what the user is told.

use super::tests_errors::refused;
use crate::ports::error::{ErrorClass, Throttle};

use ErrorClass::{LaneParked, PermanentJob, PermanentRow, Throttled, Transient};

#[tokio::test]
async fn each_refusal_has_its_class_and_says_what_to_do() {
    let cases: [(u16, &str, &str, ErrorClass, bool, &str); 45] = [
        (
            400,
            "ValidationException",
            "Input is too long for requested model.",
            PermanentRow,
            false,
            "max_text_chars",
        ),
        (
            400,
            "ValidationException",
            "prompt is too long: 210000 tokens > 200000 maximum",
            PermanentRow,
            false,
            "max_text_chars",
        ),
        (
            400,
            "ValidationException",
            "The model returned the following errors: input length and `max_tokens` exceed context limit: 199000 + 2000 > 200000",
            PermanentRow,
            false,
            "max_text_chars",
        ),
        (
            400,
            "ValidationException",
            "Output blocked by content filtering policy",
            PermanentRow,
            true,
            "content filter",
        ),
        (
            413,
            "RequestEntityTooLargeException",
            "",
            PermanentRow,
            false,
            "max_text_chars",
        ),
        (
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
            PermanentJob,
            false,
            "no such model or profile in us-east-1",
        ),
        (
            400,
            "ValidationException",
            "Invocation of model ID x with on-demand throughput isn\u{2019}t supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
            PermanentJob,
            false,
            "us., eu. or global.",
        ),
        (
            400,
            "ValidationException",
            "The maximum tokens you requested exceeds the model limit of 4096.",
            PermanentJob,
            false,
            "max_output_tokens",
        ),
        (
            400,
            "ValidationException",
            "The model returned the following errors: `temperature` is deprecated for this model.",
            PermanentJob,
            false,
            "add it to refuses",
        ),
        (
            400,
            "ValidationException",
            "Thinking may not be enabled when tool_choice forces tool use.",
            PermanentJob,
            false,
            "correct thinking",
        ),
        (
            400,
            "ValidationException",
            "output_config.format: Extra inputs are not permitted",
            PermanentJob,
            false,
            "output_config.format",
        ),
        (
            400,
            "ValidationException",
            "Operation not allowed",
            PermanentJob,
            false,
            "Service Quotas",
        ),
        (
            400,
            "ValidationException",
            "You invoked an unsupported model or your request did not allow prompt caching.",
            PermanentJob,
            false,
            "cache_minimum_tokens",
        ),
        (
            400,
            "SomethingNew",
            "what",
            PermanentJob,
            false,
            "HTTP 400 SomethingNew: what",
        ),
        (
            403,
            "AccessDeniedException",
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:::foundation-model/x because no identity-based policy allows the bedrock:InvokeModel action",
            PermanentJob,
            false,
            "allow bedrock:InvokeModel",
        ),
        (
            403,
            "AccessDeniedException",
            "User: x is not authorized to perform: bedrock:InvokeModel on resource: y with an explicit deny in a service control policy",
            PermanentJob,
            false,
            "all Regions of the inference profile",
        ),
        (
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            PermanentJob,
            false,
            "model access page of the Bedrock console in us-east-1",
        ),
        (
            403,
            "AccessDeniedException",
            "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe)",
            PermanentJob,
            false,
            "aws-marketplace:Subscribe",
        ),
        (
            403,
            "AccessDeniedException",
            "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided.",
            PermanentJob,
            false,
            "Billing",
        ),
        (
            403,
            "AccessDeniedException",
            "Your account is not authorized to invoke this API operation.",
            PermanentJob,
            false,
            "AWS Support",
        ),
        (
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
            PermanentJob,
            false,
            "AWS_BEARER_TOKEN_BEDROCK",
        ),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            LaneParked,
            false,
            "log in again",
        ),
        (
            403,
            "AccessDeniedException",
            "Bearer Token has expired",
            LaneParked,
            false,
            "log in again",
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            PermanentJob,
            false,
            "access key",
        ),
        (
            403,
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
            PermanentJob,
            false,
            "secret access key",
        ),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z",
            Transient,
            false,
            "clock of this machine",
        ),
        (
            400,
            "RequestExpired",
            "The request is no longer valid due to expired timestamps",
            Transient,
            false,
            "clock of this machine",
        ),
        (
            404,
            "ResourceNotFoundException",
            "This model version has reached the end of its life. Please refer to the AWS documentation.",
            PermanentJob,
            false,
            "take us.anthropic.claude-test-2",
        ),
        (
            404,
            "ResourceNotFoundException",
            "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 30 days.",
            PermanentJob,
            false,
            "take us.anthropic.claude-test-2",
        ),
        (
            404,
            "ResourceNotFoundException",
            "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model.",
            PermanentJob,
            false,
            "use case form",
        ),
        (
            404,
            "ResourceNotFoundException",
            "Could not find it",
            PermanentJob,
            false,
            "no such model or profile in us-east-1",
        ),
        (
            404,
            "UnknownOperationException",
            "",
            PermanentJob,
            false,
            "not Bedrock",
        ),
        (
            408,
            "ModelTimeoutException",
            "Model has timed out in processing the request.",
            Transient,
            true,
            "took too long",
        ),
        (
            424,
            "ModelErrorException",
            "The model failed.",
            Transient,
            true,
            "model failed",
        ),
        (
            429,
            "ModelNotReadyException",
            "The model is not ready.",
            Transient,
            false,
            "not ready",
        ),
        (
            500,
            "InternalServerException",
            "Internal failure",
            Transient,
            true,
            "Bedrock failed",
        ),
        (
            503,
            "ServiceUnavailableException",
            "Too many connections, please wait before trying again.",
            Transient,
            false,
            "no capacity",
        ),
        (529, "", "", Transient, false, "overloaded"),
        (
            502,
            "",
            "<html>bad gateway</html>",
            Transient,
            true,
            "gateway",
        ),
        (407, "", "", PermanentJob, false, "HTTPS_PROXY"),
        (301, "", "", PermanentJob, false, "not Bedrock"),
        (
            418,
            "TeapotException",
            "short and stout",
            PermanentJob,
            false,
            "HTTP 418 TeapotException: short and stout",
        ),
        (599, "Strange", "x", Transient, true, "HTTP 599 Strange: x"),
        (
            429,
            "ThrottlingException",
            "Too many tokens per day, please wait before trying again.",
            LaneParked,
            false,
            "Service Quotas",
        ),
        (
            402,
            "ServiceQuotaExceededException",
            "Your request exceeds the service quota for your account.",
            LaneParked,
            false,
            "Service Quotas",
        ),
    ];
    for (status, code, message, class, is_unknown, words) in cases {
        let error = refused(status, code, message).await;
        assert_eq!(error.class, class, "{status} {code} {message}: {error}");
        assert_eq!(error.unknown_outcome, is_unknown, "{error}");
        assert_eq!(error.throttle, None, "{error}");
        assert!(error.what.contains(words), "{words} is not in: {error}");
        assert!(
            error
                .what
                .starts_with("bedrock us-east-1, model us.anthropic.claude-test-1-v1:0: ")
        );
        assert!(error.what.contains("; request id-2"), "{error}");
    }
}

#[tokio::test]
async fn a_throttle_says_which_quota_refused() {
    for (status, code, message, throttle) in [
        (
            429,
            "ThrottlingException",
            "Too many tokens, please wait before trying again.",
            Some(Throttle::Tokens),
        ),
        (
            429,
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
            Some(Throttle::Requests),
        ),
        (
            429,
            "ThrottlingException",
            "Your request rate is too high. Reduce the frequency of requests.",
            Some(Throttle::Requests),
        ),
        (429, "ThrottlingException", "Rate exceeded", None),
        (
            400,
            "ThrottlingException",
            "Too many tokens, please wait",
            Some(Throttle::Tokens),
        ),
        (
            429,
            "",
            "Too many tokens, please wait",
            Some(Throttle::Tokens),
        ),
        (429, "", "", None),
        (429, "SomethingNew", "", None),
    ] {
        let error = refused(status, code, message).await;
        assert_eq!(error.class, Throttled, "{error}");
        assert_eq!(error.throttle, throttle, "{error}");
        assert!(!error.unknown_outcome);
    }
}
