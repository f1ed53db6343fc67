//! The SDK itself talks to the simulator: what it parses, and what it makes of each error.

use annexa::adapters::sim_bedrock::{Fault, MARKER, SimHandle, SimSetup};
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::operation::RequestId;
use aws_sdk_bedrockruntime::operation::converse::{ConverseError, ConverseOutput};
use aws_sdk_bedrockruntime::types::{
    AutoToolChoice, CachePointBlock, CachePointType, ContentBlock, ConversationRole,
    InferenceConfiguration, Message, SpecificToolChoice, StopReason, SystemContentBlock, Tool,
    ToolChoice, ToolConfiguration, ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::Document;
use serde_json::Value;

use super::client::{MODEL, TEXT, request, simulator};

fn client(sim: &SimHandle) -> Client {
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(sim.url())
        .credentials_provider(Credentials::new("sim", "sim", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn document(value: &Value) -> Document {
    match value {
        Value::Object(fields) => Document::Object(
            fields
                .iter()
                .map(|(k, v)| (k.clone(), document(v)))
                .collect(),
        ),
        Value::Array(values) => Document::Array(values.iter().map(document).collect()),
        Value::String(text) => Document::String(text.clone()),
        other => panic!("a schema without {other}"),
    }
}

async fn ask(
    client: &Client,
    model: &str,
    text: &str,
    choice: ToolChoice,
) -> Result<ConverseOutput, SdkError<ConverseError>> {
    // The same request as by bare HTTP, in the SDK's types.
    let body = request(&[text]);
    let said = |value: &Value| value["text"].as_str().unwrap().to_string();
    let schema = &body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"];
    let tool = ToolSpecification::builder()
        .name("record_codes")
        .input_schema(ToolInputSchema::Json(document(schema)))
        .build()
        .unwrap();
    let tools = ToolConfiguration::builder()
        .tools(Tool::ToolSpec(tool))
        .tool_choice(choice)
        .build()
        .unwrap();
    let message = Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(said(&body["messages"][0]["content"][0])))
        .build()
        .unwrap();
    let point = CachePointBlock::builder()
        .r#type(CachePointType::Default)
        .build()
        .unwrap();
    client
        .converse()
        .model_id(model)
        .system(SystemContentBlock::Text(said(&body["system"][0])))
        .system(SystemContentBlock::CachePoint(point))
        .messages(message)
        .tool_config(tools)
        .inference_config(InferenceConfiguration::builder().max_tokens(3_000).build())
        .send()
        .await
}

fn forced() -> ToolChoice {
    ToolChoice::Tool(
        SpecificToolChoice::builder()
            .name("record_codes")
            .build()
            .unwrap(),
    )
}

#[tokio::test]
async fn the_sdk_parses_an_answer() {
    let sim = simulator(SimSetup::default()).await;
    let client = client(&sim);
    let output = ask(&client, MODEL, TEXT, forced()).await.unwrap();
    assert_eq!(output.stop_reason(), &StopReason::ToolUse);
    let message = output.output().unwrap().as_message().unwrap();
    let call = message.content()[0].as_tool_use().unwrap();
    assert_eq!(call.name(), "record_codes");
    let incidents = call.input().as_object().unwrap()["incidents"]
        .as_array()
        .unwrap();
    assert_eq!(incidents.len(), 1);
    let usage = output.usage().unwrap();
    assert!(usage.cache_write_input_tokens().unwrap() > 10_000);
    assert!(usage.input_tokens() > 0 && usage.output_tokens() > 0);
    assert!(output.metrics().is_some());
    assert!(output.request_id().is_some_and(|id| id.len() == 36));
    // A model that thinks, by an ARN with everything in it that has to be encoded.
    let arn =
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-5";
    let auto = ToolChoice::Auto(AutoToolChoice::builder().build());
    let output = ask(&client, arn, TEXT, auto).await.unwrap();
    let message = output.output().unwrap().as_message().unwrap();
    let [thought, text, call] = message.content() else {
        panic!("{} blocks", message.content().len());
    };
    assert!(thought.is_reasoning_content() && text.is_text() && call.is_tool_use());
    sim.stop().await;
}

#[tokio::test]
async fn every_error_arrives_as_the_sdks_typed_error() {
    let sim = simulator(SimSetup::default()).await;
    let client = client(&sim);
    let is = |error: &ConverseError, code: &str| match code {
        "ThrottlingException" => error.is_throttling_exception(),
        "ModelNotReadyException" => error.is_model_not_ready_exception(),
        "ServiceUnavailableException" => error.is_service_unavailable_exception(),
        "ValidationException" => error.is_validation_exception(),
        "AccessDeniedException" => error.is_access_denied_exception(),
        "ResourceNotFoundException" => error.is_resource_not_found_exception(),
        "InternalServerException" => error.is_internal_server_exception(),
        "ModelTimeoutException" => error.is_model_timeout_exception(),
        "ModelErrorException" => error.is_model_error_exception(),
        _ => false,
    };
    for (fault, code) in [
        (Fault::ThrottlingTokens, "ThrottlingException"),
        (Fault::ThrottlingRequests, "ThrottlingException"),
        (Fault::DailyQuota, "ThrottlingException"),
        (Fault::NotReady, "ModelNotReadyException"),
        (Fault::Unavailable, "ServiceUnavailableException"),
        (Fault::TooLong, "ValidationException"),
        (Fault::Validation, "ValidationException"),
        (Fault::AccessDenied, "AccessDeniedException"),
        (Fault::NotFound, "ResourceNotFoundException"),
        (Fault::EndOfLife, "ResourceNotFoundException"),
        (Fault::Internal, "InternalServerException"),
        (Fault::ModelTimeout, "ModelTimeoutException"),
        (Fault::ModelError, "ModelErrorException"),
    ] {
        let text = format!("{MARKER}{}", fault.name());
        let error = ask(&client, MODEL, &text, forced()).await.unwrap_err();
        let error = error.as_service_error().expect("the service has answered");
        assert_eq!(error.code(), Some(code), "{}", fault.name());
        assert!(is(error, code), "{}", fault.name());
        assert!(error.message().is_some_and(|words| !words.is_empty()));
        assert!(error.meta().request_id().is_some(), "{}", fault.name());
    }
    assert_eq!(sim.stats().all.requests, 13, "the SDK has not tried again");
    sim.stop().await;
}

#[tokio::test]
async fn what_is_no_typed_error_arrives_as_status_or_broken_connection() {
    let sim = simulator(SimSetup::default()).await;
    let client = client(&sim);
    for (fault, status) in [(Fault::Codeless429, 429), (Fault::Overloaded, 529)] {
        let text = format!("{MARKER}{}", fault.name());
        let error = ask(&client, MODEL, &text, forced()).await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
        assert_eq!(error.code(), None);
    }
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::Truncate] {
        let text = format!("{MARKER}{}", fault.name());
        let error = ask(&client, MODEL, &text, forced()).await.unwrap_err();
        assert!(
            error.as_service_error().is_none(),
            "{}: {error:?}",
            fault.name()
        );
    }
    // A refusal's stop reason is none that the SDK knows; its word is there.
    let text = format!("{MARKER}refusal");
    let output = ask(&client, MODEL, &text, forced()).await.unwrap();
    assert_eq!(output.stop_reason().as_str(), "refusal");
    sim.stop().await;
}
