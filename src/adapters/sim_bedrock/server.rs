//! HTTP/1.1 around the simulated service: connections, paths, bodies, and answers that break off.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::call::Arrived;
use super::errors::ServiceError;
use super::service::Service;
use crate::ports::signals::Shutdown;

/// The longest body that is read, in bytes. The service takes 20 MB.
const MOST_BODY_BYTES: usize = 20 << 20;

/// What a connection buffers at most, in bytes: thousands of them may wait for their answers.
const BUFFER_BYTES: usize = 32 << 10;

/// How long a connection that is in the middle of a request may keep a stop waiting.
const GRACE: Duration = Duration::from_secs(2);

/// After a failed accept (no free file descriptors, mostly) this long is waited.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a client gets.
pub(super) enum Outcome {
    /// An answer.
    Whole(Reply),
    /// The head of an answer and half of its body, then the end of the connection.
    Half(Reply),
    /// The end of the connection.
    Close,
}

/// An answer.
pub(super) struct Reply {
    status: u16,
    content_type: &'static str,
    error_type: Option<String>,
    /// None: the answer is the simulator's own, not the service's.
    request_id: Option<String>,
    body: Bytes,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value, request_id: Option<String>) -> Reply {
        Reply {
            status,
            content_type: "application/json",
            error_type: None,
            request_id,
            body: body.to_string().into(),
        }
    }

    pub(super) fn error(error: &ServiceError, request_id: Option<String>) -> Reply {
        let (body, content_type) = error.body();
        Reply {
            status: error.status,
            content_type,
            error_type: error.error_type(),
            request_id,
            body: body.into(),
        }
    }

    fn response(self, is_half: bool) -> Response<SimBody> {
        let length = self.body.len();
        let mut response = Response::new(SimBody {
            chunk: Some(match is_half {
                true => self.body.slice(..length / 2),
                false => self.body,
            }),
            breaks: is_half.then_some(Break::Unflushed),
        });
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        let named = [
            ("x-amzn-requestid", self.request_id),
            ("x-amzn-errortype", self.error_type),
        ];
        for (name, value) in named {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// Where an answer that breaks off is.
#[derive(Clone, Copy)]
enum Break {
    /// What there is of it still has to go out.
    Unflushed,
    /// It has gone out.
    Due,
}

/// A body in one piece, whole or breaking off behind it.
struct SimBody {
    chunk: Option<Bytes>,
    breaks: Option<Break>,
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(chunk) = self.chunk.take() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match self.breaks {
            None => Poll::Ready(None),
            Some(Break::Unflushed) => {
                // The server flushes when a body has nothing to give, and drops what it holds when a body fails.
                self.breaks = Some(Break::Due);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Break::Due) => {
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionAborted))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunk.is_none() && self.breaks.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.chunk, self.breaks) {
            (Some(chunk), None) => SizeHint::with_exact(chunk.len() as u64),
            (None, None) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

/// Accepts connections until `stopping`, then lets those that are open end.
pub(super) async fn serve(listener: TcpListener, service: Arc<Service>, stopping: Shutdown) {
    let mut connections = JoinSet::new();
    let clock = service.setup().clock.clone();
    loop {
        tokio::select! {
            biased;
            () = stopping.draining() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, service.clone(), stopping.clone()));
                }
                Err(_) => clock.sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    tokio::select! {
        () = async { while connections.join_next().await.is_some() {} } => {}
        () = clock.sleep(GRACE) => connections.shutdown().await,
    }
}

/// Counts a connection as open while it lives, also when its task is aborted.
struct Open(Arc<Service>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

async fn connection(stream: TcpStream, service: Arc<Service>, stopping: Shutdown) {
    service.connected();
    let open = Open(service);
    // An answer is one write; if the option is refused, it is only slower.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request| answer(&open.0, request));
    let served = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    let mut served = pin!(served);
    // How a connection ends is the client's business, or a fault's.
    tokio::select! {
        _ = served.as_mut() => {}
        () = stopping.draining() => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}

/// An error ends the connection without an answer.
async fn answer(
    service: &Arc<Service>,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, io::Error> {
    match route(service, request).await {
        Outcome::Whole(reply) => Ok(reply.response(false)),
        Outcome::Half(reply) => Ok(reply.response(true)),
        Outcome::Close => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
    }
}

async fn route(service: &Arc<Service>, request: Request<Incoming>) -> Outcome {
    let (head, body) = request.into_parts();
    let error = |error: &ServiceError| Outcome::Whole(Reply::error(error, None));
    let Ok(body) = Limited::new(body, MOST_BODY_BYTES).collect().await else {
        return error(&ServiceError::too_large());
    };
    let body = body.to_bytes();
    let said = |value: Value| Outcome::Whole(Reply::json(200, &value, None));
    let path = head.uri.path();
    match (&head.method, path) {
        (&Method::GET, "/stats") => {
            let with_texts = head.uri.query() != Some("texts=no");
            said(json!(service.stats(with_texts)))
        }
        (&Method::GET, "/control") => said(service.setup().settings.to_json()),
        (&Method::POST, "/control") => match service.setup().settings.changed(&body) {
            Ok(settings) => {
                service.set(settings);
                said(service.setup().settings.to_json())
            }
            Err(problem) => error(&ServiceError::invalid("control", problem)),
        },
        (&Method::POST, "/reset") => {
            service.reset();
            said(json!({}))
        }
        (&Method::POST, _) => {
            let model_id = path
                .strip_prefix("/model/")
                .and_then(|rest| rest.strip_suffix("/converse"))
                .and_then(percent_decoded);
            let Some(model_id) = model_id else {
                return error(&ServiceError::unknown_operation());
            };
            let arrived = Arrived {
                model_id: &model_id,
                has_authorization: head.headers.contains_key(AUTHORIZATION),
                body: &body,
            };
            let begun = service.begin(&arrived);
            // It is long, and the call no longer needs it.
            drop(body);
            match begun {
                // Without a sender the call was aborted or has panicked: nobody will answer.
                Ok(outcome) => outcome.await.unwrap_or(Outcome::Close),
                Err(outcome) => outcome,
            }
        }
        _ => error(&ServiceError::unknown_operation()),
    }
}

/// `None` for what does not decode to text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_ids_are_percent_decoded() {
        let decoded = |text| percent_decoded(text);
        assert_eq!(decoded("us.a-v1%3A0").as_deref(), Some("us.a-v1:0"));
        assert_eq!(decoded("arn%3aaws%2Fx").as_deref(), Some("arn:aws/x"));
        for bad in ["%", "%3", "%zz", "%FF"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
