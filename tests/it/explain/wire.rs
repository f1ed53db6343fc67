//! A wire between the program and the simulator that keeps what is sent over it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Bytes that a connection's client sent.
type Sent = Arc<Mutex<Vec<u8>>>;

/// A wire, for as long as the process lives.
pub struct Wire {
    url: String,
    connections: Arc<Mutex<Vec<Sent>>>,
}

impl Wire {
    /// A wire to the service at `url`.
    pub fn to(url: &str) -> Wire {
        let target = url
            .strip_prefix("http://")
            .unwrap()
            .trim_end_matches('/')
            .to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire {
            url: format!("http://{}", listener.local_addr().unwrap()),
            connections: Arc::default(),
        };
        let connections = wire.connections.clone();
        in_background(move || {
            for client in listener.incoming() {
                let sent = Sent::default();
                connections.lock().unwrap().push(sent.clone());
                carry(client.unwrap(), TcpStream::connect(&target).unwrap(), sent);
            }
        });
        wire
    }

    /// Where clients connect to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bodies of all requests so far, in the order of their connections.
    pub fn bodies(&self) -> Vec<String> {
        let connections = self.connections.lock().unwrap();
        connections
            .iter()
            .flat_map(|sent| bodies_in(&sent.lock().unwrap()))
            .collect()
    }
}

/// Carries bytes both ways until one side ends.
fn carry(client: TcpStream, server: TcpStream, sent: Sent) {
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    in_background(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(count @ 1..) = from_client.read(&mut buffer) {
            sent.lock().unwrap().extend_from_slice(&buffer[..count]);
            if to_server.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    in_background(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "a wire of a test ends with the connections that it carries"
)]
fn in_background(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work);
}

/// The bodies of the requests that follow each other in `bytes` (HTTP/1.1, each with its length).
fn bodies_in(mut bytes: &[u8]) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let header = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length = header
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length
            .expect("requests say how long they are")
            .trim()
            .parse()
            .unwrap();
        let body = &bytes[head + 4..head + 4 + length];
        bodies.push(String::from_utf8(body.to_vec()).unwrap());
        bytes = &bytes[head + 4 + length..];
    }
    bodies
}
