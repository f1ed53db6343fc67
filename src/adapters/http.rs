//! One small plain HTTP request, for neighbours on this machine: the health check and the ECS agent.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The longest answer that is read, in bytes.
const MOST_BODY_BYTES: usize = 64 << 10;

/// Asks `url` (`http://host[:port]/path`) with a body of JSON, or none; status and body of the answer. Has no limit of
/// time: race it against a clock.
///
/// # Errors
/// The URL is none, nobody listens, or the connection breaks.
pub async fn ask(method: Method, url: &str, body: Option<String>) -> io::Result<(u16, Bytes)> {
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let host = uri
        .host()
        .filter(|_| uri.scheme_str() == Some("http"))
        .ok_or_else(|| io::Error::other("not an http:// URL"))?;
    let port = uri.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, format!("{host}:{port}"))
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body.unwrap_or_default())))
        .map_err(io::Error::other)?;
    let exchange = async move {
        let answer = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MOST_BODY_BYTES).collect();
        Ok((status, body.await.map_err(io::Error::other)?.to_bytes()))
    };
    // The connection has to be driven beside the exchange, and ends with it.
    let (_, answer) = tokio::join!(connection, exchange);
    answer
}
