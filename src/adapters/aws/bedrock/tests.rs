//! What is sent and what is made of answers, over real HTTP.

use std::sync::Arc;

use serde_json::{Value, json};

use super::request::Manner;
use super::stub::{Reply, Stub, converse};
use super::*;
use crate::catalog::{ModelFacts, Thinking};
use crate::coding::examples::ExamplesSetting;
use crate::core::money::Usage;
use crate::core::problem::ProblemType;
use crate::ports::Model;
use crate::ports::error::ErrorClass;
use crate::ports::model::{Answer, Example, Incident, Request, StopReason};
use crate::terms::TermTable;

const MODEL: &str = "us.anthropic.claude-test-1-v1:0";

pub(super) fn facts() -> ModelFacts {
    ModelFacts {
        burndown: 5,
        cache_minimum_tokens: Some(1_024),
        bytes_per_token: 3.5,
        max_output_tokens: 8_000,
        refuses: Vec::new(),
        thinking: Thinking::Off,
        needs_profile: true,
        replacement: Some("us.anthropic.claude-test-2".to_string()),
        ..ModelFacts::cautious("anthropic.claude-test-1-v1:0")
    }
}

pub(super) fn model(stub: &Stub, facts: &ModelFacts, setup: &BedrockSetup) -> BedrockModel {
    let clients = BedrockClients::new(&stub.aws(), setup).unwrap();
    let terms = TermTable::builtin();
    BedrockModel::new(clients, MODEL, facts, None, &terms, ProblemType::Product).unwrap()
}

pub(super) fn request(texts: &[&str]) -> Request {
    let incident = |text: &&str| Incident {
        text: text.to_string(),
        examples: Vec::new(),
        fault: None,
    };
    Request {
        problem_type: ProblemType::Product,
        incidents: texts.iter().map(incident).collect(),
        max_tokens: 500,
        is_second_sample: false,
    }
}

fn tool_use(input: Value) -> Value {
    json!({"toolUse": {"toolUseId": "t", "name": "record_codes", "input": input}})
}

fn incidents(indexes: &[u32]) -> Value {
    let list: Vec<Value> = indexes
        .iter()
        .map(|index| json!({"index": index, "sufficient_information": false}))
        .collect();
    json!({ "incidents": list })
}

async fn answer(stop_reason: &str, content: Value) -> Answer {
    let stub = Stub::start(vec![converse(stop_reason, content)]).await;
    let model = model(&stub, &facts(), &BedrockSetup::default());
    model.answer(&request(&["a"])).await.unwrap()
}

/// What is sent to a model with these facts.
async fn sent(facts: &ModelFacts) -> Value {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let model = model(&stub, facts, &BedrockSetup::default());
    model.answer(&request(&["a", "b<c"])).await.unwrap();
    stub.seen()[0].json()
}

#[tokio::test]
async fn a_request_is_as_the_contract_says() {
    let body = sent(&facts()).await;
    let system = body["system"].as_array().unwrap();
    assert!(
        system[0]["text"]
            .as_str()
            .unwrap()
            .contains("\nA0401 | Break | ")
    );
    assert_eq!(system[1], json!({"cachePoint": {"type": "default"}}));
    assert_eq!(
        body["toolConfig"]["toolChoice"],
        json!({"tool": {"name": "record_codes"}})
    );
    assert_eq!(
        body["inferenceConfig"],
        json!({"maxTokens": 500, "temperature": 0.0})
    );
    assert_eq!(body.get("additionalModelRequestFields"), None);
    let text = body["messages"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(
        "<incident index=\"0\">a</incident>\n<incident index=\"1\">b&lt;c</incident>\n"
    ));
}

#[tokio::test]
async fn all_calls_of_a_job_have_the_same_tools_and_system_to_the_byte() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    // Two models stand for two processes: nothing built is shared.
    for _ in 0..2 {
        let model = model(&stub, &facts(), &BedrockSetup::default());
        for text in ["a", "b"] {
            model.answer(&request(&[text])).await.unwrap();
        }
    }
    let bodies: Vec<String> = stub
        .seen()
        .into_iter()
        .map(|seen| {
            let message = seen.json()["messages"].to_string();
            assert!(seen.body.contains(&message), "{message}");
            seen.body.replace(&message, "")
        })
        .collect();
    assert_eq!(bodies.len(), 4);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    let schema = crate::coding::schema::tool_schema(ProblemType::Product).to_string();
    assert!(bodies[0].contains(&schema));
}

#[tokio::test]
async fn a_second_sample_differs_by_its_temperature_alone_and_only_where_the_model_takes_one() {
    for (refuses, first, second) in [
        (vec![], Some(0.0), Some(1.0)),
        (vec!["temperature"], None, None),
    ] {
        let facts = ModelFacts {
            refuses: refuses.into_iter().map(str::to_string).collect(),
            ..facts()
        };
        let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
        let model = model(&stub, &facts, &BedrockSetup::default());
        let again = Request {
            is_second_sample: true,
            ..request(&["a"])
        };
        model.answer(&request(&["a"])).await.unwrap();
        model.answer(&again).await.unwrap();
        let mut bodies: Vec<Value> = stub.seen().iter().map(|seen| seen.json()).collect();
        let mut temperature = |at: usize| {
            let config = bodies[at]["inferenceConfig"].as_object_mut().unwrap();
            config
                .remove("temperature")
                .and_then(|value| value.as_f64())
        };
        assert_eq!((temperature(0), temperature(1)), (first, second));
        assert_eq!(bodies[0], bodies[1]);
    }
}

