//! Looking and steering while it runs, and a stop that leaves nothing behind.

use annexa::adapters::sim_bedrock::{MARKER, SimBedrock, SimSetup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{MODEL, TEXT, ask, converse, get, post, request, simulator, until};

#[tokio::test]
async fn a_quota_can_be_changed_while_it_runs() {
    let sim = simulator(SimSetup::default()).await;
    assert_eq!(ask(&sim, &[TEXT]).await.unwrap().status, 200);
    let said = post(&sim, "/control", r#"{"tpm":0}"#).await.json();
    assert_eq!(said["tpm"], 0);
    assert_eq!(ask(&sim, &[TEXT]).await.unwrap().status, 429);
    let said = post(&sim, "/control", r#"{"tpm":null,"faults":{"internal":1}}"#).await;
    assert_eq!(said.json(), get(&sim, "/control").await.json());
    assert_eq!(ask(&sim, &[TEXT]).await.unwrap().status, 500);
    post(&sim, "/control", r#"{"faults":{}}"#).await;
    assert_eq!(ask(&sim, &[TEXT]).await.unwrap().status, 200);
    let wrong = post(&sim, "/control", r#"{"tmp":5}"#).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("tmp"));
    sim.stop().await;
}

#[tokio::test]
async fn statistics_tell_the_same_over_http_and_in_process() {
    let sim = simulator(SimSetup::default()).await;
    ask(&sim, &[TEXT, "A LEAK"]).await.unwrap();
    ask(&sim, &[&format!("{MARKER}NOT_READY")]).await.unwrap();
    until("the connections are closed", || {
        sim.stats().open_connections == 0
    })
    .await;
    let stats = sim.stats();
    let mut over_http = get(&sim, "/stats").await.json();
    for (name, expected) in [("connections", 3), ("open_connections", 1)] {
        assert_eq!(over_http[name], expected, "the asking connection counts");
        over_http[name] = (expected - 1).into();
    }
    assert_eq!(over_http, serde_json::to_value(&stats).unwrap());
    assert_eq!(over_http["requests"], 2);
    assert_eq!(over_http["models"][MODEL]["answered"], 1);
    let short = get(&sim, "/stats?texts=no").await.json();
    assert!(short.get("texts").is_none() && short["distinct_texts"] == 2);
    sim.stop().await;
}

#[tokio::test]
async fn a_reset_puts_all_but_the_settings_back() {
    let sim = simulator(SimSetup::default()).await;
    post(&sim, "/control", r#"{"faults":{"prose":0.3,"cut":0.3}}"#).await;
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let mut round = Vec::new();
        for _ in 0..12 {
            let reply = ask(&sim, &[TEXT]).await.unwrap();
            round.push((reply.stop_reason(), reply.usage("cacheWriteInputTokens")));
        }
        rounds.push((round, sim.stats().all));
        post(&sim, "/reset", "").await;
        assert_eq!(sim.stats().all, Default::default());
    }
    assert_eq!(
        rounds[0], rounds[1],
        "the same numbers, the same chance, a cold cache"
    );
    assert!(!rounds[0].1.faults.is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn a_connection_carries_many_calls() {
    let sim = simulator(SimSetup::default()).await;
    let address = sim.url().strip_prefix("http://").unwrap().to_string();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = request(&[TEXT]).to_string();
    for _ in 0..3 {
        let head = format!(
            "POST /model/{MODEL}/converse HTTP/1.1\r\nHost: {address}\r\nAuthorization: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A whole answer is one JSON object behind an empty line.
        while !String::from_utf8_lossy(&answer).ends_with("}}") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
        }
    }
    let stats = sim.stats();
    assert_eq!((stats.all.answered, stats.connections), (3, 1));
    // The open connection, which is idle, does not keep a stop waiting.
    sim.stop().await;
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).await.unwrap(), 0);
}

#[tokio::test]
async fn a_fleet_that_connects_all_at_once_is_not_turned_away() {
    let listener = SimBedrock::listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut streams = Vec::new();
    // Nobody accepts yet: all of them wait in the listener's queue, which holds 128 unless told otherwise.
    for _ in 0..200 {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    let sim = SimBedrock::start(SimSetup::default(), listener)
        .await
        .unwrap();
    for mut stream in streams {
        let head = format!("GET /control HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_stop_cuts_what_stalls_and_takes_no_more() {
    let sim = simulator(SimSetup::default()).await;
    let body = request(&[&format!("{MARKER}STALL {TEXT}")]);
    let url = sim.url();
    let mut stalled = Box::pin(converse(&url, MODEL, &body));
    tokio::select! {
        _ = &mut stalled => panic!("a stall for ever was answered"),
        () = until("the call is in work", || sim.stats().in_flight == 1) => {}
    }
    let (cut, ()) = futures_util::future::join(stalled, sim.stop()).await;
    assert!(cut.is_none());
    let address = url.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
