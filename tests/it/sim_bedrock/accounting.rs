//! Quotas, prompt cache and what is paid, over real connections.

use annexa::adapters::sim_bedrock::{MARKER, PrefixCounts, Settings, SimHandle, SimSetup};
use annexa::core::identity::sha256_hex;
use annexa::ports::Clock;
use serde_json::json;

use super::client::{MODEL, TEXT, ask, converse, request, simulator, until};

/// A limit that refills so slowly that nothing of it comes back within a test.
fn limited(settings: Settings) -> SimSetup {
    SimSetup {
        settings,
        clock: std::sync::Arc::new(Standing),
        ..SimSetup::default()
    }
}

/// A clock that stands still: what a test sees is what calls have taken and given back.
struct Standing;

#[async_trait::async_trait]
impl Clock for Standing {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    async fn sleep(&self, _: std::time::Duration) {
        std::future::pending().await
    }

    fn random(&self) -> u64 {
        0
    }
}

/// What one call of `TEXT` takes, by kind: from a simulator without limits.
async fn sizes() -> (u64, u64, u64) {
    let sim = simulator(SimSetup::default()).await;
    let reply = ask(&sim, &[TEXT]).await.unwrap();
    let usage = |name| reply.usage(name);
    sim.stop().await;
    (
        usage("inputTokens"),
        usage("cacheWriteInputTokens"),
        usage("outputTokens"),
    )
}

async fn status(sim: &SimHandle) -> u16 {
    ask(sim, &[TEXT]).await.unwrap().status
}

#[tokio::test]
async fn a_call_reserves_its_max_tokens_and_settles_at_what_it_used() {
    let (input, prefix, output) = sizes().await;
    let reserved = input + prefix + 3_000;
    let first = input + prefix + output * 5;
    let later = input + output * 5;
    // A bucket that holds the first call as it is settled, two later ones so, and one reservation less a token.
    for (spare, expected) in [(0, 200), (1, 429)] {
        let sim = simulator(limited(Settings {
            tokens_per_minute: Some(first + 2 * later + reserved - spare),
            ..Settings::default()
        }))
        .await;
        for _ in 0..3 {
            assert_eq!(status(&sim).await, 200);
        }
        let last = ask(&sim, &[TEXT]).await.unwrap();
        assert_eq!(last.status, expected);
        let stats = sim.stats();
        if expected == 429 {
            assert!(
                last.body
                    .contains("Too many tokens, please wait before trying again.")
            );
            assert_eq!(stats.all.refused["throttling_tokens"], 1);
            assert_eq!(stats.all.settled_tokens, first + 2 * later);
        }
        sim.stop().await;
    }
}

#[tokio::test]
async fn an_unset_max_tokens_reserves_the_models_most() {
    let sim = simulator(limited(Settings {
        tokens_per_minute: Some(64_000),
        ..Settings::default()
    }))
    .await;
    let mut body = request(&[TEXT]);
    body["inferenceConfig"] = json!({});
    let reply = converse(&sim.url(), MODEL, &body).await.unwrap();
    assert_eq!(reply.status, 429);
    assert_eq!(status(&sim).await, 200);
    sim.stop().await;
}

#[tokio::test]
async fn requests_are_limited_for_each_model_by_itself() {
    let sim = simulator(limited(Settings {
        requests_per_minute: Some(2),
        ..Settings::default()
    }))
    .await;
    for expected in [200, 200, 429, 429] {
        assert_eq!(status(&sim).await, expected);
    }
    let other = "eu.anthropic.claude-sonnet-4-6";
    let reply = converse(&sim.url(), other, &request(&[TEXT]))
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    let stats = sim.stats();
    assert_eq!(stats.models[MODEL].refused["throttling_requests"], 2);
    assert_eq!(
        (stats.models[MODEL].requests, stats.models[other].requests),
        (4, 1)
    );
    assert_eq!((stats.all.requests, stats.all.answered), (5, 3));
    sim.stop().await;
}