#[tokio::test]
async fn examples_go_into_the_message_and_one_rule_into_the_prompt_which_stays_the_same_in_all_calls()
 {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let plain = model(&stub, &facts(), &BedrockSetup::default());
    let setting = ExamplesSetting {
        count: 2,
        corpus: "ab12cd34".to_string(),
    };
    let terms = TermTable::builtin();
    let model = model(&stub, &facts(), &BedrockSetup::default());
    let model = model.with_examples(Some(&setting), &terms).unwrap();
    assert_eq!(
        model.info().prompt_version,
        "1+examples-2-ab12cd34+forced+temperature-0+stand-in-127.0.0.1"
    );
    let facts_of = |model: &BedrockModel| model.info().service.clone().unwrap();
    assert_ne!(
        facts_of(&model).prefix_sha256,
        facts_of(&plain).prefix_sha256
    );
    let mut asked = request(&["a", "b"]);
    for text in ["one", "other"] {
        asked.incidents[1].examples = vec![Example {
            text: text.to_string(),
            product: vec!["A0401".to_string()],
            patient: Vec::new(),
        }];
        model.answer(&asked).await.unwrap();
    }
    let bodies: Vec<Value> = stub.seen().iter().map(|seen| seen.json()).collect();
    for part in ["system", "toolConfig"] {
        assert_eq!(bodies[0][part].to_string(), bodies[1][part].to_string());
    }
    let system = bodies[0]["system"][0]["text"].as_str().unwrap();
    assert!(system.contains("\n14. An <example> element"));
    let message = bodies[0]["messages"][0]["content"][0]["text"]
        .as_str()
        .unwrap();
    let expected = "<incident index=\"0\">a</incident>\n\
        <example index=\"1\"><report>one</report><product>A0401</product></example>\n\
        <incident index=\"1\">b</incident>\n";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn facts_decide_on_tool_choice_thinking_temperature_and_cache() {
    let thinks = sent(&ModelFacts {
        thinking: Thinking::Always,
        cache_minimum_tokens: None,
        ..facts()
    })
    .await;
    assert_eq!(thinks["toolConfig"]["toolChoice"], json!({"auto": {}}));
    assert_eq!(thinks["inferenceConfig"], json!({"maxTokens": 500}));
    assert_eq!(thinks["system"].as_array().unwrap().len(), 1);

    let can_think = sent(&ModelFacts {
        thinking: Thinking::OnByDefault,
        refuses: vec!["temperature".to_string()],
        ..facts()
    })
    .await;
    assert_eq!(
        can_think["toolConfig"]["toolChoice"],
        json!({"tool": {"name": "record_codes"}})
    );
    assert_eq!(
        can_think["additionalModelRequestFields"],
        json!({"thinking": {"type": "disabled"}})
    );
    assert_eq!(can_think["inferenceConfig"], json!({"maxTokens": 500}));

    let unknown = sent(&ModelFacts::cautious(MODEL)).await;
    assert_eq!(unknown["inferenceConfig"], json!({"maxTokens": 500}));
    assert_eq!(unknown["system"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn more_tokens_than_the_model_gives_are_not_asked_for() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let model = model(&stub, &facts(), &BedrockSetup::default());
    let greedy = Request {
        max_tokens: 9_000,
        ..request(&["a"])
    };
    model.answer(&greedy).await.unwrap();
    assert_eq!(stub.seen()[0].json()["inferenceConfig"]["maxTokens"], 8_000);
}

#[tokio::test]
async fn an_answer_keeps_numbers_usage_and_request_id_and_drops_prose() {
    let input =
        json!({"incidents": [{"index": 0, "product": [{"code": "A0401", "confidence": 0.953}]}]});
    let answer = answer(
        "tool_use",
        json!([{"text": "I will code this."}, tool_use(input.clone())]),
    )
    .await;
    assert_eq!(answer.stop, StopReason::ToolUse);
    assert_eq!(answer.tool_input, Some(input));
    assert_eq!(answer.request_id, "id-1");
    assert_eq!(
        answer.usage,
        Usage {
            input_tokens: 11,
            output_tokens: 7,
            cache_read_tokens: 20,
            cache_write_tokens: 2,
        }
    );
}

#[tokio::test]
async fn one_tool_call_for_each_incident_is_one_answer_and_other_tools_are_none() {
    let other = json!({"toolUse": {"toolUseId": "o", "name": "other", "input": incidents(&[7])}});
    let content = json!([other, tool_use(incidents(&[0])), tool_use(incidents(&[1]))]);
    let answer = answer("tool_use", content).await;
    assert_eq!(answer.tool_input, Some(incidents(&[0, 1])));
}

#[tokio::test]
async fn an_answer_in_prose_counts_where_the_model_ended_its_turn_with_the_tools_input() {
    let text = json!([{"text": format!("```json\n{}\n```", incidents(&[0]))}]);
    let taken = answer("end_turn", text.clone()).await;
    assert_eq!(taken.tool_input, Some(incidents(&[0])));
    let declined = answer("refusal", text).await;
    assert_eq!(
        (declined.stop, declined.tool_input),
        (StopReason::Refusal, None)
    );
    let prose = answer("end_turn", json!([{"text": "I cannot say."}])).await;
    assert_eq!((prose.stop, prose.tool_input), (StopReason::EndTurn, None));
}

#[tokio::test]
async fn every_stop_reason_comes_through() {
    for (word, stop) in [
        ("max_tokens", StopReason::MaxTokens),
        ("refusal", StopReason::Refusal),
        (
            "content_filtered",
            StopReason::Other("content_filtered".to_string()),
        ),
        (
            "guardrail_intervened",
            StopReason::Other("guardrail_intervened".to_string()),
        ),
        (
            "malformed_tool_use",
            StopReason::Other("malformed_tool_use".to_string()),
        ),
        (
            "malformed_model_output",
            StopReason::Other("malformed_model_output".to_string()),
        ),
        (
            "model_context_window_exceeded",
            StopReason::Other("model_context_window_exceeded".to_string()),
        ),
        ("new_word", StopReason::Other("new_word".to_string())),
    ] {
        let answer = answer(word, json!([])).await;
        assert_eq!((answer.stop, answer.tool_input), (stop, None));
    }
}

#[tokio::test]
async fn json_that_is_no_answer_of_converse_may_have_been_paid_for() {
    let reply = Reply::Http {
        status: 200,
        headers: Vec::new(),
        body: "{}".to_string(),
    };
    let stub = Stub::start(vec![reply]).await;
    let model = model(&stub, &facts(), &BedrockSetup::default());
    let error = model.answer(&request(&["a"])).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transient);
    assert!(error.unknown_outcome);
}

#[tokio::test]
async fn a_model_says_what_it_is_bound_by_and_what_shapes_its_answers() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let facts = facts();
    let model = model(&stub, &facts, &BedrockSetup::default());
    let info = model.info();
    assert_eq!(info.model_id, MODEL);
    assert_eq!(
        info.prompt_version, "1+forced+temperature-0+stand-in-127.0.0.1",
        "what a stand-in answers never passes for a model's"
    );
    let service = info.service.as_ref().unwrap();
    assert_eq!(service.lane, format!("us-east-1/{MODEL}"));
    assert_eq!((service.burndown, service.max_output_tokens), (5, 8_000));
    model.answer(&request(&["a"])).await.unwrap();
    let body = stub.seen()[0].json();
    let in_body = body["system"].to_string().len() + body["toolConfig"].to_string().len();
    let names = r#","system":,"toolConfig":"#.len();
    assert_eq!(service.prefix_bytes as usize, in_body + names);
    let thinks = ModelFacts {
        thinking: Thinking::Always,
        ..facts
    };
    assert_eq!(Manner::of(&thinks).prompt_version(None), "1+auto");
}

#[tokio::test]
async fn another_problem_type_than_it_was_opened_for_is_refused() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let model = model(&stub, &facts(), &BedrockSetup::default());
    let other = Request {
        problem_type: ProblemType::Both,
        ..request(&["a"])
    };
    let error = model.answer(&other).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Bug);
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn a_table_without_codes_for_the_problem_type_is_refused() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let clients = BedrockClients::new(&stub.aws(), &BedrockSetup::default()).unwrap();
    let terms = TermTable::from_csv_bytes("own.csv", b"code,term\nA01,Broke\n").unwrap();
    let error =
        BedrockModel::new(clients, MODEL, &facts(), None, &terms, ProblemType::Both).unwrap_err();
    assert_eq!(error.class, ErrorClass::PermanentJob);
    assert!(error.what.contains("annex EF"), "{error}");
}

#[tokio::test]
async fn calls_are_signed_with_credentials_and_spread_over_clients() {
    let stub = Stub::start(vec![converse("end_turn", json!([]))]).await;
    let setup = BedrockSetup {
        calls_in_flight: 130,
        ..BedrockSetup::default()
    };
    let clients = BedrockClients::new(&stub.aws(), &setup).unwrap();
    let first = std::ptr::from_ref(clients.next());
    let others: Vec<*const _> = (0..3).map(|_| std::ptr::from_ref(clients.next())).collect();
    assert!(others[0] != first && others[1] != first && others[2] == first);
    probe(&clients, MODEL, &facts()).await.unwrap();
    let seen = stub.seen().remove(0);
    assert!(
        seen.header("authorization")
            .unwrap()
            .starts_with("AWS4-HMAC-SHA256 Credential=AKIASTANDIN")
    );
    assert_eq!(seen.json()["inferenceConfig"]["maxTokens"], 16);
    drop(Arc::clone(&clients));
}
