//! Requests that the service refuses, over real connections. (Each rule has its own test beside the code.)

use annexa::adapters::sim_bedrock::SimSetup;
use serde_json::{Value, json};

use super::client::{MODEL, TEXT, converse, request, send, simulator};

#[tokio::test]
async fn models_and_parameters_that_do_not_go_together_are_refused_and_counted() {
    let plain = request(&[TEXT]);
    let with = |pointer: &str, value: Value| {
        let mut body = plain.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    let off = json!({"thinking": {"type": "disabled"}});
    let auto = json!({"auto": {}});
    let long = request(&["WORD ".repeat(200_000).as_str()]);
    let (haiku, sonnet) = (
        "us.anthropic.claude-haiku-5-5",
        "us.anthropic.claude-sonnet-5-5",
    );
    let cases = [
        ("amazon.nova-lite-v1:0", plain.clone(), 400, "validation"),
        (
            "anthropic.claude-haiku-5-5",
            plain.clone(),
            400,
            "needs_profile",
        ),
        (
            "anthropic.claude-3-5-sonnet-20240620-v1:0",
            plain.clone(),
            404,
            "end_of_life",
        ),
        (sonnet, plain.clone(), 400, "thinking"),
        (haiku, plain.clone(), 400, "thinking"),
        (haiku, with("/additionalModelRequestFields", off), 200, ""),
        (sonnet, with("/toolConfig/toolChoice", auto), 200, ""),
        (
            "us.anthropic.claude-opus-5",
            with("/inferenceConfig/temperature", json!(0)),
            400,
            "refused_field",
        ),
        (
            MODEL,
            with("/inferenceConfig/temperature", json!(0)),
            200,
            "",
        ),
        (
            MODEL,
            with("/inferenceConfig/maxTokens", json!(100_000)),
            400,
            "max_tokens",
        ),
        (
            MODEL,
            with("/system", json!([{"text": "No codes."}])),
            400,
            "not_ours",
        ),
        (MODEL, long, 400, "too_long"),
        (MODEL, json!({"messages": 1}), 400, "malformed"),
    ];
    let sim = simulator(SimSetup::default()).await;
    let mut refused = 0;
    for (model, body, status, kind) in cases {
        let before = sim.stats().all.refused.get(kind).copied().unwrap_or(0);
        let reply = converse(&sim.url(), model, &body).await.unwrap();
        assert_eq!(reply.status, status, "{model}: {}", reply.body);
        if status == 200 {
            continue;
        }
        refused += 1;
        assert!(reply.json()["message"].is_string() && reply.code().is_some());
        assert_eq!(sim.stats().all.refused[kind], before + 1, "{kind}");
    }
    let stats = sim.stats();
    assert_eq!(stats.all.requests, stats.all.answered + refused);
    assert!(stats.all.faults.is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn an_arn_of_a_profile_is_the_profile() {
    let sim = simulator(SimSetup::default()).await;
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}");
    for model in [MODEL, &arn] {
        let reply = converse(&sim.url(), model, &request(&[TEXT]))
            .await
            .unwrap();
        assert_eq!(reply.status, 200);
    }
    let stats = sim.stats();
    assert_eq!(stats.models.keys().collect::<Vec<_>>(), [MODEL]);
    assert_eq!(
        stats.prefixes.values().next().unwrap().reads,
        1,
        "one lane, one cache"
    );
    sim.stop().await;
}

#[tokio::test]
async fn a_client_without_credentials_is_refused() {
    let sim = simulator(SimSetup::default()).await;
    let path = format!("/model/{MODEL}/converse");
    let body = request(&[TEXT]).to_string();
    let reply = send(&sim.url(), "POST", &path, "", &body).await.unwrap();
    assert_eq!(
        (reply.status, reply.code()),
        (403, Some("MissingAuthenticationTokenException"))
    );
    assert_eq!(sim.stats().all.refused["missing_authorization"], 1);
    sim.stop().await;
}

#[tokio::test]
async fn other_operations_and_bodies_above_20_mb_are_refused() {
    let sim = simulator(SimSetup::default()).await;
    for (method, path) in [
        ("POST", "/model/x/converse-stream"),
        ("POST", "/model/x/invoke"),
        ("POST", "/model/%ff/converse"),
        ("GET", "/model/x/converse"),
        ("GET", "/"),
    ] {
        let reply = send(&sim.url(), method, path, "", "").await.unwrap();
        assert_eq!(
            (reply.status, reply.code()),
            (404, Some("UnknownOperationException")),
            "{path}"
        );
    }
    let large = " ".repeat((20 << 20) + 1);
    let reply = send(
        &sim.url(),
        "POST",
        &format!("/model/{MODEL}/converse"),
        "",
        &large,
    )
    .await;
    // The rest of the body may still be on its way when the connection ends.
    assert!(reply.is_none_or(|reply| reply.status == 413));
    assert_eq!(sim.stats().all.requests, 0);
    sim.stop().await;
}
