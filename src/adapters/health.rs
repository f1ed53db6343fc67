//! The health check of a container: a small HTTP server on the loopback, and the question that is asked of it.
//!
//! `/live`: 200 while the loops turn. `/ready`: 200 between start and drain. Else 503 with the reason.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::http;
use crate::ports::Clock;
use crate::telemetry::Health;

/// Connections at once; more wait.
const MOST_CONNECTIONS: usize = 16;
/// A connection may take this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a failed accept (no free file descriptors, mostly) this long is waited.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The server.
pub struct HealthServer(TcpListener);

impl HealthServer {
    /// Listens on `port` of 127.0.0.1; 0 takes a free one.
    ///
    /// # Errors
    /// The port is taken or not allowed.
    pub async fn bind(port: u16) -> io::Result<HealthServer> {
        Ok(HealthServer(
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?,
        ))
    }

    /// The port that it listens on.
    ///
    /// # Errors
    /// The system does not say.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// Answers for ever.
    pub async fn serve(&self, health: &Health, clock: &dyn Clock) -> Infallible {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(()) = connections.next(), if !connections.is_empty() => {}
                accepted = self.0.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                    Ok((stream, _)) => connections.push(connection(stream, health, clock)),
                    Err(_) => clock.sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }
}

async fn connection(stream: TcpStream, health: &Health, clock: &dyn Clock) {
    let answer = service_fn(|request| async move { Ok::<_, Infallible>(answer(health, &request)) });
    let served = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    // How a connection ends is the asker's business.
    tokio::select! {
        _ = served => {}
        () = clock.sleep(PATIENCE) => {}
    }
}

fn answer(health: &Health, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let found = match (request.method(), request.uri().path()) {
        (&Method::GET, "/live") => Some(health.live()),
        (&Method::GET, "/ready") => Some(health.ready()),
        _ => None,
    };
    let (status, body) = match found {
        Some(Ok(())) => (StatusCode::OK, "ok".to_string()),
        Some(Err(reason)) => (StatusCode::SERVICE_UNAVAILABLE, reason),
        None => (StatusCode::NOT_FOUND, "ask /live or /ready".to_string()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body + "\n")));
    *response.status_mut() = status;
    response
}

/// What the service on `port` says to `/live` or `/ready`.
///
/// # Errors
/// Why it is not: its reason, or that nobody answers in time.
pub async fn ask(port: u16, what: &str, clock: &dyn Clock) -> Result<(), String> {
    let url = format!("http://127.0.0.1:{port}/{what}");
    let answer = tokio::select! {
        answer = http::ask(Method::GET, &url, None) => answer,
        () = clock.sleep(PATIENCE) => return Err(format!("no answer on port {port} in {} s", PATIENCE.as_secs())),
    };
    match answer {
        Ok((200, _)) => Ok(()),
        Ok((_, body)) => Err(String::from_utf8_lossy(&body).trim().to_string()),
        Err(error) => Err(format!("nobody answers on port {port}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::adapters::local::clock::SystemClock;
    use crate::ports::signals;

    #[tokio::test]
    async fn a_check_learns_from_the_server_whether_a_service_lives_and_takes_work() {
        let clock = Arc::new(SystemClock::new());
        let (handle, shutdown) = signals::shutdown();
        let health = Health::new(clock.clone(), Vec::new(), shutdown);
        let server = HealthServer::bind(0).await.unwrap();
        let port = server.port().unwrap();
        let asks = async {
            let starting = ask(port, "ready", &*clock).await;
            health.started();
            let ready = ask(port, "ready", &*clock).await;
            handle.drain();
            let draining = ask(port, "ready", &*clock).await;
            let live = ask(port, "live", &*clock).await;
            let unknown = ask(port, "", &*clock).await;
            (starting, ready, draining, live, unknown)
        };
        let said = tokio::select! {
            said = asks => said,
            _ = server.serve(&health, &*clock) => unreachable!("it serves for ever"),
        };
        assert_eq!(said.0.unwrap_err(), "starting");
        assert_eq!(said.1, Ok(()));
        assert_eq!(said.2.unwrap_err(), "draining");
        assert_eq!(said.3, Ok(()));
        assert_eq!(said.4.unwrap_err(), "ask /live or /ready");
        drop(server);
        assert!(
            ask(port, "live", &*clock)
                .await
                .unwrap_err()
                .contains("nobody answers")
        );
    }
}
