//! A receiver of webhooks on this machine, which answers as it is told and keeps what it got.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Got {
    /// Method and path.
    pub line: String,
    /// Headers by their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The receiver. Its thread ends with the test's process.
pub struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// One that gives these answers, one after the other, and then 204; an empty answer is none at all, for so long as
    /// anybody waits.
    #[expect(
        clippy::disallowed_methods,
        reason = "it answers as long as the test's process lives"
    )]
    pub fn new(answers: &[&'static str]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (kept, mut answers) = (got.clone(), VecDeque::from(answers.to_vec()));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read(&mut stream) else {
                    continue;
                };
                kept.lock().unwrap().push(request);
                let answer = answers
                    .pop_front()
                    .unwrap_or("HTTP/1.1 204 No Content\r\n\r\n");
                if answer.is_empty() {
                    // Until the other side hangs up.
                    let _ = stream.read(&mut [0]);
                    continue;
                }
                let (head, rest) = answer.split_once("\r\n").unwrap();
                let _ = write!(
                    stream,
                    "{head}\r\nconnection: close\r\ncontent-length: 0\r\n{rest}"
                );
            }
        });
        Receiver { port, got }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn read(stream: &mut TcpStream) -> Option<Got> {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_string()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Got {
        line: line.trim_end().to_string(),
        headers,
        body,
    })
}
