//! What is answered: the offline model's codes, of the listed ones only, in the service's form, equal whenever asked.

use annexa::adapters::local::precedents::tool_input;
use annexa::adapters::sim_bedrock::SimSetup;
use annexa::coding::validate::{Checked, validate};
use annexa::core::problem::ProblemType;
use annexa::precedents::Precedents;
use annexa::terms::TermTable;
use serde_json::{Value, json};

use super::client::{MODEL, TEXT, ask, converse, request, request_of, simulator};

const OTHER: &str = "A LEAK & <SMOKE> CAME FROM THE PUMP; \"NO\" HARM";

#[tokio::test]
async fn answers_are_the_offline_models_and_pass_validation() {
    let sim = simulator(SimSetup::default()).await;
    let reply = ask(&sim, &[TEXT, OTHER]).await.unwrap();
    assert_eq!(
        (reply.status, reply.stop_reason().as_str()),
        (200, "tool_use")
    );
    let table = TermTable::builtin();
    let texts = [TEXT.to_string(), OTHER.to_string()];
    let precedents = Precedents::builtin().unwrap();
    let expected = tool_input(&precedents, &table, ProblemType::Both, &texts);
    assert_eq!(reply.input(), expected);
    let checked = validate(
        Some(&reply.input()),
        &[TEXT, OTHER],
        ProblemType::Both,
        &table,
    );
    assert!(
        checked
            .iter()
            .all(|c| matches!(c, Checked::Valid(a) if a.sufficient_information))
    );
    sim.stop().await;
}

#[tokio::test]
async fn an_answer_has_the_services_form() {
    let sim = simulator(SimSetup::default()).await;
    let first = ask(&sim, &[TEXT]).await.unwrap();
    let json = first.json();
    assert_eq!(json["output"]["message"]["role"], "assistant");
    let usage = &json["usage"];
    let of = |name: &str| usage[name].as_u64().unwrap();
    let sum = of("inputTokens")
        + of("outputTokens")
        + of("cacheReadInputTokens")
        + of("cacheWriteInputTokens");
    assert_eq!(of("totalTokens"), sum);
    assert!(of("inputTokens") > 0 && of("outputTokens") > 0);
    assert!(json["metrics"]["latencyMs"].is_u64());
    assert_eq!(first.header("content-type"), Some("application/json"));
    let second = ask(&sim, &[TEXT]).await.unwrap();
    let id = |json: &Value| json["output"]["message"]["content"][0]["toolUse"]["toolUseId"].clone();
    assert_ne!(id(&json), id(&second.json()));
    let request_id = "x-amzn-requestid";
    assert!(first.header(request_id).is_some_and(|id| id.len() == 36));
    assert_ne!(first.header(request_id), second.header(request_id));
    sim.stop().await;
}

#[tokio::test]
async fn only_listed_codes_of_the_asked_problem_are_answered() {
    let sim = simulator(SimSetup::default()).await;
    let lines = "A05 | Leak | x\nA0504 | Leak | y\nE0133 | z | z\nE2403 | w | w\n";
    for (problem_type, allowed, absent) in [
        (ProblemType::Product, ["A05", "A0504"], "patient"),
        (ProblemType::Patient, ["E0133", "E2403"], "product"),
    ] {
        let body = request_of(problem_type, lines, &[TEXT, OTHER]);
        let reply = converse(&sim.url(), MODEL, &body).await.unwrap();
        let input = reply.input();
        let incidents = input["incidents"].as_array().unwrap();
        assert_eq!(incidents.len(), 2);
        for incident in incidents {
            assert!(incident.get(absent).is_none());
            let asked = problem_type.problems()[0].name();
            let codes = incident[asked].as_array().unwrap();
            assert!(!codes.is_empty());
            for entry in codes {
                assert!(
                    allowed.contains(&entry["code"].as_str().unwrap()),
                    "{entry}"
                );
            }
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_text_without_a_known_word_does_not_suffice() {
    let sim = simulator(SimSetup::default()).await;
    let reply = ask(&sim, &["xqzzv kkwq"]).await.unwrap();
    let expected = json!({"incidents": [
        {"index": 0, "sufficient_information": false, "product": [], "patient": []},
    ]});
    assert_eq!(reply.input(), expected);
    sim.stop().await;
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_from_memory_and_from_another_simulator() {
    let said = |reply: &super::client::Reply| {
        let json = reply.json();
        (
            reply.input(),
            json["stopReason"].clone(),
            json["usage"]["outputTokens"].clone(),
        )
    };
    let mut all = Vec::new();
    for _ in 0..2 {
        let sim = simulator(SimSetup::default()).await;
        for _ in 0..3 {
            all.push(said(&ask(&sim, &[TEXT, OTHER]).await.unwrap()));
        }
        // In another place in another call, the same entry.
        let swapped = ask(&sim, &[OTHER, TEXT]).await.unwrap().input();
        let mut entry = swapped["incidents"][1].clone();
        entry["index"] = json!(0);
        assert_eq!(entry, all[0].0["incidents"][0]);
        sim.stop().await;
    }
    assert!(all.iter().all(|said| *said == all[0]));
}

#[tokio::test]
async fn a_tool_that_is_not_forced_is_preceded_by_text_and_thought() {
    let sim = simulator(SimSetup::default()).await;
    let mut body = request(&[TEXT]);
    body["toolConfig"]["toolChoice"] = json!({"auto": {}});
    let thinking = converse(&sim.url(), "us.anthropic.claude-opus-5-5", &body)
        .await
        .unwrap();
    let content = &thinking.json()["output"]["message"]["content"];
    assert!(content[0]["reasoningContent"]["reasoningText"]["text"].is_string());
    assert!(content[1]["text"].is_string() && content[2]["toolUse"].is_object());
    let plain = converse(&sim.url(), MODEL, &body).await.unwrap();
    let content = &plain.json()["output"]["message"]["content"];
    assert!(content[0]["text"].is_string() && content[1]["toolUse"].is_object());
    // Without the tool there is nothing but talk.
    body["toolConfig"] = json!(null);
    let talk = converse(&sim.url(), MODEL, &body).await.unwrap();
    assert_eq!(
        (talk.stop_reason().as_str(), talk.input()),
        ("end_turn", Value::Null)
    );
    sim.stop().await;
}

#[tokio::test]
async fn output_above_max_tokens_is_cut_and_counts_as_max_tokens() {
    let sim = simulator(SimSetup::default()).await;
    let whole = ask(&sim, &[TEXT, OTHER])
        .await
        .unwrap()
        .usage("outputTokens");
    let mut body = request(&[TEXT, OTHER]);
    body["inferenceConfig"]["maxTokens"] = json!(whole - 1);
    let cut = converse(&sim.url(), MODEL, &body).await.unwrap();
    assert_eq!(cut.stop_reason(), "max_tokens");
    assert_eq!(cut.usage("outputTokens"), whole - 1);
    assert_eq!(cut.input()["incidents"].as_array().unwrap().len(), 1);
    body["inferenceConfig"]["maxTokens"] = json!(whole);
    let fits = converse(&sim.url(), MODEL, &body).await.unwrap();
    assert_eq!(fits.stop_reason(), "tool_use");
    sim.stop().await;
}
