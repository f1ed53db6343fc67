//! Stands between a fleet and its emulator, passes everything on, and keeps what was asked and answered: for what a run
//! costs, what an idle fleet does, and which operations are used at all.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// `sqs`, `dynamodb` or `s3`.
    pub service: &'static str,
    /// The operation, as IAM names it.
    pub operation: String,
    /// The request's JSON; null for S3.
    pub request: Value,
    /// The answer's JSON; null for S3.
    pub answer: Value,
    /// HTTP status.
    pub status: u16,
}

/// What was seen so far.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Exchange>>>);

impl Recorder {
    /// Listens on a free port, for as long as the runtime lives; gives the address.
    pub async fn start(&self, upstream: &str) -> String {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let (seen, upstream) = (self.clone(), upstream.to_string());
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, upstream, client) = (seen.clone(), upstream.clone(), client.clone());
                spawn(async move {
                    let pass = service_fn(|request| {
                        let (seen, upstream) = (seen.clone(), upstream.clone());
                        let client = client.clone();
                        async move { seen.pass(request, &upstream, &client).await }
                    });
                    let serve = hyper::server::conn::http1::Builder::new();
                    // A service that was killed leaves its connection half open; that is not ours to mend.
                    let _ = serve.serve_connection(TokioIo::new(stream), pass).await;
                });
            }
        });
        address
    }

    /// All that was seen; begins anew.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    async fn pass(
        &self,
        request: Request<Incoming>,
        upstream: &str,
        client: &Client<HttpConnector, Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, hyper_util::client::legacy::Error> {
        let (parts, body) = request.into_parts();
        // Whoever is killed in the middle of a request sends no more than a part of it.
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut on = Request::builder()
            .method(parts.method.clone())
            .uri(format!("{upstream}{path}"))
            .body(Full::new(body.clone()))
            .unwrap();
        *on.headers_mut() = parts.headers.clone();
        let answered = client.request(on).await?;
        let (answer_parts, answer) = answered.into_parts();
        let answer = answer
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let target = parts
            .headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok());
        let (service, operation) = match target.and_then(|target| target.split_once('.')) {
            Some(("AmazonSQS", operation)) => ("sqs", operation.to_string()),
            Some((_, operation)) => ("dynamodb", operation.to_string()),
            None => ("s3", s3_operation(&parts).to_string()),
        };
        let json = |bytes: &Bytes| match service {
            "s3" => Value::Null,
            _ => serde_json::from_slice(bytes).unwrap_or_default(),
        };
        self.0.lock().unwrap().push(Exchange {
            service,
            operation,
            request: json(&body),
            answer: json(&answer),
            status: answer_parts.status.as_u16(),
        });
        Ok(Response::from_parts(answer_parts, Full::new(answer)))
    }
}

/// The operation of a request to S3, by method, path and query (path style).
fn s3_operation(parts: &hyper::http::request::Parts) -> &'static str {
    let has_key = parts.uri.path().trim_start_matches('/').contains('/');
    let query = parts.uri.query().unwrap_or_default();
    let asks = |name: &str| {
        query
            .split('&')
            .any(|part| part.split('=').next() == Some(name))
    };
    let copies = parts.headers.contains_key("x-amz-copy-source");
    match (&parts.method, has_key) {
        (&Method::HEAD, true) => "HeadObject",
        (&Method::HEAD, false) => "HeadBucket",
        (&Method::GET, true) => "GetObject",
        (&Method::GET, false) if asks("location") => "GetBucketLocation",
        (&Method::GET, false) if asks("versioning") => "GetBucketVersioning",
        (&Method::GET, false) => "ListObjectsV2",
        (&Method::DELETE, _) if asks("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, _) => "DeleteObject",
        (&Method::POST, _) if asks("uploads") => "CreateMultipartUpload",
        (&Method::POST, _) if asks("uploadId") => "CompleteMultipartUpload",
        (&Method::POST, _) if asks("delete") => "DeleteObjects",
        (&Method::PUT, _) if asks("partNumber") && copies => "UploadPartCopy",
        (&Method::PUT, _) if asks("partNumber") => "UploadPart",
        (&Method::PUT, true) if copies => "CopyObject",
        (&Method::PUT, true) => "PutObject",
        _ => "Other",
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server serves as long as its test's runtime lives"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
