//! The command as a user meets it: what it says, how it ends, and what it refuses.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use annexa::adapters::sim_bedrock::{FAULTS, MARKER};

use super::client::{MODEL, TEXT, converse, request, send};

/// A running `annexa sim-bedrock`; killed if its test ends before it.
struct Running {
    child: Child,
    lines: Vec<String>,
}

impl Running {
    fn start(flags: &[&str]) -> Running {
        let mut child = program(flags).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let lines = out.lines().take(4).map(Result::unwrap).collect();
        Running { child, lines }
    }

    fn url(&self) -> &str {
        &self.lines[1]
    }

    fn end_by(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(flags: &[&str]) -> Command {
    let mut program = Command::new(assert_cmd::cargo::cargo_bin!("annexa"));
    program.arg("sim-bedrock").args(flags);
    program
}

fn refused(flags: &[&str], parts: &[&str]) {
    let output = program(flags).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{err}");
    assert!(output.stdout.is_empty());
    for part in parts {
        assert!(err.contains(part), "'{part}' in: {err}");
    }
}

#[tokio::test]
async fn it_says_what_it_is_and_where_answers_and_ends_with_0_by_either_signal() {
    for signal in ["INT", "TERM"] {
        let running = Running::start(&["--port", "0", "--seed", "3", "--stall-ms", "1"]);
        let url = running.url().to_string();
        assert!(running.lines[0].contains("no model"), "{:?}", running.lines);
        assert_eq!(
            running.lines[2],
            format!("export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={url}")
        );
        let dummy = "export AWS_ACCESS_KEY_ID=sim AWS_SECRET_ACCESS_KEY=sim AWS_REGION=us-east-1";
        assert_eq!(running.lines[3], dummy);
        let reply = converse(&url, MODEL, &request(&[TEXT])).await.unwrap();
        assert_eq!(reply.stop_reason(), "tool_use");
        let stalled = request(&[&format!("{MARKER}STALL {TEXT}")]);
        let reply = converse(&url, MODEL, &stalled).await.unwrap();
        assert_eq!(reply.status, 200);
        let stats = send(&url, "GET", "/stats", "", "").await.unwrap().json();
        assert_eq!(
            (&stats["answered"], &stats["faults"]["stall"]),
            (&2.into(), &1.into())
        );
        assert_eq!(running.end_by(signal), Some(0));
    }
}

#[test]
fn wrong_flags_are_all_named_and_nothing_is_begun() {
    let flags = [
        "--fault",
        "nosuch=0.1",
        "--latency-ms",
        "slow",
        "--bucket-s",
        "-1",
    ];
    refused(&flags, &["nosuch", "slow", "--bucket-s"]);
    refused(&["--tpm", "many"], &["--tpm"]);
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(&["--port", &port], &[&port, "name another --port"]);
}

#[test]
fn faults_are_listed_without_serving() {
    let output = program(&["--list-faults"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let out = String::from_utf8(output.stdout).unwrap();
    for row in FAULTS {
        assert!(
            out.contains(row.name) && out.contains(row.what),
            "{}",
            row.name
        );
    }
    assert!(out.contains(MARKER));
}
