//! A server for tests that answers by script: whole answers, and all the ways in which an answer can fail to come.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::config::AwsConfig;

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers.
    Http {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Says that so many bytes come, and closes before.
    Truncated(String),
    /// Reads the request, and closes.
    Close,
    /// Reads the request, and says nothing more.
    Stall,
    /// Begins an answer, and says nothing more.
    StallInside,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The request line and the headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Seen {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// The server. It ends with the test's runtime.
pub(crate) struct Stub {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    /// Replies to the requests in turn; the last reply is for all that follow.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's server ends with its runtime"
    )]
    pub(crate) async fn start(replies: Vec<Reply>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (replies, noted) = (Arc::new(replies), seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, replies.clone(), noted.clone()));
            }
        });
        Stub { url, seen }
    }

    /// Configuration that leads here.
    pub(crate) fn aws(&self) -> AwsConfig {
        AwsConfig::for_stand_in("us-east-1", &self.url)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, replies: Arc<Vec<Reply>>, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Some(request) = read(&mut stream).await {
        let turn = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            (seen.len() - 1).min(replies.len() - 1)
        };
        match &replies[turn] {
            Reply::Http {
                status,
                headers,
                body,
            } => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                let _ = stream
                    .write_all(format!("{head}\r\n{body}").as_bytes())
                    .await;
            }
            Reply::Truncated(body) => {
                let length = body.len() + 10;
                let part = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                let _ = stream.write_all(part.as_bytes()).await;
                return;
            }
            Reply::Close => return,
            Reply::Stall => std::future::pending().await,
            Reply::StallInside => {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                    .await;
                std::future::pending().await
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut seen = Seen {
        head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
        body: String::new(),
    };
    let length: usize = seen.header("content-length").unwrap().parse().unwrap();
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8(bytes[end..].to_vec()).unwrap();
    Some(seen)
}

/// An answer of Converse with this content.
pub(crate) fn converse(stop_reason: &str, content: Value) -> Reply {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": {
            "inputTokens": 11, "outputTokens": 7, "totalTokens": 40, "cacheReadInputTokens": 20, "cacheWriteInputTokens": 2,
        },
        "metrics": {"latencyMs": 5},
    });
    Reply::Http {
        status: 200,
        headers: vec![("x-amzn-requestid", "id-1".to_string())],
        body: body.to_string(),
    }
}

/// A refusal with this code and message.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::Http {
        status,
        headers: vec![
            (
                "x-amzn-errortype",
                format!("{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"),
            ),
            ("x-amzn-requestid", "id-2".to_string()),
        ],
        body: json!({"message": message}).to_string(),
    }
}