#[tokio::test]
async fn a_fault_behind_the_quota_is_not_counted_where_the_quota_refuses() {
    let sim = simulator(limited(Settings {
        tokens_per_minute: Some(0),
        ..Settings::default()
    }))
    .await;
    let text = format!("{MARKER}CUT {TEXT}");
    assert_eq!(ask(&sim, &[&text]).await.unwrap().status, 429);
    assert!(sim.stats().all.faults.is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn a_full_day_refuses_by_another_name() {
    let sim = simulator(limited(Settings {
        daily_tokens: Some(1),
        ..Settings::default()
    }))
    .await;
    assert_eq!(status(&sim).await, 200);
    let reply = ask(&sim, &[TEXT]).await.unwrap();
    assert_eq!(
        (reply.status, reply.code()),
        (429, Some("ThrottlingException"))
    );
    assert!(reply.body.contains("Too many tokens per day, please wait"));
    sim.stop().await;
}

#[tokio::test]
async fn one_call_writes_the_prefix_and_later_ones_read_it() {
    let (input, prefix, _) = sizes().await;
    assert!(prefix > 10_000, "definitions make a long prefix: {prefix}");
    let sim = simulator(SimSetup::default()).await;
    for round in 0..4 {
        let reply = ask(&sim, &[TEXT]).await.unwrap();
        let of = |name| reply.usage(name);
        let expected = if round == 0 { (prefix, 0) } else { (0, prefix) };
        assert_eq!(
            (of("cacheWriteInputTokens"), of("cacheReadInputTokens")),
            expected
        );
        assert_eq!(of("inputTokens"), input);
        let details = &reply.json()["usage"]["cacheDetails"];
        assert_eq!(details.is_array(), round == 0);
    }
    let stats = sim.stats();
    let counts: Vec<&PrefixCounts> = stats.prefixes.values().collect();
    assert_eq!(
        counts,
        [&PrefixCounts {
            writes: 1,
            reads: 3
        }]
    );
    assert_eq!(
        (stats.all.cache_write_tokens, stats.all.cache_read_tokens),
        (prefix, 3 * prefix)
    );
    sim.stop().await;
}

#[tokio::test]
async fn calls_that_are_cold_together_each_write_the_prefix() {
    const COLD: u64 = 5;
    // Nobody is answered before all are in work.
    let sim = simulator(SimSetup::default()).await;
    sim.change(|settings| {
        settings.latency = annexa::adapters::sim_bedrock::Latency::fixed(600_000)
    });
    let body = request(&[TEXT]);
    let url = sim.url();
    let asked = futures_util::future::join_all((0..COLD).map(|_| converse(&url, MODEL, &body)));
    let in_work = async {
        until("all are in work", || sim.stats().in_flight == COLD).await;
        assert_eq!(sim.stats().max_in_flight, COLD);
        sim
    };
    let mut asked = Box::pin(asked);
    let sim = tokio::select! {
        sim = in_work => sim,
        _ = &mut asked => panic!("answered before the latency was over"),
    };
    // A stop waits for no latency, and answers what is in work.
    let (replies, ()) = futures_util::future::join(asked, sim.stop()).await;
    for reply in replies {
        let reply = reply.unwrap();
        assert!(reply.usage("cacheWriteInputTokens") > 0);
        assert_eq!(reply.usage("cacheReadInputTokens"), 0);
    }
}

#[tokio::test]
async fn a_short_prefix_is_not_cached() {
    let sim = simulator(SimSetup {
        cache_minimum_tokens: Some(1_000_000),
        ..SimSetup::default()
    })
    .await;
    let (input, prefix, _) = sizes().await;
    for _ in 0..2 {
        let reply = ask(&sim, &[TEXT]).await.unwrap();
        assert_eq!(reply.usage("inputTokens"), input + prefix);
        assert_eq!(reply.usage("cacheWriteInputTokens"), 0);
    }
    sim.stop().await;
}

#[tokio::test]
async fn how_often_each_text_was_paid_for_is_known() {
    let sim = simulator(SimSetup::default()).await;
    let odd = "A <LEAK> & MORE";
    ask(&sim, &[TEXT, odd]).await.unwrap();
    ask(&sim, &[odd]).await.unwrap();
    let stats = sim.stats();
    assert_eq!(stats.distinct_texts, 2);
    let texts = stats.texts.unwrap();
    assert_eq!(texts[&sha256_hex(TEXT.as_bytes())], 1);
    assert_eq!(
        texts[&sha256_hex(odd.as_bytes())],
        2,
        "as it was before it was escaped"
    );
    sim.stop().await;
}
