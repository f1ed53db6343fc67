//! The webhook over real HTTP: what is sent, how it is signed, and what each answer means.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use annexa::adapters::local::clock::SystemClock;
use annexa::adapters::webhook::Webhook;
use annexa::core::notice::Notice;
use annexa::ports::notifier::Taken;
use annexa::ports::{ErrorClass, Notifier, PortError};

use super::notice;
use super::receiver::{Got, Receiver};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn webhook(url: &str, secret: Option<&str>, seconds: u64) -> Webhook {
    let secret = secret.map(|secret| secret.parse().unwrap());
    let (clock, timeout) = (Arc::new(SystemClock::new()), Duration::from_secs(seconds));
    Webhook::with_timeout(url.parse().unwrap(), secret, clock, timeout).unwrap()
}

/// What one answer comes to.
async fn told(answer: &'static str) -> Result<Taken, PortError> {
    let receiver = Receiver::new(&[answer]);
    let url = receiver.url("/hooks/t0ken?key=s3cret");
    let told = webhook(&url, None, 60).tell(&notice()).await;
    if let Err(error) = &told {
        let shown = error.to_string();
        assert!(
            !shown.contains("t0ken") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
    told
}

/// The check of docs/NOTICES.md, in another language and with another implementation of HMAC.
pub fn is_signed(got: &Got, secret: &str) -> bool {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/NOTICES.md"));
    let page = page.unwrap();
    let code = page
        .split("```python\n")
        .nth(1)
        .expect("the page shows a check");
    let code = code.split("```").next().unwrap();
    let asks = format!(
        "{code}\nimport sys\nheaders = dict(line.split(': ', 1) for line in sys.argv[2:])\n\
         print(is_ours({secret:?}, headers, sys.argv[1].encode()))"
    );
    let body = String::from_utf8(got.body.clone()).unwrap();
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| format!("{name}: {}", got.header(name)));
    let ran = Command::new("python3")
        .args(["-c", &asks, &body])
        .args(headers)
        .output()
        .expect("python3 is on the PATH");
    let said = String::from_utf8(ran.stdout).unwrap();
    match said.trim() {
        "True" => true,
        "False" => false,
        _ => panic!("{}", String::from_utf8_lossy(&ran.stderr)),
    }
}

#[tokio::test]
async fn a_webhook_is_one_post_of_json_that_its_receiver_can_check() {
    let receiver = Receiver::new(&[]);
    let webhook = webhook(&receiver.url("/hooks/a?b=c"), Some(SECRET), 60);
    assert_eq!(webhook.tell(&notice()).await.unwrap(), Taken::Yes);
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let mut got = got[0].clone();
    assert_eq!(got.line, "POST /hooks/a?b=c HTTP/1.1");
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("webhook-id"), "job-0a-retry-1");
    let read: Notice = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(read, notice());
    assert!(is_signed(&got, SECRET));
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";
    assert!(!is_signed(&got, other), "another secret");
    got.body[3] ^= 1;
    assert!(!is_signed(&got, SECRET), "another body");
    let old = got
        .headers
        .iter_mut()
        .find(|(name, _)| name == "webhook-timestamp");
    old.unwrap().1 = "1767225600".to_string();
    assert!(!is_signed(&got, SECRET), "an old one, sent again");
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let receiver = Receiver::new(&[]);
    let webhook = webhook(&receiver.url("/"), None, 60);
    webhook.tell(&notice()).await.unwrap();
    let got = &receiver.got()[0];
    assert_eq!(got.header("webhook-signature"), "");
    assert_ne!(got.header("webhook-timestamp"), "");
}

#[tokio::test]
async fn each_answer_has_a_meaning_and_says_what_to_do() {
    use ErrorClass::{PermanentJob, Transient};
    assert_eq!(told("HTTP/1.1 200 OK\r\n\r\n").await.unwrap(), Taken::Yes);
    assert_eq!(
        told("HTTP/1.1 410 Gone\r\n\r\n").await.unwrap(),
        Taken::Gone
    );
    for (answer, class, words, after) in [
        ("HTTP/1.1 500 Oh\r\n\r\n", Transient, "HTTP 500", None),
        (
            "HTTP/1.1 503 No\r\nretry-after: 17\r\n\r\n",
            Transient,
            "HTTP 503",
            Some(17),
        ),
        (
            "HTTP/1.1 429 No\r\nretry-after: 3600\r\n\r\n",
            Transient,
            "too busy",
            Some(3_600),
        ),
        (
            "HTTP/1.1 404 No\r\n\r\n",
            PermanentJob,
            "check the URL",
            None,
        ),
        ("HTTP/1.1 401 No\r\n\r\n", PermanentJob, "same secret", None),
        ("HTTP/1.1 422 No\r\n\r\n", PermanentJob, "HTTP 422", None),
    ] {
        let error = told(answer).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.what.contains(words), "{error}");
        assert!(
            error.what.starts_with("webhook http://127.0.0.1:"),
            "{error}"
        );
        assert_eq!(error.retry_after, after.map(Duration::from_secs), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::new(&[]);
    let answer = format!(
        "HTTP/1.1 307 Go\r\nlocation: {}\r\n\r\n",
        elsewhere.url("/t0ken")
    );
    let error = told(answer.leak()).await.unwrap_err();
    assert!(error.what.contains("redirects"), "{error}");
    assert_eq!(
        elsewhere.got().len(),
        0,
        "what is signed for one host reaches no other"
    );
}

#[tokio::test]
async fn no_answer_in_time_and_no_connection_are_tried_again() {
    let silent = Receiver::new(&[""]);
    let error = webhook(&silent.url("/t0ken"), None, 1)
        .tell(&notice())
        .await
        .unwrap_err();
    assert!(error.is_retryable() && error.unknown_outcome, "{error}");
    assert!(error.what.contains("no answer in time"), "{error}");
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let url = format!("http://{nobody}/t0ken");
    let error = webhook(&url, None, 60).tell(&notice()).await.unwrap_err();
    assert!(
        error.is_retryable() && error.what.contains("no connection"),
        "{error}"
    );
    assert!(!error.what.contains("t0ken"), "{error}");
}
