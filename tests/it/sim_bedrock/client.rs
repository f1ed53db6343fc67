//! A client that knows nothing but HTTP/1.1, so that it sees every byte; and requests of the contract (DESIGN §6).

use std::time::Duration;

use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::sim_bedrock::{SimBedrock, SimHandle, SimSetup};
use annexa::core::problem::{Problem, ProblemType};
use annexa::ports::Clock;
use annexa::terms::TermTable;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Takes a forced tool, burns output down 5 times, caches from 1,024 tokens on.
pub const MODEL: &str = "us.anthropic.claude-sonnet-4-6";

/// A text that the offline model codes for both problems.
pub const TEXT: &str = "THE PATIENT HAD A STROKE AFTER THE VALVE WAS IMPLANTED";

pub async fn simulator(setup: SimSetup) -> SimHandle {
    SimBedrock::start_here(setup).await.unwrap()
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    headers: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The exception's name.
    pub fn code(&self) -> Option<&str> {
        let value = self.header("x-amzn-errortype")?;
        Some(value.split(':').next().unwrap_or(value))
    }

    pub fn stop_reason(&self) -> String {
        self.json()["stopReason"].as_str().unwrap().to_string()
    }

    /// The tool's input; null where there is no call.
    pub fn input(&self) -> Value {
        let json = self.json();
        let content = json["output"]["message"]["content"].as_array().unwrap();
        let call = content.iter().find(|block| block.get("toolUse").is_some());
        call.map_or(Value::Null, |block| block["toolUse"]["input"].clone())
    }

    pub fn usage(&self, name: &str) -> u64 {
        self.json()["usage"][name].as_u64().unwrap()
    }
}

/// Sends one request on a connection of its own; none: it was closed before any answer.
pub async fn send(url: &str, method: &str, path: &str, header: &str, body: &str) -> Option<Reply> {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{header}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An end by reset is an end.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (headers, body) = answer.split_once("\r\n\r\n")?;
    Some(Reply {
        status: headers[9..12].parse().unwrap(),
        headers: headers.to_string(),
        body: body.to_string(),
    })
}

pub async fn get(sim: &SimHandle, path: &str) -> Reply {
    send(&sim.url(), "GET", path, "", "").await.unwrap()
}

pub async fn post(sim: &SimHandle, path: &str, body: &str) -> Reply {
    send(&sim.url(), "POST", path, "", body).await.unwrap()
}

/// Sends a Converse request with credentials.
pub async fn converse(url: &str, model: &str, body: &Value) -> Option<Reply> {
    let path = format!(
        "/model/{}/converse",
        model.replace(':', "%3A").replace('/', "%2F")
    );
    let header = "Authorization: AWS4-HMAC-SHA256 x\r\nContent-Type: application/json\r\n";
    send(url, "POST", &path, header, &body.to_string()).await
}

/// Asks [`MODEL`] about `texts`; none: the connection was closed.
pub async fn ask(sim: &SimHandle, texts: &[&str]) -> Option<Reply> {
    converse(&sim.url(), MODEL, &request(texts)).await
}

/// A request of the contract about `texts`, for both problems, with all codes of the built-in table.
pub fn request(texts: &[&str]) -> Value {
    request_of(ProblemType::Both, &all_lines(), texts)
}

/// The lines of all selectable codes: about 50,000 tokens.
pub fn all_lines() -> String {
    let table = TermTable::builtin();
    let terms = Problem::ALL
        .iter()
        .flat_map(|problem| table.selectable(*problem));
    terms
        .map(|term| {
            format!(
                "{} | {} | {}\n",
                term.code(),
                term.term(),
                term.definition()
            )
        })
        .collect()
}

pub fn request_of(problem_type: ProblemType, lines: &str, texts: &[&str]) -> Value {
    let escaped = |text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        text.replace('>', "&gt;")
    };
    let reports: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| format!("<incident index=\"{index}\">{}</incident>", escaped(text)))
        .collect();
    let mut fields =
        json!({"index": {"type": "integer"}, "sufficient_information": {"type": "boolean"}});
    for problem in problem_type.problems() {
        fields[problem.name()] = json!({"type": "array"});
    }
    let item = json!({"type": "object", "properties": fields});
    let schema =
        json!({"type": "object", "properties": {"incidents": {"type": "array", "items": item}}});
    json!({
        "system": [
            {"text": format!("Code each report. Lines are CODE | term | definition.\n{lines}")},
            {"cachePoint": {"type": "default"}},
        ],
        "messages": [{"role": "user", "content": [{"text": reports.join("\n")}]}],
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "record_codes", "description": "Records codes.", "inputSchema": {"json": schema}}}],
            "toolChoice": {"tool": {"name": "record_codes"}},
        },
        "inferenceConfig": {"maxTokens": 3000},
    })
}

/// Looks again and again until `is_so`; gives up where only a hang can be the reason.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !is_so() {
        assert!(
            clock.monotonic() < Duration::from_secs(120),
            "hangs: {what}"
        );
        clock.sleep(Duration::from_millis(1)).await;
    }
}
