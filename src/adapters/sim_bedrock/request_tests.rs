use serde_json::json;

use super::*;
use crate::adapters::sim_bedrock::prefix::CacheTtl;

const HAIKU_4_5: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
const HAIKU_5_5: &str = "us.anthropic.claude-haiku-5-5";
const SONNET_5_5: &str = "us.anthropic.claude-sonnet-5-5";

fn body() -> Value {
    let list = json!({"type": "array"});
    let item =
        json!({"type": "object", "properties": {"index": {}, "product": list, "patient": list}});
    let schema =
        json!({"type": "object", "properties": {"incidents": {"type": "array", "items": item}}});
    json!({
        "system": [{"text": "A05 | Leak | x\nE2330 | Pain | y"}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "<incident index=\"0\">A LEAK</incident>"}]}],
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "record_codes", "inputSchema": {"json": schema}}}],
            "toolChoice": {"tool": {"name": "record_codes"}},
        },
        "inferenceConfig": {"maxTokens": 900},
    })
}

fn read(model: &str, body: &Value) -> Result<Asked, ServiceError> {
    Asked::read(
        body.to_string().as_bytes(),
        ModelRules::find(model).unwrap(),
    )
}

/// The body with the value at a JSON pointer replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = body();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn refused(model: &str, body: &Value) -> String {
    let error = read(model, body).unwrap_err();
    assert_eq!(
        (error.status, error.code),
        (400, Some("ValidationException"))
    );
    error.message.into_owned()
}

#[test]
fn a_request_of_the_contract_is_taken_apart() {
    let asked = read(HAIKU_4_5, &body()).unwrap();
    assert_eq!(asked.reports[0].text, "A LEAK");
    assert_eq!(asked.problem_type, Some(ProblemType::Both));
    assert!(asked.is_forced && !asked.thinks);
    assert_eq!(asked.max_tokens, 900);
    let message = "<incident index=\"0\">A LEAK</incident>";
    assert_eq!(asked.other_bytes, message.len() as u64);
    let tool = body()["toolConfig"]["tools"][0].to_string();
    let system = "A05 | Leak | x\nE2330 | Pain | y";
    let prefix = asked.prefix.unwrap();
    assert_eq!(prefix.bytes, (tool.len() + system.len()) as u64);
    assert_eq!(prefix.ttl, CacheTtl::Short);
}

#[test]
fn the_schema_tells_what_is_asked() {
    let items =
        "/toolConfig/tools/0/toolSpec/inputSchema/json/properties/incidents/items/properties";
    for (name, expected) in [
        ("product", ProblemType::Product),
        ("patient", ProblemType::Patient),
    ] {
        let asked = read(HAIKU_4_5, &with(items, json!({name: {}}))).unwrap();
        assert_eq!(asked.problem_type, Some(expected));
    }
    let neither = with(items, json!({}));
    assert!(refused(HAIKU_4_5, &neither).contains("record_codes"));
}

#[test]
fn what_precedes_the_last_cache_point_is_the_prefix_and_its_hash_changes_with_any_byte() {
    let sha256 = |body: &Value| read(HAIKU_4_5, body).unwrap().prefix.map(|p| p.sha256);
    let first = sha256(&body());
    assert!(first.is_some());
    assert_eq!(
        first,
        sha256(&with("/messages/0/content", json!([{"text": "x"}])))
    );
    assert_eq!(
        first,
        sha256(&with("/toolConfig/toolChoice", json!({"auto": {}})))
    );
    assert_ne!(
        first,
        sha256(&with(
            "/toolConfig/tools/0/toolSpec/description",
            json!("d")
        ))
    );
    let system =
        json!([{"text": "A05 | Leak | x\nE2330 | Pain | z"}, {"cachePoint": {"type": "default"}}]);
    assert_ne!(first, sha256(&with("/system", system)));
    // Behind the point, or without one, nothing is cached, and all is counted.
    let system = json!([{"text": "A05 | Leak | x"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "four"}]);
    let asked = read(HAIKU_4_5, &with("/system", system)).unwrap();
    assert_eq!(asked.prefix.as_ref().unwrap().ttl, CacheTtl::Long);
    let message = read(HAIKU_4_5, &body()).unwrap().other_bytes;
    assert_eq!(asked.other_bytes, message + 4);
    let asked = read(
        HAIKU_4_5,
        &with("/system", json!([{"text": "A05 | Leak | x"}])),
    )
    .unwrap();
    assert!(asked.prefix.is_none() && asked.other_bytes > message);
}

