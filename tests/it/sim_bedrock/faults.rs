//! Each fault, once, by the text that asks for it; and by chance, which repeats.

use std::collections::BTreeMap;
use std::time::Duration;

use annexa::adapters::sim_bedrock::{
    Ends, FAULTS, Fault, FaultRates, MARKER, Settings, SimHandle, SimSetup, Stage,
};
use annexa::core::problem::Problem;
use annexa::terms::TermTable;
use serde_json::Value;

use super::client::{Reply, TEXT, ask, simulator, until};

/// Asks about a clean text, one that wants `fault`, and another clean one.
async fn provoked(sim: &SimHandle, fault: Fault) -> Option<Reply> {
    let wanting = format!("{MARKER}{} {TEXT}", fault.name());
    ask(sim, &[TEXT, &wanting, "A LEAK"]).await
}

fn entries(reply: &Reply, index: u64) -> Vec<Value> {
    let input = reply.input();
    let all = input["incidents"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .filter(|entry| entry["index"] == index)
        .collect()
}

#[tokio::test]
async fn every_refusal_has_its_status_its_code_and_takes_nothing_for_good() {
    let expected: [(Fault, u16, Option<&str>, &str); 15] = [
        (
            Fault::ThrottlingTokens,
            429,
            Some("ThrottlingException"),
            "Too many tokens, please wait",
        ),
        (
            Fault::ThrottlingRequests,
            429,
            Some("ThrottlingException"),
            "Too many requests, please wait",
        ),
        (
            Fault::DailyQuota,
            429,
            Some("ThrottlingException"),
            "Too many tokens per day",
        ),
        (
            Fault::NotReady,
            429,
            Some("ModelNotReadyException"),
            "not ready",
        ),
        (Fault::Codeless429, 429, None, "<html>"),
        (Fault::Overloaded, 529, None, "Overloaded"),
        (
            Fault::Unavailable,
            503,
            Some("ServiceUnavailableException"),
            "unable",
        ),
        (
            Fault::TooLong,
            400,
            Some("ValidationException"),
            "Input is too long for requested model",
        ),
        (
            Fault::AccessDenied,
            403,
            Some("AccessDeniedException"),
            "access",
        ),
        (
            Fault::NotFound,
            404,
            Some("ResourceNotFoundException"),
            "not found",
        ),
        (
            Fault::EndOfLife,
            404,
            Some("ResourceNotFoundException"),
            "reached the end of its life",
        ),
        (
            Fault::Validation,
            400,
            Some("ValidationException"),
            "model identifier is invalid",
        ),
        (
            Fault::Internal,
            500,
            Some("InternalServerException"),
            "unexpected",
        ),
        (
            Fault::ModelTimeout,
            408,
            Some("ModelTimeoutException"),
            "timed out",
        ),
        (Fault::ModelError, 424, Some("ModelErrorException"), "error"),
    ];
    let refusing = FAULTS
        .iter()
        .filter(|row| row.stage != Stage::Paid && row.fault != Fault::DropBefore);
    assert_eq!(
        refusing.count(),
        expected.len(),
        "each refusing fault is in the table"
    );
    let sim = simulator(SimSetup::default()).await;
    for (fault, status, code, words) in expected {
        let reply = provoked(&sim, fault).await.unwrap();
        assert_eq!(
            (reply.status, reply.code()),
            (status, code),
            "{}",
            fault.name()
        );
        assert!(
            reply.body.contains(words),
            "{}: {}",
            fault.name(),
            reply.body
        );
        let is_html = reply.header("content-type") == Some("text/html");
        assert_eq!(is_html, fault == Fault::Codeless429);
        let stats = sim.stats();
        assert_eq!(stats.all.faults[fault.name()], 1);
        assert_eq!(stats.all.refused[fault.name()], 1);
    }
    let stats = sim.stats();
    assert_eq!(
        (
            stats.all.answered,
            stats.distinct_texts,
            stats.all.settled_tokens
        ),
        (0, 0, 0)
    );
    sim.stop().await;
}

#[tokio::test]
async fn connections_break_before_the_answer_after_it_and_halfway() {
    let sim = simulator(SimSetup::default()).await;
    assert!(provoked(&sim, Fault::DropBefore).await.is_none());
    assert_eq!(sim.stats().all.answered, 0);
    assert!(provoked(&sim, Fault::DropAfter).await.is_none());
    assert_eq!(sim.stats().all.answered, 1, "it is paid all the same");
    let half = provoked(&sim, Fault::Truncate).await.unwrap();
    let length: usize = half.header("content-length").unwrap().parse().unwrap();
    assert_eq!((half.status, half.body.len()), (200, length / 2));
    let stats = sim.stats();
    assert_eq!(stats.all.answered, 2);
    assert_eq!(stats.all.abandoned, 0, "it was the service that hung up");
    let paid: Vec<u64> = stats.texts.unwrap().into_values().collect();
    assert_eq!(paid.iter().sum::<u64>(), 6);
    sim.stop().await;
}

#[tokio::test]
async fn a_stalled_call_is_silent_for_its_time_and_paid_when_its_client_leaves() {
    let sim = simulator(SimSetup::default()).await;
    let text = format!("{MARKER}STALL {TEXT}");
    {
        let texts = [text.as_str()];
        let mut silent = Box::pin(ask(&sim, &texts));
        let mut is_answered = false;
        tokio::select! {
            _ = &mut silent => is_answered = true,
            () = until("the call is in work", || sim.stats().in_flight == 1) => {}
        }
        assert!(!is_answered && sim.stats().all.answered == 0);
    }
    until("the client's end is noticed", || {
        sim.stats().all.abandoned == 1
    })
    .await;
    let stats = sim.stats();
    assert_eq!((stats.in_flight, stats.all.answered), (0, 1));
    sim.change(|settings| settings.stall = Some(Duration::from_millis(1)));
    let reply = ask(&sim, &[&text]).await.unwrap();
    assert_eq!(reply.stop_reason(), "tool_use");
    sim.stop().await;
}

#[tokio::test]
async fn every_fault_of_an_answer_is_about_the_report_that_asked_for_it() {
    let table = TermTable::builtin();
    let sim = simulator(SimSetup::default()).await;
    let clean = ask(&sim, &[TEXT, TEXT, "A LEAK"]).await.unwrap();
    let known = |code: &str| table.by_code(code);
    let of_fault = FAULTS
        .iter()
        .filter(|row| row.stage == Stage::Paid && row.fault >= Fault::Prose);
    let mut seen = 0;
    for row in of_fault {
        let reply = provoked(&sim, row.fault).await.unwrap();
        let mine = entries(&reply, 1);
        let first = |problem: Problem| {
            let entry = &mine.first().unwrap_or(&Value::Null)[problem.name()][0];
            (
                entry["code"].as_str().unwrap_or_default().to_string(),
                entry.clone(),
            )
        };
        let (product, patient) = (first(Problem::Product), first(Problem::Patient));
        let stop = reply.stop_reason();
        seen += 1;
        match row.fault {
            Fault::Prose => assert_eq!((stop.as_str(), reply.input()), ("end_turn", Value::Null)),
            Fault::Refusal => assert_eq!((stop.as_str(), reply.input()), ("refusal", Value::Null)),
            Fault::MalformedToolUse => assert_eq!(
                (stop.as_str(), reply.input()),
                ("malformed_tool_use", Value::Null)
            ),
            Fault::Cut => assert_eq!((stop.as_str(), mine.len()), ("max_tokens", 0)),
            Fault::MissingIncident | Fault::WrongIndex => assert_eq!(mine.len(), 0),
            Fault::DoubledIncident => assert_eq!(mine.len(), 2),
            Fault::InventedCode => {
                assert!(known(&product.0).is_none() && product.0.starts_with('A'))
            }
            Fault::HeadingCode => assert!(!known(&patient.0).unwrap().selectable()),
            Fault::TermForCode => assert!(
                table.resolve(&product.0, Problem::Product).is_some()
                    && known(&product.0).is_none()
            ),
            Fault::SwappedAnnex => assert!(patient.0.starts_with('A')),
            Fault::BadConfidence => assert!(product.1["confidence"].as_f64().unwrap() > 1.0),
            Fault::EvidenceNotInText => {
                assert!(!TEXT.contains(product.1["evidence"].as_str().unwrap()))
            }
            other => panic!("no promise about {}", other.name()),
        }
        // The first report has none of it, where there is an answer to it at all.
        if reply.input() != Value::Null {
            assert_eq!(entries(&reply, 0), entries(&clean, 0), "{}", row.name);
        }
        assert_eq!(sim.stats().all.faults[row.name], 1);
    }
    assert_eq!(sim.stats().all.answered, seen + 1, "each was paid");
    sim.stop().await;
}

/// What 120 calls, one after the other, come to under these faults.
async fn history(seed: u64) -> (Vec<String>, BTreeMap<&'static str, u64>) {
    let harmless = FAULTS.iter().filter(|row| row.ends != Ends::Job).count();
    let faults = FaultRates::new([("all", 0.8 / harmless as f64)]).unwrap();
    let settings = Settings {
        faults,
        stall: Some(Duration::from_millis(1)),
        ..Settings::default()
    };
    let sim = simulator(SimSetup {
        settings,
        seed,
        ..SimSetup::default()
    })
    .await;
    let mut history = Vec::new();
    for _ in 0..120 {
        let reply = ask(&sim, &[TEXT, "A LEAK"]).await;
        history.push(match reply {
            None => "closed".to_string(),
            Some(reply) if reply.status == 200 && reply.body.ends_with('}') => {
                format!("{} {}", reply.stop_reason(), reply.input())
            }
            // Half a body has ids and times in it.
            Some(reply) if reply.status == 200 => "half".to_string(),
            Some(reply) => format!("{} {}", reply.status, reply.body),
        });
    }
    let faults = sim.stats().all.faults;
    sim.stop().await;
    (history, faults)
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults_and_another_seed_others() {
    let (one, faults) = history(7).await;
    assert_eq!((one.clone(), faults.clone()), history(7).await);
    assert_ne!(one, history(8).await.0);
    let count: u64 = faults.values().sum();
    assert!(
        (60..=115).contains(&count),
        "{count} of 120, about 96 expected"
    );
    assert!(faults.len() > 15, "many kinds are seen: {faults:?}");
}

#[tokio::test]
async fn a_text_that_asks_for_what_there_is_not_is_told_so_without_being_quoted() {
    let sim = simulator(SimSetup::default()).await;
    let reply = ask(&sim, &[&format!("{MARKER}SECRET")]).await.unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("--list-faults") && !reply.body.contains("SECRET"));
    sim.stop().await;
}
