//! What `annexa doctor` says of each state of affairs, and with which exit code.

use serde_json::{Value, json};

use super::*;
use crate::adapters::aws::bedrock::stub::{Reply, Stub, converse, refusal};
use crate::catalog::ModelFacts;
use crate::catalog::{Lifecycle, Thinking};
use crate::core::money::Price;

const MODEL: &str = "us.anthropic.claude-test-1-v1:0";

fn facts(lifecycle: Lifecycle) -> ModelFacts {
    ModelFacts {
        model_id: "anthropic.claude-test-1-v1:0".to_string(),
        price: Some(Price {
            input_pico_usd: 1_000_000,
            output_pico_usd: 5_000_000,
            cache_read_pico_usd: 100_000,
            cache_write_pico_usd: 1_250_000,
            long_prompt: None,
        }),
        burndown: 5,
        cache_minimum_tokens: Some(4_096),
        bytes_per_token: 3.5,
        max_output_tokens: 8_000,
        refuses: Vec::new(),
        thinking: Thinking::Off,
        needs_profile: true,
        lifecycle,
        replacement: Some("us.anthropic.claude-test-2".to_string()),
        source: "a test".to_string(),
        checked: "2026-11-01".to_string(),
        ..ModelFacts::cautious("anthropic.claude-test-1-v1:0")
    }
}

fn active() -> ModelFacts {
    facts(Lifecycle::Active { until: None })
}

/// The exit code, and the status and words of the check of this name.
async fn checked(
    aws: &AwsConfig,
    model: Option<&str>,
    facts: Option<&ModelFacts>,
) -> (u8, Vec<Value>) {
    let checks = checks::all(aws, model, facts).await;
    let mut out = Vec::new();
    let code = print(&checks, true, &mut out).unwrap();
    let report: Value = serde_json::from_slice(&out).unwrap();
    let worst = match code {
        exit::OK => ["ok", "warning"].contains(&report["status"].as_str().unwrap()),
        _ => report["status"] == "fail",
    };
    assert!(worst, "{report}");
    (code, report["checks"].as_array().unwrap().clone())
}

fn says<'c>(checks: &'c [Value], name: &str) -> (&'c str, &'c str) {
    let check = checks.iter().find(|check| check["check"] == name);
    let check = check.unwrap_or_else(|| panic!("no check {name} in {checks:?}"));
    (
        check["status"].as_str().unwrap(),
        check["says"].as_str().unwrap(),
    )
}

async fn with_reply(reply: Reply) -> (u8, Vec<Value>) {
    let stub = Stub::start(vec![reply]).await;
    checked(&stub.aws(), Some(MODEL), Some(&active())).await
}

#[tokio::test]
async fn a_model_that_answers_is_ok_and_the_cost_of_asking_is_said() {
    let (code, checks) = with_reply(converse("end_turn", json!([{"text": "OK"}]))).await;
    assert_eq!(code, exit::OK);
    let (status, words) = says(&checks, "access");
    assert_eq!(status, "ok");
    // 11 input, 7 output, 20 read and 2 written tokens.
    assert!(
        words.contains("33 input and 7 output tokens, about 0.000050500 US dollars"),
        "{words}"
    );
    assert_eq!(says(&checks, "region"), ("ok", "us-east-1 (given)"));
    assert_eq!(
        says(&checks, "credentials"),
        ("ok", "from stand-in, key AKIA****0000")
    );
    assert_eq!(says(&checks, "prompt cache").0, "ok");
    assert_eq!(says(&checks, "endpoint").0, "warning");
}

#[tokio::test]
async fn access_denied_says_which_action_to_allow() {
    let (code, checks) = with_reply(refusal(
        403,
        "AccessDeniedException",
        "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: bedrock:InvokeModel on resource: x",
    ))
    .await;
    assert_eq!(code, exit::FAILED);
    let (status, words) = says(&checks, "access");
    assert_eq!(status, "fail");
    assert!(words.contains("allow bedrock:InvokeModel"), "{words}");
}

#[tokio::test]
async fn a_model_at_the_end_of_its_life_is_told_by_the_service_and_by_its_facts() {
    let gone = "This model version has reached the end of its life.";
    let (code, checks) = with_reply(refusal(404, "ResourceNotFoundException", gone)).await;
    assert_eq!(code, exit::FAILED);
    assert!(
        says(&checks, "access")
            .1
            .contains("take us.anthropic.claude-test-2")
    );

    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let ended = facts(Lifecycle::EndOfLife {
        since: Some("2026-03-01".to_string()),
    });
    let (code, checks) = checked(&stub.aws(), Some(MODEL), Some(&ended)).await;
    assert_eq!(code, exit::FAILED);
    let (status, words) = says(&checks, "model");
    assert_eq!(status, "fail");
    assert!(words.contains("on 2026-03-01") && words.contains("claude-test-2"));
    // Known beforehand, so nothing is called.
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn a_region_that_is_none_fails_and_nothing_is_called() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let aws = AwsConfig::for_stand_in("US East", &stub.url);
    let (code, checks) = checked(&aws, Some(MODEL), Some(&active())).await;
    assert_eq!(code, exit::FAILED);
    let (status, words) = says(&checks, "region");
    assert_eq!(status, "fail");
    assert!(
        words.contains("'US East'") && words.contains("us-east-1"),
        "{words}"
    );
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_at_fails() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let aws = AwsConfig::for_stand_in("us-east-1", &url);
    let (code, checks) = checked(&aws, Some(MODEL), Some(&active())).await;
    assert_eq!(code, exit::FAILED);
    let (status, words) = says(&checks, "access");
    assert_eq!(status, "fail");
    assert!(words.contains("no connection"), "{words}");
}

#[tokio::test]
async fn a_wrong_clock_is_named() {
    let (_, checks) = with_reply(refusal(
        403,
        "InvalidSignatureException",
        "Signature not yet current: 20260101T010000Z is still later than 20260101T000000Z",
    ))
    .await;
    assert!(says(&checks, "access").1.contains("clock of this machine"));
}

#[tokio::test]
async fn a_model_without_facts_or_cache_or_future_is_a_warning() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let (code, checks) = checked(&stub.aws(), Some(MODEL), None).await;
    assert_eq!(code, exit::OK);
    assert_eq!(says(&checks, "model").0, "warning");
    assert!(says(&checks, "access").1.contains("not known here"));

    let fading = ModelFacts {
        cache_minimum_tokens: None,
        ..facts(Lifecycle::Legacy {
            until: Some("2027-01-01".to_string()),
        })
    };
    let (code, checks) = checked(&stub.aws(), Some(MODEL), Some(&fading)).await;
    assert_eq!(code, exit::OK);
    assert!(says(&checks, "model").1.contains("and ends 2027-01-01"));
    assert_eq!(says(&checks, "prompt cache").0, "warning");
}

#[test]
fn the_offline_model_needs_no_cloud() {
    let checks = checks::offline();
    assert_eq!(worst(&checks), Status::Ok);
    assert!(checks.iter().all(|check| check.check != "credentials"));
}

#[test]
fn each_check_is_one_line() {
    let checks = [
        Check {
            check: "region",
            status: Status::Ok,
            says: "us-east-1".to_string(),
        },
        Check {
            check: "access",
            status: Status::Fail,
            says: "denied".to_string(),
        },
    ];
    let mut out = Vec::new();
    assert_eq!(print(&checks, false, &mut out).unwrap(), exit::FAILED);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "ok       region       us-east-1\nFAIL     access       denied\n"
    );
}
