//! Stands between a fleet and its emulator, passes everything on that the asker may do, and keeps what was asked and
//! answered: for what a run costs, what an idle fleet does, and which permissions are used at all.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

use super::needs::{Asked, Need};
use super::policy::Role;

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Whose proxy it came by.
    pub who: String,
    /// `sqs`, `dynamodb`, `s3`, `bedrockruntime`, `cloudformation` or `ecs`.
    pub service: &'static str,
    /// The operation, as the API names it.
    pub operation: String,
    /// The IAM actions that it needed, and on what.
    pub needs: Vec<Need>,
    /// The request's JSON; null for S3.
    pub request: Value,
    /// The answer's JSON; null for S3.
    pub answer: Value,
    /// HTTP status.
    pub status: u16,
}

impl Exchange {
    /// Whether it is about something whose name ends so.
    pub fn touches(&self, end: &str) -> bool {
        self.needs.iter().any(|need| need.resource.ends_with(end))
    }

    /// Whether it sends to a queue whose name ends so.
    pub fn sends_to(&self, queue: &str) -> bool {
        self.operation.starts_with("SendMessage") && self.touches(queue)
    }
}

/// What was seen so far.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Exchange>>>);

/// One proxy: who asks through it, and where it passes things on.
#[derive(Clone)]
pub struct Proxy {
    /// Who asks.
    pub who: String,
    /// The emulator.
    pub aws: String,
    /// What plays Bedrock, if its requests come here, too.
    pub bedrock: Option<String>,
    /// What the asker may do; what it may not is refused here. None: everything.
    pub role: Option<Role>,
}

impl Recorder {
    /// Listens on a free port, for as long as the runtime lives; gives the address.
    pub async fn start(&self, upstream: &str) -> String {
        let proxy = Proxy {
            who: "everybody".to_string(),
            aws: upstream.to_string(),
            bedrock: None,
            role: None,
        };
        self.start_proxy(proxy).await
    }

    /// The same for one of several who ask.
    pub async fn start_proxy(&self, proxy: Proxy) -> String {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let (seen, proxy) = (self.clone(), Arc::new(proxy));
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, proxy, client) = (seen.clone(), proxy.clone(), client.clone());
                spawn(async move {
                    let pass = service_fn(|request| {
                        let (seen, proxy) = (seen.clone(), proxy.clone());
                        let client = client.clone();
                        async move { seen.pass(request, &proxy, &client).await }
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

    /// Whether something like this was seen and passed.
    pub fn has_seen(&self, is_it: impl Fn(&Exchange) -> bool) -> bool {
        let seen = self.0.lock().unwrap();
        seen.iter()
            .any(|exchange| exchange.status < 300 && is_it(exchange))
    }

    async fn pass(
        &self,
        request: Request<Incoming>,
        proxy: &Proxy,
        client: &Client<HttpConnector, Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, hyper_util::client::legacy::Error> {
        let (parts, body) = request.into_parts();
        // Whoever is killed in the middle of a request sends no more than a part of it.
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let mut asked = Asked::of(&parts, &body);
        let denied = |needs: &[Need]| {
            let role = proxy.role.as_ref()?;
            needs.iter().find(|need| !role.allows(need)).cloned()
        };
        let answered = match denied(&asked.needs) {
            Some(need) => refusal(&asked, &parts, &need),
            None if asked.service == "ecs" => agree(&asked.request),
            None => ask(&parts, body, &asked, proxy, client).await?,
        };
        let is_absent = answered.status() == 404 && !asked.needs_if_absent.is_empty();
        let answered = match denied(&asked.needs_if_absent).filter(|_| is_absent) {
            Some(need) => refusal(&asked, &parts, &need),
            None => answered,
        };
        if is_absent {
            asked.needs.append(&mut asked.needs_if_absent);
        }
        self.0.lock().unwrap().push(Exchange {
            who: proxy.who.clone(),
            service: asked.service,
            operation: asked.operation,
            needs: asked.needs,
            request: asked.request,
            answer: match asked.service {
                "sqs" | "dynamodb" => serde_json::from_slice(answered.body()).unwrap_or_default(),
                _ => Value::Null,
            },
            status: answered.status().as_u16(),
        });
        Ok(answered.map(Full::new))
    }
}

/// The answer of whoever it is for.
async fn ask(
    parts: &Parts,
    body: Bytes,
    asked: &Asked,
    proxy: &Proxy,
    client: &Client<HttpConnector, Full<Bytes>>,
) -> Result<Response<Bytes>, hyper_util::client::legacy::Error> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let upstream = match (asked.service, &proxy.bedrock) {
        ("bedrockruntime", Some(bedrock)) => bedrock,
        _ => &proxy.aws,
    };
    let mut on = Request::builder()
        .method(parts.method.clone())
        .uri(format!("{}{path}", upstream.trim_end_matches('/')))
        .body(Full::new(body))
        .unwrap();
    *on.headers_mut() = parts.headers.clone();
    let (parts, answer) = client.request(on).await?.into_parts();
    let answer = answer
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    Ok(Response::from_parts(parts, answer))
}

/// The container agent does as it is told.
fn agree(request: &Value) -> Response<Bytes> {
    let protection = json!({"protection": {"ProtectionEnabled": request["ProtectionEnabled"]}});
    Response::new(Bytes::from(protection.to_string()))
}

/// How each service says that something is not allowed.
fn refusal(asked: &Asked, parts: &Parts, need: &Need) -> Response<Bytes> {
    let said = format!(
        "not authorized to perform {} on {}",
        need.action, need.resource
    );
    let coral = "com.amazon.coral.service#AccessDeniedException";
    let (status, body) = match asked.service {
        "s3" if parts.method == Method::HEAD => (403, String::new()),
        "s3" => {
            let body = format!("<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>");
            (403, body)
        }
        "dynamodb" => (400, json!({"__type": coral, "Message": said}).to_string()),
        "ecs" => {
            let error = json!({"error": {"Code": "AccessDeniedException", "Message": said}});
            (400, error.to_string())
        }
        "cloudformation" => {
            let error =
                format!("<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>");
            (403, format!("<ErrorResponse>{error}</ErrorResponse>"))
        }
        _ => (403, json!({"__type": coral, "message": said}).to_string()),
    };
    Response::builder()
        .status(status)
        .header("x-amzn-errortype", "AccessDeniedException")
        .body(Bytes::from(body))
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server serves as long as its test's runtime lives"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