#[test]
fn thinking_and_a_forced_tool_exclude_each_other() {
    let words = "Thinking may not be enabled when tool_choice forces tool use";
    let field = "/additionalModelRequestFields";
    let thinking = |kind: &str| with(field, json!({"thinking": {"type": kind}}));
    assert!(refused(SONNET_5_5, &body()).contains(words));
    assert!(refused(HAIKU_5_5, &body()).contains(words));
    assert!(refused(HAIKU_4_5, &thinking("enabled")).contains(words));
    assert!(!read(HAIKU_5_5, &thinking("disabled")).unwrap().thinks);
    assert!(refused(SONNET_5_5, &thinking("disabled")).contains("disabled"));
    let mut auto = with("/toolConfig/toolChoice", json!({"auto": {}}));
    let asked = read(SONNET_5_5, &auto).unwrap();
    assert!(asked.thinks && !asked.is_forced);
    auto["toolConfig"]["toolChoice"] = json!({"any": {}});
    assert!(refused(SONNET_5_5, &auto).contains(words));
}

#[test]
fn parameters_that_a_model_refuses_are_refused_and_others_take_them() {
    let disabled = json!({"thinking": {"type": "disabled"}, "top_k": 3});
    for (pointer, value, name) in [
        ("/inferenceConfig/temperature", json!(0), "temperature"),
        ("/inferenceConfig/topP", json!(0.5), "top_p"),
        ("/additionalModelRequestFields", disabled, "top_k"),
    ] {
        let mut body = with(
            "/additionalModelRequestFields",
            json!({"thinking": {"type": "disabled"}}),
        );
        body.pointer_mut("/inferenceConfig").unwrap()["maxTokens"] = json!(10);
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = value;
        let words = format!("`{name}` is deprecated for this model.");
        assert_eq!(refused(HAIKU_5_5, &body), words);
        assert!(read(HAIKU_4_5, &body).is_ok(), "{name}");
    }
    let said =
        json!([{"role": "user", "content": []}, {"role": "assistant", "content": [{"text": "{"}]}]);
    let mut prefilled = with("/messages", said);
    prefilled["additionalModelRequestFields"] = json!({"thinking": {"type": "disabled"}});
    assert!(refused(HAIKU_5_5, &prefilled).contains("prefill"));
    assert!(read(HAIKU_4_5, &prefilled).is_ok());
}

#[test]
fn an_unset_max_tokens_is_the_models_most_and_more_is_refused() {
    let unset = read(HAIKU_4_5, &with("/inferenceConfig", json!({}))).unwrap();
    assert_eq!(unset.max_tokens, 64_000);
    let more = with("/inferenceConfig/maxTokens", json!(64_001));
    assert!(refused(HAIKU_4_5, &more).contains("exceeds the model limit of 64000"));
    let none = with("/inferenceConfig/maxTokens", json!(0));
    assert!(refused(HAIKU_4_5, &none).contains("Malformed"));
}

#[test]
fn requests_that_are_not_well_formed_are_refused_without_quoting_them() {
    let rules = ModelRules::find(HAIKU_4_5).unwrap();
    for bad in [
        "",
        "{",
        "[]",
        r#"{"messages":"SECRET"}"#,
        r#"{"messages":[{"role":"SECRET"}]}"#,
    ] {
        let error = Asked::read(bad.as_bytes(), rules).unwrap_err();
        assert_eq!(error.status, 400, "{bad}");
        assert!(error.message.starts_with("Malformed input request"));
        assert!(!error.message.contains("SECRET"), "{}", error.message);
    }
    let cases = [
        ("/messages", json!([]), "start with a user message"),
        (
            "/messages/0/role",
            json!("assistant"),
            "start with a user message",
        ),
        ("/messages/0/role", json!("system"), "Malformed"),
        ("/toolConfig/tools", json!([]), "Malformed"),
        (
            "/toolConfig/toolChoice",
            json!({"tool": {"name": "other"}}),
            "toolChoice",
        ),
        (
            "/toolConfig/tools/0/toolSpec/strict",
            json!(true),
            "Extra inputs are not permitted",
        ),
        (
            "/outputConfig",
            json!({"textFormat": {}}),
            "output_config.format: Extra inputs",
        ),
        ("/system/1/cachePoint/ttl", json!("2h"), "cachePoint"),
        ("/system/1/cachePoint/type", json!("other"), "cachePoint"),
    ];
    for (pointer, value, words) in cases {
        let message = refused(HAIKU_4_5, &with(pointer, value));
        assert!(message.contains(words), "{pointer}: {message}");
    }
}
