//! `annexa doctor` as a process: what it makes of its environment. Bedrock is a socket that answers every call.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::harness::{Place, Ran};

/// An answer of Converse.
const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"OK"}]}},"stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":2,"totalTokens":11},"metrics":{"latencyMs":1}}"#;

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG"),
];
const NO_INSTANCE: (&str, &str) = ("AWS_EC2_METADATA_DISABLED", "true");
const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");
const WITH_MODEL: [&str; 3] = ["doctor", "--model", "eu.anthropic.claude-test"];

/// Reads one request and answers it; the request's head.
fn answer_one(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let head = read_request(&mut stream);
    let length = ANSWER.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{ANSWER}"
    )
    .unwrap();
    head
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).unwrap();
    head
}

/// Runs the doctor against a Bedrock that `endpoint` names; what it said, and the head of its one call.
fn with_bedrock(endpoint: &str, variables: &[(&str, &str)]) -> (Ran, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut all = vec![NO_INSTANCE, REGION, (endpoint, url.as_str())];
    all.extend(variables);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| answer_one(&listener));
        let ran = Place::new().annexa_with(&all, &WITH_MODEL);
        if !ran.out.contains("answered in") {
            // Nobody called: let the thread end, so that the test says why.
            let _ = TcpStream::connect(listener.local_addr().unwrap())
                .and_then(|mut stream| stream.write_all(b"\r\n\r\n"));
        }
        (ran, call.join().unwrap())
    })
}

fn line<'r>(ran: &'r Ran, check: &str) -> &'r str {
    let mut lines = ran.out.lines();
    lines
        .find(|line| line.get(9..).is_some_and(|rest| rest.starts_with(check)))
        .unwrap_or_else(|| panic!("no {check} in {}{}", ran.out, ran.err))
}

#[test]
fn without_anything_it_says_that_offline_coding_needs_nothing() {
    let ran = Place::new().annexa_with(&[NO_INSTANCE], &["doctor"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    for check in ["region", "credentials"] {
        let line = line(&ran, check);
        assert!(
            line.starts_with("warning") && line.ends_with("coding offline needs none"),
            "{line}"
        );
    }
}

#[test]
fn a_model_without_credentials_fails_and_says_what_to_set() {
    let ran = Place::new().annexa_with(&[NO_INSTANCE, REGION], &WITH_MODEL);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let line = line(&ran, "credentials");
    assert!(
        line.starts_with("FAIL") && line.contains("set AWS_PROFILE"),
        "{line}"
    );
    assert!(
        !ran.out.contains("access"),
        "nothing was called: {}",
        ran.out
    );
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let profile = ("AWS_PROFILE", "no-such");
    let ran = Place::new().annexa_with(&[NO_INSTANCE, REGION, profile], &WITH_MODEL);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(line(&ran, "credentials").contains("'no-such'"));
}

#[test]
fn a_login_that_has_run_out_says_how_to_log_in() {
    let place = Place::new();
    place.write(
        "config",
        "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\nregion = eu-west-1\n\
         [sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.invalid/start\n",
    );
    let file = place.path("config");
    let variables = [NO_INSTANCE, ("AWS_CONFIG_FILE", file.to_str().unwrap())];
    let ran = place.annexa_with(&variables, &WITH_MODEL);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(line(&ran, "credentials").contains("aws sso login"));
    assert!(line(&ran, "region").ends_with("eu-west-1 (the profile)"));
}

#[test]
fn a_call_goes_to_the_endpoint_that_the_environment_names_signed_with_its_keys() {
    for endpoint in ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"] {
        let (ran, call) = with_bedrock(endpoint, &KEYS);
        assert_eq!(ran.code, 0, "{}", ran.out);
        assert!(
            call.starts_with("post /model/eu.anthropic.claude-test/converse"),
            "{call}"
        );
        assert!(call.contains("credential=akiaiosfodnn7example/"), "{call}");
        assert!(line(&ran, "endpoint").contains(endpoint));
        assert!(line(&ran, "access").contains("9 input and 2 output tokens"));
        // Never a secret, and of the key's id only its ends.
        assert!(
            !ran.out.contains("wJalr") && !ran.out.contains("IOSFODNN7"),
            "{}",
            ran.out
        );
    }
}

#[test]
fn the_services_own_endpoint_stands_above_the_one_for_all() {
    let other = [KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];
    let (ran, _) = with_bedrock("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &other);
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn a_stray_api_key_is_said_and_not_used_even_where_it_is_empty() {
    for (key, said) in [("stray", "is set and not used"), ("", "is not set")] {
        let variables = [KEYS[0], KEYS[1], ("AWS_BEARER_TOKEN_BEDROCK", key)];
        let (ran, call) = with_bedrock("AWS_ENDPOINT_URL", &variables);
        assert_eq!(ran.code, 0, "{}", ran.out);
        assert!(call.contains("authorization: aws4-hmac-sha256"), "{call}");
        assert!(line(&ran, "api key").contains(said), "{}", ran.out);
    }
}

#[test]
fn an_api_key_is_used_on_purpose_and_needs_no_credentials() {
    let variables = [
        ("AWS_BEARER_TOKEN_BEDROCK", "meant"),
        ("ANNEXA_USE_BEARER_TOKEN", "1"),
    ];
    let (ran, call) = with_bedrock("AWS_ENDPOINT_URL", &variables);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(call.contains("authorization: bearer meant"), "{call}");
    assert!(!ran.out.contains("meant,"), "{}", ran.out);
}

#[test]
fn without_credentials_an_api_key_that_is_not_meant_to_be_used_helps_nothing() {
    let variables = [NO_INSTANCE, REGION, ("AWS_BEARER_TOKEN_BEDROCK", "stray")];
    let ran = Place::new().annexa_with(&variables, &WITH_MODEL);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(line(&ran, "credentials").starts_with("FAIL"));
    assert!(line(&ran, "api key").contains("ANNEXA_USE_BEARER_TOKEN=1"));
}

#[test]
fn wrong_usage_is_64_and_json_is_json() {
    assert_eq!(Place::new().annexa(&["doctor", "--modle", "x"]).code, 64);
    let ran = Place::new().annexa_with(&[NO_INSTANCE], &["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["status"], "warning");
    assert_eq!(report["checks"][0]["check"], "program");
}
