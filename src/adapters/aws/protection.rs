//! Scale-in protection of an ECS task: held while work is in hand, so that a service that shrinks or is deployed stops
//! idle tasks first (S22). It does not protect from Spot.
//!
//! The agent is asked over plain HTTP (FACTS §6). No agent, or one that refuses, is no error: then a stop is met by a
//! drain, as everywhere.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::http;
use crate::ports::Clock;
use crate::ports::busy::Busy;
use crate::ports::retry::Backoff;

/// Where the agent is; ECS sets it.
pub const AGENT_VARIABLE: &str = "ECS_AGENT_URI";

/// Protection runs out by itself after so many minutes: no longer than that does a process that hangs keep its task.
const EXPIRES_IN_MINUTES: u64 = 10;
/// It is renewed after half of that.
const RENEW_AFTER: Duration = Duration::from_secs(EXPIRES_IN_MINUTES * 60 / 2);
/// Idle for so long it is let go of: the moment between two messages is no idleness, and the agent's calls are limited.
const LINGER: Duration = Duration::from_secs(3);
/// The agent answers within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses after it did not.
const BACKOFF: Backoff = Backoff {
    tries: u32::MAX,
    first: Duration::from_secs(5),
    most: Duration::from_secs(60),
};

/// What is in whose hand, by number.
type Hands = BTreeMap<usize, usize>;

/// The protection of this task.
pub struct Protection {
    url: String,
    clock: Arc<dyn Clock>,
    hands: watch::Sender<Hands>,
}

/// One who works in this task.
struct Member {
    number: usize,
    hands: watch::Sender<Hands>,
}

impl Busy for Member {
    fn hands(&self, in_hand: usize) {
        self.hands.send_modify(|hands| {
            hands.insert(self.number, in_hand);
        });
    }
}

impl Protection {
    /// By the agent at `agent_uri`.
    pub fn new(agent_uri: &str, clock: Arc<dyn Clock>) -> Protection {
        Protection {
            url: format!(
                "{}/task-protection/v1/state",
                agent_uri.trim_end_matches('/')
            ),
            clock,
            hands: watch::Sender::default(),
        }
    }

    /// By the agent that the environment names; none: this is no ECS task.
    pub fn from_environment(clock: Arc<dyn Clock>) -> Option<Protection> {
        let uri = std::env::var(AGENT_VARIABLE).ok()?;
        (!uri.is_empty()).then(|| Protection::new(&uri, clock))
    }

    /// One more who works in this task: protected while any has something in hand.
    pub fn member(&self) -> Arc<dyn Busy> {
        let mut number = 0;
        self.hands.send_modify(|hands| {
            number = hands.len();
            hands.insert(number, 0);
        });
        Arc::new(Member {
            number,
            hands: self.hands.clone(),
        })
    }

    /// Protects and lets go, for ever.
    pub async fn run(&self) -> Infallible {
        let mut changes = self.hands.subscribe();
        let mut renew_at: Option<Duration> = None;
        let mut failures = 0;
        loop {
            let is_busy = is_busy(&changes.borrow_and_update());
            let now = self.clock.monotonic();
            let wanted = match (is_busy, renew_at) {
                (true, None) => Some(true),
                (true, Some(at)) if now >= at => Some(true),
                (false, Some(_)) if !self.is_busy_within(&mut changes, LINGER).await => Some(false),
                _ => None,
            };
            if let Some(wanted) = wanted {
                match self.set(wanted).await {
                    Ok(()) => {
                        failures = 0;
                        renew_at = wanted.then(|| now + RENEW_AFTER);
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, wanted, failures, "task protection not set");
                        self.clock
                            .sleep(BACKOFF.pause(&*self.clock, failures))
                            .await;
                    }
                }
                continue;
            }
            let is_idle = renew_at.is_none();
            let left = renew_at.unwrap_or_default().saturating_sub(now);
            tokio::select! {
                biased;
                // The sender is ours, so it is never gone.
                _ = changes.changed() => {}
                () = self.clock.sleep(left), if !is_idle => {}
            }
        }
    }

    /// Whether work comes in hand within `span`.
    async fn is_busy_within(&self, changes: &mut watch::Receiver<Hands>, span: Duration) -> bool {
        tokio::select! {
            biased;
            busy = changes.wait_for(is_busy) => busy.is_ok(),
            () = self.clock.sleep(span) => false,
        }
    }

    async fn set(&self, is_protected: bool) -> Result<(), String> {
        let body = match is_protected {
            true => json!({ "ProtectionEnabled": true, "ExpiresInMinutes": EXPIRES_IN_MINUTES }),
            false => json!({ "ProtectionEnabled": false }),
        };
        let answer = tokio::select! {
            biased;
            answer = http::ask(Method::PUT, &self.url, Some(body.to_string())) => answer,
            () = self.clock.sleep(PATIENCE) => return Err("the agent does not answer".to_string()),
        };
        let (status, body) = answer.map_err(|error| format!("the agent: {error}"))?;
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        // With status 200, too.
        for (kind, code, detail) in [
            ("failure", "Reason", "Detail"),
            ("error", "Code", "Message"),
        ] {
            if let Some(fault) = said.get(kind).filter(|fault| !fault.is_null()) {
                let part = |name| fault.get(name).and_then(Value::as_str).unwrap_or("-");
                return Err(format!(
                    "the agent: {kind} {}: {}",
                    part(code),
                    part(detail)
                ));
            }
        }
        match said["protection"]["ProtectionEnabled"].as_bool() {
            Some(enabled) if status == 200 && enabled == is_protected => Ok(()),
            _ => Err(format!(
                "the agent answers with status {status} and no word of protection"
            )),
        }
    }
}

fn is_busy(hands: &Hands) -> bool {
    hands.values().any(|in_hand| *in_hand > 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::adapters::local::clock::SystemClock;

    /// An agent that answers with `answers` in turn (then with what was asked for) and keeps the requests.
    struct Agent {
        listener: TcpListener,
        answers: Mutex<Vec<&'static str>>,
        asked: Mutex<Vec<(String, Value)>>,
    }

    impl Agent {
        async fn new(answers: &[&'static str]) -> (Agent, String) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("http://{}/api/task", listener.local_addr().unwrap());
            let agent = Agent {
                listener,
                answers: Mutex::new(answers.iter().rev().copied().collect()),
                asked: Mutex::default(),
            };
            (agent, uri)
        }

        async fn serve(&self) -> Infallible {
            loop {
                let (mut stream, _) = self.listener.accept().await.unwrap();
                let mut text = String::new();
                let body = loop {
                    let mut part = [0; 4096];
                    let read = stream.read(&mut part).await.unwrap();
                    text.push_str(std::str::from_utf8(&part[..read]).unwrap());
                    let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
                    if let Some(Ok(body)) = body.map(serde_json::from_str::<Value>) {
                        break body;
                    }
                };
                let line = text.lines().next().unwrap().to_string();
                self.asked.lock().unwrap().push((line, body.clone()));
                let answer = match self.answers.lock().unwrap().pop() {
                    Some(answer) => answer.to_string(),
                    None => json!({ "protection": body }).to_string(),
                };
                let reply = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}",
                    answer.len()
                );
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        }

        fn states(&self) -> Vec<bool> {
            let asked = self.asked.lock().unwrap();
            let state = |(_, body): &(String, Value)| body["ProtectionEnabled"].as_bool().unwrap();
            asked.iter().map(state).collect()
        }
    }

    /// A clock that runs a thousand times as fast.
    struct Fast(SystemClock);

    #[async_trait::async_trait]
    impl Clock for Fast {
        fn now_ms(&self) -> u64 {
            self.0.now_ms()
        }
        fn monotonic(&self) -> Duration {
            self.0.monotonic() * 1_000
        }
        async fn sleep(&self, duration: Duration) {
            self.0.sleep(duration / 1_000).await;
        }
        fn random(&self) -> u64 {
            self.0.random()
        }
    }

    async fn until(what: impl Fn() -> bool) {
        while !what() {
            tokio::task::yield_now().await;
        }
    }

    /// Runs `steps` beside agent and protection.
    async fn beside(agent: &Agent, protection: &Protection, steps: impl Future<Output = ()>) {
        tokio::select! {
            () = steps => {}
            _ = agent.serve() => unreachable!("it serves for ever"),
            _ = protection.run() => unreachable!("it runs for ever"),
        }
    }

    #[tokio::test]
    async fn s22_a_task_is_protected_exactly_while_any_of_its_work_is_in_hand() {
        let (agent, uri) = Agent::new(&[]).await;
        let protection = Protection::new(&uri, Arc::new(SystemClock::new()));
        let (one, other) = (protection.member(), protection.member());
        let steps = async {
            one.hands(2);
            until(|| agent.states() == [true]).await;
            other.hands(1);
            one.hands(0);
            other.hands(0);
            until(|| agent.states() == [true, false]).await;
            one.hands(1);
            until(|| agent.states() == [true, false, true]).await;
        };
        beside(&agent, &protection, steps).await;
        let asked = agent.asked.lock().unwrap();
        assert_eq!(
            asked[0].0,
            "PUT /api/task/task-protection/v1/state HTTP/1.1"
        );
        assert_eq!(
            asked[0].1,
            json!({ "ProtectionEnabled": true, "ExpiresInMinutes": 10 })
        );
        assert_eq!(asked[1].1, json!({ "ProtectionEnabled": false }));
    }

    #[tokio::test]
    async fn s22_protection_is_renewed_before_it_runs_out_and_asked_for_again_after_a_failure() {
        // Some failures come with status 200.
        let failure = r#"{"failure":{"Arn":"a","Detail":null,"Reason":"DEPLOYMENT_BLOCKED"}}"#;
        let (agent, uri) = Agent::new(&[failure, "{}"]).await;
        let protection = Protection::new(&uri, Arc::new(Fast(SystemClock::new())));
        let member = protection.member();
        let steps = async {
            member.hands(1);
            until(|| agent.states().len() >= 5).await;
        };
        beside(&agent, &protection, steps).await;
        assert!(agent.states().iter().all(|state| *state));
    }

    #[tokio::test]
    async fn s22_an_agent_that_is_not_there_is_no_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let protection = Protection::new(&uri, Arc::new(SystemClock::new()));
        let error = protection.set(true).await.unwrap_err();
        assert!(error.starts_with("the agent: "), "{error}");
    }
}
